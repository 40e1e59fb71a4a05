"""Constants of a function: numbers, booleans, strings, and lists of them."""

from __future__ import annotations

from typing import Any

from gradcheck_cli.spec import scalars
from gradcheck_cli.spec.arrays import leaves, read_nested
from gradcheck_cli.spec.document import Node, Scalar, Sequence
from gradcheck_cli.spec.fields import Fields, number_hint

_MUST = "a number, true or false, a string, or a list of these"
_LARGEST = 2**63


def read_constant(fields: Fields, what: str, node: Node) -> Any:
    """The constant's value; None where it is none, which is reported."""

    def leaf(scalar: Scalar) -> Any:
        value = None if scalar.is_null else _value(scalar)
        if value is None:
            fields.expected(scalar, what, _MUST, number_hint(scalar))
        return value

    if isinstance(node, Scalar):
        return leaf(node)
    if not isinstance(node, Sequence):
        fields.expected(node, what, _MUST)
        return None
    read = read_nested(fields, node, what, leaf)
    return None if read is None else _unified(fields, what, node, read[0])


def kind_of(value: Any) -> str:
    """What a case may replace a constant with: another one of the same kind."""
    if isinstance(value, tuple):
        return "a list of strings" if any(isinstance(v, str) for v in leaves(value)) else "a list of numbers"
    return "a string" if isinstance(value, str) else "a number"


def _value(scalar: Scalar) -> Any:
    if scalar.style:
        return scalar.value
    boolean = scalars.as_bool(scalar.value)
    if boolean is not None:
        return boolean
    number = scalars.as_number(scalar.value)
    if number is None:
        return scalar.value
    if isinstance(number, int):
        return number if -_LARGEST <= number < _LARGEST else None
    return None if scalars.overflows(scalar.value, number) else number


def _unified(fields: Fields, what: str, node: Node, value: Any) -> Any:
    """The list with all its numbers of one type: whole numbers beside others become floats."""
    kinds = {type(leaf) for leaf in leaves(value)}
    if kinds == {int, float}:
        return _floats(value)
    if len(kinds) > 1:
        names = sorted({bool: "booleans", str: "strings"}.get(kind, "numbers") for kind in kinds)
        fields.complain(node, f"{what} must hold values of one type; found {' and '.join(dict.fromkeys(names))}")
        return None
    return value


def _floats(value: Any) -> Any:
    return tuple(map(_floats, value)) if isinstance(value, tuple) else float(value)
