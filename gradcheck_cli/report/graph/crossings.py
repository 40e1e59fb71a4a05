"""Layered drawing, second step: an order within each layer that lets few lines cross."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from itertools import pairwise

from gradcheck_cli.report.graph.layers import Layered

SWEEPS = 24
PATIENCE = 6
"""Sweeps without an improvement after which it is given up."""


def ordered(net: Layered) -> list[list[int]]:
    """Sweep down and up, put each point at the mean place of its neighbours, and keep the best order that was seen."""
    layers = _first_order(net)
    best, fewest, since = [list(layer) for layer in layers], crossings(layers, net.below), 0
    for sweep in range(SWEEPS):
        if not fewest or since > PATIENCE:
            break
        down = sweep % 2 == 0
        numbers = range(1, len(layers)) if down else range(len(layers) - 2, -1, -1)
        for k in numbers:
            fixed = layers[k - 1 if down else k + 1]
            layers[k] = _by_mean(layers[k], fixed, net.above if down else net.below)
        count = crossings(layers, net.below)
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


def _by_mean(layer: Sequence[int], fixed: Sequence[int], neighbours: Sequence[Sequence[int]]) -> list[int]:
    place = {point: k for k, point in enumerate(fixed)}
    scale = len(fixed) / max(1, len(layer))

    def mean(k: int, point: int) -> float:
        places = [place[n] for n in neighbours[point]]
        return sum(places) / len(places) if places else k * scale

    keys = {point: mean(k, point) for k, point in enumerate(layer)}
    return sorted(layer, key=lambda point: keys[point])


def crossings(layers: Sequence[Sequence[int]], below: Sequence[Sequence[int]]) -> int:
    """How many pairs of lines cross."""
    total = 0
    for upper, lower in pairwise(layers):
        place = {point: k for k, point in enumerate(lower)}
        seen: list[int] = []
        for point in upper:
            ends = sorted(place[n] for n in below[point])
            total += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return total
