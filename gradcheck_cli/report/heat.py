"""A Jacobian seen from afar: how wrong its entries are, as a grid of cells. A cell shows the worst of its entries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gradcheck_cli.check.verdict import FAILING, KINKS, UNDECIDED, among

if TYPE_CHECKING:
    from gradcheck_cli.check.result import InputResult

Array = np.ndarray[Any, Any]

ZERO, AGREES, KINK, OPEN, WRONG = range(5)
"""What an entry is, the worst last; ZERO: both numbers are."""
BOUNDS = (1e-4, 1e-2, 1.0, 1e2, 1e4, 1e6)
"""Of the levels: errors in units of the tolerance."""
HIGHEST = len(BOUNDS)
WITHIN = BOUNDS.index(1.0)
"""The last level of entries that agree; those that are wrong are above."""
STRIDE = HIGHEST + 1


class Heat(NamedTuple):
    """A grid of cells, (rows: outputs, columns: inputs)."""

    kind: Array
    level: Array
    worst: Array
    """The flat position of each cell's worst entry."""
    rows: Array
    columns: Array
    """Where the cells begin, and the end."""

    @property
    def cell(self) -> tuple[int, int]:
        """Entries in a cell, down and across."""
        return int(self.rows[1] - self.rows[0]), int(self.columns[1] - self.columns[0])


def heat(x: InputResult, rows: int, columns: int) -> Heat:
    """At most so many rows and columns of cells."""
    badness = _badness(x)
    ends = [edges(n, most) for n, most in zip(badness.shape, (rows, columns), strict=True)]
    worst = _worst(badness, *ends)
    kind, level = np.divmod(badness.ravel()[worst], STRIDE)
    return Heat(kind, level, worst, *ends)


def errors(x: InputResult) -> Array:
    """|claimed - numeric| in units of the tolerance max(rtol max(|claimed|, |numeric|), atol)."""
    rtol, atol = x.tolerance
    with np.errstate(all="ignore"):
        error = np.abs(x.claimed - x.numeric)
        size = np.maximum(np.abs(x.claimed), np.abs(x.numeric))
        found: Array = np.where(error == 0, 0.0, error / np.maximum(rtol * size, atol))
    return found


def _badness(x: InputResult) -> Array:
    """Kind and level of every entry as one number, which is larger where it is worse."""
    level = np.searchsorted(BOUNDS, np.nan_to_num(errors(x), nan=np.inf).ravel()).reshape(x.claimed.shape)
    kind = np.where((x.claimed == 0) & (x.numeric == 0), ZERO, AGREES)
    for verdicts, number in ((KINKS, KINK), (UNDECIDED, OPEN), (FAILING, WRONG)):
        kind[among(x.verdicts, verdicts)] = number
    level = np.where(kind == WRONG, np.maximum(level, WITHIN + 1), np.minimum(level, WITHIN))
    found: Array = kind * STRIDE + level
    return found


def edges(size: int, most: int) -> Array:
    """Where at most so many cells begin, all of one length but for the last; and the end."""
    step = max(1, -(-size // most))
    return np.append(np.arange(0, size, step), size)


def _worst(badness: Array, rows: Array, columns: Array) -> Array:
    """The position of the largest number of each cell: the first of the cell's largest along rows, then down."""
    cells = (len(rows) - 1, len(columns) - 1)
    found = np.zeros(cells, np.int64)
    for j in range(cells[1]):
        strip = badness[:, columns[j] : columns[j + 1]]
        along = np.argmax(strip, axis=1)
        largest = strip[np.arange(len(strip)), along]
        for i in range(cells[0]):
            row = int(rows[i]) + int(np.argmax(largest[rows[i] : rows[i + 1]]))
            found[i, j] = row * badness.shape[1] + columns[j] + along[row]
    return found


def levels(found: Heat) -> list[tuple[int, int]]:
    """Which (kind, level) there are, the mildest first."""
    return sorted({(int(k), int(n)) for k, n in zip(found.kind.ravel(), found.level.ravel(), strict=True)})


def level_text(level: int) -> str:
    """`<= 100`, in tolerances."""
    number = BOUNDS[min(level, HIGHEST - 1)]
    written = f"{number:g}" if 1e-3 < number < 1e3 else f"1e{round(np.log10(number))}"
    return f"> {written}" if level == HIGHEST else f"≤ {written}"


# Names of rows and columns.


def row_name(x: InputResult, k: int) -> str:
    """`out[0,2]`; `row 3` where rows are not the outputs' entries."""
    sizes = [y.parts * int(np.prod(y.shape)) for y in x.outputs]
    if sum(sizes) != len(x.claimed):
        return f"row {k}"
    which = int(np.searchsorted(np.cumsum(sizes), k, side="right"))
    y = x.outputs[which]
    return y.name + _index(k - sum(sizes[:which]), y.shape, y.parts)


def column_name(x: InputResult, k: int) -> str:
    """`x[1,2]`; `column 3` where columns are not the input's entries."""
    size, columns = int(np.prod(x.shape)), x.claimed.shape[1]
    if columns not in (size, 2 * size):
        return f"column {k}"
    return x.name.removesuffix(" (order 2)") + _index(k, x.shape, columns // max(size, 1))


def ranges(x: InputResult) -> str:
    """Which outputs go down, and which entries of the input across."""
    rows, columns = x.claimed.shape
    down = " to ".join(dict.fromkeys(row_name(x, i) for i in (0, rows - 1)))
    across = " to ".join(dict.fromkeys(column_name(x, j) for j in (0, columns - 1)))
    return f"down: {down}, across: {across}"


def _index(k: int, shape: tuple[int, ...], parts: int) -> str:
    place = f"[{','.join(map(str, np.unravel_index(k // parts, shape)))}]" if shape else ""
    return place + (f".{('re', 'im')[k % 2]}" if parts == 2 else "")
