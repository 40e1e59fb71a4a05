"""Mermaid, which GitHub and GitLab draw in Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gradcheck_cli.errors import UsageError
from gradcheck_cli.report.clean import PLAIN, for_mermaid
from gradcheck_cli.report.graph.labels import LONGEST_TITLE, caption, saved_lines, shown, value_text

if TYPE_CHECKING:
    from gradcheck_cli.report.graph import Picture

MOST_EDGES, MOST_TEXT = 500, 50_000
"""Mermaid's own limits, which a diagram cannot raise."""
SHAPES = {
    "leaf": "([{}])",
    "parameter": "[({})]",
    "op": "({})",
    "custom": "{{{{{}}}}}",
    "output": "[/{}\\]",
    "saved": ">{}]",
}
"""Stadium, cylinder, rounded box, hexagon, trapezoid, flag."""
STYLES = {
    "leaf": "fill:#e3f1e3,stroke:#2e7d32,color:#111",
    "parameter": "fill:#d8e8fb,stroke:#1d5fa8,color:#111",
    "op": "fill:#f4f4f6,stroke:#555b66,color:#111",
    "custom": "fill:#fdeac9,stroke:#a15c00,stroke-width:2px,color:#111",
    "output": "fill:#eadcf7,stroke:#6a3fa0,color:#111",
    "saved": "fill:#fffbe0,stroke:#8a7f2c,stroke-dasharray:3 2,color:#111",
}


def render(picture: Picture) -> str:
    """A flowchart: arrows point from what is used to what uses it, their labels are shapes. Raises UsageError."""
    graph = picture.graph
    notes = sum(bool(node.saved) for node in graph.nodes) if picture.show_saved else 0
    _check("edges", len(graph.edges) + len(graph.outputs) + notes, MOST_EDGES)
    text = "\n".join(["flowchart TD", *(f"  {line}" for line in _statements(picture))]) + "\n"
    _check("characters", len(text), MOST_TEXT)
    return text


def _check(what: str, needed: int, most: int) -> None:
    if needed > most:
        raise UsageError(
            f"Mermaid draws at most {most:,} {what}, this graph needs {needed:,}; leave out the saved values, or use format dot"
        )


def _statements(picture: Picture) -> Iterator[str]:
    graph = picture.graph
    yield f"accTitle: {''.join(c if c in PLAIN else ' ' for c in shown(picture.title, LONGEST_TITLE))}"
    for k, node in enumerate(graph.nodes):
        yield _node(f"n{k}", node.kind, caption(node))
        lines = saved_lines(node) if picture.show_saved else []
        if lines:
            yield _node(f"s{k}", "saved", lines)
            yield f"n{k} -.- s{k}"
    for edge in graph.edges:
        yield f"n{edge.source} -->|{for_mermaid(value_text(graph.value(edge)))}| n{edge.target}"
    for k, y in enumerate(graph.outputs):
        yield _node(f"y{k}", "output", [shown(y.name), "output"])
        yield f"n{y.source} -->|{for_mermaid(value_text(graph.value(y)))}| y{k}"
    for kind, style in STYLES.items():
        yield f"classDef {kind} {style}"


def _node(key: str, kind: str, lines: list[str]) -> str:
    return f"{key}{SHAPES[kind].format(for_mermaid(*lines))}:::{kind}"
