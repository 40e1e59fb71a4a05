"""The Jacobian's error as a picture: colour for its size, and a sign as well for what is wrong, open or on a kink."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck_cli.report.heat import (
    KINK,
    OPEN,
    WRONG,
    ZERO,
    Heat,
    column_name,
    errors,
    heat,
    level_text,
    levels,
    ranges,
    row_name,
)
from gradcheck_cli.report.html.text import esc, n

if TYPE_CHECKING:
    from gradcheck_cli.check.result import InputResult

ROWS, COLUMNS = 48, 64
"""Cells at most."""
WIDTH, HEIGHT, SMALLEST, LARGEST = 416, 320, 6, 36
"""Pixels: of the grid, about, and of a cell."""
FONT = 11
ADVANCE = 6.8
"""Pixels of a character, at most."""
TITLES, ALL_TITLES = 60, 64
"""Of so many notable cells, and of small grids all, the pointer tells the numbers."""
KINDS = {ZERO: "both zero", KINK: "on a kink", OPEN: "open", WRONG: "wrong"}
SIGNS = {WRONG: "M.28.28l.44.44M.72.28l-.44.44", OPEN: "M.5.28a.22.22 0 1 0 .01 0z", KINK: "M.2.68l.3-.36.3.36"}

PATTERNS = (
    '<svg width="0" height="0" class="defs" aria-hidden="true"><defs>'
    + "".join(
        f'<pattern id="sign-{kind}" width="1" height="1" patternUnits="userSpaceOnUse">'
        f'<path class="sign" d="{path}"/></pattern>'
        for kind, path in SIGNS.items()
    )
    + "</defs></svg>"
)
"""The signs, which every heat map of a page shows."""


def heatmap(x: InputResult) -> str:
    """A figure with its legend."""
    found = heat(x, ROWS, COLUMNS)
    name = esc(x.name)
    rows, columns = x.claimed.shape
    title = f"Error of the Jacobian of {name}"
    inside = f"{rows:,} × {columns:,} entries"
    if found.kind.shape != x.claimed.shape:
        tall, wide = found.cell
        inside += f", a cell shows the worst of {f'{tall} × {wide}' if min(tall, wide) > 1 else max(tall, wide)}"
    rtol, atol = x.tolerance
    legend = "".join(_key(kind, level) for kind, level in levels(found))
    return (
        f'<figure class="heat"><figcaption>{title}<span>{esc(ranges(x))}; {inside}</span></figcaption>'
        f"{''.join(_svg(x, found, title))}"
        f'<ul class="legend">{legend}<li class="unit">error in tolerances (rtol {rtol:g}, atol {atol:g})</li></ul></figure>'
    )


def _svg(x: InputResult, found: Heat, title: str) -> Iterator[str]:
    rows, columns = found.kind.shape
    size = min(max(SMALLEST, min(WIDTH // columns, HEIGHT // rows)), LARGEST)
    down, across = list(_row_labels(x, found, size)), list(_column_labels(x, found, size))
    left = max(len(text) for _, text in down) * ADVANCE + 6
    width = left + max([columns * size + 1, *(at * size + len(text) * ADVANCE for at, text in across)])
    top = FONT + 7
    height = top + rows * size + 2
    yield f'<svg role="img" aria-label="{title}" width="{n(width)}" height="{n(height)}" viewBox="0 0 {n(width)} {n(height)}">'
    for at, text in across:
        yield f'<text x="{n(left + at * size)}" y="{FONT}">{esc(text)}</text>'
    for at, text in down:
        yield f'<text text-anchor="end" x="{n(left - 6)}" y="{n(top + (at + 0.5) * size + FONT / 3)}">{esc(text)}</text>'
    yield f'<g transform="translate({n(left)} {top}) scale({size})">'
    yield from _cells(found)
    if size >= 10:
        lines = "".join(f"M0 {i}h{columns}" for i in range(1, rows)) + "".join(f"M{j} 0v{rows}" for j in range(1, columns))
        yield f'<path class="grid" d="{lines}"/>'
    yield f'<rect class="frame" width="{columns}" height="{rows}"/>'
    yield from _titles(x, found)
    yield "</g></svg>"


def _cells(found: Heat) -> Iterator[str]:
    """The cells of each colour, then the signs of each kind."""
    for kind, level in levels(found):
        cells = _runs((found.kind == kind) & (found.level == level))
        yield f'<path class="{_colour(kind, level)}" d="{cells}"><title>{esc(_meaning(kind, level))}</title></path>'
    for kind in SIGNS:
        if (found.kind == kind).any():
            yield f'<path stroke="url(#sign-{kind})" d="{_runs(found.kind == kind)}"/>'


def _runs(chosen: Any) -> str:
    """The chosen cells as strokes along the middle of their rows."""
    parts = []
    for i, row in enumerate(chosen):
        for value, run in groupby(range(len(row)), row.__getitem__):
            if value:
                cells = list(run)
                parts.append(f"M{cells[0]} {i}.5h{len(cells)}")
    return "".join(parts)


def _titles(x: InputResult, found: Heat) -> Iterator[str]:
    """What the pointer tells: of every cell of a small grid, else of the worst ones."""
    rank = (found.kind * 100 + found.level).ravel()
    if rank.size <= ALL_TITLES:
        chosen = np.arange(rank.size)
    else:
        notable = np.flatnonzero(found.kind.ravel() > 1)
        chosen = notable[np.argsort(-rank[notable], kind="stable")][:TITLES]
    error = errors(x).ravel()
    for k in chosen:
        i, j = divmod(int(k), found.kind.shape[1])
        flat = int(found.worst[i, j])
        row, column = divmod(flat, x.claimed.shape[1])
        said = KINDS.get(int(found.kind[i, j]), "agrees")
        text = (
            f"d {row_name(x, row)} / d {column_name(x, column)}: {said}; claimed {x.claimed[row, column]:.9g}, "
            f"numeric {x.numeric[row, column]:.9g}, error {error[flat]:.1e} tolerances"
        )
        yield f'<rect class="cell" x="{j}" y="{i}" width="1" height="1"><title>{esc(text)}</title></rect>'


# Labels.


def _row_labels(x: InputResult, found: Heat, size: float) -> Iterator[tuple[int, str]]:
    """Of every row where there is room, else of the first and the last."""
    rows = len(found.rows) - 1
    each = size >= FONT + 2 and rows == len(x.claimed)
    for i in range(rows) if each else sorted({0, rows - 1}):
        yield i, row_name(x, int(found.rows[i]) if i < rows - 1 else len(x.claimed) - 1)


def _column_labels(x: InputResult, found: Heat, size: float) -> list[tuple[int, str]]:
    """Of every column where there is room, else from where to where they go."""
    columns = x.claimed.shape[1]
    if len(found.columns) - 1 == columns and columns <= WIDTH // SMALLEST:
        names = [column_name(x, j) for j in range(columns)]
        if max(map(len, names)) * ADVANCE <= size:
            return list(enumerate(names))
    ends = dict.fromkeys((column_name(x, 0), column_name(x, columns - 1)))
    return [(0, " … ".join(ends))]


def _key(kind: int, level: int) -> str:
    """An entry of the legend."""
    sign = f'<path class="sign" d="{SIGNS[kind]}"/>' if kind in SIGNS else ""
    swatch = (
        f'<svg class="key" viewBox="0 0 1 1" aria-hidden="true"><path class="{_colour(kind, level)}" d="M0 .5h1"/>{sign}</svg>'
    )
    return f"<li>{swatch}{esc(_meaning(kind, level))}</li>"


def _colour(kind: int, level: int) -> str:
    return {ZERO: "z", KINK: "k", OPEN: "o"}.get(kind, f"h{level}")


def _meaning(kind: int, level: int) -> str:
    return KINDS[kind] if kind in (ZERO, KINK, OPEN) else f"{KINDS.get(kind, 'agrees')} {level_text(level)}"
