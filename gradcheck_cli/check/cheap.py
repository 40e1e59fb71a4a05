"""The cheap test: entries that agree at once. It only ever accepts.

A cheap difference that equals the claimed value to half of the tolerance can be wrong only by coincidence, once noise and
curvature are too small to hide the tolerance. Entries are (coordinates of the input, outputs), as in `jacobian.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from gradcheck_cli.check.blocks import uneven
from gradcheck_cli.check.differences import PIECE, Differences, Look, central, quotients
from gradcheck_cli.check.together import cover, groups
from gradcheck_cli.check.verdict import Tolerance

Array = np.ndarray[Any, Any]
Some = Array | slice
"""Some columns, or all."""
RUNGS = ((-17,), (-11, -9), (-9, -7))
"""The steps: one central difference far below the curvature, or two and Richardson's extrapolation, further up where noise
asks for longer steps."""
MANY = 16
"""All columns are moved at once where an output depends on so many of them at least."""
STEPS = 4
"""What is left of a column is worth so many evaluations: the ladder takes ten and more."""
MISSED = 0.01
"""The part of a column's entries for whose sake alone no longer steps are taken: the ladder settles them."""
SAMPLE = 512
"""Of a column's entries hardly more are asked for that."""
WORTH = {True: 2, False: 4}
"""Columns are moved together where so many times fewer evaluations are made, by whether these are costly."""
FAR = 0.26
"""A derivative of zero is also tried at a one-sided step of so many scales."""


class Taken:
    """What was seen of the columns that go on to the ladder, by exponent."""

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self._looks: dict[int, list[Look]] = {}
        self._rows: dict[int, Array] = {}
        """For each column its row of the looks at an exponent, one after the other; -1 where there is none."""

    def keep(self, columns: Array, exponent: int, look: Look, members: Array) -> None:
        """Keep what was seen of some of the columns."""
        if not len(members):
            return
        looks = self._looks.setdefault(exponent, [])
        rows = self._rows.setdefault(exponent, np.full(self._columns, -1))
        rows[columns[members]] = sum(len(x.up) for x in looks) + np.arange(len(members))
        looks.append(look if len(members) == len(columns) else Look(*(part[members] for part in look)))

    def exponents(self, column: int) -> tuple[int, ...]:
        """The steps that were taken for a column, from the shortest."""
        return tuple(e for e in sorted(self._rows) if self._rows[e][column] >= 0)

    def watching(self, outputs: Array) -> Taken:
        """What was seen of some of the outputs."""
        other = Taken(self._columns)
        other._rows = {e: rows.copy() for e, rows in self._rows.items()}
        other._looks = {
            e: [Look(*(part[:, outputs] if part.shape[1] > 1 else part for part in look)) for look in looks]
            for e, looks in self._looks.items()
        }
        return other

    def entries(self, exponent: int, columns: Array, outputs: Array) -> Look:
        """What was seen of single entries."""
        looks = self._looks[exponent]
        if len(looks) > 1:
            looks[:] = [Look(*map(np.concatenate, zip(*looks, strict=True)))]
        rows = self._rows[exponent][columns]
        return Look(*(part[rows, outputs if part.shape[1] > 1 else 0] for part in looks[0]))


def pieces(columns: Array, outputs: int) -> Iterator[Array]:
    """Columns in parts of about PIECE entries."""
    width = max(1, PIECE // max(1, outputs))
    return (columns[k : k + width] for k in range(0, len(columns), width))


class Quotient(NamedTuple):
    """What the steps of a rung say, (columns, outputs) or (outputs,)."""

    h: Array
    """The shortest step,"""
    D: Array
    """the quotient, extrapolated where there are two,"""
    asym: Array
    flat: Array
    """its asymmetry and whether nothing moved,"""
    change: Array
    """and D1 - D0 of two quotients; zero for one."""


class CheapTest:
    """Claimed against numeric, for one input. `run()` gives the entries that agree."""

    def __init__(self, a: Array, d: Differences, tol: Tolerance, numeric: Array, bound: Array) -> None:
        self.a, self.d, self.tol = a, d, tol
        self.sigma = d.wide_noise()
        self.bend = np.maximum(d.cubic() - 4 * self.sigma, 0.0)
        """What of each output's change within a step is cubic, where it stands out of the noise."""
        self.settled = np.zeros(a.shape, bool)
        self.numeric, self.bound = numeric, bound
        """Of settled entries, where they are put."""
        self.hopeless: Array = np.zeros((), bool)
        """Entries that no step of this test can settle."""
        self.taken = Taken(len(a))

    def run(self) -> Array:
        """Try all columns at once, then together those that do not meet in an output, then those that are left one by one."""
        if self.d.costly and len(self.a) >= MANY:
            self._as_wholes()
            if self.settled.all():
                return self.settled
        rung = self._plan()
        for r, columns in self._by_rung(rung) if len(self.a) >= WORTH[self.d.costly] else ():
            sets = [columns[k] for k in groups(self.a[columns] != 0, WORTH[self.d.costly])]
            sets = [group for group in sets if len(group) > 1]
            if sets:
                still = self._still_together(np.concatenate(sets))
                sets = [group[still[group]] for group in sets]
                self._try_twice([group for group in sets if len(group) > 1], RUNGS[r])
        for r, columns in self._by_rung(rung):
            for piece in pieces(columns, self.a.shape[1]):
                self._one_by_one(piece, RUNGS[r])
        return self.settled

    def _as_wholes(self) -> None:
        """Accept entries whose tolerance shows in the sum of their row, where each depends on many columns; and the claimed
        zeros of columns that have nothing else left.

        Sums are of all columns first, and then of those that are left, in halves where they are many, as long as that helps and
        takes half of what single columns would. What is left of a row that is mostly settled, and too loud for this test's
        steps, is for the ladder.
        """
        from gradcheck_cli.check.mixture import NEXT, Mixture, evaluations

        pattern = self.a != 0
        terms = np.count_nonzero(pattern, axis=0)
        if np.max(terms) < MANY:
            return
        mixture = Mixture(self.a, self.d, self.sigma, self.tol.rtol)
        sets: list[Some] = [slice(None)]
        exponents, most = mixture.first, int(np.max(terms))
        while sets and evaluations(exponents) * len(sets) <= most:
            before = np.count_nonzero(self.settled)
            for columns in sets:
                self._resolved(columns, *mixture.resolve(columns, exponents))
            if len(sets) > 1 and np.count_nonzero(self.settled) == before:
                break
            if self.settled.all():
                return
            halves = self._halved(sets, mixture.calm)
            sets, exponents, most = list(halves), NEXT, STEPS * sum(map(len, halves)) // 2
        with np.errstate(all="ignore"):
            loud = self.sigma > 0.8 * 2.0 ** RUNGS[-1][0] * self.d.scale[:, None] * self._half(self.a)
        self.hopeless = pattern & loud & (np.count_nonzero(self.settled, axis=0) * 2 > terms)
        self._zeros(pattern)

    def _halved(self, sets: list[Some], outputs: Array) -> list[Array]:
        """Of sets of columns those with entries left, for some of the outputs; in two parts where they are more than half, and
        none that are not worth it.
        """
        from gradcheck_cli.check.mixture import NEXT, evaluations

        left, parts = ((self.a != 0) & ~self.settled)[:, outputs].any(axis=1), []
        for columns in (np.arange(len(self.a))[some] for some in sets):
            some = columns[left[columns]]
            parts += [some[::2], some[1::2]] if 2 * len(some) > len(columns) else [some]
        return [part for part in parts if STEPS * len(part) > evaluations(NEXT)]

    def _resolved(self, columns: Some, off: Array, least: Array) -> None:
        """Accept entries of the columns, in whose sum each output is off by so much, and can be off in other directions."""
        from gradcheck_cli.check.mixture import SHARE

        a, scale = self.a[columns], self.d.scale[columns, None]
        half = self._half(a)
        with np.errstate(all="ignore"):
            good = half * (scale * 2 / SHARE) >= least
            good &= a != 0
            D = off * (1 / scale)  # each entry as it would be if it were the only wrong one
            D += a
        self._settle(columns, good, D, half)

    def _zeros(self, pattern: Array) -> None:
        """Accept the claimed zeros of columns that have nothing else left, if they are some."""
        zero = ~pattern
        columns = np.flatnonzero((self.settled | zero).all(axis=1) & zero.any(axis=1))
        if len(columns):
            still = zero & self._still_together(columns)[:, None]
            self.settled[still], self.numeric[still], self.bound[still] = True, 0.0, 0.0

    def _half(self, a: Array) -> Array:
        """Half of the tolerance of claims."""
        return self.tol.of(a, a) / 2

    def _by_rung(self, rung: Array) -> list[tuple[int, Array]]:
        left = ~(self.settled | self.hopeless).all(axis=1)
        found = [(r, np.flatnonzero((rung == r) & left)) for r in dict.fromkeys(rung[left].tolist())]
        return sorted(found, key=lambda part: part[0])

    def _plan(self) -> Array:
        """For each column the first rung whose noise leaves the tolerance visible, sigma/(0.8 h) <= tol |a| / 2, in all entries
        but MISSED; failing that, the first.
        """
        some = slice(None, None, max(1, self.a.shape[1] // SAMPLE))
        every = pieces(np.arange(len(self.a)), len(self.sigma[some]))
        return np.concatenate([np.zeros(0, np.intp), *(self._rungs(columns, some) for columns in every)])

    def _rungs(self, columns: Array, some: slice) -> Array:
        a, scale = self.a[columns, some], 0.8 * self.d.scale[columns, None]
        first = 1 if self.tol.rtol < 2e-8 else 0
        found, left = np.full(len(columns), first), np.ones(len(columns), bool)
        with np.errstate(all="ignore"):
            resolved = self._half(a) / self.sigma[some] * scale
            for r in range(first, len(RUNGS)):
                hidden = (2.0 ** -RUNGS[r][0] > resolved) & (a != 0)
                fits = np.count_nonzero(hidden, axis=1) <= MISSED * a.shape[1]
                found[left & fits] = r
                left &= ~fits
                if not left.any():
                    break
        return found

    def _passes(self, a: Array, half: Array, seen: Quotient, two: bool) -> Array:
        """Whether claims that are not zero agree.

        one step    |D - a| <= tol/2, sigma/h <= tol/2, (asym/a)^2 <= tol/|a|   (the truncation is about (2/3) asym^2 / D),
                    bend/h <= tol/2   (at an inflection point there is no asymmetry, and the truncation is the cubic part)
        two steps   the same with D from Richardson, and 100 ((D1 - D0)/a)^2 <= tol/|a|, asym <= |a|/10
        """
        hidden = self.sigma if two else self._loudest
        size = np.abs(a)
        with np.errstate(all="ignore"):
            rough = 2 * half / size
            calm = (100 * (seen.change / size) ** 2 if two else (seen.asym / size) ** 2) <= rough
            calm &= (seen.asym <= 0.1 * size) if two else True
            good: Array = (np.abs(seen.D - a) <= half) & (hidden / seen.h <= half) & calm & (size > 0)
        return good

    @cached_property
    def _loudest(self) -> Array:
        loudest: Array = np.maximum(self.sigma, self.bend)
        return loudest

    # Columns one by one.

    def _one_by_one(self, columns: Array, exponents: tuple[int, ...]) -> None:
        """Accept the entries that pass; a = 0 does if f+ = f0 = f- bit for bit, and at a far one-sided step too."""
        a = self.a[columns]
        claims_zero = np.flatnonzero(~a.all(axis=1))
        asked = claims_zero[:0] if self.d.costly else claims_zero
        looks, far = self.d.around_and(columns, exponents, columns[asked], self._away(columns[asked]))
        seen, half = self._seen(looks), self._half(a)
        good, D, bound = self._passes(a, half, seen, len(looks) > 1), seen.D, half
        if len(claims_zero):
            still = (a == 0) & seen.flat
            if self.d.costly:
                asked = np.flatnonzero(still.any(axis=1))
                far = self.d.at(columns[asked], self._away(columns[asked]))[0]
            still[asked] &= (far == self.d.f0) | ~np.isfinite(far)
            good |= still
            D, bound = np.where(still, 0.0, D), np.where(still, 0.0, bound)
        still_open = np.flatnonzero(~self._settle(columns, good, D, bound).all(axis=1))
        for e, look in zip(exponents, looks, strict=True):
            self.taken.keep(columns, e, look, still_open)

    def _seen(self, looks: list[Look]) -> Quotient:
        """One rung's quotients, and Richardson's extrapolation of two."""
        h, D, asym, flat = quotients(*looks[0], self.d.f0)
        if len(looks) == 1:
            return Quotient(h, D, asym, flat, np.zeros(()))
        h1, D1, _ = central(*looks[1], self.d.f0)
        with np.errstate(all="ignore"):
            ratio = (h1 / h) ** 2
            return Quotient(h, (ratio * D - D1) / (ratio - 1), asym, flat, D1 - D)

    def _away(self, columns: Array) -> Array:
        """Far steps away from zero."""
        x, scale = self.d.coordinates.x[columns], self.d.scale[columns]
        far: Array = FAR * np.where(x < 0, -scale, scale)
        return far

    def _settle(self, columns: Some, good: Array, D: Array, bound: Array) -> Array:
        """Settle the good entries, and give those that now are."""
        before = self.settled[columns]
        if not good.all() or before.any():
            D, bound = (np.where(good, now, was[columns]) for now, was in ((D, self.numeric), (bound, self.bound)))
        self.numeric[columns], self.bound[columns] = D, bound
        self.settled[columns] = now = good | before
        return now

    # Columns together.

    def _try_twice(self, sets: list[Array], exponents: tuple[int, ...]) -> None:
        """Try sets of columns, as many at once as stay in the cache; and what is left of those that do not pass."""
        width = max(1, PIECE // max(self.a.shape))
        for some in (sets[k : k + width] for k in range(0, len(sets), width)):
            left = self._groups(some, exponents)
            if left:
                self._groups(left, exponents)

    def _still_together(self, columns: Array) -> Array:
        """Whether every claimed zero of a column is one: its output stays bit for bit the same when sets of columns on which it
        does not depend move at the same time, far, and near to both sides. Of all columns; those that are not asked for say no.
        """
        pattern = self.a[columns] != 0
        sets = cover(pattern)
        near = self.d.step(columns, RUNGS[0][0])
        steps = np.zeros((3, len(sets), len(self.a)))
        for part, step in zip(steps, (self._away(columns), near, -near), strict=True):
            part[:, columns] = sets * step * uneven(len(columns))
        values, _ = self.d.at_once(steps.reshape(-1, len(self.a)))
        with np.errstate(all="ignore"):
            clear = sets.astype(np.float32) @ pattern.astype(np.float32) == 0
        moved = np.any(clear & (values != self.d.f0).reshape(*steps.shape[:2], len(self.d.f0)).any(axis=0), axis=1)
        still = np.zeros(len(self.a), bool)
        still[columns] = ~sets[moved].any(axis=0)
        return still

    def _groups(self, sets: list[Array], exponents: tuple[int, ...]) -> list[Array]:
        """Accept columns that are moved together, if every output shows what the one column claims on which it depends, and
        where there is none, nothing. Of each set that does not pass give what is left for another try, which must pass as a
        whole: its columns but those whose claims do not.
        """
        patterns = [self.a[group] != 0 for group in sets]
        owned = np.array([pattern.any(axis=0) for pattern in patterns])
        owner = np.array([group[np.argmax(pattern, axis=0)] for group, pattern in zip(sets, patterns, strict=True)])
        seen = self._seen(self._together(sets, owner, exponents))
        a = self.a[owner, np.arange(self.a.shape[1])]
        half = self._half(a)
        good = np.where(owned, self._passes(a, half, seen, len(exponents) > 1), seen.flat)
        left = []
        for k, group in enumerate(sets):
            if good[k].all():
                mine = (group[:, None] == owner[k]) & owned[k]
                self._settle(group, np.ones(mine.shape, bool), np.where(mine, seen.D[k], 0.0), np.where(mine, half[k], 0.0))
            elif np.all(good[k] | owned[k]):
                left.append(group[~np.isin(group, owner[k, owned[k] & ~good[k]])])
        return [group for group in left if len(group) > 1]

    def _together(self, sets: list[Array], owner: Array, exponents: tuple[int, ...]) -> list[Look]:
        """For each exponent what each output shows, (sets, outputs), by the step of the column that it belongs to, with all
        columns of a set moved.
        """
        steps = np.zeros((len(exponents), 2, len(sets), len(self.a)))
        for k, group in enumerate(sets):
            factors = uneven(len(group))
            for part, exponent in zip(steps, exponents, strict=True):
                part[0, k, group] = self.d.step(group, exponent) * factors
        steps[:, 1] = -steps[:, 0]
        values, gone = self.d.at_once(steps.reshape(-1, len(self.a)))
        values, gone = values.reshape(*steps.shape[:3], -1), gone.reshape(steps.shape)
        own = gone[:, :, np.arange(len(sets))[:, None], owner]
        return [Look(v[0], v[1], h[0], -h[1]) for v, h in zip(values, own, strict=True)]
