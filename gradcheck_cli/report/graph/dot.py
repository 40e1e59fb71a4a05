"""The DOT language, for Graphviz."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gradcheck_cli.report.graph.labels import LONGEST_TITLE, caption, edge_text, saved_lines, shown, value_text

if TYPE_CHECKING:
    from gradcheck_cli.report.graph import Picture

STYLES = {
    "leaf": 'shape=ellipse, fillcolor="#e3f1e3", color="#2e7d32"',
    "parameter": 'shape=ellipse, peripheries=2, fillcolor="#d8e8fb", color="#1d5fa8"',
    "op": 'shape=box, style="filled,rounded", fillcolor="#f4f4f6", color="#555b66"',
    "custom": 'shape=hexagon, fillcolor="#fdeac9", color="#a15c00", penwidth=1.6',
    "output": 'shape=invhouse, fillcolor="#eadcf7", color="#6a3fa0"',
    "saved": 'shape=note, fontsize=9, fillcolor="#fffbe0", color="#8a7f2c"',
}


def render(picture: Picture) -> str:
    """A digraph: arrows point from what is used to what uses it, their labels are shapes."""
    return "\n".join(["digraph gradient {", *(f"  {line}" for line in _statements(picture)), "}"]) + "\n"


def _statements(picture: Picture) -> Iterator[str]:
    graph = picture.graph
    yield f"graph [rankdir=TB, labelloc=t, label={quoted(shown(picture.title, LONGEST_TITLE))}]"
    yield 'node [style=filled, fontname="Helvetica", fontsize=11]'
    yield 'edge [fontname="Helvetica", fontsize=9]'
    for k, node in enumerate(graph.nodes):
        yield f"n{k} [label={quoted(*caption(node))}, {STYLES[node.kind]}]"
        lines = saved_lines(node) if picture.show_saved else []
        if lines:
            yield f"s{k} [label={quoted(*lines)}, {STYLES['saved']}]"
            yield f"n{k} -> s{k} [style=dashed, arrowhead=none]"
    for edge in graph.edges:
        yield (
            f"n{edge.source} -> n{edge.target} "
            f"[label={quoted(value_text(graph.value(edge)))}, tooltip={quoted(edge_text(graph, edge))}]"
        )
    for k, y in enumerate(graph.outputs):
        yield f"y{k} [label={quoted(shown(y.name), 'output')}, {STYLES['output']}]"
        yield f"n{y.source} -> y{k} [label={quoted(value_text(graph.value(y)))}]"


def quoted(*lines: str) -> str:
    """A quoted string that shows exactly these lines; neither an escape nor an HTML entity that a name holds acts."""
    return '"' + "\\n".join("".join(map(_character, line)) for line in lines) + '"'


def _character(char: str) -> str:
    """Graphviz reads codes of at most 16 bits: of what lies beyond, the code is shown."""
    if ord(char) > 0xFFFF:
        return f"U+{ord(char):X}"
    if char in '"\\':
        return "\\" + char
    return char if char.isascii() and char != "&" else f"&#{ord(char)};"
