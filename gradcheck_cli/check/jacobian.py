"""One input's Jacobian, judged: the cheap test first, and the ladder for what it does not settle.

Entries are arrays of shape (coordinates of the input, outputs): a row of them is what one perturbed coordinate shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from gradcheck_cli.check.cheap import CheapTest, Taken
from gradcheck_cli.check.claimed import RowSizes
from gradcheck_cli.check.differences import EPS, PIECE, Differences, quotients
from gradcheck_cli.check.ladder import Estimate, Slopes, estimate
from gradcheck_cli.check.verdict import (
    DEEP,
    FAILING,
    HIGH,
    WHISPER,
    Tolerance,
    Verdict,
    all_agree,
    among,
    at_kinks,
    flat_up_to_a_kink,
    judge,
    kink_shape,
    off_the_line,
    unexplained_noise,
    zero_times_infinity,
)

Array = np.ndarray[Any, Any]
FAINT, ABSORBED = 2.0**-10, 2.0**-24
"""Where an output's claimed changes are all below the first part of its size, rounding may hide a slope behind a claimed zero;
and where its steepest claimed slope would, along this coordinate, change it by less than the second part."""
FARTHEST = 64.0
"""Such slopes are listened for so many scales away."""
FIRST_LOOK = {0: (-17, -10, -8, -6), 1: (-17, -11, -9, -7, -5), 2: (-17, -11, -9, -7, -5)}
"""The ladder's first steps, after each of the rungs."""
ENDLESS = (-44, -52, -60, -68, -76, -84, -92, -100, -150, -200, -300, -500, -900)
"""Steps at which a slope that is said to be infinite must go on growing, until the forward does not move any more."""
ROUNDS = 5
WORTH, FEW = 4, 256
"""Outputs are looked at alone where they are at most one in so many; of so few all are."""
MOST_STEPS = 23
"""At most so many steps are taken for a column: 46 evaluations."""


class Judged(NamedTuple):
    """What is known of each entry."""

    claimed: Array
    numeric: Array
    bound: Array
    """Of the error of `numeric`; infinite where the scales contradict each other."""
    verdict: Array


class Comparison:
    """Claimed against numeric, for one input. `run()` gives a `Judged`."""

    def __init__(
        self,
        claimed: Array,
        differences: Differences,
        tolerance: Tolerance,
        sizes: RowSizes,
        witness: Callable[[Array], Array] | None = None,
    ) -> None:
        self.a, self.d, self.tol = claimed, differences, tolerance
        self.witness = witness
        """Slopes of whole columns by the complex step, NaN where it cannot be taken."""
        self.sizes = sizes
        self.numeric, self.bound = np.full(claimed.shape, np.nan), np.full(claimed.shape, np.inf)
        self.verdict = np.full(claimed.shape, Verdict.UNSETTLED, np.int8)
        self.taken = Taken(len(claimed))
        self.wishes = np.zeros(len(claimed), np.int8)
        """What each column's open entries ask for next."""
        self.best = np.zeros(len(claimed), np.intp)
        """For each column the position of the step that served an open entry best."""

    def run(self) -> Judged:
        """Settle every entry, or say why it cannot be."""
        if self.a.size:
            self._ladder(np.flatnonzero(~self._cheap().all(axis=1)))
        if not all_agree(self.verdict):
            self.verdict[self.verdict == Verdict.UNSETTLED] = Verdict.SCALES
            self._hear_witness()
        self._listen()
        if not all_agree(self.verdict):
            self._doubt_infinite_slopes()
            self._excuse_zero_times_infinity()
            nowhere = np.flatnonzero(~np.isfinite(self.d.coordinates.x))
            failing = among(self.verdict[nowhere], FAILING)
            self.verdict[nowhere] = np.where(failing, Verdict.NOT_FINITE, self.verdict[nowhere])
        return Judged(self.a, self.numeric, self.bound, self.verdict)

    def _doubt_infinite_slopes(self) -> None:
        """Go on to ever shorter steps from a coordinate that is zero: an infinite slope grows without end, and that of
        sqrt(x + eps) does not. One that is the same at the last two steps is that number.
        """
        edges = self.verdict == Verdict.EDGE
        if not edges.any():
            return
        endless = edges & np.isinf(self.a) & (self.d.coordinates.x == 0)[:, None]
        columns = np.flatnonzero(endless.any(axis=1))
        if not len(columns):
            return
        slopes = np.array([self._steepest(columns, exponent) for exponent in ENDLESS])
        with np.errstate(all="ignore"):
            stalls = (slopes[1:] != 0) & ~(slopes[1:] > 1.05 * slopes[:-1])
            limit = np.take_along_axis(slopes, np.argmax(stalls, axis=0)[None] + 1, axis=0)[0]
            steady = (
                np.take_along_axis(np.abs(np.diff(slopes, axis=0)), np.argmax(stalls, axis=0)[None], axis=0)[0] <= 1e-3 * limit
            )
        stalled, ends = endless[columns] & stalls.any(axis=0), endless[columns] & stalls.any(axis=0) & steady
        self.verdict[columns] = np.where(ends, Verdict.DISAGREE, np.where(stalled, Verdict.SCALES, self.verdict[columns]))
        self.numeric[columns] = np.where(ends, np.sign(self.a[columns]) * limit, self.numeric[columns])
        self.bound[columns] = np.where(ends, 1e-3 * limit, self.bound[columns])

    def _steepest(self, columns: Array, exponent: int) -> Array:
        """The larger of the two one-sided slopes, in size, at a step of 2^exponent; of one where only that is finite."""
        slopes = []
        for step in (2.0**exponent, -(2.0**exponent)):
            values, gone = self.d.at(columns, step * self.d.scale[columns])
            with np.errstate(all="ignore"):
                slopes.append(np.abs((np.where(np.isfinite(values), values, np.nan) - self.d.f0) / gone))
        found: Array = np.fmax(*slopes)
        return found

    def _excuse_zero_times_infinity(self) -> None:
        """At an edge where the slope is infinite, a zero cotangent gives 0 * inf = NaN for the outputs that do not depend on
        this input: the NaN is the edge's, not the rule's.
        """
        if np.isinf(self.a).any():
            excused = zero_times_infinity(self.a, self.numeric, self.bound, self.verdict, axis=1)
            self.verdict[excused] = Verdict.EDGE

    def _hear_witness(self) -> None:
        """Let the complex step settle what is open, and stop accusations that it does not bear out.

        open, |w - D| <= E and |w - a| <= tol     agree
        negligible, |w - a| > tol                 open: rounding is no excuse where there is a witness
        accused, |w - a| <= |a - D| / 10, and     open: the forward may have lost all its digits under a smooth factor, which
        |a - D| s <= 2^-30 max(|f|, |x|)          no difference can tell from a straight line
        """
        tiny = self.verdict == Verdict.NEGLIGIBLE
        doubtful = tiny | among(self.verdict, (Verdict.NOISE, Verdict.SCALES, Verdict.DISAGREE))
        columns = np.flatnonzero(doubtful.any(axis=1))
        if self.witness is not None and len(columns):
            w = self.witness(columns)
            if w.shape == (len(columns), self.a.shape[1]):
                self._weigh(columns, w)
        tiny = self.verdict == Verdict.NEGLIGIBLE
        columns = np.flatnonzero(tiny.any(axis=1))
        if len(columns):
            still = np.where(self._still_anywhere(columns), Verdict.AGREE, Verdict.NOISE)
            self.verdict[columns] = np.where(tiny[columns], still, self.verdict[columns])

    def _still_anywhere(self, columns: Array) -> Array:
        """Whether an output stays bit for bit the same however far the coordinate goes, where the forward is defined at all:
        then the slope is zero, and a claim below the rule's own rounding is no error.
        """
        still, heard = np.ones((len(columns), self.a.shape[1]), bool), np.zeros((len(columns), self.a.shape[1]), bool)
        for far in (-64.0, -8.0, -1.0, -0.25, 0.25, 1.0, 8.0, 64.0):
            values, _ = self.d.at(columns, far * self.d.scale[columns])
            still &= (values == self.d.f0) | ~np.isfinite(values)
            heard |= np.isfinite(values)
        result: Array = still & heard
        return result

    def _weigh(self, columns: Array, w: Array) -> None:
        a, D, E, verdict = self.a[columns], self.numeric[columns], self.bound[columns], self.verdict[columns]
        with np.errstate(all="ignore"):
            borne_out = np.abs(w - a) <= self.tol.of(a, w)
            still_open = among(verdict, (Verdict.NOISE, Verdict.SCALES)) & np.isfinite(E)
            agreed = (still_open & (np.abs(w - D) <= E) & borne_out) | ((verdict == Verdict.NEGLIGIBLE) & borne_out)
            magnitude = np.maximum(np.abs(self.d.f0), self.d.coordinates.sizes(columns))
            lost = np.abs(a - D) * self.d.scale[columns][:, None] <= 2.0**-30 * magnitude
            doubted = (verdict == Verdict.DISAGREE) & (np.abs(w - a) <= np.abs(a - D) / 10) & np.isfinite(a) & lost
            doubted |= (verdict == Verdict.NEGLIGIBLE) & ~borne_out
        verdict[agreed], verdict[doubted] = Verdict.AGREE, Verdict.NOISE
        self.verdict[columns] = verdict
        self.numeric[columns] = np.where(agreed, w, D)
        self.bound[columns] = np.where(agreed, self.tol.of(a, w), np.where(doubted, np.fmax(E, np.abs(w - D)), E))

    def _listen(self) -> None:
        """Doubt zeros that only rounding may have made: a forward that does not move, under a large offset.

        With a witness, w = 0 confirms the zero. Without one it is doubted if the forward moves FARTHEST scales away, or an
        eighth of them, by no more than WHISPER EPS |f|.
        """
        if self.a.all():
            return
        zeros = (self.a == 0) & (self.numeric == 0) & (self.verdict == np.int8(Verdict.AGREE)) & self._faint()
        columns = np.flatnonzero(zeros.any(axis=1))
        if not len(columns):
            return
        s, limit = self.d.scale[columns][:, None], WHISPER * EPS * np.abs(self.d.f0)
        slope = np.zeros(zeros[columns].shape)
        for far in (-FARTHEST, -FARTHEST / 8, FARTHEST / 8, FARTHEST):
            change = np.abs(self.d.at(columns, far * self.d.scale[columns])[0] - self.d.f0)
            slope = np.fmax(slope, np.where(change <= limit, change, 0.0) / (abs(far) * s))
        w = self.witness(columns) if self.witness is not None else slope
        if w.shape == slope.shape:
            slope = np.where(np.isnan(w), slope, np.abs(w))
        doubted = zeros[columns] & (slope > 0)
        self.verdict[columns] = np.where(doubted, Verdict.NOISE, self.verdict[columns])
        resolution = slope + 2 * EPS * np.abs(self.d.f0) / (FARTHEST * s)
        self.bound[columns] = np.where(doubted, resolution, self.bound[columns])

    def _faint(self) -> Array:
        """Entries (coordinates, outputs) at which a slope could be lost in the rounding of a large value."""
        f = np.abs(self.d.f0)
        absorbed = self.d.scale[:, None] * self.sizes.slope <= ABSORBED * f
        result: Array = (absorbed | (self.sizes.change <= FAINT * f)) & (f != 0)
        return result

    def _cheap(self) -> Array:
        """Entries that agree at once."""
        test = CheapTest(self.a, self.d, self.tol, self.numeric, self.bound)
        settled = test.run()
        self.taken = test.taken
        self.verdict[settled] = Verdict.AGREE
        return settled

    # The ladder.

    def _ladder(self, columns: Array, number: int = 0) -> None:
        """Look at columns until everything is settled, or nothing helps; as soon as few entries are left, where they are only:
        on a part of the input, in groups of the coordinates with such entries, at their outputs.
        """
        while number < ROUNDS and len(columns):
            if number < 2 and (self._narrow() or self._repack() or self._watch(number)):
                return
            columns = self._look(columns, number)
            number += 1

    def _narrow(self) -> bool:
        """Settle what is open where the forward runs on these blocks only, if it can."""
        still_open = self.verdict == Verdict.UNSETTLED
        found = self.d.narrowed(still_open.any(axis=0))
        if found is None:
            return False
        d, outputs = found
        sizes = RowSizes(*(part[outputs] for part in self.sizes))
        self._settle_with(Comparison(self.a[:, outputs], d, self.tol, sizes), (slice(None), outputs), still_open)
        return True

    def _repack(self) -> bool:
        """Settle what is open in fewer groups, if the coordinates can be grouped so."""
        still_open = self.verdict == Verdict.UNSETTLED
        found = self.d.coordinates.repacked(still_open)
        if found is None:
            return False
        coordinates, pick = found
        here = (pick[:, coordinates.of_output], np.arange(self.a.shape[1]))
        self._settle_with(Comparison(self.a[here], self.d.along(coordinates), self.tol, self.sizes), here, still_open)
        return True

    def _watch(self, number: int) -> bool:
        """Go on with the outputs that have open entries, if they are few."""
        still_open = self.verdict == Verdict.UNSETTLED
        outputs = np.flatnonzero(still_open.any(axis=0))
        if len(outputs) * WORTH > self.a.shape[1] or self.a.shape[1] <= FEW:
            return False
        sizes = RowSizes(*(part[outputs] for part in self.sizes))
        fewer = Comparison(self.a[:, outputs], self.d.watching(outputs), self.tol, sizes)
        fewer.taken, fewer.wishes, fewer.best = self.taken.watching(outputs), self.wishes, self.best
        self._settle_with(fewer, (slice(None), outputs), still_open, number)
        return True

    def _settle_with(self, fewer: Comparison, here: Any, still_open: Array, number: int = 0) -> None:
        """Settle what is open by a comparison of some of the entries, those `here`, from the look of that number on."""
        fewer.verdict[~still_open[here]] = Verdict.AGREE
        fewer._ladder(np.flatnonzero(still_open[here].any(axis=1)), number)
        self.d.evaluations += fewer.d.evaluations
        for mine, theirs in ((self.verdict, fewer.verdict), (self.numeric, fewer.numeric), (self.bound, fewer.bound)):
            mine[here] = np.where(still_open[here], theirs, mine[here])

    def _look(self, columns: Array, number: int) -> Array:
        """One look at columns that are not settled: take their steps, judge, and give back what is still open."""
        for steps, group in self._wanted(columns, number):
            for e, look in zip(steps, self.d.around(group, steps), strict=True):
                self.taken.keep(group, e, look, np.arange(len(group)))
        open_columns = []
        for exponents, group in self._by_steps(columns):
            self._judge_group(group, exponents, last=number == ROUNDS - 1)
            open_columns.append(group[(self.verdict[group] == Verdict.UNSETTLED).any(axis=1)])
        return np.concatenate(open_columns) if open_columns else columns[:0]

    def _by_steps(self, columns: Array) -> Iterator[tuple[tuple[int, ...], Array]]:
        """Columns with the same steps, together."""
        groups: dict[tuple[int, ...], list[int]] = {}
        for j in columns:
            groups.setdefault(self.taken.exponents(int(j)), []).append(int(j))
        for exponents, members in groups.items():
            yield exponents, np.array(members)

    def _wanted(self, columns: Array, number: int) -> Iterator[tuple[list[int], Array]]:
        """The next steps of each column: the ladder's first, then up, down or denser, as its open entries ask for."""
        for exponents, group in self._by_steps(columns):
            if number == 0:
                rung = 0 if len(exponents) == 1 else 1
                yield [e for e in FIRST_LOOK[rung] if e not in exponents], group
                continue
            wishes: dict[tuple[int, ...], list[int]] = {}
            for j in group:
                wishes.setdefault(self._next_steps(int(j), exponents, number), []).append(int(j))
            for steps, members in wishes.items():
                room = MOST_STEPS - len(exponents)
                if steps and room > 0:
                    yield list(steps[:room]), np.array(members)

    def _next_steps(self, j: int, exponents: tuple[int, ...], number: int) -> tuple[int, ...]:
        """Longer steps where noise is the limit at the top; shorter ones where curvature is at the bottom, where something
        is not finite or looks like a kink; else more steps above the best one.
        """
        wish = self.wishes[j]
        low, high = exponents[0], exponents[-1]
        steps: set[int] = set()
        if wish & UP:
            x = np.abs(self.d.coordinates.x)
            largest = float(np.max(x, initial=1.0, where=np.isfinite(x)))
            top = int(np.floor(6 + np.log2(largest) - np.log2(self.d.scale[j])))  # 64 times that, in scales
            steps |= {e for e in (high + 2 * number, high + 4 * number) if e <= top}
        own = int(self._own_scales(np.array([j]))[0])
        if wish & DOWN and own < exponents[0] + 10:
            steps |= {own + e for e in FIRST_LOOK[1]}
        elif wish & DOWN:
            reach = ((-3, -6, -9), (-4, -8, -12), (-3, -6), (-4, -8))[number - 1]
            steps |= {max(low + r, min(own, 0) - 44) for r in reach}
        if wish & DENSER or not steps:
            best = exponents[min(int(self.best[j]), len(exponents) - 1)]
            steps |= {e for e in range(best - 1, best + 6) if e not in exponents}
        return tuple(sorted(steps - set(exponents)))

    def _own_scales(self, columns: Array) -> Array:
        """The exponents at which a step is as long as the coordinate itself: far down where others are much larger."""
        return _exponents_of(self.d.coordinates.own_sizes(columns) / self.d.scale[columns])

    def _judge_group(self, columns: Array, exponents: tuple[int, ...], last: bool) -> None:
        """Judge the open entries of columns that share their steps."""
        place, output = np.nonzero(self.verdict[columns] == Verdict.UNSETTLED)
        column = columns[place]
        looks = [self.taken.entries(e, column, output) for e in exponents]
        up, down, h_up, h_down = map(np.array, zip(*looks, strict=True))
        group = _Entries(exponents, up, down, h_up, h_down, column, output)
        self.wishes[columns] = 0
        usable = np.isfinite(group.up) & np.isfinite(group.down)
        for pattern, members in _patterns(usable):
            for start in range(0, len(members), PIECE):
                self._judge_entries(group.only(members[start : start + PIECE]), pattern, last)

    def _judge_entries(self, group: _Entries, finite: Array, last: bool) -> None:
        """Judge entries that are finite on both sides at the same steps."""
        f = self.d.f0[group.output]
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

    def _one_sided(self, group: _Entries, last: bool) -> None:
        """Entries that are finite on one side only (or on none): the border of the domain."""
        f = self.d.f0[group.output]
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
                open_now = self.verdict[part.column, part.output] == Verdict.UNSETTLED
                # Slopes that grow without end towards the border have no limit: nothing is accused there.
                growing = without_end(D, steps) & (exponents[0] <= DEEP)
                edge = open_now & growing
                self._settle(part.only(edge), np.full(edge.sum(), Verdict.EDGE))
        self._wish(group, DOWN)
        if last:
            open_now = self.verdict[group.column, group.output] == Verdict.UNSETTLED
            self._settle(group.only(open_now), np.full(open_now.sum(), Verdict.NOT_FINITE))

    def _decide(self, group: _Entries, slopes: Slopes, f: Array, last: bool, complete: bool) -> None:
        """Estimate, judge, look for kinks; where neither settles, wish for further steps."""
        d, column, output = self.d, group.column, group.output
        a, x, s = self.a[column, output], d.coordinates.position(column, output), d.scale[column]
        sigma, rounding, beside_kink = (n[output] for n in d.noise())
        slack = (rounding + 16 * EPS * self.sizes.change[output]) / s
        tol = self.tol._replace(atol=np.maximum(self.tol.atol, 16 * self.tol.unit * self.sizes.change[output] / s))
        found = estimate(slopes, f, x, sigma, rounding, slack)
        magnitude = np.maximum(np.abs(f), d.coordinates.largest)
        longest_flat = np.max(np.where(slopes.flat, slopes.h, 0.0), axis=0)
        with np.errstate(all="ignore"):
            flat_bound = np.where(longest_flat > 0, 2 * EPS * magnitude / longest_flat, 0.0)
        deep = slopes.exponents[0] <= DEEP
        reach = self._half_jump(group, slopes, f, x, sigma, rounding)
        negligible = 16 * EPS * self.sizes.change[output] / s
        verdict = judge(a, slopes, found, flat_bound, f, tol, deep, group.exponents[-1] >= HIGH, negligible, reach)
        D, E = found.D, found.E
        flat = np.all(slopes.flat, axis=0) | flat_up_to_a_kink(slopes, f)
        D, E = np.where(flat, 0.0, D), np.where(flat, flat_bound, E)
        kinks = kink_shape(slopes, f, beside_kink)
        kink, jump = kinks.kink, kinks.jump
        if deep:
            verdict[kink] = at_kinks(a, kinks, flat_bound)[kink]
            D, E = np.where(kink, kinks.D, D), np.where(kink, kinks.asym, E)
            verdict[jump & (0.1 * np.abs(D) < E) & (verdict == Verdict.UNSETTLED)] = Verdict.NEAR_KINK
        else:
            # What may be a kink is looked at further down before anything is said.
            verdict[kink | (jump & (verdict != Verdict.AGREE))] = Verdict.UNSETTLED
        steep = without_end(np.abs(slopes.D) + slopes.asym, slopes.h) & np.isinf(a)
        verdict[steep] = Verdict.EDGE if deep else Verdict.UNSETTLED
        self.numeric[column, output], self.bound[column, output] = D, E
        # Nothing is accused before steps as short as the coordinate itself, or as what may be a spike, have been heard.
        unheard = _exponents_of(np.abs(x) / s) < group.exponents[0] + 10
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
        self.verdict[column, output] = verdict

    def _half_jump(self, group: _Entries, slopes: Slopes, f: Array, x: Array, sigma: Array, rounding: Array) -> Array:
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

    def _wish_further(self, group: _Entries, slopes: Slopes, found: Estimate, further: Array, complete: bool) -> None:
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

    def _wish(self, group: _Entries, wish: Any) -> None:
        np.bitwise_or.at(self.wishes, group.column, np.broadcast_to(wish, group.column.shape).astype(np.int8))

    def _settle(self, group: _Entries, verdict: Array) -> None:
        self.verdict[group.column, group.output] = verdict


def _exponents_of(size: Array) -> Array:
    """floor(log2 size), 0 where it is zero or not finite."""
    usual = (size == 0) | ~np.isfinite(size)
    exponents: Array = np.floor(np.log2(np.where(usual, 1.0, size))).astype(np.intp)
    return exponents


UP, DOWN, DENSER = 1, 2, 4
"""Which steps an open entry asks for next."""


def without_end(D: Array, h: Array) -> Array:
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


class _Entries(NamedTuple):
    """Values of some entries at the steps of their columns: (steps, entries), from the smallest step."""

    exponents: tuple[int, ...]
    up: Array
    down: Array
    h_up: Array
    h_down: Array
    column: Array
    output: Array

    def only(self, members: Array) -> _Entries:
        up, down, h_up, h_down, column, output = (part[..., members] for part in self[1:])
        return _Entries(self.exponents, up, down, h_up, h_down, column, output)

    def at_steps(self, kept: Array) -> _Entries:
        exponents = tuple(e for e, keep in zip(self.exponents, kept, strict=True) if keep)
        up, down, h_up, h_down = (part[kept] for part in self[1:5])
        return _Entries(exponents, up, down, h_up, h_down, self.column, self.output)


def _patterns(finite: Array) -> Iterator[tuple[Array, Array]]:
    """Entries grouped by which of their steps are usable."""
    if finite.all():
        yield np.ones(len(finite), bool), np.arange(finite.shape[1])
        return
    patterns, which = np.unique(finite, axis=1, return_inverse=True)
    for k in range(patterns.shape[1]):
        yield patterns[:, k], np.flatnonzero(np.ravel(which) == k)


def classical(a: Array, d: Differences, eps: float, rtol: float, atol: float) -> Judged:
    """PyTorch's gradcheck: D = (f(x + eps) - f(x - eps)) / (2 eps), |a - D| <= atol + rtol |D|."""
    columns = np.arange(d.coordinates.size)
    up, h_up = d.at(columns, np.full(len(columns), eps))
    down, h_down = d.at(columns, np.full(len(columns), -eps))
    with np.errstate(all="ignore"):
        D = (up - down) / (h_up - h_down)
        agree = np.abs(a - D) <= atol + rtol * np.abs(D)
    verdict = np.where(agree, Verdict.AGREE, np.where(np.isfinite(D), Verdict.DISAGREE, Verdict.NOT_FINITE))
    return Judged(a, D, np.full(a.shape, np.nan), verdict.astype(np.int8))
