"""Layered drawing, second step: an order within each layer that lets few lines cross."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from itertools import groupby, pairwise

from gradcheck_cli.report.graph.layers import Layered

SWEEPS = 24
ROUNDS = 4
PATIENCE = 6
"""Sweeps without an improvement after which it is given up."""


def ordered(net: Layered) -> list[list[int]]:
    """Sweep down and up: each point goes to the mean place of its neighbours, then neighbours change places where that helps.

    The best order that was seen is kept.
    """
    layers = _first_order(net)
    best, fewest, since = [list(layer) for layer in layers], crossings(layers, net), 0
    for sweep in range(SWEEPS):
        if not fewest or since > PATIENCE:
            break
        down = sweep % 2 == 0
        numbers = range(1, len(layers)) if down else range(len(layers) - 2, -1, -1)
        for k in numbers:
            fixed = layers[k - 1 if down else k + 1]
            layers[k] = _by_mean(layers[k], fixed, net, down)
        _exchange(layers, net)
        count = crossings(layers, net)
        since += 1
        if count < fewest:
            best, fewest, since = [list(layer) for layer in layers], count, 0
    return best


def _first_order(net: Layered) -> list[list[int]]:
    """As a walk from the top meets them: neighbours start near each other."""
    place: dict[int, int] = {}
    stack = [point for layer in reversed(net.layers) for point in reversed(layer)]
    while stack:
        point = stack.pop()
        if point not in place:
            place[point] = len(place)
            stack.extend(reversed(net.below[point]))
    return [sorted(layer, key=lambda point: place[point]) for layer in net.layers]


def _by_mean(layer: Sequence[int], fixed: Sequence[int], net: Layered, down: bool) -> list[int]:
    place = {point: k for k, point in enumerate(fixed)}
    scale = len(fixed) / max(1, len(layer))

    def mean(k: int, point: int) -> float:
        if down:
            places = [place[n] + net.lean.get((n, point), 0.0) for n in net.above[point]]
        else:
            places = [float(place[n]) for n in net.below[point]]
        return sum(places) / len(places) if places else k * scale

    keys = {point: mean(k, point) for k, point in enumerate(layer)}
    return sorted(layer, key=lambda point: keys[point])


def _exchange(layers: list[list[int]], net: Layered) -> None:
    """Let points that stand side by side change places, as long as fewer lines cross then; at most a few rounds."""
    place = {point: float(k) for layer in layers for k, point in enumerate(layer)}
    for _ in range(ROUNDS):
        changed = False
        for layer in layers:
            for k in range(len(layer) - 1):
                a, b = layer[k], layer[k + 1]
                if _between(b, a, place, net) < _between(a, b, place, net):
                    layer[k], layer[k + 1] = b, a
                    place[a], place[b] = place[b], place[a]
                    changed = True
        if not changed:
            return


def _between(left: int, right: int, place: dict[int, float], net: Layered) -> int:
    """Crossings of the lines of two neighbours."""
    above = [[place[n] + net.lean.get((n, p), 0.0) for n in net.above[p]] for p in (left, right)]
    below = [[place[n] for n in net.below[p]] for p in (left, right)]
    return sum(x > y for ends in (above, below) for x in ends[0] for y in ends[1])


def crossings(layers: Sequence[Sequence[int]], net: Layered) -> int:
    """How many pairs of lines cross."""
    total = 0
    for upper, lower in pairwise(layers):
        place = {point: k for k, point in enumerate(lower)}
        lines = sorted((k + net.lean.get((u, v), 0.0), place[v]) for k, u in enumerate(upper) for v in net.below[u])
        seen: list[int] = []
        for _, together in groupby(lines, key=lambda line: line[0]):
            ends = [end for _, end in together]
            total += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return total
