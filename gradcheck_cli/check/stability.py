"""Whether a rule is its own noise: what it claims at inputs that differ by a rounding.

A right formula may lose digits: the inverse of a matrix of condition 1e12 is good to four of them, whoever differentiates it.
Such a claim is not wrong, it is undecided.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck_cli.check.claimed import Outputs, claimed_jacobians
from gradcheck_cli.check.coordinates import Coordinates
from gradcheck_cli.check.jacobian import Judged
from gradcheck_cli.check.problem import Problem
from gradcheck_cli.check.verdict import FAILING, Verdict

Array = np.ndarray[Any, Any]
SMALL = 1e-2
"""Larger relative errors are no rounding of any use: where one is wrong by more, nothing is excused."""
SHAKES = (1.0, -1.0)
"""Signs of the two changes of the inputs by one rounding each, entry by entry in alternation."""
MARGIN = 8
"""An error within so many times the largest change of the claim is undecided: two samples of a rounding error miss its largest
value by a few times."""


def excuse_unstable(problem: Problem, outputs: Outputs, coordinates: Coordinates, i: int, judged: Judged) -> Judged:
    """The verdicts, with accusations withdrawn where |a - D| <= MARGIN max |a(x (1 +- EPS)) - a|."""
    wrong = np.isin(judged.verdict, FAILING)
    with np.errstate(all="ignore"):
        error = np.abs(judged.claimed - judged.numeric)
        size = np.maximum(np.abs(judged.claimed), np.abs(judged.numeric))
        if not wrong.any() or not np.all(error[wrong] <= SMALL * size[wrong]):
            return judged
        changes = [np.abs(a - judged.claimed) for a in (_shaken(problem, outputs, coordinates, i, sign) for sign in SHAKES)]
        wobble = MARGIN * np.max(changes, axis=0)
        excused = wrong & (error <= wobble)
    if not excused.any():
        return judged
    verdict = np.where(excused, Verdict.NOISE, judged.verdict).astype(np.int8)
    return judged._replace(verdict=verdict, bound=np.where(excused, np.fmax(judged.bound, wobble), judged.bound))


def _shaken(problem: Problem, outputs: Outputs, coordinates: Coordinates, i: int, sign: float) -> Array:
    """The Jacobian that the rule claims at inputs a rounding away, (coordinates, outputs); that of `i` alone."""
    others = [nudged(x.value, sign) if x.requires_grad else x.value for x in problem.inputs]
    claimed = claimed_jacobians(problem, problem.pullback(others), outputs, {**_all(problem), i: coordinates})
    return claimed.jacobians[i].T if i in claimed.jacobians else np.zeros((coordinates.size, outputs.size))


def _all(problem: Problem) -> dict[int, Coordinates]:
    inputs = problem.inputs
    return {k: Coordinates(inputs[k].value, inputs[k].structure) for k in problem.differentiable_inputs()}


def nudged(x: Array, sign: float) -> Array:
    """The next number up or down, in alternation; of a matrix symmetric entries alike."""
    if x.dtype.kind == "c":
        return (nudged(x.real, sign) + 1j * nudged(x.imag, sign)).astype(x.dtype)
    signs = np.indices(x.shape).sum(axis=0) % 2 * 2 - 1 if x.ndim else np.array(1)
    moved: Array = np.nextafter(x, np.where(sign * signs > 0, np.inf, -np.inf).astype(x.dtype))
    return moved
