"""A cheap test of many edits of a rule: does the gradient for one cotangent come near the differences?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gradcheck_cli.check.claimed import Outputs
from gradcheck_cli.check.coordinates import Coordinates, scale_of
from gradcheck_cli.check.dense import dense_cotangent, dense_tangent
from gradcheck_cli.check.diagnosis.elsewhere import directional
from gradcheck_cli.check.differences import outputs_as_real
from gradcheck_cli.check.problem import Input, Problem
from gradcheck_cli.check.result import InputResult
from gradcheck_cli.check.verdict import KINKS
from gradcheck_cli.errors import GradcheckError
from gradcheck_cli.spec.build import SpecFunction
from gradcheck_cli.spec.trials import Course, Pieces, Trial

Array = np.ndarray[Any, Any]
NEAR = 1e-4
"""To what part of their terms' sum two numbers must agree."""
STEP = 2.0**-11
MOVED = 6
"""Other points that a rule has to be near at."""


class Screen:
    """What the differences say of the inputs at one point, and what edited texts say there.

    Where an input was judged, that is its numeric Jacobian; else one slope, along a dense direction.
    """

    def __init__(
        self, problem: Problem, function: SpecFunction, texts: Sequence[Pieces], judged: Sequence[InputResult], forward: bool
    ) -> None:
        self.problem, self.function, self.forward = problem, function, forward
        self.texts = {pieces.rule.name: pieces for pieces in texts}
        self.values = [x.value for x in problem.inputs]
        arrays = [np.asarray(y) for y in problem.primal(*self.values)]
        self.outputs = Outputs(problem.outputs, arrays, ())
        self.cotangent = dense_cotangent(self.outputs.size)
        self.size = sum(y.size for y in arrays)
        self.judged = {x.name: x for x in judged}
        self.directions: dict[str, tuple[Coordinates, Array]] = {}
        self.slopes: dict[str, Array] = {}
        self._courses: dict[tuple[str, str], Course] = {}
        self._moved: list[Screen] | None = None

    def elsewhere(self) -> list[Screen]:
        """Screens at other points, which chance does not pass: every input that requires a gradient is moved."""
        if self._moved is None:
            self._moved = []
            for number in range(MOVED):
                inputs = tuple(_moved(x, np.random.default_rng([number, k])) for k, x in enumerate(self.problem.inputs))
                try:
                    moved = self.problem._replace(inputs=inputs)
                    self._moved.append(Screen(moved, self.function, [*self.texts.values()], (), self.forward))
                except Exception:  # the point need not lie in the forward's domain
                    continue
        return self._moved

    def passes(self, trial: Trial, names: Sequence[str]) -> bool:
        """Whether an edited text runs, and is near for all of these inputs."""
        near = self._is_tangent_near if self.forward else self._is_gradient_near
        try:
            return all(near(trial, i) for i in self.problem.differentiable_inputs() if self.problem.inputs[i].name in names)
        except GradcheckError:
            return False

    def _course(self, pieces: Pieces, names: Callable[[], Mapping[str, Any]], tangent: str = "") -> Course:
        """What a text says here, for the one cotangent, or for the tangent of one input."""
        key = pieces.rule.name, tangent
        if key not in self._courses:
            self._courses[key] = Course(pieces, names(), self.function.file)
        return self._courses[key]

    def _direction(self, i: int) -> tuple[Coordinates, Array]:
        """The direction of an input along which the outputs' slope is looked at."""
        x = self.problem.inputs[i]
        if x.name not in self.directions:
            coordinates = Coordinates(x.value, x.structure)
            self.directions[x.name] = coordinates, dense_tangent(coordinates.size) * scale_of(coordinates)
        return self.directions[x.name]

    def _is_gradient_near(self, trial: Trial, i: int) -> bool:
        x = self.problem.inputs[i]
        gradient = self._gradient(trial, x)
        return _fits(gradient, x.value) and self._is_near(i, np.asarray(gradient))

    def _gradient(self, trial: Trial, x: Input) -> Any:
        """What the rule says of an input with the changed text; None where it raises."""
        pieces = self.texts.get("", self.texts.get(x.name))
        if pieces is None:
            rule = self.function.spec.backward
            return None if rule is not None and x.name in rule.nones else np.zeros_like(x.value)
        course = self._course(pieces, self._read_by_rule)
        values = course.tried(trial.edit) if pieces is trial.pieces else course.values
        names = pieces.rule.program.keys or ((x.name,) if pieces.rule.name else self.function.wanted)
        if values is None or len(values) != len(names):
            return None
        return dict(zip(names, values, strict=True)).get(x.name, np.zeros_like(x.value))

    def _read_by_rule(self) -> dict[str, Any]:
        return self.function.read_by_rule(self.values, self.outputs.cotangents(self.cotangent))

    def _is_near(self, i: int, gradient: Array) -> bool:
        coordinates, along = self._direction(i)
        g = coordinates.project(gradient[None])[0]
        judged = self.judged.get(self.problem.inputs[i].name)
        if judged is not None and judged.numeric.shape == (self.outputs.size, len(g)):
            return _explained(g, self.cotangent, judged)
        slope = self.cotangent @ self._slope(i)
        return not np.isfinite(slope) or bool(abs(g @ along - slope) <= NEAR * np.sum(np.abs(g * along)))

    def _slope(self, i: int) -> Array:
        """The outputs' derivatives along the direction of input `i`; NaN where the forward is not defined."""
        name = self.problem.inputs[i].name
        if name not in self.slopes:
            coordinates, along = self._direction(i)
            tangents: list[Any] = [None] * len(self.problem.inputs)
            tangents[i] = coordinates.tangent(along)
            try:
                self.slopes[name] = directional(self.problem, self.outputs.kept, tangents, STEP)
            except Exception:  # whatever it raises there, nothing is learnt from this direction
                self.slopes[name] = np.full(self.outputs.size, np.nan)
        return self.slopes[name]

    def _is_tangent_near(self, trial: Trial, i: int) -> bool:
        values = self._course(trial.pieces, lambda: self._read_by_jvp(i), self.problem.inputs[i].name).tried(trial.edit)
        if values is None or len(values) != len(self.outputs.arrays):
            return False
        found = outputs_as_real(self.function.tangents(self.outputs.arrays, values), self.outputs.kept)
        slope = self._slope(i)
        return not bool(np.any(np.abs(found - slope) > NEAR * np.max(np.abs(slope), initial=0.0)))

    def _read_by_jvp(self, i: int) -> dict[str, Any]:
        """What a jvp rule may read where one input only has a tangent."""
        coordinates, along = self._direction(i)
        given = [np.zeros_like(x.value) for x in self.problem.inputs]
        given[i] = np.asarray(coordinates.tangent(along)).astype(given[i].dtype)
        return self.function.read_by_jvp(self.values, [given[k] for k in self.problem.differentiable_inputs()])


def _fits(gradient: Any, value: Array) -> bool:
    """Whether it is what a rule may give for an input."""
    if not isinstance(gradient, np.ndarray | np.generic):
        return isinstance(gradient, int | float | complex) and not value.shape
    return bool(gradient.shape == value.shape and gradient.dtype == value.dtype)


def _moved(x: Input, rng: np.random.Generator) -> Input:
    if not x.requires_grad or not x.value.size:
        return x
    coordinates = Coordinates(x.value, x.structure, x.bounds)
    steps = coordinates.x * rng.uniform(-0.4, 0.4, coordinates.size)
    steps += np.where(coordinates.x == 0, 0.3 * rng.standard_normal(coordinates.size), 0.0)
    return x._replace(value=coordinates.displaced(steps[None])[0].astype(x.value.dtype))


def _explained(gradient: Array, v: Array, judged: InputResult) -> bool:
    """Whether a gradient is about v' J, where J is known and smooth."""
    smooth = np.isfinite(judged.numeric) & ~np.isin(judged.verdicts, KINKS)
    columns = smooth.all(axis=0)
    J = judged.numeric[:, columns]
    scale = np.max(np.abs(v) @ np.abs(J), initial=0.0)
    return bool(np.all(np.abs(gradient[columns] - v @ J) <= NEAR * scale))
