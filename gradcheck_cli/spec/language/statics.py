"""Static values: Python's own numbers under caps, sequences of them, and the arrays they become."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from gradcheck_cli.spec import limits
from gradcheck_cli.spec.language.pieces import NUMBERS, SEQUENCES

_BOUND = limits.STATIC_INTEGER


def number(value: Any) -> Any:
    """`value`, once a whole number is in bounds. Raises ValueError."""
    if type(value) is int and not -_BOUND <= value <= _BOUND:
        raise ValueError("whole numbers stay within 2**31 here; with a decimal point it is a float: 1e10")
    return value


def _power(a: Any, b: Any) -> Any:
    if type(a) is int and type(b) is int and b > 31 and abs(a) > 1:
        raise ValueError("whole numbers stay within 2**31 here; with a decimal point it is a float: 10.0**12")
    value = a**b
    real = type(value) is not complex or complex in (type(a), type(b))
    return value if real else float("nan")  # as in NumPy: a negative number has no real root


def _booleans(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def checked(a: Any, b: Any) -> Any:
        if type(a) is bool and type(b) is bool:
            return function(a, b)
        raise TypeError("it combines booleans, not numbers")

    return checked


def _matmul(a: Any, b: Any) -> Any:
    raise TypeError("it takes arrays, not numbers")


ON_NUMBERS: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv,
    "floordiv": operator.floordiv, "mod": operator.mod, "power": _power, "matmul": _matmul,
    "eq": operator.eq, "ne": operator.ne, "lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge,
    "bit_and": _booleans(operator.and_), "bit_or": _booleans(operator.or_),
}  # fmt: skip
"""The operators on two Python numbers; `number` checks what they give."""


def invert(value: Any) -> bool:
    """`~` on a static value. Raises TypeError."""
    if type(value) is bool:
        return not value
    raise TypeError("it negates booleans, not numbers")


def whole(value: Any) -> int:
    """A static value as an int. Raises TypeError."""
    if type(value) is bool:
        raise TypeError("a whole number is expected here, not True or False")
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError("a whole number is expected here; // and int() give one") from None


def truth(value: Any) -> bool:
    """A static condition's value. Raises ValueError for an array of several entries."""
    if type(value) in SEQUENCES:
        raise TypeError("a condition is a number or a boolean, not a list")
    return bool(value)


def sequence(values: Any) -> Any:
    """A new list or tuple, once it is small: lists in lists in lists cannot grow beyond what anything can read."""
    count, stack = 0, [(values, 1)]
    while stack:
        items, depth = stack.pop()
        count += len(items)
        if count > limits.SEQUENCE_VALUES:
            raise _too_long(count)
        if depth > limits.SEQUENCE_DEPTH:
            raise ValueError(f"lists nest at most {limits.SEQUENCE_DEPTH} deep")
        stack += [(item, depth + 1) for item in items if type(item) in SEQUENCES]
    return values


def _too_long(count: int) -> ValueError:
    more = limits.aside("SEQUENCE_VALUES", count)
    return ValueError(f"a list holds at most {limits.SEQUENCE_VALUES} values; this one {count}{more}")


def on_sequences(name: str, a: Any, b: Any) -> Any:
    """What Python makes of `+`, `*`, `==` and `!=` on lists and tuples; NotImplemented where arrays are meant."""
    if name == "add" and type(a) is type(b):
        return sequence(a + b)
    if name == "mul" and (type(a) is int or type(b) is int):
        items, times = (b, a) if type(a) is int else (a, b)
        count = len(items) * max(times, 0)
        if count > limits.SEQUENCE_VALUES:
            raise _too_long(count)
        return sequence(items * times)
    if name in ("eq", "ne") and type(a) in SEQUENCES and type(b) in SEQUENCES and _flat(a) and _flat(b):
        return (tuple(a) == tuple(b)) is (name == "eq")
    return NotImplemented


def _flat(values: Any) -> bool:
    return all(type(value) in NUMBERS for value in values)


def as_array(values: Any) -> Any:
    """The array of a number, a list or a tuple; lists of tensors are stacked. Raises ValueError for ragged lists."""
    import numpy as np

    if type(values) in NUMBERS:
        return np.asarray(values)
    if _has_only_arrays(values):
        try:
            array = np.array(values)
        except ValueError:
            raise ValueError("the rows of a list differ in length") from None
        if array.dtype.kind not in "biufc":
            raise TypeError("a list holds numbers")
        return array if array.size else array.astype(float)
    from gradcheck_cli.engine.ops import TABLE

    return TABLE["stack"]([as_array(v) if type(v) in SEQUENCES else v for v in values])


def _has_only_arrays(values: Any) -> bool:
    import numpy as np

    return all(
        _has_only_arrays(v) if type(v) in SEQUENCES else type(v) in NUMBERS or isinstance(v, np.ndarray | np.generic)
        for v in values
    )


def settled(value: Any) -> Any:
    """A static result: an array without axes becomes the Python number that it holds, which promotes nothing."""
    if type(value) in NUMBERS or type(value) in SEQUENCES or getattr(value, "shape", None) != ():
        return value
    return number(value.item())


def shape_of(value: Any) -> tuple[int, ...]:
    """The shape of anything that an expression can hold."""
    if type(value) in NUMBERS:
        return ()
    if type(value) in SEQUENCES:
        shape: tuple[int, ...] = as_array(value).shape
        return shape
    if not hasattr(value, "shape"):
        raise TypeError("an array or a number is expected here")
    return tuple(value.shape)


def length(value: Any) -> int:
    """`len`."""
    if type(value) in SEQUENCES:
        return len(value)
    if hasattr(value, "measured"):  # somebody follows it
        value.measured()
    shape = shape_of(value)
    if not shape:
        raise TypeError("a value without axes has no length")
    return shape[0]
