"""The same rule at other points: does it read the output for the input, a transpose, another input?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from gradcheck_cli.check.claimed import Outputs, claimed_jacobians
from gradcheck_cli.check.coordinates import Coordinates
from gradcheck_cli.check.diagnosis.cause import Diagnosis
from gradcheck_cli.check.diagnosis.evidence import BUDGET, Evidence
from gradcheck_cli.check.differences import outputs_as_real
from gradcheck_cli.check.problem import Problem

Array = np.ndarray[Any, Any]
ROWS = 256
"""Outputs up to which the rule is asked at other points."""
POINTS = 16
"""Other points that are tried."""
STEP = 2.0**-9
"""Of the five-point differences, relative to the largest entry: their error is about 1e-11 of the slope."""
NEAR = 1e-7
"""To what part of the largest entry of their row they must agree."""

Change = tuple[str, str, dict[int, Array]]
"""Cause, words, and the inputs that are replaced, by position."""


class Elsewhere:
    """A problem's rule at other points; each is asked once for all inputs."""

    def __init__(self, problem: Problem, outputs: Outputs) -> None:
        self.problem, self.outputs = problem, outputs
        self.arrays = [x.value for x in problem.inputs]
        self.coordinates = {
            i: Coordinates(problem.inputs[i].value, problem.inputs[i].structure) for i in problem.differentiable_inputs()
        }
        self.asked: list[tuple[Change, dict[int, Array]]] | None = None

    def diagnoses(self, i: int, e: Evidence) -> Iterator[Diagnosis]:
        """What makes the rule right for input `i`."""
        if not e.positional or not e.telling or self.outputs.size > ROWS:
            return
        for (cause, words, _), jacobians in self._all():
            if i in jacobians and jacobians[i].shape == e.A.shape and e.explains(jacobians[i]):
                yield Diagnosis(cause, f"{words}: the rule asked there is right on {e.count()}")
                return
        yield from self._out_for_input(i, e)

    def _all(self) -> list[tuple[Change, dict[int, Array]]]:
        if self.asked is None:
            cost = self.outputs.size * sum(c.size for c in self.coordinates.values())
            changes = list(self._changes())[: min(POINTS, int(BUDGET // max(cost, 1)))]
            self.asked = [(change, found) for change in changes if (found := self._claimed(change[2])) is not None]
        return self.asked

    def _changes(self) -> Iterator[Change]:
        inputs = [
            (i, x.name, x.value) for i, x in enumerate(self.problem.inputs) if x.value.dtype.kind in "fc" and x.value.size
        ]
        for i, name, x in inputs:
            for k in self.outputs.kept:
                y = self.outputs.arrays[k]
                if y.shape == x.shape and y.dtype == x.dtype and not np.array_equal(x, y):
                    out = self.outputs.names[k]
                    yield "input_for_out", f"the rule reads {name} where {out} belongs ({name} := {out})", {i: y}
        for n, (i, a, x) in enumerate(inputs):
            for j, b, y in inputs[n + 1 :]:
                if x.shape == y.shape and x.dtype == y.dtype and not np.array_equal(x, y):
                    yield (
                        "swapped",
                        f"the rule uses {a} where {b} belongs, and the reverse ({a}, {b} := {b}, {a})",
                        {i: y, j: x},
                    )
                    yield "swapped", f"the rule uses {a} where {b} belongs ({a} := {b})", {i: y}
                    yield "swapped", f"the rule uses {b} where {a} belongs ({b} := {a})", {j: x}
        for i, name, x in inputs:
            if x.ndim >= 2 and x.shape[-1] == x.shape[-2] and not np.array_equal(x, np.swapaxes(x, -1, -2)):
                turned = np.ascontiguousarray(np.swapaxes(x, -1, -2))
                yield "transposed", f"the rule uses {name} where its transpose belongs, or the reverse", {i: turned}
        for i, name, x in inputs:
            yield "sign", f"the rule uses {name} where -{name} belongs, or the reverse", {i: -x}

    def _claimed(self, replaced: dict[int, Array]) -> dict[int, Array] | None:
        arrays = [np.array(replaced.get(i, a)) for i, a in enumerate(self.arrays)]
        try:
            with np.errstate(all="ignore"):
                pulled = self.problem.pullback(arrays)
                if [y.shape for y in pulled.outputs] != [y.shape for y in self.outputs.arrays]:
                    return None
                found = claimed_jacobians(self.problem, pulled, self.outputs, self.coordinates)
        except Exception:  # whatever it raises there, nothing is learnt from this point
            return None
        return None if found.findings else found.jacobians

    def _out_for_input(self, i: int, e: Evidence) -> Iterator[Diagnosis]:
        """claimed = the numeric Jacobian at x := out."""
        x = self.arrays[i]
        if e.out_places is None or x.dtype != np.float64 or 4 * e.A.size * x.size > BUDGET:
            return
        y = self.outputs.arrays[self.outputs.kept[0]]
        if y.shape != x.shape or y.dtype != x.dtype:
            return
        J = self._differences(i, y)
        if J is None or J.shape != e.A.shape:
            return
        with np.errstate(all="ignore"):
            row = np.max(np.abs(J), axis=1, keepdims=True, initial=0.0)
            fits = np.abs(e.A - J) <= NEAR * row
        if np.all(fits) and np.any(J != 0):
            what = f"the rule reads {e.output} where {e.name} belongs: it claims the derivative at {e.name} := {e.output}"
            yield Diagnosis("out_for_input", f"{what}, on {e.count()}")

    def _differences(self, i: int, point: Array) -> Array | None:
        """The Jacobian by five-point central differences, without a bound."""
        h = STEP * max(float(np.max(np.abs(point), initial=0.0)), 1e-3)

        def run(flat: Array) -> Array:
            arrays = [flat.reshape(point.shape) if k == i else np.array(a) for k, a in enumerate(self.arrays)]
            return outputs_as_real(self.problem.primal(*arrays), self.outputs.kept)

        try:
            with np.errstate(all="ignore"):
                J = np.array([five_points(run, point.ravel(), h * axis) for axis in np.eye(point.size)]).T / h
        except Exception:  # the point need not lie in the domain
            return None
        return J if np.isfinite(J).all() else None


def five_points(run: Callable[[Array], Array], x: Array, step: Array) -> Array:
    """(8 (f(x + s) - f(x - s)) - (f(x + 2s) - f(x - 2s))) / 12: the derivative along s, to the fourth order."""
    near, far = run(x + step) - run(x - step), run(x + 2 * step) - run(x - 2 * step)
    found: Array = (8 * near - far) / 12
    return found


def directional(problem: Problem, kept: Sequence[int], tangents: Sequence[Array], h: float) -> Array:
    """The outputs' derivatives along one tangent of all inputs, by the same differences."""
    arrays = [x.value for x in problem.inputs]

    def run(t: Array) -> Array:
        moved = [a if u is None else a + t * u for a, u in zip(arrays, tangents, strict=True)]
        return outputs_as_real(problem.primal(*moved), list(kept))

    with np.errstate(all="ignore"):
        return five_points(run, np.zeros(()), np.asarray(h)) / h
