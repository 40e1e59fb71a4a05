"""Attributes and indexing."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gradcheck_cli.errors import RuleError, did_you_mean
from gradcheck_cli.spec import limits
from gradcheck_cli.spec.language import sizes
from gradcheck_cli.spec.language.pieces import (
    BROKEN,
    BROKEN_PIECE,
    ELLIPSIS,
    EXPECTED,
    NONE,
    NUMBERS,
    SEQUENCES,
    SEVERAL,
    STATIC,
    TENSOR,
    TEXT,
    Piece,
    Place,
    Refusal,
    constant,
    kind_of,
    shown,
)
from gradcheck_cli.spec.language.statics import as_array, settled, shape_of, whole

if TYPE_CHECKING:
    from gradcheck_cli.spec.language.program import Frame
    from gradcheck_cli.spec.language.translate import Translator

Run = Callable[[Any], Any]

MEASURES: dict[str, Callable[[Any], Any]] = {
    "shape": shape_of,
    "ndim": lambda value: len(shape_of(value)),
    "size": lambda value: math.prod(shape_of(value)),
}
"""The attributes that are static."""

VIEWS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "T": ("transpose", ()),
    "mT": ("swapaxes", (-1, -2)),
    "real": ("real", ()),
    "imag": ("imag", ()),
}
"""The attributes that are ops."""

DTYPES = {
    "float64": "float64", "float32": "float32", "int64": "int64", "int32": "int64", "bool_": "bool", "bool": "bool",
    "complex128": "complex128",
}  # fmt: skip
"""Names behind `np.` that are dtypes."""


def attribute(t: Translator, node: ast.Attribute) -> Piece:
    """`x.shape`, `x.T`, and names behind `np.`."""
    if t.is_prefix(node.value):
        return _of_numpy(t, node)
    name = node.attr
    if name not in MEASURES and name not in VIEWS:
        raise Refusal(t.name_place(node), *_unknown(t, name))
    operand = t.value(node.value)
    if operand.kind == BROKEN:
        return BROKEN_PIECE
    if name in MEASURES:
        return Piece(STATIC, measure(name, operand.run, t.place(node)))
    op, rest = VIEWS[name]
    run = _view(name, t.table[op], operand.run, rest, t.place(node))
    return Piece(STATIC if operand.kind == STATIC else TENSOR, run)


def _of_numpy(t: Translator, node: ast.Attribute) -> Piece:
    from gradcheck_cli.spec.language.translate import NUMBERS_BY_NAME

    place = t.name_place(node)
    if node.attr in NUMBERS_BY_NAME:
        return constant(STATIC, NUMBERS_BY_NAME[node.attr])
    if node.attr == "e":
        return constant(STATIC, math.e)
    if node.attr == "newaxis":
        return constant(NONE, None)
    if node.attr in DTYPES:
        return constant(TEXT, DTYPES[node.attr])
    if node.attr in t.table:
        raise Refusal(place, f"{shown(node.attr)} is a function", f"call it: {node.attr}(...)")
    raise Refusal(place, f"there is no function or number {shown(node.attr)}", did_you_mean(node.attr, {*t.table}))


def _unknown(t: Translator, name: str) -> tuple[str, str]:
    message = f"there is no attribute {shown(name)}"
    if name in t.table:
        return message, f"it is a method; call it: .{name}(...)"
    known = {*MEASURES, *VIEWS, *t.table}
    return message, did_you_mean(name, known) or f"attributes are {', '.join('.' + n for n in (*VIEWS, *MEASURES))}"


def measure(name: str, operand: Run, place: Place) -> Run:
    """What runs for `.shape`, `.ndim` and `.size`."""
    function = MEASURES[name]

    def run(frame: Frame) -> Any:
        value = operand(frame)
        if hasattr(value, "measured"):  # somebody follows it
            value.measured()
        try:
            return function(value)
        except EXPECTED as error:
            raise place.trouble(f"`.{name}`", error) from None

    return run


def _view(name: str, op: Callable[..., Any], operand: Run, rest: tuple[Any, ...], place: Place) -> Run:
    def run(frame: Frame) -> Any:
        value = operand(frame)
        try:
            if type(value) in NUMBERS and name == "T":
                return value
            return op(as_array(value) if type(value) in SEQUENCES else value, *rest)
        except RuleError:
            raise
        except EXPECTED as error:
            raise place.trouble(f"`.{name}`", error, (value,)) from error

    return run


def subscript(t: Translator, node: ast.Subscript) -> Piece:
    """`x[index]`."""
    value = t.expression(node.value)
    if value.kind != SEVERAL:
        value = t.required(node.value, value)
    where = index(t, node.slice)
    kind = kind_of((value, where)) if value.kind != SEVERAL else TENSOR
    if BROKEN in (kind, where.kind):
        return BROKEN_PIECE
    run = _picked(t.table["index_get"], value.run, where.run, t.place(node))
    return Piece(STATIC, lambda frame: settled(run(frame))) if kind == STATIC else Piece(TENSOR, run)


def _picked(op: Callable[..., Any], value: Run, where: Run, place: Place) -> Run:
    def run(frame: Frame) -> Any:
        x, at = value(frame), where(frame)
        try:
            if type(x) in SEQUENCES:
                if type(at) in (int, slice):
                    return x[at]
                x = as_array(x)
            if not is_basic(at):
                sizes.require_indexed(x, at)
            result = op(x, at)
        except RuleError:
            raise
        except EXPECTED as error:
            raise place.trouble("this index", error, (x,)) from error
        if getattr(result, "size", 1) > limits.SMALL_ELEMENTS:
            frame.budget.spend_work(result.size, place)
        return result

    return run


_BASIC = frozenset({int, slice, type(None), type(Ellipsis)})


def is_basic(at: Any) -> bool:
    """Whether an index has no arrays in it: what it picks is never larger than what it picks from."""
    return all(type(part) in _BASIC for part in at) if type(at) is tuple else type(at) in _BASIC


def index(t: Translator, node: ast.expr) -> Piece:
    """What stands between `[` and `]`."""
    if not isinstance(node, ast.Tuple):
        return _part(t, node, alone=True)
    parts = [_part(t, item, alone=False) for item in node.elts]
    kind = kind_of(parts)
    if kind == BROKEN:
        return BROKEN_PIECE
    if all(part.known for part in parts):
        return constant(STATIC, tuple(part.value for part in parts))
    runs = [part.run for part in parts]
    return Piece(kind, lambda frame: tuple([run(frame) for run in runs]))


def _part(t: Translator, node: ast.expr, alone: bool) -> Piece:
    if isinstance(node, ast.Slice):
        return _slice(t, node)
    piece = t.expression(node)
    if piece.kind in (NONE, ELLIPSIS):
        return piece
    piece = piece if piece.kind == BROKEN else t.required(node, piece)
    if piece.known and type(piece.value) in (float, complex, bool):
        t.refuse(Refusal(node, "an index is a whole number", "// and int() give one"))
        return BROKEN_PIECE
    if piece.known and type(piece.value) is int:
        return piece
    value, place = piece.run, t.place(node)

    def run(frame: Frame) -> Any:
        found = value(frame)
        try:
            return _as_index(found, alone)
        except EXPECTED as error:
            raise place.trouble("this index", error) from None

    return piece if piece.kind == BROKEN else Piece(piece.kind, run)


def _as_index(value: Any, alone: bool) -> Any:
    if type(value) is tuple and alone:
        return tuple(_as_index(part, False) for part in value)
    if type(value) in SEQUENCES:
        array = as_array(value)
        return array if array.size else array.astype(int)
    if type(value) is bool:
        raise TypeError("an index is a whole number, not True or False")
    return whole(value) if type(value) in NUMBERS else value


def _slice(t: Translator, node: ast.Slice) -> Piece:
    parts = [constant(NONE, None) if bound is None else _bound(t, bound) for bound in (node.lower, node.upper, node.step)]
    if kind_of(parts) == BROKEN:
        return BROKEN_PIECE
    runs, place = [part.run for part in parts], t.place(node.lower or node.upper or node.step or node)

    def run(frame: Frame) -> slice:
        bounds = [part(frame) for part in runs]
        try:
            return slice(*[bound if bound is None else whole(bound) for bound in bounds])
        except EXPECTED as error:
            raise place.trouble("this slice", error) from None

    piece = Piece(STATIC, run)
    return t.folded(piece) if all(part.known for part in parts) else piece


def _bound(t: Translator, node: ast.expr) -> Piece:
    if isinstance(node, ast.Constant) and node.value is None:
        return constant(NONE, None)
    return t.static(node, "a slice's bound")
