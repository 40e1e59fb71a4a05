"""Operators: Python's own arithmetic on static numbers, the op table on everything else."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gradcheck_cli.errors import RuleError
from gradcheck_cli.spec import limits
from gradcheck_cli.spec.language import sizes
from gradcheck_cli.spec.language.pieces import (
    BROKEN,
    BROKEN_PIECE,
    EXPECTED,
    NUMBERS,
    PLAIN,
    SEQUENCE,
    SEQUENCES,
    STATIC,
    TENSOR,
    TEXT,
    Piece,
    Place,
    Refusal,
    kind_of,
)
from gradcheck_cli.spec.language.statics import ON_NUMBERS, as_array, invert, number, on_sequences, settled, truth

if TYPE_CHECKING:
    from gradcheck_cli.spec.language.program import Frame
    from gradcheck_cli.spec.language.translate import Translator

Run = Callable[[Any], Any]

SYMBOLS: dict[type[ast.AST], tuple[str, str]] = {
    ast.Add: ("+", "add"), ast.Sub: ("-", "sub"), ast.Mult: ("*", "mul"), ast.Div: ("/", "div"),
    ast.FloorDiv: ("//", "floordiv"), ast.Mod: ("%", "mod"), ast.Pow: ("**", "power"), ast.MatMult: ("@", "matmul"),
    ast.BitAnd: ("&", "bit_and"), ast.BitOr: ("|", "bit_or"),
    ast.Eq: ("==", "eq"), ast.NotEq: ("!=", "ne"), ast.Lt: ("<", "lt"), ast.LtE: ("<=", "le"),
    ast.Gt: (">", "gt"), ast.GtE: (">=", "ge"),
}  # fmt: skip
_REFUSED: dict[type[ast.AST], tuple[str, str]] = {
    ast.BitXor: ("`^` is not part of the language", "a power is written **; on booleans write logical_xor(a, b)"),
    ast.LShift: ("`<<` is not part of the language", "multiply by a power of 2"),
    ast.RShift: ("`>>` is not part of the language", "divide by a power of 2"),
    ast.Is: ("`is` is not part of the language", "compare with =="),
    ast.IsNot: ("`is not` is not part of the language", "compare with !="),
    ast.In: ("`in` is not part of the language", ""),
    ast.NotIn: ("`not in` is not part of the language", ""),
}


def binary(t: Translator, node: ast.BinOp) -> Piece:
    """`a + b`, and its like."""
    symbol, name = _symbol(node, node.op)
    left, right = t.value(node.left), t.value(node.right)
    return combine(t, symbol, name, left, right, t.place(node))


def _symbol(node: ast.AST, operator: ast.AST) -> tuple[str, str]:
    found = SYMBOLS.get(type(operator))
    if found is None:
        raise Refusal(node, *_REFUSED[type(operator)])
    return found


def combine(t: Translator, symbol: str, name: str, left: Piece, right: Piece, place: Place) -> Piece:
    """The piece for two operands under one operator."""
    kind = kind_of((left, right))
    if kind == BROKEN:
        return BROKEN_PIECE
    run = _pair(symbol, name, t.table[name], left.run, right.run, place)
    if kind == STATIC:
        piece = Piece(STATIC, _settled(run))
        foldable = left.known and right.known and {type(left.value), type(right.value)} <= NUMBERS
        return t.folded(piece) if foldable else piece
    return Piece(SEQUENCE if SEQUENCE in (left.kind, right.kind) and name in ("add", "mul") else TENSOR, run)


def _settled(run: Run) -> Run:
    return lambda frame: settled(run(frame))


def _pair(symbol: str, name: str, op: Callable[..., Any], left: Run, right: Run, place: Place) -> Run:
    def run(
        frame: Frame,
        left: Run = left,
        right: Run = right,
        op: Callable[..., Any] = op,
        place: Place = place,
        name: str = name,
        symbol: str = symbol,
        on_numbers: Callable[[Any, Any], Any] = ON_NUMBERS[name],
        room: int = limits.RESULT_ELEMENTS,
    ) -> Any:
        a, b = left(frame), right(frame)
        try:
            if type(a) in PLAIN or type(b) in PLAIN:
                if type(a) in NUMBERS and type(b) in NUMBERS:
                    return number(on_numbers(a, b))
                if type(a) in SEQUENCES or type(b) in SEQUENCES:
                    return _on_sequences(name, op, a, b)
            elif not 0 < a.size * b.size <= room:  # neither a sum nor a product of these two could be larger
                sizes.spend(name, {"x1": a, "x2": b}, frame.budget, place)
            result = op(a, b)
        except RuleError:
            raise
        except EXPECTED as error:
            raise place.trouble(f"`{symbol}`", error, (a, b)) from error
        if getattr(result, "size", 1) > limits.SMALL_ELEMENTS:
            frame.budget.spend_work(result.size, place)
        return result

    return run


def _on_sequences(name: str, op: Callable[..., Any], a: Any, b: Any) -> Any:
    """A list or a tuple on one side: Python's meaning where there is one, else the list is an array."""
    found = on_sequences(name, a, b)
    if found is not NotImplemented:
        return found
    values = [as_array(v) if type(v) in SEQUENCES else v for v in (a, b)]
    sizes.require_broadcast(values)
    return op(*values)


def unary(t: Translator, node: ast.UnaryOp) -> Piece:
    """`-a`, `+a`, `~a`, `not a`."""
    if isinstance(node.op, ast.Not):
        return _negation(t, node)
    operand = t.value(node.operand)
    if operand.kind == BROKEN or isinstance(node.op, ast.UAdd):
        return operand
    symbol, name = ("-", "neg") if isinstance(node.op, ast.USub) else ("~", "invert")
    run = _single(symbol, name, t.table[name], operand.run, t.place(node))
    if operand.kind != STATIC:
        return Piece(TENSOR, run)
    piece = Piece(STATIC, _settled(run))
    return t.folded(piece) if operand.known and type(operand.value) in NUMBERS else piece


def _single(symbol: str, name: str, op: Callable[..., Any], operand: Run, place: Place) -> Run:
    on_number: Callable[[Any], Any] = invert if name == "invert" else lambda value: -value

    def run(
        frame: Frame,
        operand: Run = operand,
        op: Callable[..., Any] = op,
        place: Place = place,
        symbol: str = symbol,
        on_number: Callable[[Any], Any] = on_number,
    ) -> Any:
        value = operand(frame)
        try:
            if type(value) in NUMBERS:
                return on_number(value)
            result = op(as_array(value) if type(value) in SEQUENCES else value)
        except RuleError:
            raise
        except EXPECTED as error:
            raise place.trouble(f"`{symbol}`", error, (value,)) from error
        if getattr(result, "size", 1) > limits.SMALL_ELEMENTS:
            frame.budget.spend_work(result.size, place)
        return result

    return run


def _negation(t: Translator, node: ast.UnaryOp) -> Piece:
    operand = t.value(node.operand)
    _require_static(node.operand, operand, "`not`", "on tensors write ~a or logical_not(a)")
    value, place = operand.run, t.place(node)

    def run(frame: Frame) -> bool:
        found = value(frame)
        try:
            return not truth(found)
        except EXPECTED as error:
            raise place.trouble("`not`", error, (found,)) from None

    return BROKEN_PIECE if operand.kind == BROKEN else Piece(STATIC, run)


def _require_static(node: ast.AST, piece: Piece, what: str, hint: str) -> None:
    if piece.kind in (TENSOR, SEQUENCE):
        raise Refusal(node, f"{what} takes static values, this depends on a tensor's values", hint)


def boolean(t: Translator, node: ast.BoolOp) -> Piece:
    """`a and b`, `a or b`: on static values, and with Python's meaning."""
    word, sign = ("and", "&") if isinstance(node.op, ast.And) else ("or", "|")
    pieces = [t.value(value) for value in node.values]
    for value, piece in zip(node.values, pieces, strict=True):
        _require_static(value, piece, f"`{word}`", f"on tensors write (a) {sign} (b)")
    if kind_of(pieces) == BROKEN:
        return BROKEN_PIECE
    runs, place, until = [piece.run for piece in pieces], t.place(node), word == "or"

    def run(frame: Frame) -> Any:
        for part in runs:
            value = part(frame)
            try:
                if truth(value) is until:
                    break
            except EXPECTED as error:
                raise place.trouble(f"`{word}`", error, (value,)) from None
        return value

    return Piece(STATIC, run)


def compare(t: Translator, node: ast.Compare) -> Piece:
    """`a < b`; a chain such as `0 <= i < n` of static values only. Two strings may be compared for equality."""
    symbols = [_symbol(node, operator) for operator in node.ops]
    parts = [node.left, *node.comparators]
    if len(parts) == 2 and symbols[0][1] in ("eq", "ne"):
        pieces = [t.expression(part) for part in parts]
        if pieces[0].kind == pieces[1].kind == TEXT:
            return _same_text(pieces[0].run, pieces[1].run, symbols[0][1] == "eq")
        pieces = [t.required(part, piece) for part, piece in zip(parts, pieces, strict=True)]
    else:
        pieces = [t.value(part) for part in parts]
    place = t.place(node)
    pairs = [
        combine(t, symbol, name, left, right, place)
        for (symbol, name), left, right in zip(symbols, pieces, pieces[1:], strict=False)
    ]
    if len(pairs) == 1:
        return pairs[0]
    if kind_of(pairs) == TENSOR:
        raise Refusal(node, "comparisons of tensors cannot be chained", "write (a < b) & (b < c)")
    return _all_of(pairs, place)


def _same_text(left: Run, right: Run, equal: bool) -> Piece:
    return Piece(STATIC, lambda frame: (left(frame) == right(frame)) is equal)


def _all_of(pairs: list[Piece], place: Place) -> Piece:
    runs = [pair.run for pair in pairs]

    def run(frame: Frame) -> bool:
        try:
            return all(truth(part(frame)) for part in runs)
        except EXPECTED as error:
            raise place.trouble("this comparison", error) from None

    return BROKEN_PIECE if kind_of(pairs) == BROKEN else Piece(STATIC, run)
