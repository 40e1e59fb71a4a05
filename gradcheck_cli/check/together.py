"""Which coordinates may be moved at the same time: sets of columns, told from the pattern of the claimed Jacobian.

A pattern is an array of booleans (columns, outputs): whether the rule claims that the output depends on the coordinate.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def groups(pattern: Array) -> list[Array]:
    """The columns in groups of which no two show in one output, by greedy colouring; where there is nothing to gain, none."""
    columns = len(pattern)
    most = int(np.max(np.count_nonzero(pattern, axis=0), initial=0))  # so many groups there are at least
    if columns < 2 or most > columns / 2:
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

    For each kind of output the columns that it does not depend on; or, if each output depends on one column at most, those
    whose number has a bit set, and those whose number has not, for every bit; or each column alone. The fewest of these.
    """
    columns = len(pattern)
    found = [np.eye(columns, dtype=bool), np.unique(~pattern, axis=1).T]
    if np.max(np.count_nonzero(pattern, axis=0), initial=0) <= 1:
        bits = np.arange(columns)[None] >> np.arange(int(columns - 1).bit_length())[:, None] & 1 == 1
        found.append(np.concatenate([bits, ~bits]))
    fewest = min(found, key=len)
    return fewest[fewest.any(axis=1)]
