"""Judging entries by the steps that were taken for their columns, and what further steps they ask for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from gradcheck_cli.check.cheap import Taken
from gradcheck_cli.check.comparison import Comparison
from gradcheck_cli.check.differences import EPS, PIECE, quotients
from gradcheck_cli.check.ladder import Estimate, Slopes, estimate
from gradcheck_cli.check.shapes import kink_shape, off_the_line, rest_of, unexplained_noise
from gradcheck_cli.check.verdict import (
    DEEP,
    FAILING,
    HIGH,
    Verdict,
    among,
    at_kinks,
    judge,
)

Array = np.ndarray[Any, Any]
UP, DOWN, DENSER = 1, 2, 4
"""Which steps an open entry asks for next."""


class Entries(NamedTuple):
    """Values of some entries at the steps of their columns: (steps, entries), from the smallest step."""

    exponents: tuple[int, ...]
    up: Array
    down: Array
    h_up: Array
    h_down: Array
    column: Array
    output: Array

    def only(self, members: Array) -> Entries:
        """Some of them."""
        up, down, h_up, h_down, column, output = (part[..., members] for part in self[1:])
        return Entries(self.exponents, up, down, h_up, h_down, column, output)

    def at_steps(self, kept: Array) -> Entries:
        """At some of the steps, as a mask."""
        exponents = tuple(e for e, keep in zip(self.exponents, kept, strict=True) if keep)
        up, down, h_up, h_down = (part[kept] for part in self[1:5])
        return Entries(exponents, up, down, h_up, h_down, self.column, self.output)


class Jury:
    """Settles open entries of a comparison, as far as the steps that were taken say enough."""

    def __init__(self, comparison: Comparison) -> None:
        self.c = comparison
        self.wishes = np.zeros(len(comparison.a), np.int8)
        """What each column's open entries ask for next."""
        self.best = np.zeros(len(comparison.a), np.intp)
        """For each column the position of the step that served an open entry best."""

    def judge(self, taken: Taken, columns: Array, exponents: tuple[int, ...], last: bool) -> None:
        """Judge the open entries of columns that share their steps."""
        place, output = np.nonzero(self.c.verdict[columns] == Verdict.UNSETTLED)
        column = columns[place]
        looks = [taken.entries(e, column, output) for e in exponents]
        up, down, h_up, h_down = map(np.array, zip(*looks, strict=True))
        group = Entries(exponents, up, down, h_up, h_down, column, output)
        self.wishes[columns] = 0
        usable = np.isfinite(group.up) & np.isfinite(group.down)
        for pattern, members in _patterns(usable):
            for start in range(0, len(members), PIECE):
                self._judge_entries(group.only(members[start : start + PIECE]), pattern, last)

    def _judge_entries(self, group: Entries, finite: Array, last: bool) -> None:
        """Judge entries that are finite on both sides at the same steps."""
        f = self.c.d.f0[group.output]
        if not np.isfinite(f).all():
            settled = ~np.isfinite(f)
            self._settle(group.only(settled), np.full(settled.sum(), Verdict.NOT_FINITE))
            group, f = group.only(~settled), f[~settled]
        if not len(group.column):
            return
        if finite.sum() < 3:
            self._one_sided(group, last)
            return
        kept = group.at_steps(finite)
        h = (kept.h_up + kept.h_down) / 2
        _, D, asym, flat = quotients(kept.up, kept.down, kept.h_up, kept.h_down, f)
        self._decide(group, Slopes(kept.exponents, h, D, asym, flat, 2), f, last, complete=bool(finite.all()))

    def _one_sided(self, group: Entries, last: bool) -> None:
        """Entries that are finite on one side only (or on none): the border of the domain."""
        f = self.c.d.f0[group.output]
        for side, (values, h) in enumerate(((group.up, group.h_up), (group.down, group.h_down))):
            for pattern, members in _patterns(np.isfinite(values) & (h != 0)):
                if pattern.sum() < 3:
                    continue
                part = group.only(members)
                sign = -1.0 if side else 1.0
                moved, steps = values[pattern][:, members], h[pattern][:, members]
                D = sign * (moved - f[members]) / steps
                exponents = tuple(e for e, keep in zip(group.exponents, pattern, strict=True) if keep)
                still = moved == f[members]
                slopes = Slopes(exponents, steps, D, np.zeros_like(D), still, 1)
                self._decide(part, slopes, f[members], last, complete=True)
                open_now = self.c.verdict[part.column, part.output] == Verdict.UNSETTLED
                # Slopes that grow without end towards the border have no limit: nothing is accused there.
                growing = _without_end(D, steps) & (exponents[0] <= DEEP)
                edge = open_now & growing
                self._settle(part.only(edge), np.full(edge.sum(), Verdict.EDGE))
        self._wish(group, DOWN)
        if last:
            open_now = self.c.verdict[group.column, group.output] == Verdict.UNSETTLED
            self._settle(group.only(open_now), np.full(open_now.sum(), Verdict.NOT_FINITE))

    def _decide(self, group: Entries, slopes: Slopes, f: Array, last: bool, complete: bool) -> None:
        """Estimate, judge, look for kinks; where neither settles, wish for further steps."""
        d, column, output = self.c.d, group.column, group.output
        a, x, s = self.c.a[column, output], d.coordinates.position(column, output), d.scale[column]
        sigma, rounding, beside_kink = (n[output] for n in d.noise())
        slack = (rounding + 16 * EPS * self.c.sizes.change[output]) / s
        tol = self.c.tol._replace(atol=np.maximum(self.c.tol.atol, 16 * self.c.tol.unit * self.c.sizes.change[output] / s))
        found = estimate(slopes, f, x, sigma, rounding, slack)
        rest = rest_of(slopes, f, np.maximum(2 * EPS * np.maximum(np.abs(f), d.coordinates.largest), rounding))
        deep = slopes.exponents[0] <= DEEP
        with np.errstate(all="ignore"):
            apart = np.abs(a - found.D) > found.E
        # What lies within the bound needs no kink to explain it.
        reach = self._half_jump(group, slopes, f, x, sigma, rounding) if apart.any() else np.zeros(f.shape)
        negligible = 16 * EPS * np.maximum(self.c.sizes.change[output], np.abs(f)) / s
        verdict = judge(a, slopes, found, rest, f, tol, deep, group.exponents[-1] >= HIGH, negligible, reach)
        D, E = np.where(rest.flat, 0.0, found.D), np.where(rest.flat, rest.bound, found.E)
        kinks = kink_shape(slopes, f, beside_kink)
        kink, jump = kinks.kink, kinks.jump
        if deep:
            verdict[kink] = at_kinks(a, kinks, rest.bound)[kink]
            D, E = np.where(kink, kinks.D, D), np.where(kink, kinks.asym, E)
            verdict[jump & (0.1 * np.abs(D) < E) & (verdict == Verdict.UNSETTLED)] = Verdict.NEAR_KINK
        else:
            # What may be a kink is looked at further down before anything is said.
            verdict[kink | (jump & (verdict != Verdict.AGREE))] = Verdict.UNSETTLED
        steep = _without_end(np.abs(slopes.D) + slopes.asym, slopes.h) & np.isinf(a)
        verdict[steep] = Verdict.EDGE if deep else Verdict.UNSETTLED
        self.c.numeric[column, output], self.c.bound[column, output] = D, E
        # Nothing is accused before steps as short as the coordinate itself, or as what may be a spike, have been heard.
        unheard = exponents_of(np.abs(x) / s) < group.exponents[0] + 10
        if not deep:
            unheard |= off_the_line(slopes, found, f)
        unheard &= among(verdict, FAILING)
        verdict[unheard] = Verdict.UNSETTLED
        further = kink | jump | unheard | steep
        if not deep:
            with np.errstate(all="ignore"):
                hiding = np.abs(a - D) <= reach + E
            further |= (unexplained_noise(found, f) | hiding) & (verdict == Verdict.UNSETTLED)
        self._wish_further(group, slopes, found, further, complete)
        if last:
            verdict[verdict == Verdict.UNSETTLED] = Verdict.SCALES
            noisy = (verdict == Verdict.SCALES) & found.noise_limited & np.isfinite(E)
            verdict[noisy] = Verdict.NOISE
        self.c.verdict[column, output] = verdict

    def _half_jump(self, group: Entries, slopes: Slopes, f: Array, x: Array, sigma: Array, rounding: Array) -> Array:
        """Half of the difference of the two one-sided slopes at the point, and its bound: how far from D a subgradient may lie.

        (F - B)/2 is a series in h whose value at 0 is half of the jump of the slope, zero where the function is smooth.
        """
        if slopes.power != 2:
            return np.zeros(f.shape)
        rows = [group.exponents.index(e) for e in slopes.exponents]
        up, down, h_up, h_down = (part[rows] for part in (group.up, group.down, group.h_up, group.h_down))
        with np.errstate(all="ignore"):
            halves = ((up - f) / h_up - (f - down) / h_down) / 2
        found = estimate(slopes._replace(D=halves, power=1), f, x, 2 * sigma, 2 * rounding, np.zeros(f.shape))
        reach: Array = 1.001 * np.abs(found.D) + found.E
        return reach

    def _wish_further(self, group: Entries, slopes: Slopes, found: Estimate, further: Array, complete: bool) -> None:
        steps = len(slopes.exponents)
        best, noisy = found.best, found.noise_limited
        wish = np.where(noisy & (best >= steps - 2), UP, 0)
        wish |= np.where((~noisy & (best <= 1)) | further, DOWN, 0)
        if group.exponents[-1] < HIGH:
            wish |= UP
        if not complete:
            wish |= DOWN
        wish = np.where(wish == 0, DENSER, wish)
        self._wish(group, wish)
        self.best[group.column] = best

    def _wish(self, group: Entries, wish: Any) -> None:
        np.bitwise_or.at(self.wishes, group.column, np.broadcast_to(wish, group.column.shape).astype(np.int8))

    def _settle(self, group: Entries, verdict: Array) -> None:
        self.c.verdict[group.column, group.output] = verdict


def _patterns(finite: Array) -> Iterator[tuple[Array, Array]]:
    """Entries grouped by which of their steps are usable."""
    if finite.all():
        yield np.ones(len(finite), bool), np.arange(finite.shape[1])
        return
    patterns, which = np.unique(finite, axis=1, return_inverse=True)
    for k in range(patterns.shape[1]):
        yield patterns[:, k], np.flatnonzero(np.ravel(which) == k)


def exponents_of(size: Array) -> Array:
    """floor(log2 size), 0 where it is zero or not finite."""
    usual = (size == 0) | ~np.isfinite(size)
    exponents: Array = np.floor(np.log2(np.where(usual, 1.0, size))).astype(np.intp)
    return exponents


def _without_end(D: Array, h: Array) -> Array:
    """Whether slopes, (steps, entries), grow by a tenth or more from each step to the next shorter one; or, to a tenth, like
    log h at the four shortest.
    """
    growing: Array = np.all(np.abs(D[:-1]) > 1.1 * np.abs(D[1:]), axis=0)
    if len(D) < 4:
        return growing
    rate = (D[:3] - D[1:4]) / np.diff(np.log(np.abs(h[:4])), axis=0)
    size = np.abs(rate)
    steadily: Array = np.all(np.sign(rate) == np.sign(D[0]), axis=0) & (np.min(size, axis=0) > 0.9 * np.max(size, axis=0))
    return growing | steadily
