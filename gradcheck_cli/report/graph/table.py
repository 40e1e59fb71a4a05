"""Statistics of graphs as tables, for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from gradcheck_cli.report.clean import to_ascii
from gradcheck_cli.report.formats import Options
from gradcheck_cli.report.graph.labels import scaled, size, value_text
from gradcheck_cli.report.table import paragraph, table

if TYPE_CHECKING:
    from gradcheck_cli.engine.statistics import GraphStats, Saver

COLUMNS = (
    *("nodes", "edges", "depth", "width", "leaves", "custom"),
    *("fan\nout", "saved\nbytes", "forward\nflops", "backward\nflops"),
)
FIRST = 6
"""Columns in the first of two tables."""
SAVER_COLUMNS = ("saved", "shape", "size", "kept by")
ROWS, KEEPERS, OPS = 10, 3, 12
"""Largest savers, names of those that keep one, and ops that are shown."""


class Measured(NamedTuple):
    """The statistics of one case."""

    name: str
    stats: GraphStats
    own_rule: bool = False
    """Whether the graph is the one node of the function's rule."""


def render(measured: Sequence[Measured], options: Options) -> str:
    """A row for each, the largest saved values, and how often each op occurs."""
    sections = [*_numbers(measured, options), *_savers(measured, options), *_notes(measured, options)]
    text = "\n\n".join(sections) + "\n"
    return to_ascii(text) if options.ascii_only else text


def _numbers(measured: Sequence[Measured], options: Options) -> list[str]:
    """One table; on a narrow terminal two, so that there is room for the names."""
    names, rows = [m.name for m in measured], [_row(m.stats) for m in measured]
    together = _named(names, COLUMNS, rows, options._replace(width=None))
    if options.width is None or max(map(_columns, together.split("\n"))) <= options.width:
        return [together]
    parts = (slice(FIRST), slice(FIRST, None))
    return [_named(names, COLUMNS[part], [row[part] for row in rows], options) for part in parts]


def _columns(line: str) -> int:
    """How wide a line is, without the codes of its colours."""
    from rich.text import Text

    return Text.from_ansi(line).cell_len


def _named(names: Sequence[str], columns: Sequence[str], rows: Sequence[list[str]], options: Options) -> str:
    return table(("function", *columns), [[name, *row] for name, row in zip(names, rows, strict=True)], "", options)


def _row(s: GraphStats) -> list[str]:
    counts = [str(n) for n in (s.nodes, s.edges, s.depth, s.width, s.leaves, s.custom, s.fan_out)]
    return [*counts, scaled(s.saved_bytes), _flops(s.forward_flops, s), _flops(s.backward_flops, s)]


def _flops(known: int, s: GraphStats) -> str:
    """`24`, `24 + ?` where some nodes' are unknown, `?` where nothing is known."""
    if not s.unknown_flops:
        return scaled(known)
    return f"{scaled(known)} + ?" if known else "?"


def _savers(measured: Sequence[Measured], options: Options) -> Iterator[str]:
    """Of all together; with several, whose they are is said."""
    every = [(m, saver) for m in measured for saver in m.stats.largest_saved]
    largest = sorted(every, key=lambda pair: -pair[1].nbytes)[:ROWS]
    if not largest:
        return
    several = len(measured) > 1
    columns = (*SAVER_COLUMNS, "function") if several else SAVER_COLUMNS
    rows = [[*_saver_row(saver), *([m.name] if several else [])] for m, saver in largest]
    yield "largest saved values\n" + table(columns, rows, "", options)


def _saver_row(saver: Saver) -> list[str]:
    first = saver.leaf or saver.kept_by[0]
    kept_by = list(dict.fromkeys(name.rpartition(".")[0] for name in saver.kept_by))
    more = f" and {len(kept_by) - KEEPERS} more" if len(kept_by) > KEEPERS else ""
    return [first, value_text(saver.value), size(saver.nbytes), ", ".join(kept_by[:KEEPERS]) + more]


def _notes(measured: Sequence[Measured], options: Options) -> Iterator[str]:
    """Ops, and what is to be known of the numbers."""
    ops: Counter[str] = Counter()
    for m in measured:
        ops.update(m.stats.ops)
    unknown = sum(m.stats.unknown_flops for m in measured)
    lines = []
    if ops:
        more = f" and {len(ops) - OPS} more" if len(ops) > OPS else ""
        lines.append("ops: " + ", ".join(f"{name} {count}" for name, count in ops.most_common(OPS)) + more)
    if unknown:
        lines.append(f"?: flops of {unknown} {'node' if unknown == 1 else 'nodes'} unknown")
    if any(m.own_rule for m in measured):
        lines.append("a function with a rule of its own is one custom node; --expand shows the ops of its forward")
    if lines:
        yield "\n".join(paragraph(line, "", options) for line in lines)
