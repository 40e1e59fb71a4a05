"""A second opinion that no difference has a part in: the engine's own derivative of the forward, against the rule.

The forward is recorded op by op, without the rules that somebody wrote, and a tangent is pushed forward through the op table's
rules, transposed (`engine/forward_mode.py`). For a right rule

    |<v, J u> - <J' v, u>| <= max(rtol, ROUNDING) size + atol sum |v| sum |u|,   size = sum |v (J u)| + sum |u (J' v)|

with J u from the engine, J' v from the rule, and u, v dense. Entries within rtol and atol can differ by no more; ROUNDING is
what a sum of 10^4 products may lose (10^4 * 2^-53 = 1e-12), should rtol be less.

It never accuses. The engine takes one of the slopes at a kink, and does not see what Python code does outside of it (with
NumPy, or `detach`): a right rule may say otherwise. But it may settle an entry that the differences had to leave open
(`settle`), where the forward is a spec's, which cannot leave the engine, and the rule is not the op table's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from gradcheck_cli.check.claimed import Outputs
from gradcheck_cli.check.comparison import Judged
from gradcheck_cli.check.coordinates import Coordinates, as_real, wide
from gradcheck_cli.check.dense import dense_cotangent, dense_tangent
from gradcheck_cli.check.problem import Problem, Pulled
from gradcheck_cli.check.stability import SHAKES, nudged
from gradcheck_cli.check.verdict import KINKS, Tolerance, Verdict, among
from gradcheck_cli.engine.forward_mode import Pushforward
from gradcheck_cli.engine.modes import without_rules
from gradcheck_cli.engine.tensor import Tensor
from gradcheck_cli.errors import GradcheckError, GraphError, RuleError

Array = np.ndarray[Any, Any]
ROUNDING = 1e-12


class DotProduct(NamedTuple):
    """The two products, and how far apart they may be."""

    forward: float = float("nan")
    """<v, J u>, by the engine."""
    backward: float = float("nan")
    """<J' v, u>, by the rule."""
    size: float = float("nan")
    """The sum of the sizes of all terms of both."""
    tolerance: float = float("nan")
    settled: int = 0
    """Entries that the differences left open, and the engine's derivative settled."""
    skipped: str = ""
    """Why there is nothing to be said."""

    @property
    def relative_difference(self) -> float:
        """|<v, J u> - <J' v, u>| / size."""
        return abs(self.forward - self.backward) / self.size if self.size else 0.0

    @property
    def agrees(self) -> bool | None:
        """Whether they are as near as they have to be; None where nothing can be said."""
        return None if self.skipped else bool(abs(self.forward - self.backward) <= self.tolerance)


class EngineDerivative:
    """J u of a problem's forward by the op table alone. Nothing is run before the first call."""

    def __init__(self, problem: Problem, outputs: Outputs) -> None:
        self.problem, self.outputs = problem, outputs
        self.places = problem.differentiable_inputs()
        self.skipped = "" if problem.forward is not None else "the forward does not run on the engine"
        self._pushes: dict[float, Pushforward | None] = {}

    def along(self, tangents: dict[int, Array], shake: float = 0.0) -> Array | None:
        """J u in the outputs' coordinates, for tangents of some inputs; None (and why, in `skipped`) where there is none.

        With `shake` at inputs that are a rounding away.
        """
        if shake not in self._pushes:
            self._pushes[shake] = self._attempt(lambda: self._record(shake))
        push = self._pushes[shake]
        if push is None:
            return None
        found = self._attempt(lambda: push([tangents.get(i) for i in self.places]))
        if found is None or [k for k in self.outputs.kept if k >= len(found) or found[k] is None]:
            return None
        return np.concatenate([np.zeros(0), *(as_real(found[k].data) for k in self.outputs.kept)])

    def _record(self, shake: float) -> Pushforward:
        values = [wide(x.value) for x in self.problem.inputs]
        for i in self.places if shake else ():
            values[i] = nudged(values[i], shake)
        assert self.problem.forward is not None
        forward = self.problem.forward

        def function(*moving: Tensor) -> Any:
            given: list[Any] = list(map(Tensor, values))
            for i, x in zip(self.places, moving, strict=True):
                given[i] = x
            return forward(*given)

        push = Pushforward(function, [values[i] for i in self.places])
        if self.outputs.size and not push.live:
            raise GraphError("the forward leaves the engine")
        return push

    def _attempt(self, call: Any) -> Any:
        """What `call` gives, or None: whatever the user's code raises here, it is no fault of the rule's."""
        if self.skipped:
            return None
        try:
            with without_rules(), np.errstate(all="ignore"):
                return call()
        except Exception as error:
            first = (str(error).splitlines() or [""])[0]
            kind = "" if isinstance(error, GradcheckError) else f"{type(error).__name__}: "
            self.skipped = f"the engine cannot differentiate the forward: {kind}{first}"
            return None


def settle(
    derivative: EngineDerivative, i: int, judged: Judged, coordinates: Coordinates, tolerance: Tolerance
) -> tuple[Judged, int]:
    """The verdicts, with open entries accepted on the engine's word w, and how many.

    An entry that rounding or scales left open passes where

        |w - a| <= tol(a, w),   |w - D| <= E,   w != 0,   and   |w(x (1 +- EPS)) - w(x)| <= tol(a, w)

    (a claimed, D +- E the difference). Zeros are left alone, for an op without a rule gives one; and a value that moves
    with the inputs' own rounding has lost the digits that it would confirm. Nothing is ever accused.
    """
    a, D, E = judged.claimed, judged.numeric, judged.bound
    still_open = among(judged.verdict, (Verdict.NOISE, Verdict.SCALES)) & np.isfinite(E)
    if not still_open.any():
        return judged, 0
    verdict, numeric, bound = (np.array(x) for x in (judged.verdict, D, E))
    for j in np.flatnonzero(still_open.any(axis=1)):
        u = {i: coordinates.tangent(np.eye(1, coordinates.size, int(j))[0])}
        along = [derivative.along(u, shake) for shake in (0.0, *SHAKES)]
        if any(w is None or len(w) != derivative.outputs.size for w in along):
            return judged, 0
        w, *others = (coordinates.look(w) for w in along if w is not None)
        with np.errstate(all="ignore"):
            tol = tolerance.of(a[j], w)
            agreed = still_open[j] & (np.abs(w - a[j]) <= tol) & (np.abs(w - D[j]) <= E[j]) & (w != 0)
            agreed &= np.all([np.abs(other - w) <= tol for other in others], axis=0)
        verdict[j, agreed], numeric[j, agreed], bound[j, agreed] = Verdict.AGREE, w[agreed], tol[agreed]
    return judged._replace(verdict=verdict, numeric=numeric, bound=bound), int(np.sum(verdict != judged.verdict))


def dot_product(
    derivative: EngineDerivative, pulled: Pulled, tolerance: Tolerance, verdicts: Sequence[Array], settled: int
) -> DotProduct:
    """The test along one dense u of all inputs and one dense v of all outputs."""
    problem, outputs = derivative.problem, derivative.outputs
    spaces = {i: Coordinates(problem.inputs[i].value, problem.inputs[i].structure) for i in derivative.places}
    starts = np.cumsum([0, *(space.size for space in spaces.values())])
    dense = dense_tangent(int(starts[-1]))
    u = dict(zip(spaces, np.split(dense, starts[1:-1]), strict=True))
    v = dense_cotangent(outputs.size)
    ahead = derivative.along({i: spaces[i].tangent(t) for i, t in u.items()})
    if ahead is None or ahead.shape != v.shape:
        return DotProduct(skipped=derivative.skipped or "the forward returns other outputs on the engine")
    try:
        gradients = pulled.vjp(outputs.cotangents(v))
    except RuleError as error:
        return DotProduct(skipped=f"the rule raised: {error}")
    back = [spaces[i].project(np.asarray(g)[None])[0] * u[i] for i, g in zip(spaces, gradients, strict=True) if g is not None]
    with np.errstate(all="ignore"):
        forward, backward = v * ahead, np.concatenate([np.zeros(0), *back])
        size = float(np.abs(forward).sum() + np.abs(backward).sum())
        allowed = max(tolerance.rtol, ROUNDING) * size + tolerance.atol * float(np.abs(v).sum() * np.abs(dense).sum())
    found = DotProduct(float(forward.sum()), float(backward.sum()), size, allowed, settled)
    return found if found.agrees else found._replace(skipped=_excuse(found, verdicts))


def _excuse(found: DotProduct, verdicts: Sequence[Array]) -> str:
    """Why two products that differ may say nothing; '' where there is no reason."""
    if not np.isfinite(found.forward - found.backward):
        return "a product is not finite"
    if any(among(verdict, KINKS).any() for verdict in verdicts):
        return "at a kink the rule and the engine may take different slopes"
    return ""
