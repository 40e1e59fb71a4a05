"""Lists that are written out in a spec: regular, not too long, all of one type."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from gradcheck_cli.spec import limits, scalars
from gradcheck_cli.spec.document import Node, Refused, Scalar, Sequence
from gradcheck_cli.spec.fields import Fields, number_hint

_LARGEST_FLOAT32 = 3.4028235677973366e38
_LARGEST_INT64 = 2**63

Shape = tuple[int, ...]


def read_nested(fields: Fields, node: Node, what: str, leaf: Callable[[Scalar], Any]) -> tuple[Any, Shape] | None:
    """Nested tuples of what `leaf` makes of each scalar (None: it complained), and their shape."""
    count = _count(node)
    if count > limits.LITERAL_ELEMENTS:
        message = f"{what} has at most {limits.LITERAL_ELEMENTS} elements; found {count}"
        hint = limits.hint("LITERAL_ELEMENTS", count, "put the array into a file: {file: x.npy}")
        fields.complain(node, message, hint)
        return None
    before = len(fields.mistakes)
    value, shape = _nested(fields, node, what, leaf)
    if shape is None or len(fields.mistakes) > before:
        return None
    if len(shape) > limits.AXES:
        fields.complain(node, f"{what} has at most {limits.AXES} axes; found {len(shape)}")
        return None
    return value, shape


def _count(node: Node) -> int:
    count, stack = 0, [node]
    while stack:
        found = stack.pop()
        if isinstance(found, Sequence):
            stack += found.items
        else:
            count += 1
    return count


def _nested(fields: Fields, node: Node, what: str, leaf: Callable[[Scalar], Any]) -> tuple[Any, Shape | None]:
    if isinstance(node, Refused):
        return None, None
    if isinstance(node, Scalar):
        return leaf(node), ()
    if not isinstance(node, Sequence):
        fields.expected(node, what, "a number or a list of numbers")
        return None, None
    rows = [_nested(fields, item, what, leaf) for item in node.items]
    if any(shape is None for _, shape in rows):
        return None, None
    first = rows[0][1] if rows else ()
    for item, (_, shape) in zip(node.items, rows, strict=True):
        if shape != first:
            message = f"all rows of a list must have one shape: the first is {_shown(first)}, this is {_shown(shape)}"
            fields.complain(item, message)
            return None, None
    return tuple(value for value, _ in rows), (len(rows), *(first or ()))


def _shown(shape: Shape | None) -> str:
    if not shape:
        return "a single value"
    return f"a list of {shape[0]}" if len(shape) == 1 else f"of shape {list(shape)}"


def leaf_reader(fields: Fields, what: str, dtype: str) -> Callable[[Scalar], Any]:
    """Reads one element of an array of `dtype`."""
    convert, must = _LEAVES[dtype]

    def read(node: Scalar) -> Any:
        value = None if node.style or node.is_null else convert(node.value)
        if value is None:
            fields.expected(node, what, "a number" if node.is_null else must, _leaf_hint(node, dtype))
        return value

    return read


def _leaf_hint(node: Scalar, dtype: str) -> str:
    if dtype != "bool" and not node.style and scalars.as_bool(node.value) is not None:
        return "booleans need their dtype: {value: ..., dtype: bool}"
    if dtype != "complex128" and not node.style and scalars.as_complex(node.value) is not None:
        real = scalars.as_number(node.value) is not None
        return "" if real else "complex numbers need their dtype: {value: ..., dtype: complex128}"
    if any(sign in node.value for sign in "*/()") and not node.style:
        return "a literal is written in digits; expressions stand in forward and in rules"
    return number_hint(node)


def _float64(text: str) -> float | None:
    number = scalars.as_number(text)
    if number is None or scalars.overflows(text, value := scalars.as_float(number)):
        return None
    return value


def _float32(text: str) -> float | None:
    value = _float64(text)
    return None if value is None or _LARGEST_FLOAT32 <= abs(value) < math.inf else value


def _int64(text: str) -> int | None:
    value = scalars.as_integer(text)
    return value if value is not None and -_LARGEST_INT64 <= value < _LARGEST_INT64 else None


def _bool(text: str) -> bool | None:
    return {"0": False, "1": True}.get(text, scalars.as_bool(text))


def _complex128(text: str) -> complex | None:
    value = scalars.as_complex(text)
    if value is None or any(scalars.overflows(text, part) and "inf" not in text for part in (value.real, value.imag)):
        return None
    return value


_LEAVES: dict[str, tuple[Callable[[str], Any], str]] = {
    "float64": (_float64, "a number that fits into float64"),
    "float32": (_float32, "a number that fits into float32"),
    "int64": (_int64, "a whole number that fits into int64"),
    "bool": (_bool, "true or false"),
    "complex128": (_complex128, "a complex number such as 1+2j"),
}


def leaves(value: Any) -> Iterator[Any]:
    """The elements of nested tuples, in order."""
    if isinstance(value, tuple):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def matrices(value: Any, axes: int) -> Iterator[tuple[tuple[Any, ...], ...]]:
    """The matrices that an array of `axes` axes holds, over its leading axes."""
    if axes == 2:
        yield value
    else:
        for item in value:
            yield from matrices(item, axes - 1)
