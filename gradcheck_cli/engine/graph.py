"""The graph as a thing to look at: an immutable description to be drawn, and statistics.

Only loaded where it is asked for: what every check notes of its graph is counted in `counts.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from gradcheck_cli.engine.counts import count_graph, depths, owner, short_name
from gradcheck_cli.engine.node import AccumulateGrad, Node, edge_of
from gradcheck_cli.engine.tensor import Tensor
from gradcheck_cli.errors import UsageError

LARGEST = 10
"""How many of the largest saved values the statistics name."""


class Value(NamedTuple):
    """Shape and dtype of an array."""

    shape: tuple[int, ...]
    dtype: str


class SavedValue(NamedTuple):
    """One value that a node keeps for its rule."""

    name: str
    """As the rule calls it."""
    value: Value
    nbytes: int
    leaf: str
    """The name of the leaf whose array it is, or ''."""


class GraphNode(NamedTuple):
    """A recorded operation or a leaf."""

    name: str
    """Of a leaf its own name, or ''."""
    kind: str
    """`op`, `custom` (a hand-written rule), `leaf`, or `parameter` (a leaf among `params`)."""
    outputs: tuple[Value, ...]
    saved: tuple[SavedValue, ...] = ()
    freed: bool = False
    """Whether what it kept has been released."""


class GraphEdge(NamedTuple):
    """A result that is used: from output `output_nr` of node `source` to node `target`, both positions in `Graph.nodes`."""

    source: int
    output_nr: int
    target: int
    input_name: str
    """What the target calls it."""


class GraphOutput(NamedTuple):
    """A result that the graph was asked for."""

    name: str
    source: int
    output_nr: int


class Graph(NamedTuple):
    """All that some outputs depend on. A node stands after those that it uses; the order is always the same."""

    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]
    outputs: tuple[GraphOutput, ...]

    def value(self, end: GraphEdge | GraphOutput) -> Value:
        """What goes along an edge, or comes out."""
        return self.nodes[end.source].outputs[end.output_nr]


def describe(
    outputs: Tensor | Iterable[Tensor], params: Mapping[str, Tensor] | None = None, names: Sequence[str] = ()
) -> Graph:
    """The graph below `outputs`, which are called `names`; else by their own names, or out.

    `params` names leaves, which then are parameters; other leaves have their own names. Raises UsageError where no
    output requires grad.
    """
    tensors = _tensors(outputs)
    ends = [edge_of(y) for y in tensors]
    nodes = topological([node for node, _ in ends if node is not None])
    if not nodes:
        raise UsageError("there is no graph: no output requires grad")
    place = {node: k for k, node in enumerate(nodes)}
    given = {id(tensor): name for name, tensor in (params or {}).items()}
    own = {id(n.variable.data): _leaf_name(n, given) for n in nodes if isinstance(n, AccumulateGrad)}
    return Graph(
        tuple(_described(node, given, own) for node in nodes),
        tuple(
            GraphEdge(place[child], output_nr, place[node], name)
            for node in nodes
            for name, (child, output_nr) in zip(_input_names(node), node.next_functions, strict=True)
            if child is not None
        ),
        tuple(
            GraphOutput(name or y.name or ("out" if len(tensors) == 1 else f"out{k}"), place[node], output_nr)
            for k, (y, name, (node, output_nr)) in enumerate(zip(tensors, [*names, *[""] * len(tensors)], ends, strict=False))
            if node is not None
        ),
    )


def topological(roots: Sequence[Node]) -> list[Node]:
    """Every node that can be reached from `roots`, each after those that it uses; without recursion."""
    found: dict[Node, None] = {}
    stack: list[tuple[Node, bool]] = [(root, False) for root in reversed(roots)]
    while stack:
        node, done = stack.pop()
        if node in found:
            continue
        if done:
            found[node] = None
        else:
            stack.append((node, True))
            stack.extend((child, False) for child, _ in reversed(node.next_functions) if child is not None)
    return list(found)


def _tensors(outputs: Tensor | Iterable[Tensor]) -> list[Tensor]:
    tensors = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    for y in tensors:
        if not isinstance(y, Tensor):
            raise UsageError(f"outputs must be tensors, but one is a {type(y).__name__}")
    return tensors


def _described(node: Node, given: Mapping[int, str], own: Mapping[int, str]) -> GraphNode:
    outputs = tuple(Value(tuple(shape), str(dtype)) for shape, dtype in node.output_meta)
    if isinstance(node, AccumulateGrad):
        return GraphNode(_leaf_name(node, given), "parameter" if id(node.variable) in given else "leaf", outputs)
    saved = tuple(
        SavedValue(name, Value(a.shape, str(a.dtype)), a.nbytes, own.get(id(a), "")) for name, a in node.saved_values()
    )
    return GraphNode(short_name(node), "custom" if node.is_custom else "op", outputs, saved, node.freed)


def _leaf_name(node: AccumulateGrad, given: Mapping[int, str]) -> str:
    return given.get(id(node.variable)) or node.variable.name


def _input_names(node: Node) -> Sequence[str]:
    """What the node calls its inputs, one for each of its edges."""
    op = getattr(node, "op", None)
    if op is None:
        return getattr(node, "input_names", ()) or [""] * len(node.next_functions)
    positions: list[int] = node.positions  # type: ignore[attr-defined]
    return [f"{op.inputs[0]}[{i}]" if op.variadic else op.inputs[i] for i in positions]


# Statistics.


class Saver(NamedTuple):
    """Memory that is kept for backward."""

    nbytes: int
    value: Value
    """As the first node that keeps it sees it."""
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
    tensors = _tensors(outputs)
    nodes = topological([y.grad_fn for y in tensors if y.grad_fn is not None])
    uses = Counter(child for node in nodes for child, _ in node.next_functions if child is not None)
    flops = list(map(_flops, nodes))
    known = [found for found in flops if found is not None]
    return GraphStats(
        *count_graph(tensors),
        width=max(Counter(depths(nodes).values()).values(), default=0),
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
    op: Any = getattr(node, "op", None)
    if op is None:
        return None
    shapes, outputs = ([shape for shape, _ in meta] for meta in (node.input_meta, node.output_meta))
    found = op.family.flops(op, shapes, node.params, outputs)  # type: ignore[attr-defined]
    if found is None:
        return None
    return found[0], sum(found[1][i] for i in node.wanted)  # type: ignore[attr-defined]


def _savers(nodes: Sequence[Node]) -> Iterator[Saver]:
    """Each piece of memory once."""
    own = {id(owner(n.variable.data)): n.variable.name or "leaf" for n in nodes if isinstance(n, AccumulateGrad)}
    found: dict[int, tuple[Any, Value, list[str]]] = {}
    for node in nodes:
        for name, array in node.saved_values():
            memory = owner(array)
            _, _, kept_by = found.setdefault(id(memory), (memory, Value(array.shape, str(array.dtype)), []))
            kept_by.append(f"{short_name(node)}.{name}")
    for memory, value, kept_by in found.values():
        yield Saver(memory.nbytes, value, own.get(id(memory), ""), tuple(kept_by))
