"""What difference quotients at many steps show of a forward's shape: rest, spikes, kinks, jumps, and slopes without a limit.

Arrays are as in `ladder.py`: the first axis is the steps, from the smallest to the largest, the second the entries.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from gradcheck_cli.check.ladder import EPS, Estimate, Slopes

Array = np.ndarray[Any, Any]
WHISPER = 256
"""A change of at most so many roundings of the value may be a slope that shorter steps lost; more is another piece."""
COARSE = -10
"""No forward rounds its input to less: half precision has 11 bits."""


class Rest(NamedTuple):
    """Where the forward stands still around the point."""

    everywhere: Array
    """At every step."""
    flat: Array
    """Or up to a kink at some distance;"""
    surely: Array
    """the same, whatever rounding on the way to large values may do."""
    bound: Array
    """Where it does at the shortest step, the largest slope that may hide in it: the rounding over the longest step up to which
    it does."""


def rest_of(slopes: Slopes, f: Array, rounding: Array) -> Rest:
    """Where the forward stands still, which is rounded by so much."""
    everywhere = np.all(slopes.flat, axis=0)
    still = np.logical_and.accumulate(slopes.flat, axis=0)  # not where it has come to rest again
    longest = np.max(np.where(still, slopes.h, 0.0), axis=0)
    with np.errstate(all="ignore"):
        bound = np.where(longest > 0, rounding / longest, 0.0)
        up_to_a_kink, surely = _flat_up_to_a_kink(slopes, f)
    return Rest(everywhere, everywhere | up_to_a_kink, everywhere | surely, bound)


def _flat_up_to_a_kink(slopes: Slopes, f: Array) -> tuple[Array, Array]:
    """Whether the forward does not move at two steps or more, and at the next longer one on one side only, and there by more
    than WHISPER roundings of the value: another piece begins there. A slope that rounding hides shows on both sides.

    A forward that rounds its input to half or single precision may seem to move on one side, at one step: if the longest flat
    step is shorter than 2^COARSE, it must be one side at the next one too; surely, always, as rounding on the way to large
    values may move it on one side first, and then on both.
    """
    if slopes.power != 2 or len(slopes.D) < 3:
        return np.zeros(f.shape, bool), np.zeros(f.shape, bool)
    first = np.argmin(slopes.flat, axis=0)  # the shortest step at which it moves
    one_sided = np.abs(np.abs(slopes.D) - slopes.asym) <= 1e-6 * slopes.asym
    pick, then = ((k, np.arange(len(f))) for k in (first, np.minimum(first + 1, len(slopes.D) - 1)))
    loud = 2 * np.abs(slopes.D[pick]) * slopes.h[pick] > WHISPER * EPS * np.abs(f)
    coarse = np.array(slopes.exponents)[first - 1] < COARSE
    begins = (first >= 2) & one_sided[pick] & loud
    return begins & (one_sided[then] | ~coarse), begins & one_sided[then]


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
