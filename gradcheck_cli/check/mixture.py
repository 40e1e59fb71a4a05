"""Rows of a Jacobian tested as wholes: all columns are moved at the same time, along a few random directions.

A column at a time, n columns take 2 n evaluations. Their sum takes two, and double precision mostly resolves it so well that
one entry that is off by the tolerance shows in it. With u_j = s_j w_j, |w_j| in U(0.5, 1.5), of both signs,

    r(h) = (f(x + h u) - f(x - h u)) / 2h - A u  =  (J - A) u + c h^2 + ...

and an entry (i, j) that is off by tol |a_ij| puts r_i(0) off by half of tol |a_ij| s_j at least, in every direction. Several
errors e_j s_j of a row may cancel: in one direction to t with a probability of at most t / max |e_j s_j|, in the others anew.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from gradcheck_cli.check.coordinates import kept
from gradcheck_cli.check.differences import DITHER, EPS, PIECE, Differences
from gradcheck_cli.check.ladder import neville

Array = np.ndarray[Any, Any]
DIRECTIONS = 4
"""Errors of ten tolerances that cancel are passed by one direction once in 40 times, by all of them once in 2 560 000."""
EXPONENTS = (-17, -9, -7, -6, -5, -4, -3)
"""The steps: the shortest one is to see structure that the others step over; from those r(0) is extrapolated."""
STRAIGHT = (-3,)
"""The one step where the forward is straight twice as far."""
BENDS = 4
"""At so many of them it is asked whether the slopes to both sides are the same."""
SHARE = 4
"""An entry is accepted where its row is resolved to tol |a_ij| s_j / SHARE: half of what an error of tol puts it off by."""
ROUNDED = 8
"""Rounding is no more than so many of a sum's terms together; probes give four times its rms, and twice for one term."""
SHOWN = 0.5
"""Noise that may stay unseen, in units of sigma, which is four times its rms."""


def resolution(a: Array, d: Differences, sigma: Array, rtol: float, terms: int) -> tuple[Array, Array] | None:
    """For each output r(0) in the first direction, and what it can be in any, (outputs,); infinite or NaN: unknown. None where
    that takes as many evaluations as the columns would one by one; an output depends on `terms` of them at most.

    In one direction it is at most the least, over all extrapolations T of r from some of the steps, the shortest of them h, of

        |T| + |T - T'| + SHOWN sigma / h + what a shorter step shows beyond its noise and c h^2

    with T' from one step less; and |r| + SHOWN sigma / h where one step is all. The same is asked of (F - B)/2, half of the
    difference of the slopes to both sides and a series in h: a kink counts where it is more than sqrt(rtol) of the slope, as it
    does at a single column.

    Long steps are for outputs whose noise is what rounding makes of sums of terms as claimed, sigma <= ROUNDED EPS (|f| + sum
    |a_j| s_j), so that no structure hides in it that is finer than they are.
    """
    with np.errstate(all="ignore"):
        rounding = EPS * (np.abs(d.f0) + d.scale @ np.abs(a))
        calm = sigma <= ROUNDED * rounding
    exponents = STRAIGHT if calm.all() and d.straight(rounding) else EXPONENTS
    if terms <= DIRECTIONS * len(exponents):
        return None
    first, most = _sums_of_rows(a, d, sigma, rtol, exponents)
    return first, np.where(calm, most, np.inf)


def _sums_of_rows(a: Array, d: Differences, sigma: Array, rtol: float, exponents: tuple[int, ...]) -> tuple[Array, Array]:
    """The same from these steps, whatever the noise."""
    h = np.array([DITHER[e % 5] * 2.0**e for e in exponents])
    directions = _weights(len(a)) * d.scale
    steps = (h[:, None] * [1.0, -1.0])[..., None, None] * directions
    values = d.displaced(steps.reshape(-1, len(a))).reshape(len(h), 2, DIRECTIONS, -1)
    first, most = np.empty(len(d.f0)), np.empty(len(d.f0))
    width = PIECE // (len(h) * DIRECTIONS)
    with np.errstate(all="ignore"):
        claimed = directions @ a
        for some in (slice(k, k + width) for k in range(0, len(most), width)):
            slopes = (values[..., some] - d.f0[some]) / h[:, None, None, None]
            forward, backward = slopes[:, 0], -slopes[:, 1]
            r = (forward + backward) / 2 - claimed[:, some]
            bend = (forward[:BENDS] - backward[:BENDS]) / 2
            noise = SHOWN * sigma[some] / h[:, None]
            off, at_zero = _at_zero(r, noise, h**2)
            np.maximum(off, np.sqrt(rtol) * _at_zero(bend, noise[:BENDS], h[:BENDS])[0], out=off)
            most[some] = off.max(axis=0)
            first[some] = np.clip(at_zero[0], -most[some], most[some])
    return first, most


def _at_zero(r: Array, noise: Array, z: Array) -> tuple[Array, Array]:
    """What |r|, (steps, directions, outputs), a series in z, can be at z = 0 by the extrapolation that leaves the least; and
    what the extrapolation from all steps but the shortest makes of it.
    """
    if len(z) == 1:
        return np.abs(r[0]) + noise[0], r[0]
    unsaid = _unexplained(np.abs(r), noise, z)
    unsaid += noise[:, None]
    least = np.full(r.shape[1:], np.inf)
    table = neville(z[:, None, None], r)
    for before, T in pairwise(table):
        off = np.abs(T - before[:-1])
        off += np.abs(T)
        off += unsaid[: len(T)]
        np.minimum(least, off.min(axis=0), out=least)
    return least, table[-2][-1]


def _unexplained(size: Array, noise: Array, z: Array) -> Array:
    """At each step what shorter ones show beyond four times their noise and twice what a term c z of the next step makes."""
    found = np.zeros(size.shape)
    for k in range(1, len(z)):
        np.multiply(size[k], -2 * z[k - 1] / z[k], out=found[k])
        found[k] += size[k - 1]
        found[k] -= 4 * noise[k - 1]
        np.maximum(found[k], found[k - 1], out=found[k])
    return found


@kept
def _weights(size: int) -> Array:
    """(directions, size), the same for the same size."""
    rng = np.random.default_rng(size)
    found: Array = rng.uniform(0.5, 1.5, (DIRECTIONS, size)) * rng.choice([-1.0, 1.0], (DIRECTIONS, size))
    return found
