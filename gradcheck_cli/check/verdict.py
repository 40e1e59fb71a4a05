"""The judge: a pure function from a claimed value and a measured slope to a verdict."""

from __future__ import annotations

from enum import IntEnum
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from gradcheck_cli.check.ladder import EPS, Estimate, Slopes

Array = np.ndarray[Any, Any]


class Verdict(IntEnum):
    """What is known of one Jacobian entry."""

    UNSETTLED = 0
    AGREE = 1
    DISAGREE = 2
    KINK_BETWEEN = 3
    """A kink, and the claimed value lies between the one-sided slopes."""
    KINK_OUTSIDE = 4
    EDGE = 5
    """The border of the domain, where the slope has no limit from inside."""
    NOISE = 6
    """Inconclusive: the rounding noise is larger than what is to be resolved."""
    SCALES = 7
    """Inconclusive: the step sizes tell different slopes."""
    NEAR_KINK = 8
    """Inconclusive: a kink or jump too near to be separated."""
    NOT_FINITE = 9
    """Inconclusive: the forward is not finite here or around."""
    SKIPPED = 10
    """Not compared: a kink, with `kinks: skip`."""
    NEGLIGIBLE = 11
    """On the way only: below the rule's own rounding, at an entry that the forward does not show either."""


PASSING = (Verdict.AGREE, Verdict.KINK_BETWEEN, Verdict.EDGE, Verdict.SKIPPED)
FAILING = (Verdict.DISAGREE, Verdict.KINK_OUTSIDE)
KINKS = (Verdict.KINK_BETWEEN, Verdict.KINK_OUTSIDE, Verdict.EDGE, Verdict.SKIPPED)
UNDECIDED = (Verdict.UNSETTLED, Verdict.NOISE, Verdict.SCALES, Verdict.NEAR_KINK, Verdict.NOT_FINITE)


def among(verdict: Array, kinds: tuple[Verdict, ...]) -> Array:
    """Where entries, as numbers of `Verdict`, have one of these verdicts."""
    found: Array = _table(kinds).take(verdict)
    return found


@cache
def _table(kinds: tuple[Verdict, ...]) -> Array:
    return np.isin(np.arange(len(Verdict)), kinds)


def all_agree(verdict: Array) -> bool:
    """Whether every entry agrees, so that there is nothing to doubt or excuse."""
    return bool((verdict == np.int8(Verdict.AGREE)).all())


def zero_times_infinity(a: Array, D: Array, E: Array, verdict: Array, axis: int) -> Array:
    """Where a claim is 0 * inf = NaN, |D| <= E, beside an infinite slope along the axis that stands: the NaN is the edge's."""
    at_edge = (np.isinf(a) & ~among(verdict, FAILING)).any(axis=axis, keepdims=True)
    with np.errstate(all="ignore"):
        found: Array = at_edge & np.isnan(a) & (np.abs(D) <= E)
    return found


DEEP = -30
"""A kink is only believed when seen down to 2^-30 of the scale; structure finer than that goes unseen."""
MARGIN = 8
"""An accusation needs an error of more than so many times the bound: where a bound has failed, it was by a factor of three. An
error of ten tolerances is still accused wherever the bound is within the tolerance."""
WHISPER = 256
"""A change of at most so many roundings of the value may be a slope that shorter steps lost; more is another piece."""
SEEN = 3
"""So many quotients beside a, where the forward moves, are no coincidence, however large a noise is allowed for: at steps below
the chosen one, or at any where the forward seems to stand still."""
KINK_SLACK = 1e-3
"""To this part at most the two slopes at a kink are known; to what they differ by from step to step, where that is less."""
COARSE = -10
"""No forward rounds its input to less: half precision has 11 bits."""
NEAR = 1
"""Of the steps that say so one is no longer than 2^NEAR scales: far away a function may have come to rest, whatever it does at
the point."""
HIGH = -3
"""Nothing is accused before steps up to 2^-3 of the scale have been heard."""


class Tolerance(NamedTuple):
    """tol(a, D) = max(rtol max(|a|, |D|), atol): what counts as agreement."""

    rtol: float
    atol: Any = 0.0
    """A number, or one per entry."""
    unit: float = 0.0
    """Rounding unit of a rule that works in less than double precision; it may be off by 16 of them of its row."""

    def of(self, a: Array, D: Array) -> Array:
        """The largest difference that counts as agreement; nothing agrees with a claim that is not finite."""
        tol: Array = np.abs(a) if D is a else np.maximum(np.abs(a), np.abs(D))
        tol *= self.rtol
        if np.any(self.atol):
            tol = np.maximum(tol, self.atol)
        return tol if np.isfinite(tol.max(initial=0.0)) else np.where(np.isfinite(a), tol, -np.inf)


def judge(
    a: Array,
    slopes: Slopes,
    found: Estimate,
    flat_bound: Array,
    f: Array,
    tolerance: Tolerance,
    deep: bool,
    high: bool,
    negligible: Array,
    reach: Array,
) -> Array:
    """A verdict per entry; UNSETTLED where another look at other steps may decide.

    agree       E <= tol and |a - D| <= tol; or a = 0 where the forward does not move at all, or not before a kink on one side,
                or where it has a critical point: |D| <= E <= 1e-9 of the largest slope around, to either side
    negligible  |a| is below the rule's own rounding (measured by its row, or by the output), and the forward moves by no more
                than 8 EPS |f| at any step up to 2^HIGH
    disagree    |a - D| > tol + E and E < |a - D| / MARGIN, after steps up to 2^HIGH, with noise that rounding explains (or down
                to 2^DEEP), a scale other than the smallest that says so too, and one of up to 2^NEAR, none that backs a (one
                that could tell a from D), and quotients that do not keep growing towards the smallest steps, and the value at
                the point on the curve that the others show; nor is a within `reach` of D, a subgradient of a kink at the point
    """
    D, E = found.D, found.E
    with np.errstate(all="ignore"):
        tol = tolerance.of(a, D)
        error = np.abs(a - D)
        all_flat = np.all(slopes.flat, axis=0)
        flat = all_flat | flat_up_to_a_kink(slopes, f)
        steepest = steepest_around(slopes, found)
        agree = (tol >= E) & (error <= tol)
        agree |= (a == 0) & flat
        agree |= (a == 0) & (np.abs(D) <= E) & (1e-9 * steepest >= E)
        moved = np.max((np.abs(slopes.D) + slopes.asym) * slopes.h, axis=0)
        unseen = high & (np.abs(a) <= negligible) & (moved <= 8 * EPS * np.abs(f))
        rounding_explains = ~unexplained_noise(found, f)
        backed = np.any(
            (np.abs(a - found.values) <= np.maximum(found.bounds, tol))
            & (np.abs(D - found.values) > found.bounds + E)
            & (found.bounds < error / 2),
            axis=0,
        )
        beside = np.where(slopes.flat, np.inf, np.abs(slopes.D - a))
        below = np.arange(len(slopes.D))[:, None] < found.best
        backed |= np.count_nonzero((beside <= error / MARGIN) & below, axis=0) >= SEEN
        rejecting = MARGIN * found.bounds < np.abs(a - found.values)
        seconded = np.any(rejecting[1:], axis=0) | (found.best >= 1)
        seconded &= np.any(rejecting[np.array(slopes.exponents) <= NEAR], axis=0) | flat_nearby(a, slopes, flat_bound)
        started_flat = slopes.flat[0]
        disagree = (error > tol + E) & (error / MARGIN > E) & ~backed & (rounding_explains | deep)
        disagree &= ~off_the_curve(slopes, found, f)
        disagree &= np.isfinite(a) & (error > reach + E)
        disagree &= ~(started_flat & (np.abs(a) <= flat_bound)) & high & seconded & ~still_growing(slopes, f)
        # A forward that never moves, or not before a kink, has slope 0 to within the rounding of its longest flat step: of its
        # value, and of a few times that where larger numbers on the way to it were rounded.
        hidden = np.count_nonzero(beside <= np.abs(a) / MARGIN, axis=0) >= SEEN
        surely = all_flat | flat_up_to_a_kink(slopes, f, surely=True)
        disagree |= surely & (np.abs(a) > MARGIN * flat_bound) & high & ~hidden & (np.abs(a) > negligible)
        # A claimed NaN or infinity is wrong where the slope is a number.
        disagree |= ~np.isfinite(a) & high & ((1e-2 * np.maximum(np.abs(D), steepest) > E) | all_flat)
    verdict = np.full(a.shape, Verdict.UNSETTLED, dtype=np.int8)
    verdict[unseen] = Verdict.NEGLIGIBLE
    verdict[disagree] = Verdict.DISAGREE
    verdict[agree] = Verdict.AGREE
    return verdict


def flat_nearby(a: Array, slopes: Slopes, flat_bound: Array) -> Array:
    """Whether the forward stands still up to a step of at most 2^NEAR at which a would move it by MARGIN roundings."""
    still = np.logical_and.accumulate(slopes.flat, axis=0)
    near = np.array(slopes.exponents)[:, None] <= NEAR
    longest, nearest = (np.max(np.where(steps, slopes.h, 0.0), axis=0) for steps in (still, still & near))
    found: Array = np.abs(a) * nearest > MARGIN * flat_bound * longest
    return found


def flat_up_to_a_kink(slopes: Slopes, f: Array, surely: bool = False) -> Array:
    """Whether the forward does not move at two steps or more, and at the next longer one on one side only, and there by more
    than WHISPER roundings of the value: another piece begins there. A slope that rounding hides shows on both sides.

    A forward that rounds its input to half or single precision may seem to move on one side, at one step: if the longest flat
    step is shorter than 2^COARSE, it must be one side at the next one too; `surely`, always, as rounding on the way to large
    values may move it on one side first, and then on both.
    """
    if slopes.power != 2 or len(slopes.D) < 3:
        return np.zeros(f.shape, bool)
    first = np.argmin(slopes.flat, axis=0)  # the shortest step at which it moves
    one_sided = np.abs(np.abs(slopes.D) - slopes.asym) <= 1e-6 * slopes.asym
    pick, then = ((k, np.arange(len(f))) for k in (first, np.minimum(first + 1, len(slopes.D) - 1)))
    loud = 2 * np.abs(slopes.D[pick]) * slopes.h[pick] > WHISPER * EPS * np.abs(f)
    coarse = np.array(slopes.exponents)[first - 1] < COARSE
    found: Array = (first >= 2) & one_sided[pick] & loud & (one_sided[then] | (~coarse & (not surely)))
    return found


def off_the_curve(slopes: Slopes, found: Estimate, f: Array) -> Array:
    """Whether the value at the point does not lie on the curve through those beside it: a spike finer than the steps, as
    beside a pole or a singular matrix. Its slope is anything then.

    Q = |f+ - 2 f0 + f-| / 2 = asym h falls with h^2 for a smooth function, with h at a kink. Here at some step below the chosen
    one Q is a tenth of the values, and falls more slowly than h^(1/2) from there.
    """
    if slopes.power != 2:
        return np.zeros(f.shape, bool)
    Q = slopes.asym * slopes.h
    values = np.abs(f) + (np.abs(slopes.D) + slopes.asym) * slopes.h
    pick = (found.best, np.arange(len(f)))
    slowly = Q[pick] * np.sqrt(slopes.h / slopes.h[pick]) <= Q
    below = np.arange(len(Q))[:, None] < found.best
    spike: Array = np.any(below & slowly & (0.1 * values <= Q) & (Q > 0), axis=0)
    return spike


def off_the_line(slopes: Slopes, found: Estimate, f: Array) -> Array:
    """Whether there may be a narrow spike at the point: Q, as in `off_the_curve`, stands out by WHISPER roundings at some step
    below the chosen one, and falls more slowly than h^(1/2) to the next shorter one.
    """
    if slopes.power != 2 or len(slopes.h) < 2:
        return np.zeros(f.shape, bool)
    Q = slopes.asym * slopes.h
    values = np.abs(f) + (np.abs(slopes.D) + slopes.asym) * slopes.h
    slowly = Q[1:] * np.sqrt(slopes.h[:-1] / slopes.h[1:]) <= Q[:-1]
    below = np.arange(len(Q) - 1)[:, None] < np.maximum(found.best, 1)
    found_one: Array = np.any(below & slowly & (4 * WHISPER * EPS * values[:-1] <= Q[:-1]), axis=0)
    return found_one


def steepest_around(slopes: Slopes, found: Estimate) -> Array:
    """The largest one-sided slope, |D| + asym, that stands out of the noise at any step."""
    clear = np.abs(slopes.D) + slopes.asym - 4 * found.noise
    steepest: Array = np.max(np.where(np.isfinite(clear), clear, 0.0), axis=0, initial=0.0)
    return steepest


def still_growing(slopes: Slopes, f: Array) -> Array:
    """Whether the quotients grow by more than half from step to smaller step, and not by rounding: the steps are longer than
    what they are to resolve, and no limit is in sight.
    """
    if len(slopes.D) < 3:
        return np.zeros(f.shape, bool)
    size = np.abs(slopes.D[:3])
    noise = 8 * EPS * np.abs(f) / slopes.h[0]
    growing: Array = (size[0] > 1.5 * size[1]) & (size[1] > 1.5 * size[2]) & (size[0] > 8 * noise)
    return growing


def unexplained_noise(found: Estimate, f: Array) -> Array:
    """Whether more noise was seen than 64 roundings of the value make; it may be structure that the steps do not resolve."""
    loud: Array = found.seen > 64 * EPS * np.maximum(np.abs(f), EPS)
    return loud


class Kinks(NamedTuple):
    """Where entries sit on a kink or a jump, and the slopes on both sides of a kink, D - asym and D + asym, to `spread`."""

    kink: Array
    jump: Array
    D: Array
    asym: Array
    spread: Array


def kink_shape(slopes: Slopes, f: Array, noise: Array) -> Kinks:
    """Where the two one-sided slopes differ by an amount that does not shrink with h: a kink; and where the two one-sided
    values do, at the three smallest steps: a jump.

    kink: at three steps in a row asym h > 16 noise, asym ~ h^p with |p| <= 0.15 (smooth: p = 1, noise: p = -1), and D the same
          to asym / 5; and at every smaller step noise would hide it. Of these, and of what follows on them at longer steps, the
          three that differ least tell the slopes
    jump: |f+ - f-| the same to 1e-3, and more than 2^-26 |f|
    """
    kink, D, asym, spread = np.zeros(f.shape, bool), slopes.D[0], slopes.asym[0], np.zeros(f.shape)
    if len(slopes.h) < 3 or slopes.power != 2:
        return Kinks(kink, kink, D, asym, spread)
    with np.errstate(all="ignore"):
        h, first = slopes.h, slopes.asym[:-2]
        (least, most), (low, high) = (_of_three(part) for part in (slopes.asym, slopes.D))
        loud = _of_three(slopes.asym * h)[0] > 16 * noise
        exponent = np.log(slopes.asym[2:] / first) / np.log(h[2:] / h[:-2])
        alike = loud & (high - low <= least / 5) & (np.abs(exponent) <= 0.15)
        found = alike.copy()
        found[1:] &= first[1:] * np.maximum.accumulate(h[:-3], axis=0) <= 16 * noise
        for k in range(1, len(found)):
            found[k] |= alike[k] & found[k - 1]
        if found.any():
            kink = np.any(found, axis=0)
            spreads = np.where(found, high - low + (most - least) + 2 * noise / h[:-2], np.inf)
            pick = (np.argmin(spreads, axis=0), np.arange(len(f)))
            D, asym = np.where(kink, slopes.D[pick], D), np.where(kink, first[pick], asym)
            spread = np.where(kink, spreads[pick], spread)
        rise = np.abs(2 * slopes.h[:3] * slopes.D[:3])
        jump = (np.ptp(rise, axis=0) <= 1e-3 * np.max(rise, axis=0)) & (np.min(rise, axis=0) > 2.0**-26 * np.abs(f))
        jump &= np.min(rise, axis=0) > 0
    return Kinks(kink, jump, D, asym, spread)


def _of_three(values: Array) -> tuple[Array, Array]:
    """The least and the largest of three steps in a row, for each that has two larger ones."""
    low, high = (f(f(values[:-2], values[1:-1]), values[2:]) for f in (np.minimum, np.maximum))
    return low, high


def at_kinks(a: Array, kinks: Kinks, flat_bound: Array) -> Array:
    """A verdict per entry that sits on a kink: between the slopes, to KINK_SLACK of their difference at most; outside, beyond
    what they are known to, and more than what the forward hides where it stands still at short steps; or undecided.
    """
    inside = between(a, kinks.D, kinks.asym, np.minimum(KINK_SLACK * kinks.asym, kinks.spread))
    hidden = (flat_bound > 0) & ~(np.abs(a) > flat_bound)
    outside = ~between(a, kinks.D, kinks.asym, kinks.spread) & ~hidden
    return np.where(inside, Verdict.KINK_BETWEEN, np.where(outside, Verdict.KINK_OUTSIDE, Verdict.NEAR_KINK))


def between(a: Array, D: Array, asym: Array, slack: Array) -> Array:
    """Whether `a` lies between the one-sided slopes D - asym and D + asym."""
    result: Array = np.abs(a - D) <= asym * (1 + 1e-7) + np.where(np.isfinite(slack), slack, 0.0)
    return result
