"""Pictures made of characters, for terminals: every sign is ASCII and says by itself what colour says again."""

from __future__ import annotations

from itertools import groupby
from math import ceil, floor, isfinite, log10
from typing import TYPE_CHECKING

from gradcheck_cli.report.clean import one_line, to_ascii
from gradcheck_cli.report.formats import Options, paint
from gradcheck_cli.report.heat import (
    AGREES,
    KINK,
    OPEN,
    WRONG,
    ZERO,
    Heat,
    edges,
    heat,
    level_text,
    levels,
    ranges,
    row_name,
)
from gradcheck_cli.report.table import paragraph

if TYPE_CHECKING:
    from gradcheck_cli.check.result import InputResult
    from gradcheck_cli.check.taylor import Taylor

ROWS, COLUMNS = 24, 100
"""Cells at most; fewer columns where the terminal is narrow."""
WIDTH = 80
"""Where the terminal's is not known."""
SPACED = 32
"""Up to so many columns a space is put between two."""
SIGNS = {ZERO: " ", AGREES: ".", KINK: "^", OPEN: "?"}
WRONG_SIGNS = {3: ":", 4: "+", 5: "*", 6: "#"}
"""By level."""
WORDS = {ZERO: "blank: both zero", AGREES: "agrees", KINK: "on a kink", OPEN: "open"}
CODES = {ZERO: "2", AGREES: "2", KINK: "36", OPEN: "33", WRONG: "31"}
TALL = 14
"""Lines of the Taylor plot."""


def heat_map(x: InputResult, indent: str, options: Options) -> str:
    """A grid of signs and what they mean; '' where it would be of one sign only."""
    width = options.width or WIDTH
    names = _row_names(x, width // 3)
    margin = len(names[0])
    room = width - len(indent) - margin - 3
    found = heat(x, ROWS, max(8, min(room, COLUMNS)))
    if len(levels(found)) < 2:
        return ""
    columns = found.kind.shape[1]
    gap = " " if columns <= SPACED and 2 * columns - 1 <= room else ""
    lines = [f"{indent}{name} |{_line(found, i, gap, options)}|" for i, name in enumerate(names)]
    title = paragraph(_title(x, found), indent, options)
    return "\n".join([title, *lines, paragraph(_legend(found), indent, options)])


def _row_names(x: InputResult, most: int) -> list[str]:
    """The first output of each line, all as wide as the widest; its number alone where the name leaves too little room."""
    from rich.cells import cell_len

    firsts = edges(len(x.claimed), ROWS)[:-1].tolist()
    names = [one_line(row_name(x, i)) for i in firsts]
    if max(map(cell_len, names)) > most:
        names = list(map(str, firsts))
    widest = max(map(cell_len, names))
    return [" " * (widest - cell_len(name)) + name for name in names]


def _title(x: InputResult, found: Heat) -> str:
    tall, wide = found.cell
    worst = f"; a sign stands for the worst of {tall} x {wide}" if max(tall, wide) > 1 else ""
    what = "wrong" if x.wrong else "open"
    return f"where the Jacobian of {one_line(x.name)} is {what}; {one_line(ranges(x))}{worst}"


def _line(found: Heat, i: int, gap: str, options: Options) -> str:
    cells = zip(found.kind[i].tolist(), found.level[i].tolist(), strict=True)
    runs = [(kind, gap.join(_sign(*cell) for cell in run)) for kind, run in groupby(cells, key=lambda cell: cell[0])]
    return gap.join(paint(signs, CODES[kind], options) if signs.strip() else signs for kind, signs in runs)


def _sign(kind: int, level: int) -> str:
    return WRONG_SIGNS[level] if kind == WRONG else SIGNS[kind]


def _legend(found: Heat) -> str:
    parts: list[str] = []
    for kind, level in levels(found):
        said = f"error {to_ascii(level_text(level))} tolerances" if kind == WRONG else WORDS[kind]
        parts.append(said if kind == ZERO else f"{_sign(kind, level)} {said}")
    return "; ".join(dict.fromkeys(parts))


# The Taylor remainder.


def taylor_plot(view: Taylor, indent: str, options: Options) -> str:
    """Remainder against step, both in powers of ten, with a guide for each power; '' where there is nothing to show."""
    points = [(log10(h), log10(r)) for h, r in zip(view.h, view.remainder, strict=True) if isfinite(r) and r > 0]
    if len(points) < 2:
        return ""
    width = max(16, min(options.width or WIDTH, WIDTH) - len(indent) - 8)
    canvas = _Canvas(points, width)
    for power in (1, 3):
        canvas.guide(points[0], power)
    for point in points:
        canvas.put(point, "o")
    legend = "o remainder at step h; 1 falls with h, 3 falls with h^3 from the largest step"
    return "\n".join([*(indent + line for line in canvas.lines()), paragraph(legend, indent, options)])


class _Canvas:
    """Lines of characters, between whole powers of ten."""

    def __init__(self, points: list[tuple[float, float]], width: int) -> None:
        hs, rs = zip(*points, strict=True)
        self.left, self.right = floor(min(hs)), ceil(max(hs))
        self.low, self.high = floor(min(rs)), max(ceil(max(rs)), floor(min(rs)) + 1)
        self.cells = [[" "] * width for _ in range(TALL)]
        self.width = width

    def put(self, point: tuple[float, float], sign: str) -> None:
        """A sign at (log h, log remainder), unless it lies outside."""
        column = round((point[0] - self.left) / (self.right - self.left) * (self.width - 1))
        row = round((self.high - point[1]) / (self.high - self.low) * (TALL - 1))
        if 0 <= row < TALL and 0 <= column < self.width:
            self.cells[row][column] = sign

    def guide(self, start: tuple[float, float], power: int) -> None:
        """Some points of a line from `start` to where it leaves."""
        reach = min(start[0] - self.left, (start[1] - self.low) / power)
        for k in range(TALL + 1):
            h = reach * k / TALL
            self.put((start[0] - h, start[1] - power * h), str(power))

    def lines(self) -> list[str]:
        """The rows with their powers of ten, and the axis below."""
        named = {}
        for k in range(self.high, self.low - 1, -max(1, ceil((self.high - self.low) / 6))):
            named[round((self.high - k) / (self.high - self.low) * (TALL - 1))] = f"1e{k}"
        rows = [f"{named.get(i, ''):>6} |{''.join(cells).rstrip()}" for i, cells in enumerate(self.cells)]
        first, last = f"1e{self.left}", f"h = 1e{self.right}"
        return [*rows, f"{'':>6} +{'-' * self.width}", f"{'':>8}{first}{last:>{self.width - len(first)}}"]
