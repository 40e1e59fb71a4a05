"""`Tensor`: an array that remembers how it was made."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck_cli.engine.operators import TABLE, Operand
from gradcheck_cli.engine.versions import version_of
from gradcheck_cli.engine.views import PLACE, Extras, find_place, own_index
from gradcheck_cli.errors import GraphError, InPlaceError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike

    from gradcheck_cli.engine.hooks import Handle, Hook
    from gradcheck_cli.engine.node import Node


def _augmented(name: str) -> Callable[..., Tensor]:
    def method(self: Tensor, other: Any) -> Tensor:
        changed: Tensor = getattr(self, name)(other)
        return changed

    return method


def _is_integer(i: Any) -> bool:
    return type(i) is int or isinstance(i, np.integer)


def _leaf(kind: type[Tensor], array: np.ndarray[Any, Any], requires_grad: bool, name: str) -> Tensor:
    """A new leaf around `array` itself: what copies and pickles become."""
    leaf = kind._wrap(array)
    leaf.requires_grad, leaf.name = requires_grad, name
    return leaf


class Tensor(Operand):
    """An n-dimensional array with PyTorch's autograd face.

    `data` is the NumPy array itself; `grad` a Tensor or None; `grad_fn` the node that made it, None for a leaf. Only
    floating and complex tensors can require grad. Python numbers and lists become float64 where they hold floats.
    """

    __slots__ = (
        "__weakref__",
        "_accumulator",
        "_extras",
        "_grad",
        "_requires_grad",
        "data",
        "grad_fn",
        "name",
        "output_nr",
    )

    def __init_subclass__(cls, **_: Any) -> None:
        raise TypeError("Tensor cannot be subclassed: keep a tensor in an attribute, or write an operation as a Function")

    def __init__(
        self, data: ArrayLike | Tensor, requires_grad: bool = False, dtype: DTypeLike | None = None, name: str = ""
    ) -> None:
        array = np.array(data.data if isinstance(data, Tensor) else data, dtype=dtype)
        if array.dtype.kind not in "biufc":
            raise TypeError(f"a tensor holds numbers; this would be an array of dtype {array.dtype}")
        if requires_grad and not np.issubdtype(array.dtype, np.inexact):
            raise GraphError(f"only floating and complex tensors can require grad, this one is {array.dtype}")
        self.data: np.ndarray[Any, Any] = array
        self._requires_grad = bool(requires_grad)
        self.name = name
        self._grad: Tensor | None = None
        self.grad_fn: Node | None = None
        self.output_nr = 0
        self._accumulator: Callable[[], Node | None] | None = None
        self._extras: Extras | None = None

    @classmethod
    def _wrap(cls, array: Any, grad_fn: Node | None = None, output_nr: int = 0) -> Tensor:
        """A tensor around `array` itself, without a copy: how ops make their results."""
        self = cls.__new__(cls)
        self.data = array if isinstance(array, np.ndarray) else np.asarray(array)
        self._requires_grad = grad_fn is not None
        self.grad_fn, self.output_nr = grad_fn, output_nr
        self._grad = self._accumulator = None
        self.name, self._extras = "", None
        return self

    @property
    def shape(self) -> tuple[int, ...]:
        """The array's shape."""
        shape: tuple[int, ...] = self.data.shape
        return shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.data.ndim

    @property
    def size(self) -> int:
        """Number of entries, as NumPy's `size`."""
        return self.data.size

    @property
    def dtype(self) -> Any:
        """The array's dtype."""
        return self.data.dtype

    # What the engine itself reads and writes are the slots behind the next two: recording an op pays for no check.
    @property
    def requires_grad(self) -> bool:
        """Whether operations on this tensor are recorded; to be set on leaves only."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, requires_grad: bool) -> None:
        self.requires_grad_(requires_grad)

    @property
    def grad(self) -> Tensor | None:
        """The gradient that backward has accumulated; to be set to None, or to a tensor of this shape and dtype."""
        return self._grad

    @grad.setter
    def grad(self, grad: Tensor | None) -> None:
        if grad is not None and not isinstance(grad, Tensor):
            raise TypeError(f"assigned grad must be a Tensor or None, not {type(grad).__name__}")
        if grad is not None and (grad.shape, grad.dtype) != (self.shape, self.dtype):
            found, own = (f"shape {x.shape} and dtype {x.dtype}" for x in (grad, self))
            raise GraphError(f"assigned grad has {found}, but the tensor has {own}")
        self._grad = grad

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made it."""
        return self.grad_fn is None

    @property
    def _version(self) -> int:
        """How often this memory, which views and detached tensors share, has been modified in place."""
        return version_of(self.data)

    def backward(
        self,
        gradient: Any = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Tensor | Sequence[Tensor] | None = None,
    ) -> None:
        """Add d(self)/d(leaf), pulled back from `gradient`, to every leaf's `grad`, or to that of the `inputs` only.

        `gradient` has this tensor's shape and may be left out for a single entry (it is 1 then). The saved values
        are freed unless `retain_graph` (default: `create_graph`). Raises GraphError.
        """
        from gradcheck_cli.engine.backward import backward

        backward((self,), (gradient,), retain_graph, create_graph, inputs)

    def detach(self) -> Tensor:
        """The same array, outside the graph."""
        return Tensor._wrap(self.data)

    def detach_(self) -> Tensor:
        """Take this tensor itself out of the graph: it becomes a leaf. Raises InPlaceError for a view."""
        if self._extras is not None and self._extras.view is not None:
            raise InPlaceError("a view cannot be detached in place; use detach() instead")
        self.grad_fn, self.output_nr, self._requires_grad = None, 0, False
        return self

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Set `requires_grad` of a leaf, in place."""
        if not self.is_leaf and not requires_grad:
            raise GraphError("you can only change requires_grad of leaf tensors; use detach() first")
        if requires_grad and not np.issubdtype(self.dtype, np.inexact):
            raise GraphError(f"only floating and complex tensors can require grad, this one is {self.dtype}")
        self._requires_grad = bool(requires_grad)
        return self

    def retain_grad(self) -> None:
        """Keep the gradient of this tensor in `grad` as backward goes, although it is no leaf."""
        if not self.requires_grad:
            raise GraphError("can't retain the grad of a tensor that does not require grad")
        if self.grad_fn is not None:
            self.grad_fn.own_hooks().retaining[self.output_nr] = weakref.ref(self)

    @property
    def retains_grad(self) -> bool:
        """Whether this is no leaf, and its `grad` is kept all the same."""
        hooks = self.grad_fn.hooks if self.grad_fn is not None else None
        kept = hooks.retaining.get(self.output_nr) if hooks is not None else None
        return kept is not None and kept() is self

    def stop_retaining(self) -> bool:
        """Undo `retain_grad`, as the value that it was said of is about to be overwritten; say whether it was in force."""
        retains = self.retains_grad
        if retains and self.grad_fn is not None:
            del self.grad_fn.own_hooks().retaining[self.output_nr]
        return retains

    def register_hook(self, hook: Hook) -> Handle:
        """Call `hook(gradient)` whenever the gradient of this tensor is known; a tensor that it returns replaces it.

        Several hooks run in the order of registration. If the tensor is modified in place later on, the hook goes on
        to see the gradient of the value as it was. Raises GraphError where no gradient is required.
        """
        from gradcheck_cli.engine.hooks import Handle

        if not self.requires_grad:
            raise GraphError("cannot register a hook on a tensor that does not require grad")
        hooks = self._own_node().own_hooks()
        return Handle(hooks.of_tensors, (self.output_nr, hook))

    def register_post_accumulate_grad_hook(self, hook: Hook) -> Handle:
        """Call `hook(tensor)` whenever a gradient has been added to the `grad` of this leaf."""
        from gradcheck_cli.engine.hooks import Handle

        if not self.requires_grad or not self.is_leaf:
            raise GraphError("post accumulate grad hooks need a leaf tensor that requires grad")
        return Handle(self._own_node().own_hooks().after_accumulation, hook)

    def _own_node(self) -> Node:
        """The node that gets this tensor's gradient."""
        from gradcheck_cli.engine.node import edge_of

        node = edge_of(self)[0]
        assert node is not None
        return node

    def _own_extras(self) -> Extras:
        """What few tensors have, made on first use."""
        if self._extras is None:
            self._extras = Extras()
        return self._extras

    def __getattr__(self, name: str) -> Any:
        """An op's method (`x.exp()`), its in-place form (`x.exp_()`), or the place in the graph of a view that lost it."""
        if name in PLACE:
            find_place(self)
            return getattr(self, name)
        if name.endswith("_") and not name.startswith("_"):
            return self._in_place_method(name)
        return super().__getattr__(name)

    def _in_place_method(self, name: str) -> Callable[..., Tensor]:
        from gradcheck_cli.engine.in_place import in_place, in_place_op

        op = in_place_op(name)
        if op is None:
            raise AttributeError(f"Tensor has no attribute {name!r}: only elementwise operations have an in-place form")
        return partial(in_place, op, self)

    def __setitem__(self, index: Any, value: Any) -> None:
        from gradcheck_cli.engine.in_place import set_entries

        set_entries(self, index, value)

    def __getitem__(self, index: Any) -> Any:
        """As in NumPy, but a single entry is a view as well."""
        entry = index if type(index) is tuple else (index,)
        if len(entry) == self.data.ndim and all(map(_is_integer, entry)):
            index = (*entry, ...)
        return TABLE["index_get"](self, own_index(index))

    __iadd__, __isub__, __imul__ = _augmented("add_"), _augmented("sub_"), _augmented("mul_")
    __itruediv__, __ifloordiv__, __imod__ = _augmented("div_"), _augmented("floordiv_"), _augmented("mod_")
    __ipow__, __iand__, __ior__ = _augmented("power_"), _augmented("bit_and_"), _augmented("bit_or_")

    def copy_(self, source: Any) -> Tensor:
        """Write `source`, broadcast to this shape and cast to this dtype, in place."""
        from gradcheck_cli.engine.in_place import copy_into

        return copy_into(self, source)

    fill_ = copy_

    def zero_(self) -> Tensor:
        """Fill with zeros, in place."""
        return self.copy_(0)

    def clone(self) -> Tensor:
        """A copy with memory of its own, which gradients pass through."""
        copied: Tensor = TABLE["_clone"](self)
        return copied

    def view(self, *shape: Any) -> Tensor:
        """`reshape`, where that needs no copy; raises GraphError where it does."""
        shown: Tensor = self.reshape(*shape)
        if not np.may_share_memory(shown.data, self.data) and self.size:
            raise GraphError("this shape cannot be a view of the tensor's memory; use reshape()")
        return shown

    def t(self) -> Tensor:
        """A matrix transposed; a vector as it is."""
        if self.ndim > 2:
            raise GraphError(f"t() needs at most two axes, but this tensor has {self.ndim}")
        turned: Tensor = self.T
        return turned

    def clamp(self, min: Any = None, max: Any = None) -> Tensor:
        """`clip`, by PyTorch's names."""
        clipped: Tensor = TABLE["clip"](self, min, max)
        return clipped

    def clamp_(self, min: Any = None, max: Any = None) -> Tensor:
        """`clip_`, by PyTorch's names."""
        clipped: Tensor = self.clip_(min, max)
        return clipped

    def numpy(self) -> np.ndarray[Any, Any]:
        """The array itself; a tensor that requires grad must be detached first, as in PyTorch."""
        if self.requires_grad:
            raise GraphError("can't call numpy() on a tensor that requires grad; use tensor.detach().numpy()")
        return self.data

    def __copy__(self) -> Tensor:
        """A leaf of its own in the same memory, as in PyTorch: without grad and hooks."""
        return _leaf(type(self), self.data, self.requires_grad, self.name)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        """A leaf with copies of the array and the grad, without hooks. Raises GraphError for the result of an operation."""
        from copy import deepcopy

        if not self.is_leaf:
            raise GraphError(
                "only leaf tensors can be deep-copied: the copy of a result would be cut off from its graph\n"
                "  hint: use clone(), which gradients pass through, or copy what detach() gives"
            )
        copied = _leaf(type(self), deepcopy(self.data, memo), self.requires_grad, self.name)
        copied.grad = deepcopy(self.grad, memo)
        return copied

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as a leaf, as in PyTorch: without grad, graph and hooks."""
        return _leaf, (type(self), self.data, self.requires_grad, self.name)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def item(self) -> Any:
        """The only entry, as a Python number."""
        return self.data.item()

    def tolist(self) -> Any:
        """The entries as nested lists of Python numbers."""
        return self.data.tolist()

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __bool__(self) -> bool:
        return bool(self.data)

    def __repr__(self) -> str:
        parts = [np.array2string(self.data, separator=", ", prefix="tensor(")]
        if self.data.dtype != np.float64:
            parts.append(f"dtype={self.data.dtype}")
        try:
            if self.grad_fn is not None:
                parts.append(f"grad_fn=<{self.grad_fn.name}>")
            elif self.requires_grad:
                parts.append("requires_grad=True")
        except InPlaceError:  # a view that cannot follow its base
            parts.append("grad_fn=<Invalid>")
        return f"tensor({', '.join(parts)})"
