"""Hooks: functions of the user's that see gradients as backward goes, and may replace them."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck_cli.errors import GraphError

if TYPE_CHECKING:
    from gradcheck_cli.engine.node import Node
    from gradcheck_cli.engine.tensor import Tensor

Hook = Callable[..., Any]


class Handle:
    """What registering a hook returns: `remove()` takes the hook away again; also a context manager that does."""

    _ids = itertools.count()

    def __init__(self, place: dict[int, Any], hook: Any) -> None:
        self._place, self._id = place, next(self._ids)
        place[self._id] = hook

    def remove(self) -> None:
        """Take the hook away; nothing happens if it is gone already."""
        self._place.pop(self._id, None)

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *_: Any) -> None:
        self.remove()


class Hooks:
    """A node's hooks, each kind in the order of registration."""

    __slots__ = ("after", "after_accumulation", "before", "of_tensors", "retaining")

    def __init__(self) -> None:
        self.of_tensors: dict[int, tuple[int, Hook]] = {}
        """The number of the output whose gradient the hook sees, and the hook."""
        self.retaining: dict[int, weakref.ref[Tensor]] = {}
        """By output number the tensor whose `grad` is to be kept."""
        self.before: dict[int, Hook] = {}
        self.after: dict[int, Hook] = {}
        self.after_accumulation: dict[int, Hook] = {}

    def see_gradients(self, grads: list[Any], node: Node, create_graph: bool) -> list[Any]:
        """Run the tensors' hooks on the gradients of the node's outputs, and keep those that are to be retained."""
        for output_nr, hook in list(self.of_tensors.values()):
            if grads[output_nr] is not None:
                grads[output_nr] = _replaced(hook, (grads[output_nr],), 0, node.output_meta[output_nr], create_graph)
        for output_nr, reference in self.retaining.items():
            tensor, g = reference(), grads[output_nr]
            if tensor is not None and g is not None:
                _retain(tensor, as_tensor(g))
        return grads

    def before_node(self, grads: list[Any], node: Node, create_graph: bool) -> list[Any]:
        """Run the node's prehooks: each gets all gradients of the outputs, and may return as many."""
        for hook in list(self.before.values()):
            grads = _all_replaced(hook, (grads,), node.output_meta, create_graph)
        return grads

    def after_node(self, pulled: Sequence[Any], grads: Sequence[Any], node: Node, create_graph: bool) -> Sequence[Any]:
        """Run the node's hooks: each gets the gradients of inputs and of outputs, and may replace the former."""
        for hook in list(self.after.values()):
            pulled = _all_replaced(hook, (pulled, grads), _metas(pulled), create_graph)
        return pulled


def _metas(pulled: Sequence[Any]) -> list[Any]:
    """The shape and dtype that each gradient has; None where there is none to be replaced."""
    return [None if g is None else (g.shape, g.dtype) for g in pulled]


def as_tensor(g: Any) -> Tensor:
    """A gradient as hooks see it."""
    from gradcheck_cli.engine.tensor import Tensor

    return g if isinstance(g, Tensor) else Tensor._wrap(g)


def _retain(tensor: Tensor, g: Tensor) -> None:
    """Add to the `grad` of a tensor that is no leaf."""
    old = tensor._grad
    tensor._grad = g.clone() if old is None else old + g


def _all_replaced(hook: Hook, groups: tuple[Sequence[Any], ...], metas: Sequence[Any], create_graph: bool) -> list[Any]:
    """The first group of gradients, or what the hook returned for it."""
    first = list(groups[0])
    found = hook(*[tuple(None if g is None else as_tensor(g) for g in group) for group in groups])
    if found is None:
        return first
    found = found if isinstance(found, tuple | list) else (found,)
    if len(found) != len(first):
        raise GraphError(f"hook {_name(hook)!r} must return {len(first)} gradients or None, but returned {len(found)}")
    return [_checked(hook, new, meta, create_graph) for new, meta in zip(found, metas, strict=True)]


def _replaced(hook: Hook, args: tuple[Any, ...], k: int, meta: Any, create_graph: bool) -> Any:
    found = hook(*map(as_tensor, args))
    return args[k] if found is None else _checked(hook, found, meta, create_graph)


def _checked(hook: Hook, new: Any, meta: tuple[tuple[int, ...], Any], create_graph: bool) -> Any:
    """A hook's gradient, which must have the shape and dtype of the one that it replaces."""
    from gradcheck_cli.engine.tensor import Tensor

    if new is None:
        return None
    if not isinstance(new, Tensor | np.ndarray):
        raise GraphError(f"hook {_name(hook)!r} must return a tensor or None, but returned {type(new).__name__}")
    if meta is None:
        raise GraphError(f"hook {_name(hook)!r} returned a gradient where none is needed; it must return None there")
    for what, found, expected in (("shape", new.shape, meta[0]), ("dtype", new.dtype, meta[1])):
        if found != expected:
            raise GraphError(f"hook {_name(hook)!r} must keep the gradient's {what} {expected}, but returned {found}")
    return as_tensor(new) if create_graph else new.data if isinstance(new, Tensor) else new


def _name(hook: Hook) -> str:
    return str(getattr(hook, "__name__", type(hook).__name__))
