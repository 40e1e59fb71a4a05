"""A forward rule (`jvp`), judged by the same differences, and against the backward rule without any."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gradcheck_cli.check.claimed import Outputs
from gradcheck_cli.check.comparison import Judged
from gradcheck_cli.check.contract import FACTORS, broken_scaling, nonzero
from gradcheck_cli.check.coordinates import WIDER, Array, Coordinates, scale_of
from gradcheck_cli.check.dense import dense_cotangent, dense_tangent
from gradcheck_cli.check.differences import outputs_as_real
from gradcheck_cli.check.findings import Finding
from gradcheck_cli.check.problem import Problem
from gradcheck_cli.check.stability import MARGIN, changes_of
from gradcheck_cli.check.summary import at, place_of
from gradcheck_cli.check.sums import ADDITIVITY, FLOOR, unit_of
from gradcheck_cli.check.verdict import FAILING, KINKS, UNDECIDED, Tolerance, Verdict, among


class ForwardRule:
    """The `jvp` rule of a problem for tangents of input `i`. Every method may raise RuleError."""

    def __init__(self, problem: Problem, i: int, outputs: Outputs, coordinates: Coordinates) -> None:
        self.problem, self.i, self.input = problem, i, problem.inputs[i]
        self.outputs, self.coordinates = outputs, coordinates
        self.place = problem.jvp_location or problem.location

    def jacobian(self, unit: float = 1.0) -> Array:
        """(input coordinates, outputs): one tangent per coordinate, in some unit."""
        found = [self._along({self.i: self.coordinates.tangent(e)}) / unit for e in unit * np.eye(self.coordinates.size)]
        return np.array(found).reshape(self.coordinates.size, self.coordinates.lines(self.outputs.size))

    def claim(self, problem: Problem, unit: float) -> Array:
        """The Jacobian of the same rule at another problem's inputs, asked with tangents times a unit."""
        return ForwardRule(problem, self.i, self.outputs, self.coordinates).jacobian(unit)

    def _along(self, tangents: dict[int, Array]) -> Array:
        """The outputs' tangents, as coordinates, for tangents of some inputs; those of the others are zero."""
        assert self.problem.pushforward is not None
        inputs = self.problem.inputs
        given = [
            tangents[k].astype(x.value.dtype) if k in tangents else np.zeros(x.value.shape, x.value.dtype)
            for k, x in enumerate(inputs)
            if x.requires_grad
        ]
        found = outputs_as_real(self.problem.pushforward([x.value for x in inputs], given), self.outputs.kept)
        return self.coordinates.look(found)

    def findings(self, forward: Judged, backward: Judged, tolerance: Tolerance) -> Iterator[Finding]:
        """A mismatch with the differences; a rule that is not linear; and a disagreement with the backward rule."""
        name = self.input.name
        wrong = among(forward.verdict, FAILING)
        crooked = self._not_linear(forward.claimed)
        if wrong.any():
            yield Finding("GC203", self._mismatch(forward, wrong), self.place, name)
        elif crooked:
            yield Finding("GC203", f"the forward rule for {name!r} is not linear in the tangents: {crooked}", self.place, name)
        message = self._disagreement(forward, backward, tolerance)
        if message:
            yield Finding("GC204", message, self.place, name)
        elif not wrong.any() and not crooked:
            yield from self._undecided(forward, backward, tolerance)

    def _undecided(self, forward: Judged, backward: Judged, tolerance: Tolerance) -> Iterator[Finding]:
        """Entries that the differences leave open, and the backward rule does not settle. Where that is known to be right the
        two must be the same, but for what the forward rule moves by with a rounding.
        """
        left_open = among(forward.verdict, UNDECIDED)
        known = left_open & (backward.verdict == Verdict.AGREE)
        if not left_open.any():
            return
        with np.errstate(all="ignore"):
            error = np.abs(forward.claimed - backward.claimed)
            tol = tolerance.of(forward.claimed, backward.claimed)
            same = known & (error <= tol)
            wobble = MARGIN * changes_of(self.claim, self.problem, forward.claimed)[0]
            # In single precision what the rule has lost shows neither elsewhere nor in other units.
            apart = known & (error > 2 * tol + wobble) & (self.input.value.dtype not in WIDER)
        if apart.any():
            yield Finding(
                "GC203", self._mismatch(forward._replace(numeric=backward.claimed), apart), self.place, self.input.name
            )
        elif np.any(left_open & ~same):
            count = np.count_nonzero(left_open & ~same)
            message = f"{count} of {left_open.size} entries of the forward rule for {self.input.name!r} are undecided"
            yield Finding("GC301", message, self.place, self.input.name)

    def _mismatch(self, forward: Judged, wrong: Array) -> str:
        j, k = (int(n[0]) for n in np.nonzero(wrong))
        output, index = place_of(self.outputs, self.coordinates, k)
        place = at(self.coordinates.place(j, k)[0])
        name = self.input.name
        return (
            f"the forward rule for {name!r} is wrong in {wrong.sum()} of {wrong.size} entries; d{output}{at(index)}/"
            f"d{name}{place}: jvp {forward.claimed[j, k]:.9g}, numeric {forward.numeric[j, k]:.9g}"
        )

    def _disagreement(self, forward: Judged, backward: Judged, tolerance: Tolerance) -> str:
        """<v, J u> by the forward rule against <J' v, u> by the backward rule; '' where they may both be right:

        |<v, J u> - <J' v, u>| <= 2 rtol <|v|, |J| |u|> + atol sum |v| sum |u| + what both move by with the inputs' rounding.

        Entries at a kink are left out: there both may be right, and differ.
        """
        u, v = dense_tangent(len(forward.claimed)), dense_cotangent(forward.claimed.shape[1])
        kink = among(forward.verdict, KINKS) | among(backward.verdict, KINKS)
        ahead, back = (np.where(kink, 0.0, judged.claimed) for judged in (forward, backward))
        with np.errstate(all="ignore"):
            one, two = u @ ahead @ v, u @ back @ v
            size = np.maximum(np.abs(ahead), np.abs(back))
            allowed = np.abs(u) @ (max(2 * tolerance.rtol, ADDITIVITY["float64"]) * size + tolerance.atol) @ np.abs(v)
            if abs(one - two) <= allowed or not np.isfinite(one - two):
                return ""
            wobble = np.where(kink, 0.0, MARGIN * changes_of(self.claim, self.problem, forward.claimed)[0])
            if abs(one - two) <= allowed + 2 * np.abs(u) @ wobble @ np.abs(v):
                return ""
        return f"<v, J u> = {one:.9g} by the forward rule, <J' v, u> = {two:.9g} by the backward rule ({self.input.name!r})"

    def _not_linear(self, columns: Array) -> str:
        """How the rule is not linear; '' where it is.

        jvp(c t) = c jvp(t) bit for bit, jvp(0) = 0, and a dense tangent of this input, beside those of the inputs before it,
        adds to theirs what the coordinates add up to one by one.
        """
        dense = 2 * dense_tangent(self.coordinates.size)
        tangent = self.coordinates.tangent(dense)
        # As numbers of the precision that they were computed in: it tells which are too small to keep their digits.
        kind = np.dtype(np.float32 if unit_of(self.problem, self.outputs, self.i) > 1e-10 else np.float64)
        scaled = [self._along({self.i: factor * tangent}).astype(kind) for factor in FACTORS]
        broken = broken_scaling(self._along({self.i: tangent}).astype(kind), scaled, "tangent") or nonzero(
            self._along({}), "tangent"
        )
        if broken:
            return broken
        before = {
            k: 2 * space.tangent(dense_tangent(space.size))
            for k, space in enumerate(Coordinates(x.value, x.structure) for x in self.problem.inputs[: self.i])
            if self.problem.inputs[k].requires_grad
        }
        apart, both = self._along(before), self._along({**before, self.i: tangent})
        with np.errstate(all="ignore"):
            added, expected = both - apart, dense @ columns
            size = np.abs(dense) @ np.abs(columns) + np.abs(both) + np.abs(apart)
            allowed = ADDITIVITY.get(str(self.input.value.dtype), 1e-4)
            # What may be left of larger numbers that cancel on the way, as in a saturated softmax.
            f = np.abs(self.coordinates.look(outputs_as_real(self.outputs.arrays, self.outputs.kept)))
            largest = max(np.max(np.abs(dense), initial=0.0), np.max(np.abs(dense) / scale_of(self.coordinates), initial=0.0))
            floor = FLOOR * unit_of(self.problem, self.outputs, self.i) * largest * np.where(np.isfinite(f), f, 0.0)
            allowed = allowed * np.max(np.where(np.isfinite(size), size, 0.0), initial=0.0)
            wrong = np.abs(added - expected) > np.maximum(allowed, floor)
        if not wrong.any():
            return ""
        k = int(np.argmax(wrong))
        return f"for all of them at once it gives {added[k]:.9g} where one by one they add up to {expected[k]:.9g}"
