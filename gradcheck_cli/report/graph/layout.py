"""Layered drawing, put together: from the sizes of boxes and the wires between them to places and paths in pixels.

Boxes of a layer stand side by side. Wires are vertical beside boxes and curved between layers, so none runs through a box.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gradcheck_cli.report.graph.columns import placed
from gradcheck_cli.report.graph.crossings import ordered
from gradcheck_cli.report.graph.layers import Layered, Wire, layered
from gradcheck_cli.report.graph.relaxing import relaxed

BEND_WIDTH = 6.0
STUB = 17.0
"""Wires leave straight down for so long: there stands the label of what they carry."""
ARROW = 9.0
ROOM = 14.0
"""Between layers at least; more where lines have to go sideways."""
INSET, SPACING = 12.0, 11.0
"""Of wires that enter a box: from its corners, and from each other."""


class Box(NamedTuple):
    """What a box needs."""

    width: float
    height: float
    reach: float
    """How far it and the labels of its ports reach from its middle to the side."""
    ports: tuple[float, ...] = (0.0,)
    """Where wires leave, from the middle of the lower edge."""


class Path(NamedTuple):
    """A wire's way: it is vertical from each y to the next in a pair, and curved from pair to pair."""

    pieces: tuple[tuple[float, float, float], ...]
    """x, upper y and lower y of each vertical piece."""


class Layout(NamedTuple):
    """Where everything stands; (0, 0) is the upper left corner."""

    width: float
    height: float
    corners: list[tuple[float, float]]
    """Of each box the middle of its upper edge."""
    paths: list[Path]
    """Of each wire."""


def layout(boxes: Sequence[Box], wires: Sequence[Wire]) -> Layout:
    """Lay out; wires lead from a box to one with a higher number. Raises UsageError where there is too much."""
    net = layered(len(boxes), wires)
    layers = ordered(net)
    widths = [2 * boxes[p].reach if p < len(boxes) else BEND_WIDTH for p in range(len(net.below))]
    middles = relaxed(net, layers, placed(net, layers, widths), widths)
    heights = [max((boxes[p].height for p in layer if p < len(boxes)), default=0.0) for layer in layers]
    tops = _tops(net, layers, middles, heights)
    level = {p: k for k, layer in enumerate(layers) for p in layer}
    corners = [(middles[p], tops[level[p]] + (heights[level[p]] - box.height) / 2) for p, box in enumerate(boxes)]
    entries = _entries(boxes, wires, net, middles)
    paths = [
        _path(
            boxes,
            wire,
            net.routes[k],
            entries[k],
            middles,
            corners,
            [(tops[level[p]], heights[level[p]]) for p in net.routes[k]],
        )
        for k, wire in enumerate(wires)
    ]
    right = max(middles[p] + widths[p] / 2 for p in middles)
    return Layout(right, max(y + box.height for (_, y), box in zip(corners, boxes, strict=True)), corners, paths)


def _tops(net: Layered, layers: Sequence[Sequence[int]], middles: dict[int, float], heights: Sequence[float]) -> list[float]:
    """Of each layer; the further its lines have to go sideways, the more room there is above the next."""
    tops = [0.0]
    for layer, height in zip(layers, heights, strict=True):
        aside = max((abs(middles[p] - middles[n]) for p in layer for n in net.below[p]), default=0.0)
        tops.append(tops[-1] + height + STUB + min(110.0, ROOM + min(10.0, aside / 4) + 0.12 * aside) + ARROW)
    return tops


def _entries(boxes: Sequence[Box], wires: Sequence[Wire], net: Layered, middles: dict[int, float]) -> list[float]:
    """Where each wire enters its target: straight below where it comes from if possible, in that order, and apart."""
    entering: dict[int, list[tuple[float, int]]] = {}
    for k, (wire, route) in enumerate(zip(wires, net.routes, strict=True)):
        x = middles[route[-2]] + (boxes[wire.source].ports[wire.port] if len(route) == 2 else 0.0)
        entering.setdefault(wire.target, []).append((x, k))
    found = [0.0] * len(wires)
    for target, lines in entering.items():
        half = max(0.0, boxes[target].width / 2 - INSET)
        low, high = middles[target] - half, middles[target] + half
        for x, k in zip(
            _apart([min(high, max(low, x)) for x, _ in sorted(lines)], low, high), (k for _, k in sorted(lines)), strict=True
        ):
            found[k] = x
    return found


def _apart(xs: list[float], low: float, high: float) -> list[float]:
    """Sorted places between `low` and `high`, moved as little as keeps them apart."""
    spacing = min(SPACING, (high - low) / max(1, len(xs) - 1))
    for k in range(1, len(xs)):
        xs[k] = max(xs[k], xs[k - 1] + spacing)
    over = high
    for k in reversed(range(len(xs))):
        xs[k] = over = min(xs[k], over)
        over -= spacing
    return xs


def _path(
    boxes: Sequence[Box],
    wire: Wire,
    route: Sequence[int],
    entry: float,
    middles: dict[int, float],
    corners: Sequence[tuple[float, float]],
    bands: Sequence[tuple[float, float]],
) -> Path:
    x, y = corners[wire.source]
    top, height = bands[0]
    pieces = [(x + boxes[wire.source].ports[wire.port], y + boxes[wire.source].height, top + height + STUB)]
    for point, (top, height) in zip(route[1:-1], bands[1:-1], strict=True):
        pieces.append((middles[point], top - ARROW, top + height + STUB))
    top, _ = bands[-1]
    return Path((*pieces, (entry, top - ARROW, corners[wire.target][1])))
