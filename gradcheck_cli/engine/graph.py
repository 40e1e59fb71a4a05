"""The graph as a thing to look at: an immutable description, to be drawn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from gradcheck_cli.engine.counts import short_name
from gradcheck_cli.engine.node import AccumulateGrad, Node, edge_of
from gradcheck_cli.engine.op import OpNode
from gradcheck_cli.engine.tensor import Tensor
from gradcheck_cli.errors import UsageError


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
    params: tuple[tuple[str, str], ...] = ()
    """Static parameters, such as an axis, by name; those that are not what they are by default."""


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
    tensors = tensors_of(outputs)
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


def tensors_of(outputs: Tensor | Iterable[Tensor]) -> list[Tensor]:
    """One tensor or several as a list. Raises UsageError for anything else."""
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
    freed = node.freed and not node.is_dropped
    return GraphNode(short_name(node), "custom" if node.is_custom else "op", outputs, saved, freed, tuple(_params(node)))


def _params(node: Node) -> Iterator[tuple[str, str]]:
    if isinstance(node, OpNode):
        default = {p.name: p.default for p in node.op.signature}
        for name, value in node.params.items():
            same = type(value) is type(default.get(name)) and not isinstance(value, np.ndarray) and value == default[name]
            if not same:
                yield name, _written(value)


def _written(value: Any) -> str:
    """A parameter as one would write it; of an array dtype and shape only."""
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape}" if value.ndim else str(value)
    if isinstance(value, slice):
        ends = [value.start, value.stop, *([] if value.step is None else [value.step])]
        return ":".join("" if end is None else str(end) for end in ends)
    if isinstance(value, tuple | list):
        return f"({', '.join(map(_written, value))}{',' if len(value) == 1 else ''})"
    return "..." if value is Ellipsis else str(value)


def _leaf_name(node: AccumulateGrad, given: Mapping[int, str]) -> str:
    return given.get(id(node.variable)) or node.variable.name


def _input_names(node: Node) -> Sequence[str]:
    """What the node calls its inputs, one for each of its edges."""
    if not isinstance(node, OpNode):
        return getattr(node, "input_names", ()) or [""] * len(node.next_functions)
    inputs = node.op.inputs
    return [f"{inputs[0]}[{i}]" if node.op.variadic else inputs[i] for i in node.positions]
