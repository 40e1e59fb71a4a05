"""The DOT language, for Graphviz."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gradcheck_cli.report.clean import for_dot
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
    yield f"graph [rankdir=TB, labelloc=t, label={for_dot(shown(picture.title, LONGEST_TITLE))}]"
    yield 'node [style=filled, fontname="Helvetica", fontsize=11]'
    yield 'edge [fontname="Helvetica", fontsize=9]'
    for k, node in enumerate(graph.nodes):
        yield f"n{k} [label={for_dot(*caption(node))}, {STYLES[node.kind]}]"
        lines = saved_lines(node) if picture.show_saved else []
        if lines:
            yield f"s{k} [label={for_dot(*lines)}, {STYLES['saved']}]"
            yield f"n{k} -> s{k} [style=dashed, arrowhead=none]"
    for edge in graph.edges:
        yield (
            f"n{edge.source} -> n{edge.target} "
            f"[label={for_dot(value_text(graph.value(edge)))}, tooltip={for_dot(edge_text(graph, edge))}]"
        )
    for k, y in enumerate(graph.outputs):
        yield f"y{k} [label={for_dot(shown(y.name), 'output')}, {STYLES['output']}]"
        yield f"n{y.source} -> y{k} [label={for_dot(value_text(graph.value(y)))}]"
