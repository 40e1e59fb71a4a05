"""Layered drawing, first step: every box gets a layer, and lines over several layers get a bend in each."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from gradcheck_cli.errors import UsageError

MOST_POINTS = 12_000
"""Boxes and bends that are still laid out, in a few seconds."""


class Wire(NamedTuple):
    """A line from a box's port (0 is the leftmost) down to another box."""

    source: int
    port: int
    target: int


class Layered(NamedTuple):
    """Boxes 0 ... n-1, and bends from n on; lines between neighbouring layers."""

    boxes: int
    layers: list[list[int]]
    below: list[list[int]]
    """For each box or bend what it is joined to in the next layer."""
    above: list[list[int]]
    routes: list[list[int]]
    """For each wire what it runs through: its source, bends, its target."""
    lean: dict[tuple[int, int], float]
    """Where between -0.5 and 0.5 of a box with several ports a line starts, for lines that do not start in the middle."""


def layered(boxes: int, wires: Sequence[Wire]) -> Layered:
    """Layers by the longest way down. Sources stand before what uses them; lines from one port share their bends."""
    rank = _ranks(boxes, wires)
    lowest: dict[tuple[int, int], int] = {}
    for wire in wires:
        start = wire.source, wire.port
        lowest[start] = max(lowest.get(start, 0), rank[wire.target])
    points = boxes + sum(max(0, last - rank[source] - 1) for (source, _), last in lowest.items())
    if points > MOST_POINTS:
        raise UsageError(
            f"a picture may have {MOST_POINTS:,} boxes and bends, this graph needs {points:,}; "
            "use format dot and Graphviz, or look at a part of the graph"
        )
    bends: dict[tuple[int, int], list[int]] = {}
    for (source, port), last in lowest.items():
        first = len(rank)
        rank += range(rank[source] + 1, last)
        bends[source, port] = list(range(first, len(rank)))
    routes = [[w.source, *bends[w.source, w.port][: rank[w.target] - rank[w.source] - 1], w.target] for w in wires]
    return _joined(boxes, rank, routes, _leaning(wires, routes))


def _leaning(wires: Sequence[Wire], routes: Sequence[Sequence[int]]) -> dict[tuple[int, int], float]:
    last: dict[int, int] = {}
    for wire in wires:
        last[wire.source] = max(last.get(wire.source, 0), wire.port)
    return {
        (route[0], route[1]): wire.port / last[wire.source] - 0.5
        for wire, route in zip(wires, routes, strict=True)
        if last[wire.source]
    }


def _ranks(boxes: int, wires: Sequence[Wire]) -> list[int]:
    """Each box as near as possible to what uses it, so that an input stands beside its step; an output below its source.

    Boxes are numbered so that a wire leads to a higher number.
    """
    users: list[list[int]] = [[] for _ in range(boxes)]
    sources: list[list[int]] = [[] for _ in range(boxes)]
    for source, _, target in wires:
        users[source].append(target)
        sources[target].append(source)
    height = [0] * boxes
    for k in reversed(range(boxes)):
        height[k] = max((height[u] + 1 for u in users[k]), default=0)
    rank = [max(height) - h for h in height]
    for k in range(boxes):
        if sources[k] and not users[k]:
            rank[k] = max(rank[s] for s in sources[k]) + 1
    return rank


def _joined(boxes: int, rank: Sequence[int], routes: list[list[int]], lean: dict[tuple[int, int], float]) -> Layered:
    below: list[dict[int, None]] = [{} for _ in rank]
    above: list[dict[int, None]] = [{} for _ in rank]
    for route in routes:
        for upper, lower in pairwise(route):
            below[upper][lower] = above[lower][upper] = None
    layers: list[list[int]] = [[] for _ in range(max(rank) + 1)]
    for point, layer in enumerate(rank):
        layers[layer].append(point)
    return Layered(boxes, layers, [list(b) for b in below], [list(a) for a in above], routes, lean)
