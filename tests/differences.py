"""Derivatives by differences, for tests: knows nothing of the engine, and has its own way of being right.

Central differences at seven steps, each half of the one before; each four neighbouring steps are extrapolated (Romberg),
and of the extrapolations the one is taken whose last two stages agree best. So neither a step that crosses a kink, nor
rounding, nor a large high derivative spoils the number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

STEPS = 0.05 / 2.0 ** np.arange(7)


def slope(f: Callable[[Any], Any], x: Any, v: Any, steps: Any = STEPS) -> Any:
    """d/dt f(x + t v) at t = 0, for an array-valued f."""
    with np.errstate(all="ignore"):
        return _extrapolated(np.array([(f(x + h * v) - f(x - h * v)) / (2 * h) for h in steps]))


def jacobian(f: Callable[[Any], Any], x: Any) -> Any:
    """All slopes of a vector-valued f, an array of (size of x, size of f(x))."""
    rows = []
    for k in range(x.size):
        v = np.zeros(x.size)
        v[k] = 1.0
        rows.append(slope(f, x, v.reshape(x.shape)))
    return np.array(rows).reshape(x.size, np.size(f(x)))


def agree(claimed: Any, numeric: Any, rtol: float = 1e-8) -> bool:
    """Whether two gradients are the same but for `rtol`, entry by entry, and a tenth of it of the largest entry."""
    if np.shape(claimed) != np.shape(numeric):
        return False
    size = np.abs(numeric)
    allowed = rtol * (size + 0.1 * np.max(size, initial=0.0))
    return bool(np.all(np.abs(claimed - numeric) <= allowed))  # so written that NaN is no agreement


def keeps_the_rest(run: Any, arrays: Any, i: int, other: Any, pairs: Any) -> bool:
    """Whether, as each entry of array `i` becomes that of `other`, only what is aligned with it may change."""
    before = run(*arrays)
    for index in np.ndindex(np.shape(arrays[i])):
        moved = [np.array(a) for a in arrays]
        moved[i][index] = other[index]
        for y, z in zip(before, run(*moved), strict=True):
            may = np.ones(np.shape(y), bool)
            for o, axis in pairs:
                here = np.arange(np.shape(y)[o]).reshape([-1 if k == o else 1 for k in range(np.ndim(y))])
                may &= here == index[axis]
            if not np.array_equal(np.asarray(y)[~may], np.asarray(z)[~may], equal_nan=True):
                return False
    return True


def _extrapolated(table: Any) -> Any:
    for power in (4.0, 16.0, 64.0):
        before, table = table, (power * table[1:] - table[:-1]) / (power - 1.0)
    error = np.maximum(np.abs(table - before[1:]), np.abs(table - before[:-1]))
    best = np.argmin(np.where(np.isnan(error), np.inf, error), axis=0)
    return np.take_along_axis(table, best[None], axis=0)[0]
