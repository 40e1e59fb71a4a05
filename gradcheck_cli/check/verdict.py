"""The judge: a pure function from a claimed value and a measured slope to a verdict."""

from __future__ import annotations

from enum import IntEnum
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from gradcheck_cli.check.ladder import EPS, Estimate, Slopes
from gradcheck_cli.check.shapes import Kinks, Rest, off_the_curve, steepest_around, still_growing, unexplained_noise

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
SEEN = 3
"""So many quotients beside a, where the forward moves, are no coincidence, however large a noise is allowed for: at steps below
the chosen one, or at any where the forward seems to stand still."""
KINK_SLACK = 1e-3
"""To this part at most the two slopes at a kink are known; to what they differ by from step to step, where that is less."""
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
    rest: Rest,
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
        steepest = steepest_around(slopes, found)
        agree = (tol >= E) & (error <= tol)
        agree |= (a == 0) & rest.flat
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
        seconded &= np.any(rejecting[np.array(slopes.exponents) <= NEAR], axis=0) | flat_nearby(a, slopes, rest.bound)
        disagree = (error > tol + E) & (error / MARGIN > E) & ~backed & (rounding_explains | deep)
        disagree &= ~off_the_curve(slopes, found, f)
        disagree &= np.isfinite(a) & (error > reach + E)
        disagree &= ~(slopes.flat[0] & (np.abs(a) <= rest.bound)) & high & seconded & ~still_growing(slopes, f)
        # A forward that never moves, or not before a kink, has slope 0 to within the rounding of its longest flat step: of its
        # value, and of a few times that where larger numbers on the way to it were rounded.
        hidden = np.count_nonzero(beside <= np.abs(a) / MARGIN, axis=0) >= SEEN
        disagree |= rest.surely & (np.abs(a) > MARGIN * rest.bound) & high & ~hidden & (np.abs(a) > negligible)
        # A claimed NaN or infinity is wrong where the slope is a number.
        disagree |= ~np.isfinite(a) & high & ((1e-2 * np.maximum(np.abs(D), steepest) > E) | rest.everywhere)
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
