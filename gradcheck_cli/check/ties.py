"""Equal entries: where a function sorts or picks, its derivative at a tie is a choice.

With three equal entries the middle one of the sorted array does not move when any single entry does, and moves when all do: no
difference along one coordinate shows the slope that a rule gives to the entry it picks.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck_cli.check.differences import Differences
from gradcheck_cli.check.jacobian import Judged
from gradcheck_cli.check.verdict import FAILING, Verdict, among

Array = np.ndarray[Any, Any]
STEPS = (2.0**-20, 2.0**-14)
"""In units of the scale; along a tie the function is smooth, and both show the same slope."""
SAME = 1e-4
"""To this part these slopes agree with each other, and with what the rule's choices add up to."""


def excuse_ties(judged: Judged, d: Differences) -> Judged:
    """The verdicts, with accusations withdrawn at ties. For the equal coordinates T of an input, and their joint slope
    D_T = df(x + t sum e_j)/dt:

    D_T != sum D_j               the function has no derivative here, and
    sum a_j = D_T                the rule's choices add up to what is seen when all move, and
    a_j - D_j of one sign        each is given a part of the rest
    """
    x, wrong = d.coordinates.x, among(judged.verdict, FAILING)
    if not d.coordinates.single or len(x) != wrong.shape[0]:
        return judged
    verdict = judged.verdict.copy()
    for value in np.unique(x[wrong.any(axis=1)]):
        tied = np.flatnonzero(x == value)
        if len(tied) > 1:
            rows = np.flatnonzero(wrong[tied].any(axis=0))
            chosen = rows[_a_choice(judged, d, tied, rows)]
            part = verdict[np.ix_(tied, chosen)]
            verdict[np.ix_(tied, chosen)] = np.where(among(part, FAILING), np.int8(Verdict.KINK_BETWEEN), part)
    return judged._replace(verdict=verdict)


def _a_choice(judged: Judged, d: Differences, tied: Array, rows: Array) -> Array:
    """For each output whether what the rule says of the tied coordinates is a choice among them."""
    a, D = judged.claimed[np.ix_(tied, rows)], judged.numeric[np.ix_(tied, rows)]
    slopes = np.array([_together(d, tied, step)[rows] for step in STEPS])
    joint, size = slopes[0], np.maximum(np.max(np.abs(slopes), axis=0), np.max(np.abs(a), axis=0))
    with np.errstate(all="ignore"):
        smooth = np.ptp(slopes, axis=0) <= SAME * size
        no_derivative = np.abs(joint - np.sum(D, axis=0)) > 0.01 * size
        adds_up = np.abs(np.sum(a, axis=0) - joint) <= SAME * size
        one_sign = np.all((a - D) * np.sign(joint - np.sum(D, axis=0)) >= -SAME * size, axis=0)
    found: Array = smooth & no_derivative & adds_up & one_sign
    return found


def _together(d: Differences, tied: Array, step: float) -> Array:
    """The central difference quotient of all outputs when the tied coordinates move by the same."""
    h = step * float(np.max(d.scale[tied]))
    moved = np.zeros((2, len(d.coordinates.x)))
    moved[0, tied], moved[1, tied] = h, -h
    (up, down), _ = d.at_once(moved)
    found: Array = (up - down) / (2 * h)
    return found
