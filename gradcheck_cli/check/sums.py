"""What a rule says of a dense cotangent must be the sum of what it says of the parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from gradcheck_cli.check.claimed import Claimed, Outputs
from gradcheck_cli.check.coordinates import EACH_OUTPUT, Coordinates
from gradcheck_cli.check.problem import Problem, Pulled
from gradcheck_cli.errors import RuleError

Array = np.ndarray[Any, Any]
ADDITIVITY = {"float64": 1e-10, "complex128": 1e-10, "float32": 1e-4}
"""Rounding of a sum of pullbacks, relative to the largest: right rules stay below 2e-15, float32 inside shows 3e-8; and
the same for a rule that works in float32 throughout."""
LOST_DIGITS = 1e-4
"""Up to this part of the largest gradient a rule's own rounding excuses that gradients do not add up."""
FLOAT32_SHARE = 3e-7
"""What a rule that rounds to float32 inside (2^-24 = 6e-8) may be off by; more is no rounding."""
FLOOR = 64
"""So many roundings of numbers of the cotangent's size, or of the outputs' as they are pulled back, may be left where they
cancel."""
CANCELLED = 2.0**-30
CANCELLED_UNITS = 2.0**13
"""A gradient below this part of what the outputs' size would let one expect, or below so many roundings of it, is what a
cancellation has left."""
NO_DIGITS, ITS_OWN = 1e-3, 1e-9
"""Numbers that are rounded to float32 keep more than three digits, and are off by more than the second part of the largest."""
NUDGES = 8
NUDGE = 2.0**-8
"""So many cotangents, changed by less than this part of each entry, tell rounding, which changes as a whole, from what a rule
that is not linear does, which hardly changes."""
ROUNDED = "gradients add up"


def _rounding(problem: Problem, outputs: Outputs, g: Array, k: int) -> float:
    """What a rule that loses digits on the way may be off by."""
    from gradcheck_cli.check.stability import unsteadiness

    try:
        return unsteadiness(problem, outputs, g)[k]
    except RuleError:
        return 0.0


class Sum(NamedTuple):
    """What must be equal: the gradient for a dense cotangent, and the sum of its terms; and the sum of their sizes."""

    total: Array
    terms: Array
    size: Array

    @property
    def difference(self) -> Array:
        """total - terms."""
        with np.errstate(all="ignore"):
            found: Array = self.total - self.terms
        return found

    @property
    def error(self) -> Array:
        """|total - terms|."""
        return np.abs(self.difference)


class Sums:
    """The sums that a dense cotangent's gradients must be: of the rows, where the rule was asked for them, and of the gradients
    for two parts of the cotangent, where it was not.
    """

    def __init__(
        self,
        problem: Problem,
        pulled: Pulled,
        outputs: Outputs,
        coordinates: dict[int, Coordinates],
        claimed: Claimed,
        split: bool,
    ) -> None:
        self.problem, self.places = problem, problem.differentiable_inputs()
        self.pulled, self.outputs, self.coordinates, self.rows = pulled, outputs, coordinates, claimed.jacobians
        self.split = split
        """Whether the two parts are asked for."""
        self._nearby: dict[int, list[tuple[float, dict[int, list[Sum]]]]] = {}
        self._changes: dict[int, Array] = {}
        """Of the rows of an input, as `noise_of_rows` has them."""

    def of(self, g: Array, base: Sequence[Any] | None = None) -> dict[int, list[Sum]]:
        """For every input; `base` is what the rule gives for `g`."""
        gradients = self._pull(g) if base is None else base
        one = np.zeros(len(g))
        one[len(g) // 2] = g[len(g) // 2]
        parts = [self._pull(part) for part in (one, g - one)] if self.split else []
        return {
            i: self._sums(gradients[k], [p[k] for p in parts], g, self.rows.get(i), self.coordinates[i])
            for k, i in enumerate(self.places)
            if i in self.coordinates
        }

    def off(self, v: Array, here: dict[int, list[Sum]], i: int, number: int) -> str:
        """What does not add up in one sum for a cotangent; '' where all does, but for rounding."""
        one, coordinates = here[i][number], self.coordinates[i]
        if not _not_additive(one, coordinates):
            return ""
        noise, nearby = self.noise(v, here, i, number)
        unit = unit_of(self.problem, self.outputs, i)
        spared = _all_rounding(one, self.sizes(v, i), coordinates.projected_scale, noise, unit)
        rounding = _rounding(self.problem, self.outputs, v, self.places.index(i))
        if not _not_additive(one, coordinates, rounding, spared):
            return ""
        spared |= _rounded_away(one, np.minimum(noise, nearby) + self.noise_of_rows(v, i))
        return _not_additive(one, coordinates, rounding, spared)

    def noise(self, g: Array, here: dict[int, list[Sum]], i: int, number: int) -> tuple[Array, Array]:
        """MARGIN max |d' - d| and MARGIN max |d'|, entry by entry, d the difference of one sum for `g`, d' for a cotangent near
        it; the first also of d' for `g` in another unit, where it is another number of the same roundings.
        """
        from gradcheck_cli.check.stability import MARGIN, UNITS

        if id(here) not in self._nearby:
            rng = np.random.default_rng(0)
            nudges = [(1.0, g * (1 + NUDGE * rng.uniform(-1, 1, len(g)))) for _ in range(NUDGES)]
            nearby = [*nudges, *((unit, unit * g) for unit in UNITS)]
            self._nearby[id(here)] = [(unit, self.of(self.outputs.rounded(v))) for unit, v in nearby]
        found = [near[i][number].difference / unit for unit, near in self._nearby[id(here)] if len(near[i]) > number]
        changes = [difference - here[i][number].difference for difference in found]
        noise, size = (MARGIN * np.max(np.abs(part), axis=0, initial=0.0) for part in (changes, found[:NUDGES]))
        return noise, size

    def noise_of_rows(self, v: Array, i: int) -> Array:
        """MARGIN sum |v_k| max |row'_k - row_k|, entry by entry, row' a row that the rule gives when asked in another unit."""
        from gradcheck_cli.check.stability import MARGIN, UNITS, backward_claim

        rows, coordinates = self.rows[i], self.coordinates[i]
        if not coordinates.complete:
            return np.zeros(len(coordinates.projected_scale))
        if i not in self._changes:
            claim = backward_claim(self.outputs, coordinates, i)
            try:
                self._changes[i] = np.max([np.abs(claim(self.problem, unit).T - rows) for unit in UNITS], axis=0)
            except RuleError:
                self._changes[i] = np.zeros(rows.shape)
        return MARGIN * coordinates.combined(np.abs(v), self._changes[i])

    def sizes(self, v: Array, i: int) -> Array:
        """`Outputs.sizes`, |v_k f_k| zero for outputs that the rule says do not depend on the input at all."""
        g, gf = self.outputs.sizes(v)
        rows = self.rows.get(i)
        if rows is not None and len(rows) == len(gf):
            gf = np.where(np.any(rows != 0, axis=1), gf, 0.0)
        return np.array([g, gf])

    def _pull(self, v: Array) -> Sequence[Any]:
        return self.pulled.vjp(self.outputs.cotangents(v))

    def _sums(self, gradient: Any, parts: list[Any], g: Array, rows: Array | None, coordinates: Coordinates) -> list[Sum]:
        if gradient is None or rows is None:
            return []
        total = coordinates.project(np.asarray(gradient)[None])[0]
        sums = []
        with np.errstate(all="ignore"):
            if coordinates.complete:
                sums.append(Sum(total, coordinates.combined(g, rows), coordinates.combined(np.abs(g), np.abs(rows))))
            if parts and coordinates.asked != EACH_OUTPUT and all(p is not None for p in parts):
                one, other = (coordinates.project(np.asarray(p)[None])[0] for p in parts)
                sums.append(Sum(total, one + other, np.abs(one) + np.abs(other)))
        return sums


def unit_of(problem: Problem, outputs: Outputs, i: int) -> float:
    """The rounding unit of what a rule is given and gives."""
    known = [problem.inputs[i].value, *(outputs.arrays[k] for k in outputs.kept)]
    return max(float(np.finfo(a.dtype).eps) for a in known)


def _all_rounding(one: Sum, sizes: Array, scale: Array, noise: Array, unit: float) -> Array:
    """Entries whose sum is off by no more than the rounding of larger numbers that cancelled on the way.

    q = max |g_k| max(1, |f_k|), p_j = sum |g_k f_k| / s_j (`sizes`: |g_k| and |g_k f_k|)

    error <= FLOOR max(q, p_j), and error <= noise    or    size <= 2 FLOOR max(q, p_j) and size <= CANCELLED p_j
    """
    g, gf = sizes
    expected = np.sum(gf) / scale
    floor = FLOOR * unit * np.maximum(max(g.max(initial=0.0), gf.max(initial=0.0)), expected)
    lost = (one.size <= 2 * floor) & (one.size <= max(CANCELLED, CANCELLED_UNITS * unit) * expected)
    found: Array = (one.error <= floor) & ((one.error <= noise) | lost)
    return found


def _rounded_away(one: Sum, noise: Array) -> Array:
    """Entries of which rounding has left nothing, or what is off in the tenth digit of the largest: the error is as large as
    the terms, to NO_DIGITS, or below ITS_OWN of the largest, and no larger than the noise: what it changes by and what it is at
    cotangents nearby, whichever is less, and what the rows are off by in other units.

    Where a rule is not linear the error hardly changes between these cotangents, nor the rows, if it scales; and where it takes
    one cotangent for special, there is no error at the others.
    """
    lost = (one.error >= NO_DIGITS * one.size) | (one.error <= ITS_OWN * np.max(one.size, initial=0.0))
    found: Array = lost & (one.error <= noise)
    return found


def _not_additive(one: Sum, coordinates: Coordinates, rounding: float = 0.0, spared: Array | bool = False) -> str:
    """A dense cotangent against the parts that it is the sum of; what is spared is not looked at."""
    largest = np.max(one.size, initial=0.0)
    allowed = ADDITIVITY.get(str(coordinates.value.dtype), 1e-4) * largest
    allowed = max(allowed, min(rounding, LOST_DIGITS * largest))
    wrong = (one.error > allowed) & ~np.asarray(spared)
    if not wrong.any():
        return ""
    j = int(np.argmax(np.where(wrong, one.error, 0)))
    share = one.error[j] / largest if largest else np.inf
    if share < FLOAT32_SHARE and coordinates.value.dtype == np.float64:
        return f"{ROUNDED} only to {share:.0e} of the largest, as numbers rounded to float32 do"
    return f"all outputs at once give {one.total[j]:.9g} in an entry, the outputs one by one add up to {one.terms[j]:.9g}"
