"""Inputs that are drawn: their shape, their distribution, and its parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from gradcheck_cli.spec import limits, scalars
from gradcheck_cli.spec.document import Node, Scalar, Sequence, quote
from gradcheck_cli.spec.fields import Fields, number_hint
from gradcheck_cli.spec.model import Constant, InputSpec

DTYPES_OF = {
    "normal": ("float64", "float32", "complex128"),
    "uniform": ("float64", "float32", "complex128"),
    "spd": ("float64", "float32"),
    "integers": ("int64", "bool", "float64", "float32"),
}
"""What each distribution can be drawn in."""


def read_shape(fields: Fields, what: str, node: Node, constants: Mapping[str, Constant]) -> tuple[int | str, ...] | None:
    """A list of lengths or names of constants; a single one is a shape of one axis, as in NumPy."""
    items = node.items if isinstance(node, Sequence) else [node]
    if len(items) > limits.AXES:
        fields.complain(node, f"{what} has at most {limits.AXES} axes; found {len(items)}")
        return None
    axes = [_axis(fields, what, item, constants) for item in items]
    return None if None in axes else tuple(axis for axis in axes if axis is not None)


def _axis(fields: Fields, what: str, node: Node, constants: Mapping[str, Constant]) -> int | str | None:
    must = "whole numbers, 0 or more, or names of constants"
    if not isinstance(node, Scalar) or node.style or node.is_null:
        fields.expected(node, f"{what}: shape", f"a list of {must}" if isinstance(node, Scalar) else must)
        return None
    length = scalars.as_integer(node.value)
    if length is not None and length >= 0:
        return length
    if length is None and node.value.isidentifier() and scalars.as_bool(node.value) is None:
        return _named_axis(fields, what, node, constants)
    fields.expected(node, f"{what}: shape", must, number_hint(node))
    return None


def _named_axis(fields: Fields, what: str, node: Scalar, constants: Mapping[str, Constant]) -> str | None:
    if node.value not in constants:
        fields.unknown(node, f"{what}: shape names no constant", node.value, constants, "the constants are")
        return None
    problem = axis_problem(node.value, constants)
    if problem:
        fields.complain(node, problem)
    return node.value


def read_pair(fields: Fields, what: str, node: Node, first: str, second: str, *, finite: bool = True) -> tuple[float, float]:
    """Two numbers, the first below the second; (0, 1) where they are not, which is reported."""
    numbers = _two(fields, what, node, first, second, finite=finite)
    if numbers is not None and numbers[0] < numbers[1]:
        return numbers
    if numbers is not None:
        fields.complain(node, f"{what} must be [{first}, {second}] with {first} < {second}; found {list(numbers)}")
    return 0.0, 1.0


def _two(fields: Fields, what: str, node: Node, first: str, second: str, *, finite: bool = True) -> tuple[float, float] | None:
    if not isinstance(node, Sequence) or len(node.items) != 2:
        found = f"a list of {len(node.items)}" if isinstance(node, Sequence) else str(node)
        fields.complain(node, f"{what} must be [{first}, {second}]; found {found}")
        return None
    must = "a finite number" if finite else "a number"
    numbers = [
        fields.number(item, f"{what}: {word}", must, math.isfinite if finite else lambda v: not math.isnan(v))
        for item, word in zip(node.items, (first, second), strict=True)
    ]
    return None if None in numbers else (float(numbers[0] or 0), float(numbers[1] or 0))


def check_shape(fields: Fields, what: str, node: Node, spec: InputSpec, constants: Mapping[str, Constant]) -> None:
    """Report a shape that is too large, or not one of square matrices where the input needs those."""
    if spec.kind == "file" or any(isinstance(a, str) and constants.get(a) is None for a in spec.shape):
        return
    shape = spec.resolved_shape(dict(constants))
    size = math.prod(shape)
    if size > limits.INPUT_ELEMENTS:
        found = f"shape {list(shape)} has {size}" if size <= limits.MOST else "its shape has far more"
        message = f"{what} has at most {limits.INPUT_ELEMENTS} elements; {found}"
        fields.complain(node, message, limits.hint("INPUT_ELEMENTS", size))
    if (spec.structure or spec.kind == "spd") and (len(shape) < 2 or shape[-1] != shape[-2]):
        reason = "spd" if spec.kind == "spd" else f"structure: {spec.structure}"
        fields.complain(node, f"{what} must end in two equal axes for {reason}; its shape is {list(shape)}")


def axis_problem(name: str, constants: Mapping[str, Constant]) -> str:
    """Why the constant `name` cannot be the length of an axis; empty when it can."""
    value = constants[name]
    if value is None or (type(value) is int and value >= 0):
        return ""
    found = quote(value) if isinstance(value, str) else quote(str(value))[1:-1]
    return f"constant {quote(name)} is used in a shape and must be a whole number, 0 or more; it is {found}"


def _uniform(fields: Fields, what: str, node: Node | None) -> dict[str, Any]:
    assert node is not None
    low, high = read_pair(fields, f"{what}: uniform", node, "low", "high")
    if high - low == float("inf"):
        fields.complain(node, f"{what}: uniform: high - low must fit into float64; found [{low:g}, {high:g}]")
    return {"low": low, "high": high}


def _normal(fields: Fields, what: str, node: Node | None) -> dict[str, Any]:
    if node is None:
        return {}
    mean, std = _two(fields, f"{what}: normal", node, "mean", "standard deviation") or (0.0, 1.0)
    if std <= 0:
        fields.complain(node, f"{what}: the standard deviation must be greater than 0; found {std}")
    return {"mean": mean, "std": std}


def _spd(fields: Fields, what: str, node: Node | None) -> dict[str, Any]:
    assert node is not None
    must = "a condition number, finite and at least 1"
    return {"condition": fields.number(node, f"{what}: spd", must, lambda v: 1 <= v < math.inf)}


def _integers(fields: Fields, what: str, node: Node | None) -> dict[str, Any]:
    assert node is not None
    must = "[low, high] of whole numbers, low < high"
    if not isinstance(node, Sequence) or len(node.items) != 2:
        fields.expected(node, f"{what}: integers", must)
        return {}
    low, high = (fields.integer(item, f"{what}: integers", "whole numbers", lambda v: abs(v) < 2**62) for item in node.items)
    if low is not None and high is not None and low >= high:
        fields.complain(node, f"{what}: integers must be {must}; found [{low}, {high}]")
    return {"low": low, "high": high}


DRAW_READERS = {"uniform": _uniform, "normal": _normal, "spd": _spd, "integers": _integers}
"""Reads the parameters of each distribution into fields of an InputSpec."""
