"""Statistics of a graph: its shape, what it keeps, and what it costs.

Only loaded where it is asked for: what every check notes of its graph is counted in `counts.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from gradcheck_cli.engine.counts import counted, depths, owner, short_name
from gradcheck_cli.engine.graph import Value, tensors_of, topological
from gradcheck_cli.engine.node import AccumulateGrad, Node
from gradcheck_cli.engine.op import OpNode
from gradcheck_cli.engine.tensor import Tensor

LARGEST = 10
"""How many of the largest saved values are named."""


class Saver(NamedTuple):
    """Memory that is kept for backward."""

    nbytes: int
    value: Value
    """Of all that is kept alive; a node may use a part of it only."""
    leaf: str
    """The name of the leaf that it belongs to anyway, or ''."""
    kept_by: tuple[str, ...]
    """Node and name of each value in this memory, as `mul.x1`."""


class GraphStats(NamedTuple):
    """Counts over all nodes that some outputs reach."""

    nodes: int
    """Recorded operations and leaves."""
    edges: int
    depth: int
    """Nodes on the longest way from an output to a leaf."""
    leaves: int
    custom: int
    """Nodes with a hand-written rule."""
    saved_bytes: int
    """Bytes of the memory kept for backward; what several nodes (or views) share is counted once."""
    ops: Mapping[str, int]
    """How often each operation occurs, most frequent first."""
    width: int
    """The greatest number of nodes at the same distance from the outputs, on the longest way."""
    fan_out: int
    """How often the results of one node are used at most."""
    largest_saved: tuple[Saver, ...]
    """The saved values that take most memory, at most ten."""
    forward_flops: int
    """Of the nodes whose op's family knows them; `engine/families.py` has the formulas."""
    backward_flops: int
    """Of one backward pass, of the same nodes."""
    unknown_flops: int
    """Nodes whose flops are not known: hand-written rules, decompositions, sorting and the like."""


def graph_stats(outputs: Tensor | Iterable[Tensor]) -> GraphStats:
    """Statistics of the graph below `outputs`; zeros where they have none. Linear in the size of the graph."""
    tensors = tensors_of(outputs)
    nodes = topological([y.grad_fn for y in tensors if y.grad_fn is not None])
    depth = depths(nodes)
    uses = Counter(child for node in nodes for child, _ in node.next_functions if child is not None)
    flops = list(map(_flops, nodes))
    known = [found for found in flops if found is not None]
    return GraphStats(
        *counted(nodes, depth),
        width=max(Counter(depth.values()).values(), default=0),
        fan_out=max(uses.values(), default=0),
        largest_saved=tuple(sorted(_savers(nodes), key=lambda saver: -saver.nbytes)[:LARGEST]),
        forward_flops=sum(forward for forward, _ in known),
        backward_flops=sum(backward for _, backward in known),
        unknown_flops=len(flops) - len(known),
    )


def _flops(node: Node) -> tuple[int, int] | None:
    """Of the op, and of its rules for the inputs whose gradients are wanted; None: not known."""
    if isinstance(node, AccumulateGrad):
        return 0, 0
    if not isinstance(node, OpNode):
        return None
    shapes, outputs = ([shape for shape, _ in meta] for meta in (node.input_meta, node.output_meta))
    found = node.op.family.flops(node.op, shapes, node.params, outputs)
    return None if found is None else (found[0], sum(found[1][i] for i in node.wanted))


def _savers(nodes: Sequence[Node]) -> Iterator[Saver]:
    """Each piece of memory once."""
    own = {id(owner(n.variable.data)): n.variable.name or "leaf" for n in nodes if isinstance(n, AccumulateGrad)}
    found: dict[int, tuple[Any, list[str]]] = {}
    for node in nodes:
        for name, array in node.saved_values():
            memory = owner(array)
            found.setdefault(id(memory), (memory, []))[1].append(f"{short_name(node)}.{name}")
    for memory, kept_by in found.values():
        yield Saver(memory.nbytes, Value(memory.shape, str(memory.dtype)), own.get(id(memory), ""), tuple(kept_by))
