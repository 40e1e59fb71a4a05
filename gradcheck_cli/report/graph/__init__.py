"""The formats of a graph by name: each a module of this package with `render(picture) -> str`, imported when it is used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from gradcheck_cli.engine.graph import Graph

PICTURES = {
    "dot": "for Graphviz",
    "mermaid": "for Mermaid, which GitHub and GitLab draw in Markdown",
    "svg": "a picture, drawn without any other program",
}
FORMATS = {"table": "statistics and the largest saved values", **PICTURES}
SUFFIXES = {".svg": "svg", ".dot": "dot", ".gv": "dot", ".mmd": "mermaid", ".mermaid": "mermaid"}
"""The format that a file's name asks for."""


class Picture(NamedTuple):
    """What is drawn."""

    graph: Graph
    title: str
    show_saved: bool = True


def draw(picture: Picture, format: str) -> str:
    """The picture as text in one of `PICTURES`; ASCII, ends in a newline. Raises UsageError where it is too large."""
    text: str = import_module(f"gradcheck_cli.report.graph.{format}").render(picture)
    return text
