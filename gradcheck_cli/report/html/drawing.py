"""The graph of a check, as the svg format of graphs draws it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcheck_cli.report.graph import Picture, draw
from gradcheck_cli.report.graph.labels import described
from gradcheck_cli.report.graph.style import STYLE
from gradcheck_cli.report.html.text import esc

if TYPE_CHECKING:
    from gradcheck_cli.check.result import CheckResult

MOST_NODES = 120
"""Of a graph that is drawn within a page."""


def drawing(check: CheckResult) -> str:
    """A figure; of a large graph a sentence. The page has the style sheet, and needs no name of the language."""
    graph = check.drawing
    assert graph is not None
    if len(graph.nodes) > MOST_NODES:
        return f'<p class="note">The graph is too large to be drawn here: {esc(described(graph))}</p>'
    picture = draw(Picture(graph, f"graph of {check.name}"), "svg")
    picture = picture.replace(f"<style>{STYLE}</style>\n", "").replace(' xmlns="http://www.w3.org/2000/svg"', "", 1)
    return (
        f'<details class="graph"><summary>Graph: {esc(described(graph))}</summary><div class="wide">{picture}</div></details>'
    )
