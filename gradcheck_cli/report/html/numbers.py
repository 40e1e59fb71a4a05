"""Claimed and numeric side by side: small Jacobians whole, of others the entries that matter."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile
from typing import TYPE_CHECKING

from gradcheck_cli.check.verdict import FAILING, among
from gradcheck_cli.report.full import ENTRY_COLUMNS, entry_row, shown_entries
from gradcheck_cli.report.heat import column_name, row_name
from gradcheck_cli.report.html.text import esc, table

if TYPE_CHECKING:
    from gradcheck_cli.check.result import Entry, InputResult

SMALL = 6
"""Rows and columns of a Jacobian that is shown whole."""


def entries(x: InputResult) -> Iterator[str]:
    """Tables: of what is wrong or open, the worst first; where all is well, of the largest error."""
    lists = list(shown_entries(x))
    if x.worst is not None and not lists:
        lists = [(f"Largest relative error of {x.name}", (x.worst,), (*ENTRY_COLUMNS, "rel error"))]
    for title, found, columns in lists:
        yield table(title, columns, [_row(x.name, e, columns[-1]) for e in found])
    if x.wrong and 1 < max(x.claimed.shape) <= SMALL:
        yield _whole(x)


def _row(name: str, e: Entry, last: str) -> list[str]:
    place, output, claimed, numeric, *measures = entry_row(name, e, last)
    return [esc(place), esc(output), *_marked(claimed, numeric), *measures]


def _marked(one: str, other: str) -> tuple[str, str]:
    """Both numbers, from the first digit in which they differ on in a mark."""
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
    same = same if _size(one) == _size(other) else 0
    return _with_mark(one, same), _with_mark(other, same)


def _size(number: str) -> tuple[str, int]:
    """Where the point and the exponent stand."""
    digits, _, exponent = number.partition("e")
    return exponent, len(digits.partition(".")[0])


def _with_mark(number: str, same: int) -> str:
    return esc(number) if same == len(number) else f"{esc(number[:same])}<mark>{esc(number[same:])}</mark>"


def _whole(x: InputResult) -> str:
    """Two matrices, the wrong entries marked in both."""
    wrong = among(x.verdicts, FAILING)
    rows, columns = x.claimed.shape
    heads = ["", *(column_name(x, j) for j in range(columns))]
    sides = []
    for name, values in (("Claimed", x.claimed), ("Numeric", x.numeric)):
        cells = [
            [f"<b>{esc(row_name(x, i))}</b>"]
            + [f"<mark>{values[i, j]:.6g}</mark>" if wrong[i, j] else f"{values[i, j]:.6g}" for j in range(columns)]
            for i in range(rows)
        ]
        sides.append(table(f"{name} Jacobian of {x.name}", heads, cells))
    return f'<div class="figures matrices">{"".join(sides)}</div>'
