"""A second opinion without differences: J u by the engine's own derivative of the forward, against J' v by the rule.

Where the forward runs on engine tensors, its derivative follows from the op table, whose rules are tested one by one. Pushed
forward along u it must satisfy <v, J u> = <J' v, u> with the rule's pullback of v, to rounding: the dot-product test. Two
formulas are compared here and no limit is taken. But the engine has its own choice at kinks, its own 0 * inf at edges,
and its own cancellations, so it never accuses: like the complex step it may settle an entry that the differences leave open.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from gradcheck_cli.check.claimed import Outputs
from gradcheck_cli.check.contract import dense_cotangent, dense_tangent
from gradcheck_cli.check.coordinates import Coordinates, as_real
from gradcheck_cli.check.jacobian import Judged
from gradcheck_cli.check.problem import Problem
from gradcheck_cli.check.verdict import Tolerance, Verdict

Array = np.ndarray[Any, Any]
ROUNDING = 1e-10
"""To what part of |v|' |J| |u| the two sides must agree: two formulas of one function that are both rounded differ by some
1e-15 of it, of ill-conditioned ones by more; a term that is wrong by a part e of that sum shows if e is larger."""
MOST_COLUMNS = 256
"""Open columns that the engine is asked for: one pass through the graph each."""


class DotProduct(NamedTuple):
    """Both sides of <v, J u> = <J' v, u>, over all inputs at once, for fixed u and v without zeros."""

    forward: float
    """<v, J u> by the engine,"""
    backward: float
    """and <J' v, u> by the rule."""
    size: float
    """|v|' |J| |u|, of which rounding is a part."""

    @property
    def difference(self) -> float:
        """|<v, J u> - <J' v, u>| / (|v|' |J| |u|)."""
        error = abs(self.forward - self.backward)
        return error / self.size if self.size else error

    @property
    def agrees(self) -> bool:
        """Whether rounding explains the difference."""
        return self.difference <= ROUNDING


class SecondRoad:
    """The engine's pushforward of a problem's forward at its inputs, recorded when it is first asked for."""

    def __init__(self, problem: Problem, outputs: Outputs) -> None:
        self.problem, self.outputs = problem, outputs

    @cached_property
    def push(self) -> Any:
        """The pushforward; None where the engine does not differentiate all the outputs that are checked."""
        problem = self.problem
        single = any(x.value.dtype.kind == "f" and x.value.dtype != np.float64 for x in problem.inputs)
        if problem.recorded is None or single:
            return None
        from gradcheck_cli.engine.forward_mode import Pushforward
        from gradcheck_cli.engine.modes import no_grad

        try:
            with no_grad(), np.errstate(all="ignore"):
                push = Pushforward(problem.recorded, [np.array(x.value) for x in problem.inputs])
        except Exception:  # a forward that the engine cannot run, or cannot differentiate: there is no second road
            return None
        recorded = all(k in push.live for k in self.outputs.kept)
        same = [y.shape for y in push.outputs] == [y.shape for y in self.outputs.arrays]
        return push if recorded and same else None

    @property
    def usable(self) -> bool:
        """Whether there is a second road."""
        return self.push is not None

    def along(self, tangents: dict[int, Array]) -> Array:
        """J u as coordinates of the outputs, for tangents of some inputs; NaN where the engine cannot say."""
        given = [tangents.get(i) for i in range(len(self.problem.inputs))]
        try:
            with np.errstate(all="ignore"):
                pushed = self.push(given)
        except Exception:  # what an op without a second derivative raises, or a rule that cannot be transposed
            return np.full(self.outputs.size, np.nan)
        return np.concatenate([np.zeros(0), *(as_real(pushed[k].data) for k in self.outputs.kept)])

    def dot_product(self, claimed: dict[int, Array], coordinates: dict[int, Coordinates]) -> DotProduct | None:
        """Both sides, for Jacobians (outputs, coordinates); None where there is no second road, or no finite number on it."""
        if not self.usable or not self.outputs.size:
            return None
        v = dense_cotangent(self.outputs.size)
        u = {i: dense_tangent(c.size) for i, c in coordinates.items()}
        ahead = self.along({i: coordinates[i].tangent(t) for i, t in u.items()})
        with np.errstate(all="ignore"):
            back = float(sum(v @ a @ u[i] for i, a in claimed.items()))
            size = float(sum(np.abs(v) @ np.abs(a) @ np.abs(u[i]) for i, a in claimed.items()))
            found = DotProduct(float(v @ ahead), back, size)
        return found if np.isfinite(found).all() else None

    def settle(self, i: int, judged: Judged, coordinates: Coordinates, tolerance: Tolerance) -> Judged:
        """Open entries of input `i` agree where |w - D| <= E and |w - a| <= tol, w the engine's value."""
        opened = np.isin(judged.verdict, (Verdict.NOISE, Verdict.SCALES)) & np.isfinite(judged.bound)
        columns = np.flatnonzero(opened.any(axis=1))
        if not 0 < len(columns) <= MOST_COLUMNS or not self.usable:
            return judged
        w = np.full(judged.claimed.shape, np.nan)
        for j in columns:
            one = np.zeros(coordinates.size)
            one[j] = 1.0
            w[j] = self.along({i: coordinates.tangent(one)})
        with np.errstate(all="ignore"):
            borne_out = np.abs(w - judged.claimed) <= tolerance.of(judged.claimed, w)
            agreed = opened & borne_out & (np.abs(w - judged.numeric) <= judged.bound)
        return judged._replace(
            numeric=np.where(agreed, w, judged.numeric),
            bound=np.where(agreed, tolerance.of(judged.claimed, w), judged.bound),
            verdict=np.where(agreed, Verdict.AGREE, judged.verdict).astype(np.int8),
        )
