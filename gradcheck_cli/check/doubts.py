"""What is said once the ladder has ended: by other witnesses, and at places where differences mislead."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck_cli.check.comparison import Comparison
from gradcheck_cli.check.differences import EPS
from gradcheck_cli.check.shapes import WHISPER
from gradcheck_cli.check.verdict import Verdict, among, zero_times_infinity

Array = np.ndarray[Any, Any]
FAINT, ABSORBED = 2.0**-10, 2.0**-24
"""Where an output's claimed changes are all below the first part of its size, rounding may hide a slope behind a claimed zero;
and where its steepest claimed slope would, along this coordinate, change it by less than the second part."""
FARTHEST = 64.0
"""Such slopes are listened for so many scales away."""
ENDLESS = (-44, -52, -60, -68, -76, -84, -92, -100, -150, -200, -300, -500, -900)
"""Steps at which a slope that is said to be infinite must go on growing, until the forward does not move any more."""


def hear_witness(c: Comparison) -> None:
    """Let the complex step settle what is open, and stop accusations that it does not bear out.

    open, |w - D| <= E and |w - a| <= tol     agree
    negligible, |w - a| > tol                 open: rounding is no excuse where there is a witness
    accused, |w - a| <= |a - D| / 10, and     open: the forward may have lost all its digits under a smooth factor, which
    |a - D| s <= 2^-30 max(|f|, |x|)          no difference can tell from a straight line
    """
    tiny = c.verdict == Verdict.NEGLIGIBLE
    doubtful = tiny | among(c.verdict, (Verdict.NOISE, Verdict.SCALES, Verdict.DISAGREE))
    columns = np.flatnonzero(doubtful.any(axis=1))
    if c.witness is not None and len(columns):
        w = c.witness(columns)
        if w.shape == (len(columns), c.a.shape[1]):
            _weigh(c, columns, w)
    tiny = c.verdict == Verdict.NEGLIGIBLE
    columns = np.flatnonzero(tiny.any(axis=1))
    if len(columns):
        still = np.where(_still_anywhere(c, columns), Verdict.AGREE, Verdict.NOISE)
        c.verdict[columns] = np.where(tiny[columns], still, c.verdict[columns])


def _weigh(c: Comparison, columns: Array, w: Array) -> None:
    a, D, E, verdict = c.a[columns], c.numeric[columns], c.bound[columns], c.verdict[columns]
    with np.errstate(all="ignore"):
        borne_out = np.abs(w - a) <= c.tol.of(a, w)
        still_open = among(verdict, (Verdict.NOISE, Verdict.SCALES)) & np.isfinite(E)
        agreed = (still_open & (np.abs(w - D) <= E) & borne_out) | ((verdict == Verdict.NEGLIGIBLE) & borne_out)
        magnitude = np.maximum(np.abs(c.d.f0), c.d.coordinates.sizes(columns))
        lost = np.abs(a - D) * c.d.scale[columns][:, None] <= 2.0**-30 * magnitude
        doubted = (verdict == Verdict.DISAGREE) & (np.abs(w - a) <= np.abs(a - D) / 10) & np.isfinite(a) & lost
        doubted |= (verdict == Verdict.NEGLIGIBLE) & ~borne_out
    verdict[agreed], verdict[doubted] = Verdict.AGREE, Verdict.NOISE
    c.verdict[columns] = verdict
    c.numeric[columns] = np.where(agreed, w, D)
    c.bound[columns] = np.where(agreed, c.tol.of(a, w), np.where(doubted, np.fmax(E, np.abs(w - D)), E))


def _still_anywhere(c: Comparison, columns: Array) -> Array:
    """Whether an output stays bit for bit the same however far the coordinate goes, where the forward is defined at all:
    then the slope is zero, and a claim below the rule's own rounding is no error.
    """
    still, heard = np.ones((len(columns), c.a.shape[1]), bool), np.zeros((len(columns), c.a.shape[1]), bool)
    for far in (-64.0, -8.0, -1.0, -0.25, 0.25, 1.0, 8.0, 64.0):
        values, _ = c.d.at(columns, far * c.d.scale[columns])
        still &= (values == c.d.f0) | ~np.isfinite(values)
        heard |= np.isfinite(values)
    result: Array = still & heard
    return result


def listen(c: Comparison) -> None:
    """Doubt zeros that only rounding may have made: a forward that does not move, under a large offset.

    With a witness, w = 0 confirms the zero. Without one it is doubted if the forward moves FARTHEST scales away, or an
    eighth of them, by no more than WHISPER EPS |f|.
    """
    if c.a.all():
        return
    zeros = (c.a == 0) & (c.numeric == 0) & (c.verdict == np.int8(Verdict.AGREE)) & _faint(c)
    columns = np.flatnonzero(zeros.any(axis=1))
    if not len(columns):
        return
    s, limit = c.d.scale[columns][:, None], WHISPER * EPS * np.abs(c.d.f0)
    slope = np.zeros(zeros[columns].shape)
    for far in (-FARTHEST, -FARTHEST / 8, FARTHEST / 8, FARTHEST):
        change = np.abs(c.d.at(columns, far * c.d.scale[columns])[0] - c.d.f0)
        slope = np.fmax(slope, np.where(change <= limit, change, 0.0) / (abs(far) * s))
    w = c.witness(columns) if c.witness is not None else slope
    if w.shape == slope.shape:
        slope = np.where(np.isnan(w), slope, np.abs(w))
    doubted = zeros[columns] & (slope > 0)
    c.verdict[columns] = np.where(doubted, Verdict.NOISE, c.verdict[columns])
    resolution = slope + 2 * EPS * np.abs(c.d.f0) / (FARTHEST * s)
    c.bound[columns] = np.where(doubted, resolution, c.bound[columns])


def _faint(c: Comparison) -> Array:
    """Entries (coordinates, outputs) at which a slope could be lost in the rounding of a large value."""
    f = np.abs(c.d.f0)
    absorbed = c.d.scale[:, None] * c.sizes.slope <= ABSORBED * f
    result: Array = (absorbed | (c.sizes.change <= FAINT * f)) & (f != 0)
    return result


def doubt_infinite_slopes(c: Comparison) -> None:
    """Go on to ever shorter steps from a coordinate that is zero: an infinite slope grows without end, and that of
    sqrt(x + eps) does not. One that is the same at the last two steps is that number.
    """
    edges = c.verdict == Verdict.EDGE
    if not edges.any():
        return
    endless = edges & np.isinf(c.a) & (c.d.coordinates.x == 0)[:, None]
    columns = np.flatnonzero(endless.any(axis=1))
    if not len(columns):
        return
    slopes = np.array([_steepest(c, columns, exponent) for exponent in ENDLESS])
    with np.errstate(all="ignore"):
        stalls = (slopes[1:] != 0) & ~(slopes[1:] > 1.05 * slopes[:-1])
        limit = np.take_along_axis(slopes, np.argmax(stalls, axis=0)[None] + 1, axis=0)[0]
        steady = np.take_along_axis(np.abs(np.diff(slopes, axis=0)), np.argmax(stalls, axis=0)[None], axis=0)[0] <= 1e-3 * limit
    stalled, ends = endless[columns] & stalls.any(axis=0), endless[columns] & stalls.any(axis=0) & steady
    c.verdict[columns] = np.where(ends, Verdict.DISAGREE, np.where(stalled, Verdict.SCALES, c.verdict[columns]))
    c.numeric[columns] = np.where(ends, np.sign(c.a[columns]) * limit, c.numeric[columns])
    c.bound[columns] = np.where(ends, 1e-3 * limit, c.bound[columns])


def _steepest(c: Comparison, columns: Array, exponent: int) -> Array:
    """The larger of the two one-sided slopes, in size, at a step of 2^exponent; of one where only that is finite."""
    slopes = []
    for step in (2.0**exponent, -(2.0**exponent)):
        values, gone = c.d.at(columns, step * c.d.scale[columns])
        with np.errstate(all="ignore"):
            slopes.append(np.abs((np.where(np.isfinite(values), values, np.nan) - c.d.f0) / gone))
    found: Array = np.fmax(*slopes)
    return found


def excuse_zero_times_infinity(c: Comparison) -> None:
    """At an edge where the slope is infinite, a zero cotangent gives 0 * inf = NaN for the outputs that do not depend on
    this input: the NaN is the edge's, not the rule's.
    """
    if np.isinf(c.a).any():
        excused = zero_times_infinity(c.a, c.numeric, c.bound, c.verdict, axis=1)
        c.verdict[excused] = Verdict.EDGE
