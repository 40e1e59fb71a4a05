"""Equal entries: where a function sorts or picks, its derivative at a tie is a choice.

With three equal entries the middle one of the sorted array does not move when any single entry does, and moves when all do: no
difference along one coordinate shows the slope that a rule gives to the entry it picks.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck_cli.check.blocks import uneven
from gradcheck_cli.check.comparison import Judged
from gradcheck_cli.check.differences import EPS, Differences
from gradcheck_cli.check.verdict import FAILING, Verdict, among

Array = np.ndarray[Any, Any]
STEPS = (2.0**-20, 2.0**-14)
"""In units of the scale; along a tie the function is smooth, and both show the same slope."""
MANY = 2_000
"""Coordinates beyond which this is not asked."""
SAME = 1e-4
"""To this part these slopes agree with each other, and with what the rule's choices add up to."""


def excuse_ties(judged: Judged, d: Differences) -> Judged:
    """The verdicts, with accusations withdrawn where there is no derivative, though each coordinate looks smooth."""
    if not d.coordinates.single or len(d.coordinates.x) != len(judged.verdict):
        return judged
    for withdraw in (_choices, _without_derivative, _tied_elsewhere):
        wrong = among(judged.verdict, FAILING)
        if wrong.any():
            judged = judged._replace(verdict=withdraw(judged, d, wrong))
    return judged


def _choices(judged: Judged, d: Differences, wrong: Array) -> Array:
    """The verdicts, with a pass for choices among equal entries. For the equal coordinates T of an input, and their joint slope
    D_T = df(x + t sum e_j)/dt:

    D_T != sum D_j               the function has no derivative here, and
    sum a_j = D_T                the rule's choices add up to what is seen when all move, and
    a_j - D_j of one sign        each is given a part of the rest
    """
    x, verdict = d.coordinates.x, judged.verdict.copy()
    for value in np.unique(x[wrong.any(axis=1)]):
        tied = np.flatnonzero(x == value)
        if len(tied) > 1:
            rows = np.flatnonzero(wrong[tied].any(axis=0))
            chosen = rows[_a_choice(judged, d, tied, rows)]
            part = verdict[np.ix_(tied, chosen)]
            verdict[np.ix_(tied, chosen)] = np.where(among(part, FAILING), np.int8(Verdict.KINK_BETWEEN), part)
    return verdict


def _without_derivative(judged: Judged, d: Differences, wrong: Array) -> Array:
    """The verdicts, undecided at outputs whose slope along a direction u through all coordinates is not sum D_j u_j: ties are
    further inside. Coordinates that are equal themselves have been looked at.
    """
    D, x = judged.numeric, d.coordinates.x
    if not 2 <= len(x) < MANY:
        return judged.verdict
    wrong = wrong & (_occurrences(x, x) == 1)[:, None]
    rows = np.flatnonzero(wrong.any(axis=0) & np.isfinite(D).all(axis=0))
    if not len(rows):
        return judged.verdict
    u = uneven(len(D)) * np.where(np.arange(len(D)) % 2, -1.0, 1.0) * d.own_scale()
    slopes = np.array([_along(d, u, step)[rows] for step in STEPS])
    with np.errstate(all="ignore"):
        size = np.maximum(np.abs(u) @ np.abs(D[:, rows]), np.max(np.abs(slopes), axis=0))
        steady = np.ptp(slopes, axis=0) <= SAME * size
        noise = 16 * EPS * np.abs(d.f0[rows]) / min(STEPS)
        none = rows[steady & (np.abs(slopes[0] - u @ D[:, rows]) > 0.01 * size + noise)]
    verdict = judged.verdict.copy()
    verdict[:, none] = np.where(wrong[:, none], np.int8(Verdict.NEAR_KINK), verdict[:, none])
    return verdict


def _tied_elsewhere(judged: Judged, d: Differences, wrong: Array) -> Array:
    """The verdicts, undecided at coordinates that equal others which are not looked at, in a part of a large Jacobian."""
    if d.coordinates.complete:
        return judged.verdict
    x = d.coordinates.x
    elsewhere = _occurrences(d.coordinates.flat, x) > _occurrences(x, x)
    found: Array = np.where(wrong & elsewhere[:, None], np.int8(Verdict.NEAR_KINK), judged.verdict)
    return found


def _occurrences(among: Array, values: Array) -> Array:
    """How often each of the values is among others, which have all of them; NaN is equal to nothing."""
    known, counts = np.unique(among, return_counts=True, equal_nan=False)
    found: Array = counts[np.searchsorted(known, values)]
    return found


def _along(d: Differences, direction: Array, step: float) -> Array:
    """The central difference quotient of all outputs when the coordinates move by `step` times a direction, and back."""
    (up, down), _ = d.at_once(step * np.stack([direction, -direction]))
    found: Array = (up - down) / (2 * step)
    return found


def _a_choice(judged: Judged, d: Differences, tied: Array, rows: Array) -> Array:
    """For each output whether what the rule says of the tied coordinates is a choice among them."""
    a, D = judged.claimed[np.ix_(tied, rows)], judged.numeric[np.ix_(tied, rows)]
    h = float(np.max(d.scale[tied]))
    all_tied = np.zeros(len(d.coordinates.x))
    all_tied[tied] = h
    slopes = np.array([_along(d, all_tied, step)[rows] / h for step in STEPS])
    joint, size = slopes[0], np.maximum(np.max(np.abs(slopes), axis=0), np.max(np.abs(a), axis=0))
    with np.errstate(all="ignore"):
        smooth = np.ptp(slopes, axis=0) <= SAME * size
        no_derivative = np.abs(joint - np.sum(D, axis=0)) > 0.01 * size
        adds_up = np.abs(np.sum(a, axis=0) - joint) <= SAME * size
        one_sign = np.all((a - D) * np.sign(joint - np.sum(D, axis=0)) >= -SAME * size, axis=0)
    found: Array = smooth & no_derivative & adds_up & one_sign
    return found
