"""Assignments: names are bound to new values; `y[index] = v` binds `y` to an updated copy."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from gradcheck_cli.errors import RuleError
from gradcheck_cli.spec import limits, names
from gradcheck_cli.spec.language import access, operators
from gradcheck_cli.spec.language.pieces import (
    EXPECTED,
    NUMBERS,
    SEQUENCES,
    SEVERAL,
    Piece,
    Place,
    Refusal,
    shown,
)
from gradcheck_cli.spec.language.program import Frame
from gradcheck_cli.spec.language.statics import as_array, shape_of
from gradcheck_cli.spec.language.translate import Translator

Run = Callable[[Frame], Any]
Bind = Callable[[Frame], None]


def bind(t: Translator, bound: list[str]) -> None:
    """From here on these names have values."""
    t.assigned.update(bound)
    t.perhaps.update(bound)


def check_target(node: ast.AST, name: str) -> None:
    """Refuse names that cannot be assigned."""
    if name in names.NUMBERS | names.LIBRARIES | {"none"}:
        raise Refusal(node, f"{shown(name)} has a meaning of its own, it cannot be assigned", "take another name")
    problem = names.problem_with(name)
    if problem:
        raise Refusal(node, f"the name {shown(name)} {problem}")


def assign(t: Translator, node: ast.Assign) -> Bind:
    """`name = value`, `a, b = value`, `y[index] = value`."""
    if len(node.targets) > 1:
        raise Refusal(node, "one line assigns once", "write one assignment a line")
    target, value = node.targets[0], node.value
    if isinstance(target, ast.Tuple | ast.List):
        return _unpack(t, target, value)
    if isinstance(target, ast.Subscript):
        return _set(t, target, t.value(value), "index_set")
    name = _name(target)
    piece = _value(t, value)
    bind(t, [name])
    return _store(name, piece.run)


def _value(t: Translator, node: ast.expr) -> Piece:
    """What a name can hold; the outputs of `split` and its like too."""
    piece = t.expression(node)
    return piece if piece.kind == SEVERAL else t.required(node, piece)


def _store(name: str, value: Run) -> Bind:
    def run(frame: Frame) -> None:
        frame[name] = value(frame)

    return run


def _name(target: ast.expr) -> str:
    if isinstance(target, ast.Name):
        check_target(target, target.id)
        return target.id
    if isinstance(target, ast.Attribute):
        raise Refusal(target, "attributes cannot be assigned")
    if isinstance(target, ast.Starred):
        raise Refusal(target, "`*` before a name is not part of the language", "name every value")
    raise Refusal(target, "only names can be assigned here")


def _unpack(t: Translator, target: ast.Tuple | ast.List, value: ast.expr) -> Bind:
    bound = [_name(item) for item in target.elts]
    if isinstance(value, ast.Tuple) and len(value.elts) == len(bound):
        runs = [_value(t, item).run for item in value.elts]
        bind(t, bound)

        def run_each(frame: Frame) -> None:
            frame.update(zip(bound, [run(frame) for run in runs], strict=True))

        return run_each
    piece = _value(t, value)
    bind(t, bound)
    if piece.kind == SEVERAL and piece.count not in (0, len(bound)):
        raise Refusal(target, f"{piece.what} gives {piece.count} values, here are {len(bound)} names")
    if piece.known or isinstance(value, ast.Tuple):
        raise Refusal(target, f"here are {len(bound)} names, and another number of values")
    return _spread(bound, piece.run, t.table["index_get"], t.place(target))


def _spread(bound: list[str], value: Run, pick: Callable[..., Any], place: Place) -> Bind:
    def run(frame: Frame) -> None:
        found = value(frame)
        try:
            count = len(found) if type(found) in SEQUENCES else (shape_of(found) or (0,))[0]
            if count != len(bound):
                raise ValueError(f"here are {len(bound)} names, and {count or 'no'} values to unpack")
            parts = found if type(found) in SEQUENCES else [pick(found, k) for k in range(count)]
        except RuleError:
            raise
        except EXPECTED as error:
            raise place.trouble("this assignment", error, (found,)) from error
        frame.update(zip(bound, parts, strict=True))

    return run


def augment(t: Translator, node: ast.AugAssign) -> Bind:
    """`name += value`, `y[index] += value`, and the other operators."""
    symbol, op = operators.SYMBOLS.get(type(node.op), ("", ""))
    if not op:
        raise Refusal(node, "this operator is not part of the language")
    if isinstance(node.target, ast.Subscript):
        if op == "add":
            return _set(t, node.target, t.value(node.value), "index_add")
        old = t.value(ast.copy_location(ast.Subscript(node.target.value, node.target.slice, ast.Load()), node.target))
        value = operators.combine(t, symbol, op, old, t.value(node.value), t.place(node))
        return _set(t, node.target, value, "index_set")
    name = _name(node.target)
    old = t.value(ast.copy_location(ast.Name(name, ast.Load()), node.target))
    piece = operators.combine(t, symbol, op, old, t.value(node.value), t.place(node))
    bind(t, [name])
    return _store(name, piece.run)


def _set(t: Translator, target: ast.Subscript, value: Piece, op: str) -> Bind:
    if not isinstance(target.value, ast.Name):
        raise Refusal(target, "only a name's entries can be assigned", "one index holds all axes: y[i, j] = value")
    name = target.value.id
    check_target(target.value, name)
    old, where = t.value(target.value), access.index(t, target.slice)
    bind(t, [name])
    return _update(name, t.table[op], old.run, where.run, value.run, t.place(target))


def _update(name: str, op: Callable[..., Any], old: Run, where: Run, value: Run, place: Place) -> Bind:
    def run(frame: Frame) -> None:
        new, y, at = value(frame), old(frame), where(frame)
        try:
            if type(y) in NUMBERS or type(y) in SEQUENCES:
                y = as_array(y if type(y) in SEQUENCES else [y]).reshape(shape_of(y))
            frame[name] = result = op(y, at, as_array(new) if type(new) in SEQUENCES else new)
        except RuleError:
            raise
        except EXPECTED as error:
            raise place.trouble("this assignment", error, (y, new)) from error
        if getattr(result, "size", 1) > limits.SMALL_ELEMENTS:
            frame.budget.spend_work(result.size, place)

    return run
