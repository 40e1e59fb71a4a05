"""The size of a graph, as every check notes it. `statistics.py` says more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from gradcheck_cli.engine.node import AccumulateGrad, Node, walk
from gradcheck_cli.engine.tensor import Tensor


class GraphCounts(NamedTuple):
    """Counts over all nodes that some outputs reach."""

    nodes: int = 0
    """Recorded operations and leaves."""
    edges: int = 0
    depth: int = 0
    """Nodes on the longest way from an output to a leaf."""
    leaves: int = 0
    custom: int = 0
    """Nodes with a hand-written rule."""
    saved_bytes: int = 0
    """Bytes of the memory kept for backward; what several nodes (or views) share is counted once."""
    ops: Mapping[str, int] = MappingProxyType({})
    """How often each operation occurs, most frequent first."""


def count_graph(outputs: Iterable[Tensor]) -> GraphCounts:
    """Count what `outputs` can reach."""
    nodes = list(walk([y.grad_fn for y in outputs]))
    return counted(nodes, depths(nodes))


def counted(nodes: Sequence[Node], depth: Mapping[Node, int]) -> GraphCounts:
    """The counts of these nodes; `depth` is theirs, as `depths` finds it."""
    saved = {id(a): a.nbytes for a in (owner(a) for n in nodes for _, a in n.saved_values())}
    names = [short_name(n) for n in nodes if not isinstance(n, AccumulateGrad)]
    counts = {name: names.count(name) for name in dict.fromkeys(names)}
    return GraphCounts(
        nodes=len(nodes),
        edges=sum(child is not None for n in nodes for child, _ in n.next_functions),
        depth=max(depth.values(), default=0),
        leaves=sum(isinstance(n, AccumulateGrad) for n in nodes),
        custom=sum(n.is_custom for n in nodes),
        saved_bytes=sum(saved.values()),
        ops=dict(sorted(counts.items(), key=lambda item: -item[1])),
    )


def owner(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The array whose memory this one shows, all of which it keeps alive."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def short_name(node: Node) -> str:
    """The op's or function's name, as a user writes it."""
    op = getattr(node, "op", None)
    return op.name.strip("_") if op is not None else node.name.removesuffix("Backward")


def depths(nodes: Sequence[Node]) -> dict[Node, int]:
    """For each node how many are on the longest way to it from an output, by taking off nodes that nothing uses any more."""
    users = dict.fromkeys(nodes, 0)
    for n in nodes:
        for child, _ in n.next_functions:
            if child is not None:
                users[child] += 1
    depth = {n: 1 for n, count in users.items() if count == 0}
    ready = list(depth)
    while ready:
        node = ready.pop()
        for child, _ in node.next_functions:
            if child is not None:
                depth[child] = max(depth.get(child, 0), depth[node] + 1)
                users[child] -= 1
                if users[child] == 0:
                    ready.append(child)
    return depth
