"""The backward pass: from the outputs towards the leaves, each node once, after all of its users."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradcheck_cli.engine.anomaly import ANOMALY, check_nan, watched
from gradcheck_cli.engine.batching import Batched, Loose, spread
from gradcheck_cli.engine.modes import set_grad_enabled
from gradcheck_cli.engine.node import Edge, Node, edge_of
from gradcheck_cli.engine.operators import Lifted
from gradcheck_cli.engine.tensor import Tensor
from gradcheck_cli.errors import GraphError

MANY = 64
"""Fewer cotangents at once are rounded as each is alone."""


def backward(
    outputs: Tensor | Sequence[Tensor],
    gradients: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Tensor | Sequence[Tensor] | None = None,
) -> None:
    """Accumulate the pullback of `gradients` into the `grad` of every leaf below `outputs`.

    There is one gradient for each output; those of single numbers may be None, or all left out. With `inputs` only into
    theirs; among them may be tensors that are no leaves, which retain their grad from then on.
    """
    outs = (outputs,) if isinstance(outputs, Tensor) else tuple(outputs)
    if not isinstance(gradients, list | tuple):
        gradients = (None,) * len(outs) if gradients is None else (gradients,)
    if inputs is None:
        _pull_back(outs, gradients, None, retain_graph, create_graph)
        return
    ends = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    if not ends:
        raise GraphError("inputs of backward() must not be empty; leave it out for all leaves")
    for x in ends:
        x.retain_grad()
    _pull_back(outs, gradients, _Wanted([edge_of(x) for x in ends], accumulate=True), retain_graph, create_graph)


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> tuple[Tensor | None, ...]:
    """The pullback of `grad_outputs` to `inputs`, returned instead of accumulated; as torch.autograd.grad.

    An input that the outputs do not depend on raises GraphError, or gives None with `allow_unused`.
    """
    outs = (outputs,) if isinstance(outputs, Tensor) else tuple(outputs)
    ins = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    if not ins:
        raise GraphError("inputs of grad() must not be empty")
    if not isinstance(grad_outputs, list | tuple):
        grad_outputs = (grad_outputs,) * len(outs)
    for i, x in enumerate(ins):
        if not x.requires_grad:
            raise GraphError(f"input {i} does not require grad")
    edges = [edge_of(x) for x in ins]
    found = _pull_back(outs, grad_outputs, _Wanted(edges), retain_graph, create_graph)
    for i, g in enumerate(found):
        if g is None and not allow_unused:
            raise GraphError(f"input {i} was not used in the graph; pass allow_unused=True to get None for it")
    # Copies, because two inputs may have got the same array, or a read-only view of one.
    return tuple(g if g is None or isinstance(g, Tensor) else Tensor._wrap(np.array(g)) for g in found)


def made_of_ops(outputs: Sequence[Tensor]) -> bool:
    """Whether all rules on the way back are known to be made of ops, and nothing watches them: `Lifted` may go through."""
    nodes = _users([_root(y)[0] for y in outputs])
    return not ANOMALY.enabled and all(node.batches and node.hooks is None for node in nodes)


def grad_of_copies(outputs: Sequence[Tensor], inputs: Sequence[Tensor], cotangents: Sequence[Any]) -> list[Any]:
    """The pullbacks of many cotangents at once, arrays with a leading axis of copies, where the graph is `made_of_ops`; the
    gradients have that axis too. What raises may be a rule that does not take a batch all the same.
    """
    found = grad_of_lifted(outputs, inputs, [Loose(v) if len(v) >= MANY else Batched(v) for v in cotangents])
    return [None if g is None else spread(g, len(cotangents[0])) for g in found]


def grad_of_lifted(outputs: Sequence[Tensor], inputs: Sequence[Tensor], cotangents: Sequence[Lifted]) -> list[Any]:
    """The pullbacks of cotangents that carry something, where the graph is `made_of_ops`."""
    return _pull_back(outputs, cotangents, _Wanted([edge_of(x) for x in inputs]), True, False)


class _Wanted:
    """The edges whose gradients are asked for: to be returned, or (`accumulate`) to be added to `grad`."""

    def __init__(self, edges: Sequence[Edge], accumulate: bool = False) -> None:
        self.edges, self.accumulate = edges, accumulate
        self.found: dict[Edge, Any] = {}
        self.by_node: dict[Node | None, list[Edge]] = {}
        for edge in edges:
            self.by_node.setdefault(edge[0], []).append(edge)

    def nodes_to_run(self, users: dict[Node, list[Node]]) -> set[Node]:
        """The nodes on the ways down to the edges; those that accumulate run as well."""
        ends = [node for node in self.by_node if node in users]
        above = _above(ends, users)
        return above | (set(ends) if self.accumulate else set())

    def note(self, node: Node, grads: Sequence[Any]) -> None:
        """Keep the gradients that have arrived at the node's wanted outputs."""
        for edge in self.by_node[node]:
            self.found[edge] = grads[edge[1]]


def _pull_back(
    outputs: Sequence[Tensor],
    gradients: Sequence[Any],
    wanted: _Wanted | None,
    retain_graph: bool | None,
    create_graph: bool,
) -> list[Any]:
    """Run the pass; without `wanted`, all gradients of leaves are accumulated. Returns those at the wanted edges."""
    retain = create_graph if retain_graph is None else retain_graph
    if len(gradients) != len(outputs):
        raise GraphError(f"{len(outputs)} outputs need {len(outputs)} gradients, {len(gradients)} were given")
    seeds = [(_root(y), _seed(y, g, create_graph)) for y, g in zip(outputs, gradients, strict=True)]
    named: dict[Node | None, list[Edge]] = {} if wanted is None else wanted.by_node
    users = _users([node for (node, _), _ in seeds])
    waiting = {node: len(above) for node, above in users.items()}
    to_run = users if wanted is None else wanted.nodes_to_run(users)
    buffers: dict[Node, list[Any]] = {}
    for root, g in seeds:
        _add(buffers, root, g)
    # A root may also be the input of another root: it starts when its users are done, like any node.
    ready = [node for node in buffers if waiting[node] == 0]
    with set_grad_enabled(create_graph), np.errstate(all="ignore"):
        while ready:
            node = ready.pop()
            grads = buffers.pop(node, None)
            if grads is not None and (node in to_run or node in named):
                if node.hooks is not None:
                    grads = node.hooks.see_gradients(grads, node, create_graph)
                if wanted is not None and node in named:
                    wanted.note(node, grads)
                if node in to_run:
                    plain = node.hooks is None and not ANOMALY.enabled
                    pulled = node.pull(grads, create_graph) if plain else _run(node, grads, create_graph)
                    for edge, g in zip(node.next_functions, pulled, strict=False):
                        if edge[0] is not None and g is not None:
                            _add(buffers, edge, g)
                    if not retain:
                        node.release()
            for child, _ in node.next_functions:
                if child is not None:
                    waiting[child] -= 1
                    if waiting[child] == 0:
                        ready.append(child)
    return [] if wanted is None else [wanted.found.get(edge) for edge in wanted.edges]


def _run(node: Node, grads: list[Any], create_graph: bool) -> Sequence[Any]:
    """One node's gradients of its inputs, seen by its own hooks and, in anomaly mode, looked at for NaN."""
    with watched(node):
        if node.hooks is not None:
            grads = node.hooks.before_node(grads, node, create_graph)
        pulled = node.pull(grads, create_graph)
        if node.hooks is not None:
            pulled = node.hooks.after_node(pulled, grads, node, create_graph)
        if ANOMALY.enabled and ANOMALY.check_nan:
            check_nan(node, pulled)
        return pulled


def _root(y: Tensor) -> tuple[Node, int]:
    node, output_nr = edge_of(y)
    if node is None:
        raise GraphError("this tensor does not require grad and has no grad_fn: there is nothing to differentiate")
    return node, output_nr


def _seed(y: Tensor, gradient: Any, create_graph: bool) -> Any:
    if isinstance(gradient, Lifted):
        return gradient
    if gradient is None:
        if y.size != 1 or y.dtype.kind == "c":
            raise GraphError(
                "grad can be implicitly created only for real scalar outputs, "
                f"this one has shape {y.shape} and dtype {y.dtype}; pass gradient= of that shape"
            )
        gradient = np.ones(y.shape, y.dtype)
    g = gradient if isinstance(gradient, Tensor) else Tensor._wrap(np.asarray(gradient))
    if g.shape != y.shape:
        raise GraphError(f"gradient has shape {g.shape}, but must have the output's shape {y.shape}")
    if g.dtype.kind == "c" and y.dtype.kind != "c":
        raise GraphError(f"gradient must be real, as the output is, but has dtype {g.dtype}")
    if g.dtype != y.dtype:
        g = Tensor._wrap(g.data.astype(y.dtype)) if not create_graph else g.astype(str(y.dtype))
    return g if create_graph else g.data


def _users(roots: Sequence[Node]) -> dict[Node, list[Node]]:
    """For each node that the roots reach, the nodes whose edges lead into it, once per edge."""
    users: dict[Node, list[Node]] = {root: [] for root in roots}
    stack = list(users)
    while stack:
        node = stack.pop()
        for child, _ in node.next_functions:
            if child is None:
                continue
            above = users.get(child)
            if above is None:
                users[child] = [node]
                stack.append(child)
            else:
                above.append(node)
    return users


def _above(nodes: Sequence[Node | None], users: dict[Node, list[Node]]) -> set[Node]:
    """The nodes on the ways down to `nodes`: the others need not be pulled back through."""
    above: set[Node] = set()
    stack = [node for node in nodes if node in users]
    while stack:
        new = [user for user in users[stack.pop()] if user not in above]
        above.update(new)
        stack.extend(new)
    return above


def _add(buffers: dict[Node, list[Any]], edge: Edge, g: Any) -> None:
    """Add `g` to what has arrived at `edge` so far; never in place, the arrays may be shared."""
    node, output_nr = edge
    assert node is not None
    slots = buffers.get(node)
    if slots is None:
        slots = buffers[node] = [None] * len(node.output_meta)
    slots[output_nr] = g if slots[output_nr] is None else slots[output_nr] + g
