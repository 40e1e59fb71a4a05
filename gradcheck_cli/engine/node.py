"""The graph: nodes point from a result towards the leaves it was made from."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from gradcheck_cli.engine.hooks import Handle, Hook, Hooks
from gradcheck_cli.engine.operators import TABLE
from gradcheck_cli.engine.tensor import Tensor
from gradcheck_cli.engine.versions import CLOCK, check_unmodified, modified
from gradcheck_cli.errors import GraphError

if TYPE_CHECKING:
    from gradcheck_cli.engine.lines import Line

Edge = tuple["Node | None", int]
"""The node that made an input, and which of its outputs it was; (None, 0) where nothing is to be differentiated."""


class Lender(Protocol):
    """Who computes saved values again."""

    def lend(self, node: Node, place: int) -> None:
        """Give the node its saved values."""

    def kept(self) -> Iterable[tuple[str, np.ndarray[Any, Any]]]:
        """Name and array of what is kept to compute them from."""


class Node:
    """One recorded operation. `next_functions` are the edges towards its inputs, in their order."""

    __slots__ = (
        "__weakref__",
        "freed",
        "hooks",
        "input_meta",
        "lender",
        "line",
        "name",
        "next_functions",
        "output_meta",
        "output_time",
        "time",
    )

    name: str
    next_functions: tuple[Edge, ...]
    input_meta: tuple[tuple[tuple[int, ...], Any], ...]
    """Shape and dtype of each input; a gradient has to fit them."""
    output_meta: tuple[tuple[tuple[int, ...], Any], ...]
    freed: bool
    hooks: Hooks | None
    line: Line | None
    """What made the node; set in anomaly mode only."""
    time: int
    """When the inputs were saved, on the clock of modifications."""
    output_time: int
    """When the outputs were saved: later, where the operation itself modified an input."""
    lender: tuple[Lender, int] | None
    """The checkpoint that has the saved values when they are needed, and which of its nodes this is; else mostly not set."""

    is_custom = False
    batches = False
    """Whether its rule is made of ops, so that it takes a batch of cotangents as well as a single one."""

    def pull(self, grads: Sequence[Any], create_graph: bool) -> Sequence[Any]:
        """The gradients of the inputs, given those of the outputs (None: zero); None where none is needed."""
        raise NotImplementedError

    def release(self) -> None:
        """Let go of the saved values; the node cannot be pulled back through again."""
        self.freed = True

    def saved_values(self) -> Iterable[tuple[str, np.ndarray[Any, Any]]]:
        """Name and array of each value kept for backward; in a checkpoint what is kept to compute them again."""
        lender = getattr(self, "lender", None) if self.freed else None
        return () if lender is None else lender[0].kept()

    def saved_inputs(self) -> Iterable[tuple[Edge, np.ndarray[Any, Any]]]:
        """Each saved array that is an input, and the edge that leads to it."""
        return ()

    @property
    def is_dropped(self) -> bool:
        """Whether the saved values are not there, but can be had again from a checkpoint."""
        return self.freed and getattr(self, "lender", None) is not None

    def drop(self) -> bool:
        """Let go of saved arrays that a checkpoint will bring back; False where there are none."""
        return False

    def restore(self) -> None:
        """Get the saved values from the checkpoint. Raises GraphError where they have been freed."""
        lender = getattr(self, "lender", None)
        if lender is None:
            self.check_alive()
        else:
            lender[0].lend(self, lender[1])

    def borrow(self, twin: Node) -> None:
        """Take over the saved values of the node that the same operation left when it ran again."""
        if twin.freed:
            twin.restore()
        self._borrow(twin)
        self.freed, self.time, self.output_time = False, twin.time, twin.output_time

    def _borrow(self, twin: Node) -> None:
        raise NotImplementedError

    def pull_restored(self, grads: Sequence[Any], create_graph: bool) -> Sequence[Any]:
        """`pull`, with saved values that are there for the while. Raises GraphError where they have been freed."""
        self.restore()
        try:
            return self.pull(grads, create_graph)
        finally:
            self.drop()

    def check_alive(self) -> None:
        """Raise GraphError when the saved values are gone."""
        if self.freed:
            raise GraphError(
                "trying to backward through the graph a second time, but its saved values have been freed; "
                "pass retain_graph=True to the first backward call to keep them"
            )

    def check_unmodified(self) -> None:
        """Raise InPlaceError where a saved value has been modified in place since it was saved."""
        for name, array in self.saved_values():
            check_unmodified(self.name, name, array, self.output_time if name == "y" else self.time)

    def register_prehook(self, hook: Hook) -> Handle:
        """Call `hook(grad_outputs)` before the node's rule; a tuple that it returns replaces the gradients."""
        return Handle(self.own_hooks().before, hook)

    def register_hook(self, hook: Hook) -> Handle:
        """Call `hook(grad_inputs, grad_outputs)` after the node's rule; a tuple that it returns replaces `grad_inputs`."""
        return Handle(self.own_hooks().after, hook)

    def own_hooks(self) -> Hooks:
        """The node's hooks, made on first use."""
        if self.hooks is None:
            self.hooks = Hooks()
        return self.hooks

    def __repr__(self) -> str:
        return f"<{self.name}>"


class AccumulateGrad(Node):
    """Where a leaf that requires grad ends: adds what arrives to `variable.grad`."""

    __slots__ = ("variable",)
    batches = True

    def __init__(self, variable: Tensor) -> None:
        self.name = "AccumulateGrad"
        self.variable = variable
        self.next_functions = ()
        self.input_meta = ()
        self.output_meta = ((variable.shape, variable.dtype),)
        self.freed = False
        self.hooks = variable._extras.hooks if variable._extras else None
        self.time = self.output_time = CLOCK.time

    def own_hooks(self) -> Hooks:
        """A leaf's hooks are kept by the leaf: it outlives its node."""
        self.hooks = self.variable._own_extras().own_hooks()
        return self.hooks

    def pull(self, grads: Sequence[Any], create_graph: bool) -> Sequence[Any]:
        """Add the gradient to the leaf's `grad`: in place, unless the graph of the gradient is wanted.

        A first gradient is copied, so that no two leaves share an array.
        """
        (g,) = grads
        x, old = self.variable, self.variable._grad
        if not x._requires_grad:  # switched off, or detached in place, after the forward
            return ()
        if create_graph:  # astype is a copy that can be differentiated
            x._grad = TABLE["astype"](g, x.dtype) if old is None else old + g
        elif old is None:
            x._grad = Tensor._wrap(np.array(g, dtype=x.dtype))
        else:
            np.add(old.data, g, out=old.data, casting="same_kind")
            modified(old.data)
        for hook in list(self.hooks.after_accumulation.values()) if self.hooks else ():
            hook(x)
        return ()

    def release(self) -> None:
        """A leaf keeps nothing that could be freed."""


def edge_of(value: Any) -> Edge:
    """The edge that leads to the node which made `value`; a leaf's node is made on first use.

    The leaf only refers to it weakly: the graph keeps it, and a leaf is freed with its last user.
    """
    if type(value) is not Tensor or not value._requires_grad:
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
    if isinstance(node, AccumulateGrad) and node.variable.data is array:
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
