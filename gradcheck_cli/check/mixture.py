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
from gradcheck_cli.engine.batching import loosely

Array = np.ndarray[Any, Any]
DIRECTIONS = 4
"""Errors of ten tolerances that cancel are passed by one direction once in 40 times, by all of them once in 2 560 000."""
FIRST, NEXT = (-17, -13, -11, -8, -6, -5, -4, -3), (-17, -13, -11, -6, -4, -3, -2, -1)
"""The steps for all columns, and for those that are left, whose slopes are smaller: r(0) is extrapolated from the longer ones,
and the shorter ones are to see structure that these step over, which many columns moved together do sooner than one."""
STRAIGHT = (-9, -3)
"""Where the forward is straight twice as far the last step is enough, and another one is to see that."""
BENDS = 4
"""At so many steps it is asked whether the slopes to both sides are the same."""
SHARE = 4
"""An entry is accepted where its row is resolved to tol |a_ij| s_j / SHARE: half of what an error of tol puts it off by."""
ROUNDED = 8
"""Rounding is no more than so many of a sum's terms together; probes give four times its rms, and twice for one term."""
SHOWN = 0.5
"""Noise that may stay unseen, in units of sigma, which is four times its rms."""


def evaluations(exponents: tuple[int, ...]) -> int:
    """How many these steps take."""
    return 2 * DIRECTIONS * len(exponents)


class Mixture:
    """One input's columns in sums, for claims `a` (columns, outputs) and the outputs' noise `sigma`."""

    def __init__(self, a: Array, d: Differences, sigma: Array, rtol: float) -> None:
        self.a, self.d, self.sigma, self.rtol = a, d, sigma, rtol
        with np.errstate(all="ignore"):
            rounding = EPS * (np.abs(d.f0) + d.scale @ np.abs(a))
            self.calm: Array = sigma <= ROUNDED * rounding
            """The outputs of which something is told."""
        self.first = STRAIGHT if self.calm.all() and d.straight(rounding) else FIRST
        """The steps to begin with."""

    def resolve(self, columns: Array | slice, exponents: tuple[int, ...]) -> tuple[Array, Array]:
        """With these columns moved, for each output r(0) in the first direction, and what it can be in any; infinite or NaN
        where that is not known.

        In one direction it is at most the least, over all extrapolations T of r from some of the steps, the shortest of them h,

            |T| + |T - T'| + SHOWN sigma / h + what a shorter step shows beyond its noise and c h^2

        with T' from one step less; where the forward is straight, with the r of the longest step for T and T'. The same is
        asked of (F - B)/2, half of the difference of the slopes to both sides and a series in h: a kink counts where it is
        more than sqrt(rtol) of the slope, as it does at a single column.

        Long steps are for outputs whose noise is what rounding makes of sums of terms as claimed, so that no structure hides
        in it that is finer than they are: sigma <= ROUNDED EPS (|f| + sum |a_j| s_j).
        """
        h = np.array([DITHER[e % 5] * 2.0**e for e in exponents])
        directions, scale = np.zeros((DIRECTIONS, len(self.a))), self.d.scale[columns]
        directions[:, columns] = _weights(len(scale)) * scale
        values = _moved(self.d, h, directions)
        first, most = np.empty(len(self.d.f0)), np.empty(len(self.d.f0))
        width, straight = PIECE // (len(h) * DIRECTIONS), exponents is STRAIGHT
        with np.errstate(all="ignore"):
            claimed = directions[:, columns] @ self.a[columns]
            for some in (slice(k, k + width) for k in range(0, len(most), width)):
                slopes = (values[..., some] - self.d.f0[some]) / h[:, None, None, None]
                forward, backward = slopes[:, 0], -slopes[:, 1]
                r = (forward + backward) / 2 - claimed[:, some]
                bend = (forward[:BENDS] - backward[:BENDS]) / 2
                noise = SHOWN * self.sigma[some] / h[:, None]
                off, at_zero = _at_zero(r, noise, h**2, straight)
                jump, _ = _at_zero(bend, noise[:BENDS], h[:BENDS], straight)
                np.maximum(off, np.sqrt(self.rtol) * jump, out=off)
                most[some] = off.max(axis=0)
                first[some] = np.clip(at_zero[0], -most[some], most[some])
        return first, np.where(self.calm, most, np.inf)


def _moved(d: Differences, h: Array, directions: Array) -> Array:
    """The outputs at +-h u, (steps, sides, directions, outputs): of as few directions at a time as there is room for copies."""
    step, side, direction = (part.ravel() for part in np.indices((len(h), 2, len(directions))))
    factors = h[step] * np.where(side == 0, 1.0, -1.0)
    values = np.empty((len(factors), len(d.f0)))
    with loosely():
        for part in d.chunks(len(factors)):
            values[part] = d.displaced(factors[part, None] * directions[direction[part]])
    return values.reshape(len(h), 2, len(directions), -1)


def _at_zero(r: Array, noise: Array, z: Array, straight: bool) -> tuple[Array, Array]:
    """What |r|, (steps, directions, outputs), a series in z, can be at z = 0 by the extrapolation that leaves the least; and
    what the extrapolation from all steps but the shortest makes of it.
    """
    unsaid = _unexplained(np.abs(r), noise, z)
    unsaid += noise[:, None]
    if straight:
        return np.abs(r[-1]) + unsaid[-1], r[-1]
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
