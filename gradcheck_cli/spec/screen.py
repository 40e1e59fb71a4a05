"""A cheap test of many rules of one function: does a rule's gradient for one cotangent come near the differences?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradcheck_cli.check.claimed import Outputs
from gradcheck_cli.check.contract import dense_cotangent
from gradcheck_cli.check.coordinates import Coordinates
from gradcheck_cli.check.diagnosis.elsewhere import directional
from gradcheck_cli.check.differences import outputs_as_real, scale_of
from gradcheck_cli.check.problem import Problem
from gradcheck_cli.check.result import InputResult
from gradcheck_cli.check.verdict import KINKS
from gradcheck_cli.errors import GradcheckError

Array = np.ndarray[Any, Any]
NEAR = 1e-4
"""To what part of their terms' sum two numbers must agree."""
STEP = 2.0**-11


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
        self.slopes: dict[str, float] = {}

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
        direction = dense_cotangent(coordinates.size) * scale_of(coordinates)
        if x.name not in self.slopes:
            tangents: list[Any] = [None] * len(self.problem.inputs)
            tangents[i] = coordinates.tangent(direction)
            self.slopes[x.name] = float(v @ directional(self.problem, outputs.kept, tangents, STEP))
        return bool(abs(g @ direction - self.slopes[x.name]) <= NEAR * np.sum(np.abs(g * direction)))

    def _tangents_near(self, problem: Problem) -> bool:
        assert problem.pushforward is not None
        arrays = [x.value for x in problem.inputs]
        for name in self.names:
            judged = self.judged.get(name)
            given = [np.zeros(x.value.shape, x.value.dtype) for x in problem.inputs if x.requires_grad]
            k, i = next((k, i) for k, i in enumerate(problem.differentiable_inputs()) if problem.inputs[i].name == name)
            coordinates = Coordinates(problem.inputs[i].value, problem.inputs[i].structure)
            u = dense_cotangent(coordinates.size)
            if judged is None or judged.numeric.shape[1] != len(u):
                continue
            given[k] = np.asarray(coordinates.tangent(u)).astype(arrays[i].dtype)
            found = outputs_as_real(problem.pushforward(arrays, given), self.outputs.kept)
            J, size = judged.numeric @ u, np.abs(judged.numeric) @ np.abs(u)
            smooth = np.isfinite(J) & ~np.isin(judged.verdicts, KINKS).any(axis=1)
            if not np.all(np.abs(found - J)[smooth] <= NEAR * size[smooth].max(initial=0.0)):
                return False
        return True


def _explained(gradient: Array, v: Array, judged: InputResult) -> bool:
    """Whether a gradient is about v' J, where J is known and smooth."""
    smooth = np.isfinite(judged.numeric) & ~np.isin(judged.verdicts, KINKS)
    columns = smooth.all(axis=0)
    J = judged.numeric[:, columns]
    scale = np.max(np.abs(v) @ np.abs(J), initial=0.0)
    return bool(np.all(np.abs(gradient[columns] - v @ J) <= NEAR * scale))
