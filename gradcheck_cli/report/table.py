"""Tables and paragraphs for terminals of any width: where something is too wide it is broken between words, never cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradcheck_cli.report.clean import clean, to_ascii
from gradcheck_cli.report.formats import Options

NUMBERS = (
    *("entries", "error", "bound", "claimed", "numeric", "tried", "found", "rate"),
    *("nodes", "edges", "depth", "width", "leaves", "custom", "fan", "bytes", "size", "flops"),
)
"""Words in the headings of columns of numbers, which stand right."""
TOGETHER = "\u00a0"
"""Stands for a space at which a line must not be broken."""
STYLES = {"PASS": "green", "FAIL": "red", "OPEN": "yellow"}


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], indent: str, options: Options) -> str:
    """A table as wide as its content; on a terminal that is too narrow for it, a paragraph for each row."""
    from rich.console import Console

    columns = [to_ascii(name) if options.ascii_only else name for name in columns]
    cells = [[clean(value) for value in row] for row in rows]
    drawn = _drawn(columns, cells, options)
    needed = Console(width=100_000, color_system=None).measure(drawn).maximum
    if options.width is not None and needed + len(indent) > options.width:
        return "\n".join(_as_paragraph(columns, row, indent, options) for row in cells)
    lines = _printed(drawn, needed, options).split("\n")
    return "\n".join(indent + line.rstrip() for line in lines if line.strip())


def _drawn(columns: Sequence[str], rows: Sequence[Sequence[str]], options: Options) -> Any:
    from rich.box import Box
    from rich.table import Table
    from rich.text import Text

    rule = "-" if options.ascii_only else "─"
    box = Box(f"    \n    \n {rule * 2} \n    \n    \n    \n    \n    \n", ascii=options.ascii_only)
    drawn = Table(box=box, show_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for name in columns:
        right = any(word in name for word in NUMBERS)
        drawn.add_column(Text(name), justify="right" if right else "left", no_wrap=True, vertical="bottom")
    for row in rows:
        drawn.add_row(*(Text(value, style=STYLES.get(value.partition(",")[0], "")) for value in row))
    return drawn


def _printed(drawn: Any, width: int, options: Options) -> str:
    from io import StringIO

    from rich.console import Console

    page = StringIO()
    system: Any = "standard" if options.color else None
    Console(file=page, width=width, force_terminal=options.color, color_system=system, legacy_windows=False).print(drawn)
    return page.getvalue()


def _as_paragraph(columns: Sequence[str], row: Sequence[str], indent: str, options: Options) -> str:
    """`x (2,3): entries 6, max abs error 1e-11, ...`; a value stays on one line with its name."""
    named = zip(columns[1:], row[1:], strict=True)
    parts = [f"{name} {value}".replace("\n", " ").replace(" ", TOGETHER) for name, value in named if value]
    return _filled(f"{row[0]}: {', '.join(parts)}", indent, options).replace(TOGETHER, " ")


def paragraph(text: str, indent: str, options: Options) -> str:
    """Text that is indented and, where the width is known, broken between words; further lines are indented deeper."""
    return _filled(clean(text), indent, options)


def _filled(text: str, indent: str, options: Options) -> str:
    if options.width is None:
        return "\n".join(indent + line for line in text.split("\n"))
    from textwrap import wrap

    inside = indent + "  "
    width = max(options.width, 20)
    lines = [
        wrap(line, width, initial_indent=indent, subsequent_indent=inside, break_long_words=False, break_on_hyphens=False)
        for line in text.split("\n")
    ]
    return "\n".join(piece for pieces in lines for piece in pieces)
