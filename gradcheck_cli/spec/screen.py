"""A cheap test of many rules of one function: does a rule's gradient for one cotangent come near the differences?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gradcheck_cli.check.claimed import Outputs
from gradcheck_cli.check.contract import dense_cotangent, dense_tangent
from gradcheck_cli.check.coordinates import Coordinates, scale_of
from gradcheck_cli.check.diagnosis.elsewhere import directional
from gradcheck_cli.check.differences import outputs_as_real
from gradcheck_cli.check.problem import Input, Problem
from gradcheck_cli.check.result import InputResult
from gradcheck_cli.check.verdict import KINKS
from gradcheck_cli.errors import GradcheckError

Array = np.ndarray[Any, Any]
NEAR = 1e-4
"""To what part of their terms' sum two numbers must agree."""
STEP = 2.0**-11
MOVED = 6
"""Other points that a rule has to be near at."""


class Screen:
    """What the differences say of some inputs at one point.

    Where an input was judged, that is its numeric Jacobian; else one slope, along a dense direction.
    """

    def __init__(self, problem: Problem, names: Sequence[str], judged: Sequence[InputResult], forward: bool) -> None:
        self.problem, self.names, self.forward = problem, names, forward
        arrays = [np.asarray(y) for y in problem.primal(*[x.value for x in problem.inputs])]
        self.outputs = Outputs(problem.outputs, arrays, ())
        self.size = sum(y.size for y in arrays)
        self.judged = {x.name: x for x in judged if x.name in names}
        self.slopes: dict[str, Array] = {}
        self._moved: list[Screen] = []

    def elsewhere(self) -> list[Screen]:
        """Screens at other points, which chance does not pass: every input that requires a gradient is moved."""
        if not self._moved:
            for number in range(MOVED):
                inputs = tuple(_moved(x, np.random.default_rng([number, k])) for k, x in enumerate(self.problem.inputs))
                try:
                    self._moved.append(Screen(replace(self.problem, inputs=inputs), self.names, (), self.forward))
                except Exception:  # the point need not lie in the forward's domain
                    continue
        return self._moved

    def passes(self, problem: Problem) -> bool:
        """Whether this problem's rule runs, and is near for all of the inputs."""
        try:
            return self._tangents_near(problem) if self.forward else self._gradients_near(problem)
        except GradcheckError:
            return False

    def _gradients_near(self, problem: Problem) -> bool:
        pulled = problem.pullback([x.value for x in problem.inputs])
        outputs = Outputs(problem.outputs, pulled.outputs, pulled.differentiable)
        v = dense_cotangent(outputs.size)
        gradients = pulled.vjp(outputs.cotangents(v))
        for i, g in zip(problem.differentiable_inputs(), gradients, strict=True):
            if problem.inputs[i].name in self.names and (g is None or not self._near(i, np.asarray(g), v, outputs)):
                return False
        return True

    def _near(self, i: int, gradient: Array, v: Array, outputs: Outputs) -> bool:
        x = self.problem.inputs[i]
        coordinates = Coordinates(x.value, x.structure)
        g = coordinates.project(gradient[None])[0]
        judged = self.judged.get(x.name)
        if judged is not None and judged.numeric.shape == (len(v), len(g)):
            return _explained(g, v, judged)
        direction = dense_tangent(coordinates.size) * scale_of(coordinates)
        slope = v @ self._slope(i, coordinates, direction)
        return not np.isfinite(slope) or bool(abs(g @ direction - slope) <= NEAR * np.sum(np.abs(g * direction)))

    def _slope(self, i: int, coordinates: Coordinates, direction: Array) -> Array:
        """The outputs' derivatives along a direction of input `i`; NaN where the forward is not defined."""
        name = self.problem.inputs[i].name
        if name not in self.slopes:
            tangents: list[Any] = [None] * len(self.problem.inputs)
            tangents[i] = coordinates.tangent(direction)
            try:
                self.slopes[name] = directional(self.problem, self.outputs.kept, tangents, STEP)
            except Exception:  # whatever it raises there, nothing is learnt from this direction
                self.slopes[name] = np.full(self.outputs.size, np.nan)
        return self.slopes[name]

    def _tangents_near(self, problem: Problem) -> bool:
        assert problem.pushforward is not None
        for k, i in enumerate(problem.differentiable_inputs()):
            x = problem.inputs[i]
            if x.name not in self.names:
                continue
            coordinates = Coordinates(x.value, x.structure)
            u = dense_tangent(coordinates.size) * scale_of(coordinates)
            given = [np.zeros(other.value.shape, other.value.dtype) for other in problem.inputs if other.requires_grad]
            given[k] = np.asarray(coordinates.tangent(u)).astype(x.value.dtype)
            found = outputs_as_real(problem.pushforward([other.value for other in problem.inputs], given), self.outputs.kept)
            slope = self._slope(i, coordinates, u)
            if np.any(np.abs(found - slope) > NEAR * np.max(np.abs(slope), initial=0.0)):
                return False
        return True


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
