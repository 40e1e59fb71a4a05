"""SVG, drawn without any other program: one self-contained picture, for light and dark pages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple
from unicodedata import combining, east_asian_width

from gradcheck_cli.errors import UsageError
from gradcheck_cli.report.clean import for_xml
from gradcheck_cli.report.graph.labels import (
    KINDS,
    LONGEST_TITLE,
    caption,
    described,
    edge_text,
    saved_lines,
    shown,
    value_text,
)
from gradcheck_cli.report.graph.layers import Wire
from gradcheck_cli.report.graph.layout import Box, Layout, Path, layout
from gradcheck_cli.report.graph.style import STYLE

if TYPE_CHECKING:
    from gradcheck_cli.engine.graph import Graph
    from gradcheck_cli.report.graph import Picture

MOST_NODES = 1500
"""More than that nobody could read, and the layout would take its time."""
FONT, SMALL = 13.0, 10.5
"""Pixels; of names, and of all else."""
ADVANCE = 0.63
"""Of a character, in font sizes: the widest of the monospaced fonts has 0.62."""
LINE, SMALL_LINE, PADDING, SIDE, MARGIN, FOLD = 17.0, 13.5, 7.0, 14.0, 24.0, 7.0


class Figure(NamedTuple):
    """A node as it is drawn: a shape with its lines of text, and below it a note of what is saved."""

    kind: str
    lines: list[str]
    saved: list[str]
    labels: list[str]
    """Of each port, the value that leaves there."""
    box: Box
    head: float
    """Height of the shape, without the note."""


def render(picture: Picture) -> str:
    """The picture as a standalone document, all ASCII. Raises UsageError where the graph is too large."""
    graph = picture.graph
    if len(graph.nodes) > MOST_NODES:
        raise UsageError(
            f"format svg draws at most {MOST_NODES:,} nodes, this graph has {len(graph.nodes):,}; "
            "use format dot and Graphviz, or look at a part of the graph"
        )
    figures = list(_figures(picture))
    wires, tips = _wires(graph)
    plan = layout([f.box for f in figures], wires)
    return "\n".join(_document(picture, figures, wires, plan, tips)).encode("ascii", "xmlcharrefreplace").decode() + "\n"


def _figures(picture: Picture) -> Iterator[Figure]:
    graph = picture.graph
    used = {(e.source, e.output_nr) for e in graph.edges} | {(y.source, y.output_nr) for y in graph.outputs}
    for k, node in enumerate(graph.nodes):
        labels = [value_text(v) if (k, nr) in used else "" for nr, v in enumerate(node.outputs)]
        yield _figure(node.kind, caption(node), saved_lines(node) if picture.show_saved else [], labels)
    for y in graph.outputs:
        yield _figure("output", [shown(y.name), "output"], [], [])


def _figure(kind: str, lines: list[str], saved: list[str], labels: list[str]) -> Figure:
    head = PADDING * 2 + LINE + SMALL_LINE * (len(lines) - 1) + (5.0 if kind == "output" else 0.0)
    inside = max([measure(lines[0], FONT), *(measure(line, SMALL) for line in lines[1:])])
    note = max((measure(line, SMALL) + FOLD + 10.0 for line in saved), default=0.0)
    label = max((measure(text, SMALL) for text in labels), default=0.0) + 6.0
    spread = label + 8.0 if len(labels) > 1 else 0.0
    ports = tuple((k - (len(labels) - 1) / 2) * spread for k in range(len(labels)))
    width = max(inside + 2 * SIDE + (16.0 if kind == "custom" else 0.0), note, 56.0, ports[-1] * 2 + 24.0 if ports else 0.0)
    reach = max(width / 2, (ports[-1] + label) if ports else 0.0)
    height = head + (len(saved) * SMALL_LINE + 8.0 if saved else 0.0)
    return Figure(kind, lines, saved, labels, Box(width, height, reach, ports or (0.0,)), head)


def measure(text: str, font: float) -> float:
    """An upper bound of the text's width in pixels."""
    cells = sum(0 if combining(c) else 2 if east_asian_width(c) in "WFA" and not c.isascii() else 1 for c in text)
    return cells * ADVANCE * font


def _wires(graph: Graph) -> tuple[list[Wire], list[str]]:
    """Wires and what they are called."""
    wires = [Wire(e.source, e.output_nr, e.target) for e in graph.edges]
    ends = [Wire(y.source, y.output_nr, len(graph.nodes) + k) for k, y in enumerate(graph.outputs)]
    return wires + ends, [*(edge_text(graph, e) for e in graph.edges), *(f"output {shown(y.name)}" for y in graph.outputs)]


def _document(picture: Picture, figures: list[Figure], wires: list[Wire], plan: Layout, tips: list[str]) -> Iterator[str]:
    title = shown(picture.title, LONGEST_TITLE)
    kinds = [kind for kind in KINDS if any(f.kind == kind for f in figures)]
    legend, legend_width, legend_height = _legend(kinds, any(f.saved for f in figures), max(plan.width, 420.0))
    sentence = described(picture.graph)
    width = max(plan.width, legend_width, measure(title, FONT + 2)) + 2 * MARGIN
    top = 2 * MARGIN + 8.0
    height = top + plan.height + MARGIN + legend_height + MARGIN
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="gradcheck-graph" role="img" aria-label="{for_xml(title)}" '
        f'width="{_n(width)}" height="{_n(height)}" viewBox="0 0 {_n(width)} {_n(height)}">'
    )
    yield f"<title>{for_xml(title)}</title>"
    yield f"<desc>{for_xml(sentence)}</desc>"
    yield f"<style>{STYLE}</style>"
    yield f'<rect class="page" width="{_n(width)}" height="{_n(height)}" fill="#ffffff"/>'
    yield f'<text class="heading" x="{_n(MARGIN)}" y="{_n(MARGIN + 8)}">{for_xml(title)}</text>'
    yield f'<g transform="translate({_n((width - plan.width) / 2)} {_n(top)})">'
    yield from _drawn_wires(wires, plan.paths, tips)
    for figure, (x, y) in zip(figures, plan.corners, strict=True):
        yield from _drawn(figure, x, y)
    yield "</g>"
    yield f'<g transform="translate({_n(MARGIN)} {_n(top + plan.height + MARGIN)})">'
    yield from legend
    yield "</g>"
    yield "</svg>"


# Wires.


def _drawn_wires(wires: list[Wire], paths: list[Path], tips: list[str]) -> Iterator[str]:
    """What wires of one port have in common is drawn once."""
    drawn: dict[tuple[int, int], int] = {}
    for wire, path, tip in zip(wires, paths, tips, strict=True):
        common = min(drawn.get(wire[:2], 0), len(path.pieces) - 1)
        drawn[wire[:2]] = max(common, len(path.pieces) - 1)
        yield _drawn_wire(path, common, tip)


def _drawn_wire(path: Path, common: int, tip: str) -> str:
    x, _, y = path.pieces[-1]
    head = f"M{_n(x)} {_n(y + 0.5)}l-4 -8.5l4 2l4 -2z"
    return (
        f'<g class="wire"><title>{for_xml(tip)}</title><path class="line" fill="none" stroke="#7a808c" '
        f'd="{_curve(path, common)}"/><path class="head" fill="#7a808c" d="{head}"/></g>'
    )


def _curve(path: Path, common: int) -> str:
    """The path from its piece number `common` on."""
    x, upper, lower = path.pieces[max(0, common - 1)]
    parts = [f"M{_n(x)} {_n(lower)}" if common else f"M{_n(x)} {_n(upper)}V{_n(lower)}"]
    for next_x, next_upper, next_lower in path.pieces[max(1, common) :]:
        middle = _n((lower + next_upper) / 2)
        bend = f"C{_n(x)} {middle} {_n(next_x)} {middle} {_n(next_x)} {_n(next_upper)}" if next_x != x else ""
        parts.append(f"{bend}V{_n(next_lower)}")
        x, lower = next_x, next_lower
    return "".join(parts)


# Nodes.


def _drawn(figure: Figure, x: float, y: float) -> Iterator[str]:
    """The shape with its upper edge's middle at (x, y), its text, the note below it, and the labels of its ports."""
    box, left = figure.box, x - figure.box.width / 2
    yield f'<g class="{figure.kind}"><title>{for_xml(" | ".join([*figure.lines, *figure.saved]))}</title>'
    if figure.saved:
        yield from _note(figure, left, y + figure.head)
    yield _shape(figure.kind, left, y, box.width, figure.head)
    base = y + PADDING + LINE - 4.0
    yield f'<text class="name" text-anchor="middle" x="{_n(x)}" y="{_n(base)}">{for_xml(figure.lines[0])}</text>'
    for k, line in enumerate(figure.lines[1:], 1):
        yield f'<text class="small" text-anchor="middle" x="{_n(x)}" y="{_n(base + k * SMALL_LINE)}">{for_xml(line)}</text>'
    yield "</g>"
    for port, label in zip(box.ports, figure.labels, strict=False):
        if label:
            place = f'x="{_n(x + port + 5)}" y="{_n(y + box.height + 11.5)}"'
            yield f'<text class="small value" {place}>{for_xml(label)}</text>'


def _note(figure: Figure, left: float, top: float) -> Iterator[str]:
    """A sheet with a folded corner that hangs from the shape."""
    right, bottom = left + figure.box.width - 5, top + len(figure.saved) * SMALL_LINE + 8.0
    left += 5
    yield (
        f'<path class="note" fill="#fffbe0" stroke="#8a7f2c" d="M{_n(left)} {_n(top - 1)}H{_n(right)}V{_n(bottom - FOLD)}'
        f'L{_n(right - FOLD)} {_n(bottom)}H{_n(left)}ZM{_n(right)} {_n(bottom - FOLD)}H{_n(right - FOLD)}V{_n(bottom)}"/>'
    )
    for k, line in enumerate(filter(None, figure.saved), 1):
        yield f'<text class="small saved" x="{_n(left + 5)}" y="{_n(top + k * SMALL_LINE)}">{for_xml(line)}</text>'


def _shape(kind: str, left: float, top: float, width: float, height: float) -> str:
    """A pill for leaves, with a double edge for parameters; a hexagon for custom rules; outputs point down."""
    right, bottom, middle = left + width, top + height, top + height / 2
    if kind == "custom":
        cut = 10.0
        path = (
            f"M{_n(left + cut)} {_n(top)}H{_n(right - cut)}L{_n(right)} {_n(middle)}L{_n(right - cut)} {_n(bottom)}"
            f"H{_n(left + cut)}L{_n(left)} {_n(middle)}Z"
        )
        return f'<path class="shape" fill="#fdeac9" stroke="#a15c00" stroke-width="1.8" d="{path}"/>'
    if kind == "output":
        tip = f"L{_n((left + right) / 2)} {_n(bottom)}L{_n(left)} {_n(bottom - 9)}"
        path = f"M{_n(left)} {_n(top)}H{_n(right)}V{_n(bottom - 9)}{tip}Z"
        return f'<path class="shape" fill="#eadcf7" stroke="#6a3fa0" d="{path}"/>'
    fill, stroke, radius = {
        "leaf": ("#e3f1e3", "#2e7d32", height / 2),
        "parameter": ("#d8e8fb", "#1d5fa8", height / 2),
        "op": ("#f4f4f6", "#555b66", 5.0),
    }[kind]
    shape = _rectangle("shape", left, top, width, height, radius, f'fill="{fill}" stroke="{stroke}"')
    if kind == "parameter":
        shape += _rectangle("inner", left + 3, top + 3, width - 6, height - 6, radius - 3, f'fill="none" stroke="{stroke}"')
    return shape


def _rectangle(name: str, left: float, top: float, width: float, height: float, radius: float, paint: str) -> str:
    place = f'x="{_n(left)}" y="{_n(top)}" width="{_n(width)}" height="{_n(height)}" rx="{_n(radius)}"'
    return f'<rect class="{name}" {place} {paint}/>'


# The legend.


def _legend(kinds: list[str], with_notes: bool, width: float) -> tuple[list[str], float, float]:
    """Small shapes with their names, in rows; its width and height."""
    words = [(kind, KINDS[kind]) for kind in kinds] + ([("note", "saved for backward")] if with_notes else [])
    words.append(("wire", "data flows down, gradients back up; the label is the value's shape"))
    parts, x, y, widest = [], 0.0, 0.0, 0.0
    for kind, text in words:
        needed = 36.0 + measure(text, SMALL) + 18.0
        if x and x + needed > width:
            x, y = 0.0, y + 26.0
        parts += [_sample(kind, x, y)]
        parts += [f'<text class="small" x="{_n(x + 36)}" y="{_n(y + 12.5)}">{for_xml(text)}</text>']
        x += needed
        widest = max(widest, x)
    return parts, widest, y + 18.0


def _sample(kind: str, x: float, y: float) -> str:
    if kind == "wire":
        return _drawn_wire(Path(((x + 14, y - 2, y + 18),)), 0, "an edge")
    if kind == "note":
        note = _figure("op", [""], [""], [])._replace(box=Box(38.0, 18.0, 19.0))
        return "".join(_note(note, x - 5, y - 1))
    return f'<g class="{kind}">{_shape(kind, x, y, 28.0, 18.0)}</g>'


def _n(number: float) -> str:
    """At most two digits behind the point."""
    return f"{number:.2f}".rstrip("0").rstrip(".")
