"""Which coordinates may be moved at the same time: sets of columns, told from the pattern of the claimed Jacobian.

A pattern is an array of booleans (columns, outputs): whether the rule claims that the output depends on the coordinate.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import comb
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def groups(pattern: Array, worth: int = 2) -> list[Array]:
    """The columns in groups of which no two show in one output, by greedy colouring; none, where there are fewer than `worth`
    times as many columns as groups.
    """
    columns = len(pattern)
    most = int(np.max(np.count_nonzero(pattern, axis=0), initial=0))  # so many groups there are at least
    if columns < 2 or worth * most > columns:
        return []
    bits = np.packbits(pattern, axis=1)
    taken = np.zeros((columns, bits.shape[1]), np.uint8)
    colour = np.zeros(columns, np.intp)
    used = 0
    for j in range(columns):
        free = ~np.any(taken[:used] & bits[j], axis=1)
        colour[j] = int(np.argmax(free)) if free.any() else used
        used = max(used, int(colour[j]) + 1)
        taken[colour[j]] |= bits[j]
    order = np.argsort(colour, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(colour[order])) + 1)


def cover(pattern: Array) -> Array:
    """Sets of columns, (sets, columns), such that for each claimed zero some set holds its column and none on which its output
    depends: moving that set must leave the output as it is.

    For each kind of output the columns that it does not depend on; or, if each output depends on one column at most, sets that
    tell any two apart; or each column alone. The fewest of these.
    """
    columns = len(pattern)
    kinds = {kind.tobytes(): kind for kind in np.ascontiguousarray(~pattern.T)}
    found = [np.eye(columns, dtype=bool), np.array(list(kinds.values()), bool).reshape(-1, columns)]
    if columns > 1 and np.max(np.count_nonzero(pattern, axis=0), initial=0) <= 1:
        found.append(np.array(list(separating(columns)), bool).reshape(-1, columns))
    fewest = min(found, key=len)
    return fewest[fewest.any(axis=1)]


def separating(size: int) -> Iterator[Array]:
    """Sets of the numbers below `size`, as masks, such that each number is without each other one in one of them.

    Of w sets every number is in half, no two numbers in the same ones: C(w, w / 2) >= size, by Sperner's theorem the fewest.
    """
    if size < 2:
        return
    w = next(w for w in range(2, 64) if comb(w, w // 2) >= size)
    codes = np.concatenate([c[np.bitwise_count(c) == w // 2] for c in _below(2**w)])[:size]
    for k in range(w):
        yield codes >> k & 1 == 1


def _below(size: int) -> Iterator[Array]:
    """The numbers below `size`, some at a time."""
    for start in range(0, size, 2**20):
        yield np.arange(start, min(size, start + 2**20))
