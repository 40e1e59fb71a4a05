"""Pictures of a graph: each format a module of this package with `render(picture) -> str`, imported when it is used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from gradcheck_cli.engine.graph import Graph


class Picture(NamedTuple):
    """What is drawn."""

    graph: Graph
    title: str
    show_saved: bool = True


def draw(picture: Picture, format: str) -> str:
    """The picture as text in one of `formats.PICTURES`; ASCII, ends in a newline. Raises UsageError where it is too large."""
    text: str = import_module(f"gradcheck_cli.report.graph.{format}").render(picture)
    return text
