"""Layered drawing, third step: where in its layer each point stands.

Four times each point is put in line with its middle neighbour, from above or from below, as far left or right as its layer
allows; the mean of the two middle results is taken (Brandes and Köpf, Fast and simple horizontal coordinate assignment,
2001). Bends are always in line, so that long lines are straight.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from gradcheck_cli.report.graph.layers import Layered

GAP = 22.0
"""Between neighbours, in pixels."""
Places = dict[int, float]


def placed(net: Layered, layers: Sequence[Sequence[int]], widths: Sequence[float]) -> Places:
    """The middle of each point; those of a layer do not overlap."""
    blocked = _crossing_bends(net, layers)
    found = [_one(net, layers, widths, blocked, up, left) for up in (False, True) for left in (True, False)]
    extents = [(min(xs[p] - widths[p] / 2 for p in xs), max(xs[p] + widths[p] / 2 for p in xs)) for xs in found]
    low, high = min(extents, key=lambda e: e[1] - e[0])
    for k, xs in enumerate(found):
        shift = low - extents[k][0] if k % 2 == 0 else high - extents[k][1]
        found[k] = {p: x + shift for p, x in xs.items()}
    middle = {p: sum(sorted(xs[p] for xs in found)[1:3]) / 2 for p in found[0]}
    start = min(x - widths[p] / 2 for p, x in middle.items())
    return {p: x - start for p, x in middle.items()}


def _one(
    net: Layered, layers: Sequence[Sequence[int]], widths: Sequence[float], blocked: set[tuple[int, int]], up: bool, left: bool
) -> Places:
    """One of the four: in line with the neighbours above (or, `up`, below), packed to the left or to the right."""
    mine = [list(layer) if left else list(reversed(layer)) for layer in (reversed(layers) if up else layers)]
    column = _aligned(net, mine, blocked, net.below if up else net.above)
    xs = _packed(mine, widths, column)
    return xs if left else {p: -x for p, x in xs.items()}


def _aligned(
    net: Layered, layers: Sequence[Sequence[int]], blocked: set[tuple[int, int]], neighbours: Sequence[Sequence[int]]
) -> dict[int, int]:
    """For each point the column that it stands in, named by the column's first point."""
    column = {point: point for layer in layers for point in layer}
    for before, layer in pairwise(layers):
        place = {point: k for k, point in enumerate(before)}
        reached = -1
        for point in layer:
            near = _in_line(net, point, sorted(neighbours[point], key=lambda n: place[n]))
            for k in dict.fromkeys([(len(near) - 1) // 2, len(near) // 2] if near else []):
                other = near[k]
                pair = (min(point, other), max(point, other))
                if column[point] == point and pair not in blocked and place[other] > reached:
                    column[point], reached = column[other], place[other]
    return column


def _in_line(net: Layered, point: int, near: list[int]) -> list[int]:
    """The neighbours that count: of a bend the next bend of its line, if there is one."""
    bends = [n for n in near if n >= net.boxes] if point >= net.boxes else []
    return bends or near


def _packed(layers: Sequence[Sequence[int]], widths: Sequence[float], column: dict[int, int]) -> Places:
    """Columns as far left as their neighbours allow; then to the right as far as that brings them nearer."""
    right: dict[int, dict[int, float]] = {c: {} for c in dict.fromkeys(column.values())}
    waiting = dict.fromkeys(right, 0)
    for layer in layers:
        for a, b in pairwise(layer):
            one, other = column[a], column[b]
            apart = (widths[a] + widths[b]) / 2 + GAP
            waiting[other] += other not in right[one]
            right[one][other] = max(apart, right[one].get(other, 0.0))
    ready = [c for c, count in waiting.items() if not count]
    xs = dict.fromkeys(right, 0.0)
    for c in ready:
        for other, apart in right[c].items():
            xs[other] = max(xs[other], xs[c] + apart)
            waiting[other] -= 1
            if not waiting[other]:
                ready.append(other)
    for c in reversed(ready):
        if right[c]:
            xs[c] = max(xs[c], min(xs[other] - apart for other, apart in right[c].items()))
    return {p: xs[c] for p, c in column.items()}


def _crossing_bends(net: Layered, layers: Sequence[Sequence[int]]) -> set[tuple[int, int]]:
    """Lines that branch off or cross a long line between two bends, and may not bend it."""
    blocked: set[tuple[int, int]] = set()
    for upper, lower in pairwise(layers):
        place = {point: k for k, point in enumerate(upper)}
        there = {point: k for k, point in enumerate(lower)}
        long = {place[u]: there[v] for u in upper if u >= net.boxes for v in net.below[u] if v >= net.boxes}
        for u in upper:
            for v in net.below[u]:
                branches = place[u] in long and there[v] != long[place[u]]
                if branches or ((u < net.boxes or v < net.boxes) and _crosses(place[u], there[v], long)):
                    blocked.add((min(u, v), max(u, v)))
    return blocked


def _crosses(upper: int, lower: int, lines: dict[int, int]) -> bool:
    return any((upper - a) * (lower - b) < 0 for a, b in lines.items())
