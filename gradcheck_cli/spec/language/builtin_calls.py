"""Python's functions on static values, and NumPy's that ask for a shape or make an array of a list."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gradcheck_cli.spec.language.access import measure
from gradcheck_cli.spec.language.pieces import (
    BROKEN,
    BROKEN_PIECE,
    EXPECTED,
    SEQUENCE,
    SEQUENCES,
    STATIC,
    TENSOR,
    Piece,
    Place,
    Refusal,
)
from gradcheck_cli.spec.language.statics import as_array, length, number, truth

if TYPE_CHECKING:
    from gradcheck_cli.spec.language.translate import Translator


def _float(value: Any) -> Any:
    return float(value)


def _int(value: Any) -> Any:
    return number(int(value))


def _array(value: Any) -> Any:
    return as_array(value) if type(value) in SEQUENCES else value


def _only(t: Translator, node: ast.Call) -> ast.expr:
    name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "it")
    if len(node.args) != 1 or node.keywords:
        raise Refusal(node, f"{name} takes one argument")
    return node.args[0]


def _applied(name: str, function: Callable[[Any], Any], piece: Piece, kind: str, place: Place) -> Piece:
    argument = piece.run

    def run(frame: Any) -> Any:
        value = argument(frame)
        try:
            return function(value)
        except EXPECTED as error:
            raise place.trouble(name, error, (value,)) from None

    return BROKEN_PIECE if piece.kind == BROKEN else Piece(kind, run)


def _converter(name: str, function: Callable[[Any], Any]) -> Callable[[Translator, ast.Call], Piece]:
    def call(t: Translator, node: ast.Call) -> Piece:
        argument = _only(t, node)
        return _applied(name, function, t.static(argument, f"the argument of {name}"), STATIC, t.place(node))

    return call


def _measured(name: str) -> Callable[[Translator, ast.Call], Piece]:
    def call(t: Translator, node: ast.Call) -> Piece:
        piece = t.value(_only(t, node))
        return BROKEN_PIECE if piece.kind == BROKEN else Piece(STATIC, measure(name, piece.run, t.place(node)))

    return call


def _len(t: Translator, node: ast.Call) -> Piece:
    argument = _only(t, node)
    piece = t.expression(argument)
    if piece.kind not in ("several", BROKEN):
        piece = t.required(argument, piece)
    return _applied("len", length, piece, STATIC, t.place(node))


def _to_array(t: Translator, node: ast.Call) -> Piece:
    piece = t.value(_only(t, node))
    kind = TENSOR if piece.kind == SEQUENCE else piece.kind
    return _applied("array", _array, piece, kind, t.place(node))


def _only_in_loops(t: Translator, node: ast.Call) -> Piece:
    name = node.func.id if isinstance(node.func, ast.Name) else "range"
    hint = "to turn an array around write flip(x)" if name == "reversed" else "for an array write arange"
    raise Refusal(node, f"{name} stands only behind `for i in`", hint)


BUILTINS: dict[str, Callable[[Translator, ast.Call], Piece]] = {
    "len": _len,
    "int": _converter("int", _int),
    "float": _converter("float", _float),
    "bool": _converter("bool", truth),
    "shape": _measured("shape"),
    "ndim": _measured("ndim"),
    "size": _measured("size"),
    "array": _to_array,
    "asarray": _to_array,
    "range": _only_in_loops,
    "reversed": _only_in_loops,
}

OF_NUMPY = frozenset({"shape", "ndim", "size", "array", "asarray"})
"""Those that NumPy has too."""

ON_NUMBERS: dict[str, Callable[[list[Any]], Any]] = {
    "min": min,
    "max": max,
    "sum": sum,
    "abs": lambda values: abs(*values),
    "round": lambda values: round(*values),
}
"""Ops whose names Python gives a meaning on plain numbers: what they make of the list of all arguments."""
