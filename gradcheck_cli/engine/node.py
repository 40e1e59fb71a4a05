"""The graph: nodes point from a result towards the leaves it was made from."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from gradcheck_cli.engine.operators import TABLE
from gradcheck_cli.engine.tensor import Tensor
from gradcheck_cli.errors import GraphError

Edge = tuple["Node | None", int]
"""The node that made an input, and which of its outputs it was; (None, 0) where nothing is to be differentiated."""


class Node:
    """One recorded operation. `next_functions` are the edges towards its inputs, in their order."""

    __slots__ = ("__weakref__", "freed", "input_meta", "name", "next_functions", "output_meta")

    name: str
    next_functions: tuple[Edge, ...]
    input_meta: tuple[tuple[tuple[int, ...], Any], ...]
    """Shape and dtype of each input; a gradient has to fit them."""
    output_meta: tuple[tuple[tuple[int, ...], Any], ...]
    freed: bool

    is_custom = False

    def pull(self, grads: Sequence[Any], create_graph: bool) -> Sequence[Any]:
        """The gradients of the inputs, given those of the outputs (None: zero); None where none is needed."""
        raise NotImplementedError

    def release(self) -> None:
        """Let go of the saved values; the node cannot be pulled back through again."""
        self.freed = True

    def saved_values(self) -> Iterable[tuple[str, np.ndarray[Any, Any]]]:
        """Name and array of each value kept for backward."""
        return ()

    def check_alive(self) -> None:
        """Raise GraphError when the saved values are gone."""
        if self.freed:
            raise GraphError(
                "trying to backward through the graph a second time, but its saved values have been freed; "
                "pass retain_graph=True to the first backward call to keep them"
            )

    def __repr__(self) -> str:
        return f"<{self.name}>"


class AccumulateGrad(Node):
    """Where a leaf that requires grad ends: adds what arrives to `variable.grad`."""

    __slots__ = ("variable",)

    def __init__(self, variable: Tensor) -> None:
        self.name = "AccumulateGrad"
        self.variable = variable
        self.next_functions = ()
        self.input_meta = ()
        self.output_meta = ((variable.shape, variable.dtype),)
        self.freed = False

    def pull(self, grads: Sequence[Any], create_graph: bool) -> Sequence[Any]:
        """Add the gradient to the leaf's `grad`; a first gradient is copied, so that no two leaves share an array."""
        (g,) = grads
        old = self.variable.grad
        if create_graph:  # astype is a copy that can be differentiated
            self.variable.grad = TABLE["astype"](g, self.variable.dtype) if old is None else old + g
        elif old is None:
            self.variable.grad = Tensor._wrap(np.array(g, dtype=self.variable.dtype))
        else:
            self.variable.grad = Tensor._wrap(old.data + g)
        return ()

    def release(self) -> None:
        """A leaf keeps nothing that could be freed."""


def edge_of(value: Any) -> Edge:
    """The edge that leads to the node which made `value`; a leaf's node is made on first use.

    The leaf only refers to it weakly: the graph keeps it, and a leaf is freed with its last user.
    """
    if type(value) is not Tensor or not value.requires_grad:
        return (None, 0)
    if value.grad_fn is not None:
        return (value.grad_fn, value.output_nr)
    node = value._accumulator and value._accumulator()
    if node is None:
        node = AccumulateGrad(value)
        value._accumulator = weakref.ref(node)
    return (node, 0)


def tensor_at(edge: Edge, array: Any) -> Any:
    """The tensor that stands at `edge`, around `array`: how a saved value re-enters the graph."""
    node, output_nr = edge
    if node is None:
        return array
    if isinstance(node, AccumulateGrad):
        return node.variable
    return Tensor._wrap(array, node, output_nr)


def walk(roots: Iterable[Node | None]) -> Iterator[Node]:
    """Every node that can be reached from `roots`, once each, without recursion."""
    seen: set[int] = set()
    stack = [node for node in roots if node is not None]
    while stack:
        node = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        yield node
        stack.extend(n for n, _ in node.next_functions if n is not None and id(n) not in seen)
