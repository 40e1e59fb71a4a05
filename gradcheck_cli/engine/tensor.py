"""`Tensor`: an array that remembers how it was made."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from gradcheck_cli.engine.modes import MODE
from gradcheck_cli.engine.operators import Operand
from gradcheck_cli.errors import GraphError, InPlaceError

if TYPE_CHECKING:
    from gradcheck_cli.engine.node import Node


class Tensor(Operand):
    """An n-dimensional array with PyTorch's autograd face.

    `data` is the NumPy array itself; `grad` a Tensor or None; `grad_fn` the node that made it, None for a leaf. Only
    floating and complex tensors can require grad. Python numbers and lists become float64 where they hold floats.
    """

    __slots__ = (
        "__weakref__",
        "_accumulator",
        "_version",
        "data",
        "grad",
        "grad_fn",
        "name",
        "output_nr",
        "requires_grad",
    )

    def __init__(
        self, data: ArrayLike | Tensor, requires_grad: bool = False, dtype: DTypeLike | None = None, name: str = ""
    ) -> None:
        array = np.array(data.data if isinstance(data, Tensor) else data, dtype=dtype)
        if array.dtype.kind not in "biufc":
            raise TypeError(f"a tensor holds numbers; this would be an array of dtype {array.dtype}")
        if requires_grad and not np.issubdtype(array.dtype, np.inexact):
            raise GraphError(f"only floating and complex tensors can require grad, this one is {array.dtype}")
        self.data: np.ndarray[Any, Any] = array
        self.requires_grad = requires_grad
        self.name = name
        self.grad: Tensor | None = None
        self.grad_fn: Node | None = None
        self.output_nr = 0
        self._accumulator: Callable[[], Node | None] | None = None
        self._version = 0

    @classmethod
    def _wrap(cls, array: Any, grad_fn: Node | None = None, output_nr: int = 0) -> Tensor:
        """A tensor around `array` itself, without a copy: how ops make their results."""
        self = cls.__new__(cls)
        self.data = array if type(array) is np.ndarray else np.asarray(array)
        self.requires_grad = grad_fn is not None
        self.grad_fn, self.output_nr = grad_fn, output_nr
        self.grad = self._accumulator = None
        self.name, self._version = "", 0
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

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made it."""
        return self.grad_fn is None

    def backward(self, gradient: Any = None, retain_graph: bool | None = None, create_graph: bool = False) -> None:
        """Add d(self)/d(leaf), pulled back from `gradient`, to every leaf's `grad`.

        `gradient` has this tensor's shape and may be left out for a single entry (it is 1 then). The saved values
        are freed unless `retain_graph` (default: `create_graph`). Raises GraphError.
        """
        from gradcheck_cli.engine.backward import backward

        backward((self,), (gradient,), retain_graph, create_graph)

    def detach(self) -> Tensor:
        """The same array, outside the graph."""
        return Tensor._wrap(self.data)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Set `requires_grad` of a leaf, in place."""
        if not self.is_leaf:
            raise GraphError("you can only change requires_grad of leaf tensors; use detach() first")
        if requires_grad and not np.issubdtype(self.dtype, np.inexact):
            raise GraphError(f"only floating and complex tensors can require grad, this one is {self.dtype}")
        self.requires_grad = requires_grad
        return self

    def zero_(self) -> Tensor:
        """Fill with zeros, in place."""
        if self.requires_grad and MODE.enabled:
            kind = "a leaf tensor that requires grad" if self.is_leaf else "a tensor that is part of a graph"
            raise InPlaceError(f"{kind} cannot be modified in place here; do it under no_grad()")
        self.data[...] = 0
        self._version += 1
        return self

    def numpy(self) -> np.ndarray[Any, Any]:
        """The array itself; a tensor that requires grad must be detached first, as in PyTorch."""
        if self.requires_grad:
            raise GraphError("can't call numpy() on a tensor that requires grad; use tensor.detach().numpy()")
        return self.data

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
        if self.grad_fn is not None:
            parts.append(f"grad_fn=<{self.grad_fn.name}>")
        elif self.requires_grad:
            parts.append("requires_grad=True")
        return f"tensor({', '.join(parts)})"
