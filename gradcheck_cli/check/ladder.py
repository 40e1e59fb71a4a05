"""A slope and a bound of its error from differences at many step sizes.

Everything here works on arrays whose first axis is the steps, from the smallest to the largest, and whose second is the
entries. Central differences err by a series in h^2, one-sided ones by a series in h: `z` is that power of h.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]
EPS = 2.0**-52
ORDERS = 6
"""Extrapolations use at most so many larger steps; beyond, the larger steps only bring their own trouble."""
NOISE_FACTOR = 2.2
"""What a rounding error of size N in each value makes of a difference quotient, N/h, after extrapolation: the sum of the
extrapolation's weights stays below 2.2 for steps that double or more."""


FOLLOWS, FOLLOWS_EARLY = 0.1, 0.01
"""To what part of their whole change a polynomial through some quotients has to predict the next one, to be believed. One
through two quotients is met by chance more easily: with 0.1 for it, layer norms shifted by 1000 broke their bounds 20-fold."""


class Slopes(NamedTuple):
    """Difference quotients of some entries, all at the same exponents."""

    exponents: tuple[int, ...]
    h: Array
    """Steps, (steps, entries)."""
    D: Array
    """Difference quotients."""
    asym: Array
    """Half the difference of the two one-sided quotients."""
    flat: Array
    """Whether the forward did not move at all at this step, on either side."""
    power: int
    """2 for central quotients, 1 for one-sided ones."""


class Estimate(NamedTuple):
    """A slope `D` per entry, within `E` of the truth, and how it was come by."""

    D: Array
    E: Array
    best: Array
    """Position of the step whose candidate was chosen."""
    noise_limited: Array
    """Whether rounding noise, not the step's length, makes most of the bound."""
    seen: Array
    """The largest noise seen on the steps below the chosen one."""
    noise: Array
    """What noise may make of the quotient at each step, (steps, entries)."""
    values: Array
    """All candidates, (steps, entries),"""
    bounds: Array
    """and what each of them says of its own error, not having heard the others; infinite where a step gives none."""


def neville(z: Array, D: Array) -> list[Array]:
    """T[q][k], the value at 0 of the polynomial of degree q in z through D[k], ..., D[k+q].

    T[q][k] = (z[k+q] T[q-1][k] - z[k] T[q-1][k+1]) / (z[k+q] - z[k])
    """
    table = [D]
    for q in range(1, min(ORDERS, len(D) - 1) + 1):
        last = table[-1]
        table.append((z[q:] * last[:-1] - z[:-q] * last[1:]) / (z[q:] - z[:-q]))
    return table


def observed_noise(h: Array, table: list[Array]) -> Array:
    """n[k] = h[k] min_q |T[q][k] - T[q][k+1]|: what neighbouring extrapolations disagree by, seen as noise in the values."""
    steps = len(h)
    noise = np.full_like(h, np.inf)
    for T in table:
        change = np.abs(T[:-1] - T[1:])
        noise[: len(change)] = np.fmin(noise[: len(change)], change)
    noise[steps - 1] = 0.0
    return np.where(np.isfinite(noise), h * noise, 0.0)


def noise_bound(slopes: Slopes, observed: Array, f: Array, x: Array, sigma: Array, rounding: Array) -> tuple[Array, Array]:
    """N[k], the noise to reckon with at step k, and seen[k], the largest one observed below k.

    Below three samples N = max(assumed, seen), where assumed = max(2 EPS |f| (8 at the smallest step) + slid, the probed
    noise); with three or more the sample is trusted: N = max(EPS |f|/2, rounding, slid, 2 seen).
    slid = EPS (|x| + h) (|D| + asym) is what a rounding of x + h makes of the value there: at a minimum it grows with the step,
    and smaller ones do not show it.
    """
    seen = np.zeros_like(observed)
    seen[1:] = np.maximum.accumulate(observed[:-1], axis=0)
    slid = EPS * (np.abs(x) + slopes.h) * (np.abs(slopes.D) + slopes.asym)
    N = np.maximum(np.maximum(EPS * np.abs(f) / 2, rounding), np.maximum(slid, 2 * seen))
    for k, e in enumerate(slopes.exponents[:3]):
        assumed = (8 if k == 0 else 2) * EPS * np.abs(f) + slid[k]
        N[k] = np.maximum(np.maximum(assumed, sigma if e >= -17 else rounding), seen[k])
    return N, seen


def truncation_bounds(slopes: Slopes, z: Array, table: list[Array], N: Array) -> tuple[Array, Array]:
    """For each step k the extrapolation with the least truncation error, and that error.

    T[q][k] is trusted to err by its damped change |T[q][k] - T[q-1][k]| only where the quotients really follow a
    polynomial in z up to step k+q: where the q smaller ones predict D[k+q] to within the noise, or the part FOLLOWS of what
    the quotients change by altogether. Elsewhere it is charged the undamped |T[q-1][k] - T[q-1][k+1]| (Ridders), and larger
    steps are not heard.
    """
    D = slopes.D
    value, error = D.copy(), np.full(D.shape, np.inf)
    listening = np.ones(D.shape, bool)
    low = high = D
    least, noise = 4 * EPS * np.abs(D), 4 * N / slopes.h
    for q in range(1, len(table)):
        steps = len(D) - q  # so many have q larger ones
        low, high = np.minimum(low[:steps], D[q:]), np.maximum(high[:steps], D[q:])
        undamped = np.abs(table[q - 1][:-1] - table[q - 1][1:])
        growth = np.ones(undamped.shape)
        for j in range(1, q):
            growth *= z[q:] / z[j : j + steps] - 1
        misprediction = np.maximum(undamped, least[:steps]) * growth
        smooth = misprediction <= (FOLLOWS if q > 2 else FOLLOWS_EARLY) * (high - low) + noise[:steps]
        change = np.where(smooth, np.abs(table[q] - table[q - 1][:-1]), undamped)
        better = listening[:steps] & (change < error[:steps])
        np.copyto(value[:steps], table[q], where=better)
        np.copyto(error[:steps], change, where=better)
        if q >= 2:
            listening[:steps] &= smooth
    return value, error


def estimate(slopes: Slopes, f: Array, x: Array, sigma: Array, rounding: Array, slack: Array) -> Estimate:
    """The candidate with the least bound, E = NOISE_FACTOR N/h + truncation + slack + 4 EPS |D|.

    The bound is the candidate's own, raised by the others' `veto`. `slack` is
    what both roads may be off by without any step showing it: rounding that is smooth in x, and rounding inside the rule.
    """
    with np.errstate(all="ignore"):
        z = (slopes.h / np.max(slopes.h, axis=0)) ** slopes.power  # only ratios count, and squares must stay in range
        table = neville(z, slopes.D)
        N, seen = noise_bound(slopes, observed_noise(slopes.h, table), f, x, sigma, rounding)
        noise = NOISE_FACTOR * N / slopes.h
        useful = ~np.logical_and.accumulate(slopes.flat, axis=0)
        values, truncation = truncation_bounds(slopes, z, table, N)
        bounds = noise + truncation
        bounds[~useful | np.isnan(bounds)] = np.inf
        agreed = veto(values, bounds)
        best = np.argmin(agreed, axis=0)
        pick = (best, np.arange(len(best)))
        E = agreed[pick] + slack + 4 * EPS * np.abs(values[pick])
    return Estimate(values[pick], E, best, noise[pick] > agreed[pick] / 2, seen[pick], noise, values, bounds)


def veto(values: Array, bounds: Array) -> Array:
    """Every candidate's bound, raised to its distance from any smaller step's candidate less that one's bound."""
    agreed = bounds.copy()
    for j in range(len(values) - 1):
        larger = agreed[j + 1 :]
        np.fmax(larger, np.abs(values[j + 1 :] - values[j]) - agreed[j], out=larger)
    return agreed
