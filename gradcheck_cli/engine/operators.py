"""Python's operators and NumPy's methods for whatever flows through the ops: tensors, batches, traced values.

`TABLE` is the op table. It is filled by the modules of `engine.ops`; an op defined there is at once a function, a
method of every `Operand`, and a function of the spec language.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from math import prod
from typing import Any

TABLE: dict[str, Callable[..., Any]] = {}


def _operator(name: str) -> Callable[..., Any]:
    def method(self: Any, *others: Any) -> Any:
        return TABLE[name](self, *others)

    return method


def _reflected(name: str) -> Callable[..., Any]:
    def method(self: Any, other: Any) -> Any:
        return TABLE[name](other, self)

    return method


class Operand:
    """A value that carries an array of a known `shape`; every operator and method goes through the op table."""

    __slots__ = ()
    __array_ufunc__ = None  # so that `array * tensor` asks the tensor
    __hash__ = object.__hash__

    @property
    def shape(self) -> tuple[int, ...]:
        """The array's shape."""
        raise AttributeError("shape")

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def T(self) -> Any:  # noqa: N802 (NumPy's name)
        """All axes reversed."""
        return TABLE["transpose"](self)

    @property
    def real(self) -> Any:
        """The real parts."""
        return TABLE["real"](self)

    @property
    def imag(self) -> Any:
        """The imaginary parts."""
        return TABLE["imag"](self)

    @property
    def mT(self) -> Any:  # noqa: N802 (NumPy's name)
        """The last two axes swapped."""
        return TABLE["swapaxes"](self, -1, -2)

    @property
    def mH(self) -> Any:  # noqa: N802 (NumPy's name)
        """The last two axes swapped, and conjugated."""
        return TABLE["conj"](TABLE["swapaxes"](self, -1, -2))

    def reshape(self, *shape: Any) -> Any:
        """`x.reshape(2, 3)` and `x.reshape((2, 3))` alike."""
        return TABLE["reshape"](self, shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Any) -> Any:
        """`x.transpose()`, `x.transpose(1, 0)` and `x.transpose((1, 0))` alike."""
        return TABLE["transpose"](self, (axes[0] if len(axes) == 1 else axes) or None)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a value without axes")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __getattr__(self, name: str) -> Any:
        op = TABLE.get(name)
        if op is None:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        return partial(op, self)

    def __pos__(self) -> Any:
        return self

    __neg__ = _operator("neg")
    __abs__ = _operator("abs")
    __invert__ = _operator("invert")
    __getitem__ = _operator("index_get")
    __add__, __radd__ = _operator("add"), _reflected("add")
    __sub__, __rsub__ = _operator("sub"), _reflected("sub")
    __mul__, __rmul__ = _operator("mul"), _reflected("mul")
    __truediv__, __rtruediv__ = _operator("div"), _reflected("div")
    __floordiv__, __rfloordiv__ = _operator("floordiv"), _reflected("floordiv")
    __mod__, __rmod__ = _operator("mod"), _reflected("mod")
    __pow__, __rpow__ = _operator("power"), _reflected("power")
    __matmul__, __rmatmul__ = _operator("matmul"), _reflected("matmul")
    __and__, __rand__ = _operator("bit_and"), _reflected("bit_and")
    __or__, __ror__ = _operator("bit_or"), _reflected("bit_or")
    __eq__ = _operator("eq")  # elementwise, as in NumPy
    __ne__ = _operator("ne")
    __lt__, __le__, __gt__, __ge__ = _operator("lt"), _operator("le"), _operator("gt"), _operator("ge")


class Lifted(Operand):
    """An operand other than a tensor: an array with something that ops carry along, in a way of its own."""

    __slots__ = ("array",)

    def __init__(self, array: Any) -> None:
        self.array = array
        """Not `data`: what a tensor's `data` is used for would lose what is carried."""

    @property
    def dtype(self) -> Any:
        """The array's dtype."""
        return self.array.dtype

    @property
    def size(self) -> int:
        """Number of entries."""
        return prod(self.shape)

    def measured(self) -> None:
        """Called where a spec's text asks for the shape."""

    def apply(self, op: Any, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
        """Run `op` on inputs of which some are lifted; called by the op itself."""
        raise TypeError(f"{op} does not take a {type(self).__name__}")

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError("what is carried along would be lost in an array")

    def __bool__(self) -> bool:
        raise TypeError("this value has no single truth")

    def _in_place(self, other: Any) -> Any:
        """Of tensors this changes all that share the memory; here it would make a value of its own."""
        raise TypeError("what is carried along cannot be written in place")

    __iadd__ = __isub__ = __imul__ = __itruediv__ = __ifloordiv__ = __imod__ = __ipow__ = __iand__ = __ior__ = _in_place


def lifted_among(values: Iterable[Any]) -> Lifted | None:
    """A lifted value among static parameters, or None: an index, say, that differs between copies."""
    for value in values:
        found = lifted_among(value) if isinstance(value, tuple | list) else value
        if isinstance(found, Lifted):
            return found
    return None
