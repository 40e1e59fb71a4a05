"""Python's syntax tree to pieces: names, constants, lists, choices. Whatever has no handler is refused by name."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from math import inf, isinf, nan, pi
from typing import Any

from gradcheck_cli.errors import Mistake, SpecError, did_you_mean
from gradcheck_cli.spec import limits
from gradcheck_cli.spec.language import access, operators
from gradcheck_cli.spec.language.calls import call
from gradcheck_cli.spec.language.parse import Parsed
from gradcheck_cli.spec.language.pieces import (
    BROKEN,
    BROKEN_PIECE,
    ELLIPSIS,
    EXPECTED,
    NONE,
    SEQUENCE,
    STATIC,
    TENSOR,
    TEXT,
    VALUES,
    Piece,
    Place,
    Refusal,
    constant,
    kind_of,
    require_value,
    shown,
)
from gradcheck_cli.spec.language.program import Frame
from gradcheck_cli.spec.language.statics import sequence, truth

NUMBERS_BY_NAME = {"pi": pi, "inf": inf, "nan": nan}


class Callee:
    """A function of the file, as the expressions of another may call it: its `inputs`, and how many outputs it has."""

    __slots__ = ("inputs", "outputs")

    def __init__(self, inputs: tuple[str, ...], outputs: int = 1) -> None:
        self.inputs, self.outputs = inputs, outputs


class Scope:
    """The names that a text may use: tensors, static values, strings, and the file's own functions."""

    __slots__ = ("functions", "statics", "tensors", "texts")

    def __init__(
        self,
        tensors: frozenset[str] = frozenset(),
        statics: frozenset[str] = frozenset(),
        texts: frozenset[str] = frozenset(),
        functions: Mapping[str, Callee] | None = None,
    ) -> None:
        self.tensors, self.statics, self.texts = tensors, statics, texts
        self.functions = functions or {}

    def __contains__(self, name: str) -> bool:
        return name in self.tensors or name in self.statics or name in self.texts


class TooManyMistakes(Exception):  # noqa: N818 - what is wrong is in the mistakes
    """No more mistakes are looked for."""


class Translator:
    """Translates one text. Mistakes go to `mistakes`; translation carries on behind each of them."""

    def __init__(self, parsed: Parsed, scope: Scope, mistakes: list[Mistake], table: Mapping[str, Any]) -> None:
        self.parsed, self.scope, self.mistakes, self.table = parsed, scope, mistakes, table
        self.tensors = scope.tensors
        """The names that hold tensors anywhere in this text."""
        self.assigned: set[str] = set()
        """Local names that are bound here on every path."""
        self.perhaps: set[str] = set()
        """Local names that are bound here on some path."""
        self.reads: set[str] = set()
        self.calls: set[str] = set()
        self._unknown: set[str] = set()
        self._room = limits.EXPRESSION_MISTAKES
        self.place = parsed.place
        """Where a node stands in the text."""

    def name_place(self, node: ast.Attribute) -> Place:
        """Where the name behind the dot stands."""
        return self.parsed.place_at(node.end_lineno or 1, max(0, (node.end_col_offset or 0) - len(node.attr)))

    def report(self, mistake: Mistake) -> None:
        """Keep a mistake. Raises TooManyMistakes."""
        self.mistakes.append(mistake)
        self._room -= 1
        if self._room <= 0:
            raise TooManyMistakes

    def refuse(self, refusal: Refusal) -> None:
        """Keep a refusal as a mistake at its place."""
        place = refusal.at if isinstance(refusal.at, Place) else self.place(refusal.at)
        self.report(place.mistake(refusal.message, refusal.hint))

    def expression(self, node: ast.expr) -> Piece:
        """The piece for `node`; BROKEN after a mistake in it."""
        try:
            handler = HANDLERS.get(type(node))
            if handler is None:
                raise Refusal(node, *_unsupported(node))
            return handler(self, node)
        except Refusal as refusal:
            self.refuse(refusal)
        return BROKEN_PIECE

    def value(self, node: ast.expr) -> Piece:
        """The piece for `node`, where one number, array or list is needed."""
        piece = self.expression(node)
        return piece if piece.kind in VALUES else self.required(node, piece)

    def required(self, node: ast.expr, piece: Piece) -> Piece:
        """`piece`, where one number, array or list is needed."""
        try:
            require_value(node, piece)
        except Refusal as refusal:
            self.refuse(refusal)
            return BROKEN_PIECE
        return piece

    def static(self, node: ast.expr, role: str) -> Piece:
        """The piece for `node`, where a static value is needed."""
        piece = self.value(node)
        if piece.kind in (TENSOR, SEQUENCE):
            self.refuse(Refusal(node, f"{role} must be static, this depends on a tensor's values", STATIC_HINT))
            return BROKEN_PIECE
        return piece

    def folded(self, piece: Piece) -> Piece:
        """`piece`, or its value if that can be told now."""
        try:
            return constant(piece.kind, piece.run(None))
        except SpecError as error:
            for mistake in error.mistakes:
                self.report(mistake)
        return BROKEN_PIECE

    def is_local(self, name: str) -> bool:
        """Whether `name` is a name of the file here: an input, a constant, an assigned name."""
        return name in self.assigned or name in self.perhaps or name in self.scope

    def is_prefix(self, node: ast.expr) -> bool:
        """Whether `node` is `np`, `np.linalg`, ... and no name of the file."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or self.is_local(node.id):
            return False
        return ".".join([node.id, *reversed(parts)]) in PREFIXES


STATIC_HINT = "static are constants, shapes, ndim, size, len, loop variables, and arithmetic on those"
PREFIXES = frozenset({"np", "numpy", "np.linalg", "numpy.linalg", "linalg", "math", "scipy.special", "special", "np.special"})


def _constant(t: Translator, node: ast.Constant) -> Piece:
    value: Any = node.value
    if value is None:
        return constant(NONE, None)
    if value is Ellipsis:
        return constant(ELLIPSIS, Ellipsis)
    if isinstance(value, str):
        return constant(TEXT, value)
    if type(value) is int and abs(value) > limits.STATIC_INTEGER:
        try:
            value = float(value)
        except OverflowError:
            value = inf
    if type(value) in (float, complex) and isinf(abs(value)):
        raise Refusal(node, "this number is too large for a float", "infinity is written inf")
    if type(value) not in (bool, int, float, complex):
        raise Refusal(node, "this constant is not part of the language")
    return constant(STATIC, value)


def _name(t: Translator, node: ast.Name) -> Piece:
    name = node.id
    local = name in t.assigned or name in t.perhaps
    given = name in t.scope
    if given and name not in t.assigned:
        t.reads.add(name)
    if local or given:
        kind = TEXT if not local and name in t.scope.texts else TENSOR if name in t.tensors else STATIC
        return Piece(kind, _lookup(name, t.place(node)))
    if name in NUMBERS_BY_NAME:
        return constant(STATIC, NUMBERS_BY_NAME[name])
    if name in t.scope.functions or name in t.table:
        raise Refusal(node, f"{shown(name)} is a function", f"call it: {name}(...)")
    if name in t._unknown:
        return BROKEN_PIECE
    t._unknown.add(name)
    known = {*t.scope.tensors, *t.scope.statics, *t.scope.texts, *t.assigned, *t.perhaps, *NUMBERS_BY_NAME}
    raise Refusal(node, f"the name {shown(name)} is not known here", did_you_mean(name, known) or _names_hint(known))


def _names_hint(known: set[str]) -> str:
    names = sorted(known - NUMBERS_BY_NAME.keys())
    return f"known are {', '.join(names)}" if 0 < len(names) <= 12 else ""


def _lookup(name: str, place: Place) -> Callable[[Frame], Any]:
    def run(frame: Frame, name: str = name, place: Place = place) -> Any:
        try:
            return frame[name]
        except KeyError:
            raise place.error(f"{shown(name)} has no value here: no branch or loop that ran has assigned it") from None

    return run


def _sequence(t: Translator, node: ast.Tuple | ast.List) -> Piece:
    pieces = [t.value(item) for item in node.elts]
    make: Callable[[Any], Any] = tuple if isinstance(node, ast.Tuple) else list
    runs, place = [piece.run for piece in pieces], t.place(node)
    kind = kind_of(pieces)

    def run(frame: Frame) -> Any:
        values = make([part(frame) for part in runs])
        try:
            return sequence(values)
        except EXPECTED as error:
            raise place.trouble("this list", error) from None

    if kind == BROKEN:
        return BROKEN_PIECE
    piece = Piece(STATIC if kind == STATIC else SEQUENCE, run)
    return t.folded(piece) if all(p.known for p in pieces) and isinstance(node, ast.Tuple) else piece


def _choice(t: Translator, node: ast.IfExp) -> Piece:
    test, chosen, other = condition(t, node.test), t.value(node.body), t.value(node.orelse)
    if test is None or BROKEN in (chosen.kind, other.kind):
        return BROKEN_PIECE
    kinds = {chosen.kind, other.kind}
    kind = STATIC if kinds == {STATIC} else SEQUENCE if SEQUENCE in kinds else TENSOR
    yes, no = chosen.run, other.run
    return Piece(kind, lambda frame: yes(frame) if test(frame) else no(frame))


def condition(t: Translator, node: ast.expr) -> Callable[[Frame], bool] | None:
    """A static condition; None after a mistake in it."""
    piece = t.value(node)
    if piece.kind in (TENSOR, SEQUENCE):
        hint = "choose entry by entry: where(condition, a, b); static are shapes, constants, loop variables"
        t.refuse(Refusal(node, "a condition must be static, this one depends on a tensor's values", hint))
        return None
    if piece.kind == BROKEN:
        return None
    value, place = piece.run, t.place(node)

    def run(frame: Frame) -> bool:
        found = value(frame)
        try:
            return truth(found)
        except EXPECTED as error:
            raise place.trouble("this condition", error, (found,)) from None

    return run


_WRITTEN = {
    ast.Lambda: ("lambda is not part of the language", "write the formula out, or make it a function of the file"),
    ast.NamedExpr: ("`:=` is not part of the language", "assign on a line of its own, in a block"),
    ast.JoinedStr: ("formatted strings are not part of the language", ""),
    ast.Starred: ("`*` before a value is not part of the language", "write the values out"),
    ast.Dict: ("a mapping stands only behind return, in a rule", "return {x: gx, w: gw}"),
    ast.Set: ("sets are not part of the language", "write a list: [1, 2]"),
    ast.Slice: ("a slice stands only inside an index", ""),
    ast.Await: ("await is not part of the language", ""),
    ast.Yield: ("yield is not part of the language", ""),
    ast.YieldFrom: ("yield is not part of the language", ""),
}
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def _unsupported(node: ast.expr) -> tuple[str, str]:
    if isinstance(node, _COMPREHENSIONS):
        return "comprehensions are not part of the language", "use array operations, or a for loop in a block"
    return _WRITTEN.get(type(node), ("this is not part of the language", ""))


HANDLERS: dict[type[ast.expr], Callable[[Translator, Any], Piece]] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Tuple: _sequence,
    ast.List: _sequence,
    ast.IfExp: _choice,
    ast.BinOp: operators.binary,
    ast.UnaryOp: operators.unary,
    ast.Compare: operators.compare,
    ast.BoolOp: operators.boolean,
    ast.Attribute: access.attribute,
    ast.Subscript: access.subscript,
    ast.Call: call,
}
