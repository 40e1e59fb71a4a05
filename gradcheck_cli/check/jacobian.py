"""One input's Jacobian, judged: the cheap test first, the ladder for what it does not settle, and doubts at last."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck_cli.check.cheap import CheapTest
from gradcheck_cli.check.comparison import Comparison, Judged
from gradcheck_cli.check.differences import Differences
from gradcheck_cli.check.doubts import doubt_infinite_slopes, excuse_zero_times_infinity, hear_witness, listen
from gradcheck_cli.check.verdict import FAILING, Verdict, all_agree, among

Array = np.ndarray[Any, Any]


def decide(c: Comparison) -> Judged:
    """Settle every entry, or say why it cannot be."""
    if c.a.size:
        test = CheapTest(c.a, c.d, c.tol, c.numeric, c.bound)
        c.verdict[test.run()] = Verdict.AGREE
        if not all_agree(c.verdict):
            from gradcheck_cli.check.climb import Climb

            Climb(c, test.taken).run()
    if not all_agree(c.verdict):
        c.verdict[c.still_open] = Verdict.SCALES
        hear_witness(c)
    listen(c)
    if not all_agree(c.verdict):
        doubt_infinite_slopes(c)
        excuse_zero_times_infinity(c)
        nowhere = np.flatnonzero(~np.isfinite(c.d.coordinates.x))
        failing = among(c.verdict[nowhere], FAILING)
        c.verdict[nowhere] = np.where(failing, Verdict.NOT_FINITE, c.verdict[nowhere])
    return c.judged


def classical(a: Array, d: Differences, eps: float, rtol: float, atol: float) -> Judged:
    """PyTorch's gradcheck: D = (f(x + eps) - f(x - eps)) / (2 eps), |a - D| <= atol + rtol |D|."""
    columns = np.arange(d.coordinates.size)
    up, h_up = d.at(columns, np.full(len(columns), eps))
    down, h_down = d.at(columns, np.full(len(columns), -eps))
    with np.errstate(all="ignore"):
        D = (up - down) / (h_up - h_down)
        agree = np.abs(a - D) <= atol + rtol * np.abs(D)
    verdict = np.where(agree, Verdict.AGREE, np.where(np.isfinite(D), Verdict.DISAGREE, Verdict.NOT_FINITE))
    return Judged(a, D, np.full(a.shape, np.nan), verdict.astype(np.int8))
