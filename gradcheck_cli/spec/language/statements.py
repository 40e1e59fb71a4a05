"""Blocks: assignments, static loops and choices, and returns.

A return may stand wherever Python allows one, except in a loop; every way through the block ends in one, and
nothing may stand behind it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from gradcheck_cli.spec.language.assignments import assign, augment, bind, check_target
from gradcheck_cli.spec.language.flow import assigned_in, cost_of, tensor_names
from gradcheck_cli.spec.language.pieces import (
    EXPECTED,
    NONE,
    SEQUENCES,
    Piece,
    Place,
    Refusal,
    constant,
    shown,
)
from gradcheck_cli.spec.language.program import Frame, Program
from gradcheck_cli.spec.language.statics import as_array, whole
from gradcheck_cli.spec.language.translate import Translator, condition

Values = tuple[Any, ...]
Statement = Callable[[Frame], Values | None]
"""Runs on a frame; what it gives, if anything, is what the block returns."""


class Block:
    """Translates the statements of one block."""

    def __init__(self, t: Translator, body: list[ast.stmt]) -> None:
        self.t, self.body = t, body
        self.names = assigned_in(body)
        t.tensors = tensor_names(body, t.scope.tensors, frozenset(t.scope.functions))
        self.in_loop = 0
        self.keys: tuple[str, ...] = ()
        self.returned: tuple[str | None, ...] | None = None
        self.nones: set[int] = set()

    def program(self) -> Program:
        """The whole block; what is wrong with it goes to the translator's mistakes."""
        t = self.t
        if not self.body:
            raise Refusal(Place(t.parsed.text, 0), "a block ends with a return, this one is empty")
        before = len(t.mistakes)
        suite = self.suite(self.body)
        if not _returns(self.body) and len(t.mistakes) == before:
            last = self.body[-1]
            t.refuse(Refusal(last, "this block has a way through that does not end with a return", "end it: return y"))
        return Program(
            t.parsed.text,
            lambda frame: _run(suite, frame) or (),
            t.place(self.body[0]),
            cost_of(self.body),
            returned=() if self.keys else self.returned or (),
            keys=self.keys,
            nones=frozenset(self.nones),
            assigned=tuple(self.names),
            statics=frozenset(self.names) - t.tensors,
            reads=frozenset(t.reads),
            calls=frozenset(t.calls),
        )

    def suite(self, body: list[ast.stmt]) -> list[Statement]:
        """The statements of one indentation level."""
        suite: list[Statement] = []
        for position, node in enumerate(body):
            try:
                suite.append(self.statement(node))
                if _returns([node]) and position < len(body) - 1:
                    raise Refusal(body[position + 1], "this is never reached: every way before it returns")
            except Refusal as refusal:
                self.t.refuse(refusal)
                bind(self.t, assigned_in([node]))
        return suite

    def statement(self, node: ast.stmt) -> Statement:
        """One statement. Raises Refusal."""
        if isinstance(node, ast.Assign):
            return assign(self.t, node)
        if isinstance(node, ast.AugAssign):
            return augment(self.t, node)
        if isinstance(node, ast.For):
            return self._loop(node)
        if isinstance(node, ast.If):
            return self._choice(node)
        if isinstance(node, ast.Return):
            return self._return(node)
        if isinstance(node, ast.Pass):
            return lambda frame: None
        raise Refusal(node, *_unsupported(node))

    def _choice(self, node: ast.If) -> Statement:
        t = self.t
        test = condition(t, node.test)
        before = set(t.assigned)
        yes = self.suite(node.body)
        after_yes, t.assigned = t.assigned, set(before)
        no = self.suite(node.orelse)
        if _returns(node.body):
            after_yes = t.assigned
        elif not _returns(node.orelse):
            after_yes &= t.assigned
        t.assigned = after_yes
        return lambda frame: _run(yes if test and test(frame) else no, frame)

    def _loop(self, node: ast.For) -> Statement:
        t = self.t
        if node.orelse:
            raise Refusal(node.orelse[0], "a loop has no else here", "write it behind the loop")
        if not isinstance(node.target, ast.Name):
            raise Refusal(node.target, "a loop has one variable: for i in range(n)")
        name = node.target.id
        check_target(node.target, name)
        span = self._span(node.iter)
        before = set(t.assigned)
        t.perhaps |= set(assigned_in([node]))
        t.assigned.add(name)
        self.in_loop += 1
        body = self.suite(node.body)
        self.in_loop -= 1
        t.assigned = before
        cost, place = cost_of(node.body), t.place(node)

        def run(frame: Frame) -> None:
            for value in span(frame):
                frame.budget.spend_statements(cost, place)
                frame[name] = value
                for statement in body:
                    statement(frame)

        return run

    def _span(self, node: ast.expr) -> Callable[[Frame], Any]:
        """`range(...)`, `reversed(range(...))`."""
        backwards = _is_call(node, "reversed")
        inner = node.args[0] if isinstance(node, ast.Call) and backwards and len(node.args) == 1 else node
        if not (isinstance(inner, ast.Call) and _is_call(inner, "range") and 1 <= len(inner.args) <= 3):
            raise Refusal(node, "a loop runs over range(...) or reversed(range(...))", "for i in range(x.shape[0])")
        bounds = [self.t.static(argument, "a loop's bound").run for argument in inner.args]
        place = self.t.place(inner)

        def run(frame: Frame) -> Any:
            values = [bound(frame) for bound in bounds]
            try:
                span = range(*map(whole, values))
            except EXPECTED as error:
                raise place.trouble("range", error) from None
            return reversed(span) if backwards else span

        return run

    def _return(self, node: ast.Return) -> Statement:
        if self.in_loop:
            raise Refusal(node, "a return cannot stand in a loop", "assign in the loop, return behind it")
        if node.value is None:
            raise Refusal(node, "a return gives at least one value")
        if isinstance(node.value, ast.Dict):
            parts = self._by_name(node, node.value)
        else:
            parts = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
            self._agree(node, tuple(part.id if isinstance(part, ast.Name) else None for part in parts))
        if not parts:
            raise Refusal(node, "a return gives at least one value")
        runs = [self._returned(k, part) for k, part in enumerate(parts)]
        return lambda frame: tuple([run(frame) for run in runs])

    def _by_name(self, node: ast.Return, value: ast.Dict) -> list[ast.expr]:
        keys: list[str] = []
        for key in value.keys:
            if not isinstance(key, ast.Name):
                raise Refusal(key or value, "a key is the bare name of an input: return {x: gx}")
            if key.id in keys:
                raise Refusal(key, f"{shown(key.id)} is returned twice")
            keys.append(key.id)
        if self.returned is not None or (self.keys and set(self.keys) != set(keys)):
            raise Refusal(node, "all returns of a block give the same values: by the same names, or all in order")
        parts = dict(zip(keys, value.values, strict=True))
        self.keys = self.keys or tuple(keys)
        return [parts[key] for key in self.keys]

    def _agree(self, node: ast.Return, returned: tuple[str | None, ...]) -> None:
        if self.keys or (self.returned is not None and len(self.returned) != len(returned)):
            raise Refusal(node, "all returns of a block give the same values: by the same names, or all in order")
        before = returned if self.returned is None else self.returned
        self.returned = tuple(a if a == b else None for a, b in zip(before, returned, strict=True))

    def _returned(self, position: int, node: ast.expr) -> Callable[[Frame], Any]:
        if isinstance(node, ast.Name) and node.id == "none" and not self.t.is_local("none"):
            piece = constant(NONE, None)
        else:
            piece = self.t.expression(node)
        if piece.kind == NONE:
            self.nones.add(position)
            return piece.run
        return result(self.t, node, piece)


def result(t: Translator, node: ast.expr, piece: Piece) -> Callable[[Frame], Any]:
    """What gives a program's result: a list becomes an array."""
    value, place = t.required(node, piece).run, t.place(node)

    def run(frame: Frame, value: Callable[[Frame], Any] = value, place: Place = place) -> Any:
        found = value(frame)
        return array_of(found, place) if type(found) in SEQUENCES else found

    return run


def array_of(values: Any, place: Place) -> Any:
    """A list that a program returns, as an array. Raises SpecError."""
    try:
        return as_array(values)
    except EXPECTED as error:
        raise place.trouble("this list", error) from None


def _run(suite: list[Statement], frame: Frame) -> Values | None:
    for statement in suite:
        values = statement(frame)
        if values is not None:
            return values
    return None


def _returns(body: list[ast.stmt]) -> bool:
    """Whether every way through `body` returns."""
    return any(
        isinstance(node, ast.Return) or (isinstance(node, ast.If) and _returns(node.body) and _returns(node.orelse))
        for node in body
    )


def _is_call(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name and not node.keywords


_WRITTEN: dict[type[ast.stmt], tuple[str, str]] = {
    ast.Expr: ("this line computes something and drops it", "assign it to a name, or return it"),
    ast.While: ("while is not part of the language", "write for i in range(n)"),
    ast.Break: ("break is not part of the language", ""),
    ast.Continue: ("continue is not part of the language", ""),
    ast.Import: ("import is not part of the language", "NumPy's functions are there by name"),
    ast.ImportFrom: ("import is not part of the language", "NumPy's functions are there by name"),
    ast.FunctionDef: ("def is not part of the language", "make it a function of the file, and call it"),
    ast.AnnAssign: ("annotations are not part of the language", "write name = value"),
    ast.Assert: ("assert is not part of the language", ""),
    ast.Delete: ("del is not part of the language", ""),
}


def _unsupported(node: ast.stmt) -> tuple[str, str]:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute):
        return "a method changes nothing here, and its result is dropped", "assign the result to a name"
    return _WRITTEN.get(type(node), ("this statement is not part of the language", ""))
