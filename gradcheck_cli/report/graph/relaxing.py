"""Layered drawing, last step: lines are made shorter, as far as there is room."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from math import inf

from gradcheck_cli.report.graph.columns import GAP, Places
from gradcheck_cli.report.graph.layers import Layered

PASSES = 24
STRAIGHT = 0.5
"""Pixels by which a vertical line may be off."""


def relaxed(net: Layered, layers: Sequence[Sequence[int]], middles: Places, widths: Sequence[float]) -> Places:
    """The middle of each point, in the same order and as far apart at least; what is straight stays straight.

    Points that are to stay below each other form a group. Each group in turn goes to the mean of the points that lines
    join it to: that is the nearest one to the minimum of the sum of squares, one coordinate at a time.
    """
    group = _groups(net, layers, middles)
    joined: dict[int, list[int]] = {g: [] for g in group.values()}
    for point, others in enumerate(net.below):
        for other in others:
            if group[point] != group[other]:
                joined[group[point]].append(group[other])
                joined[group[other]].append(group[point])
    left, right = _neighbours(layers, group, widths)
    at = {g: middles[g] for g in joined}
    order = sorted(at, key=lambda g: at[g])
    for number in range(PASSES):
        for g in order[:: -1 if number % 2 else 1]:
            if joined[g]:
                wanted = sum(at[h] for h in joined[g]) / len(joined[g])
                least = max((at[h] + apart for h, apart in left[g].items()), default=-inf)
                most = min((at[h] - apart for h, apart in right[g].items()), default=inf)
                at[g] = max(least, min(wanted, most))
    start = min(at[group[p]] - widths[p] / 2 for p in group)
    return {p: at[group[p]] - start for p in middles}


def _groups(net: Layered, layers: Sequence[Sequence[int]], middles: Places) -> dict[int, int]:
    """For each point the first of its group: the bends of a line, and boxes that lead to each other alone."""
    group = {p: p for p in middles}
    lines = Counter(other for others in net.below for other in others)
    for layer in layers:
        for p in layer:
            for other in net.below[p]:
                alone = len(net.below[p]) == lines[other] == 1
                if abs(middles[p] - middles[other]) < STRAIGHT and (alone or (p >= net.boxes and other >= net.boxes)):
                    group[other] = group[p]
    return group


def _neighbours(
    layers: Sequence[Sequence[int]], group: dict[int, int], widths: Sequence[float]
) -> tuple[dict[int, dict[int, float]], dict[int, dict[int, float]]]:
    """For each group those beside it, to the left and to the right, and how far away they have to be."""
    left: dict[int, dict[int, float]] = {g: {} for g in group.values()}
    right: dict[int, dict[int, float]] = {g: {} for g in group.values()}
    for layer in layers:
        for p, other in pairwise(layer):
            a, b = group[p], group[other]
            left[b][a] = right[a][b] = max(right[a].get(b, 0.0), (widths[p] + widths[other]) / 2 + GAP)
    return left, right
