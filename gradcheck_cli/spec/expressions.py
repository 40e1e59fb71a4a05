"""The spec language's expressions and blocks: translated once, run many times, never evaluated as Python.

Text goes through Python's own parser, under caps, and what comes out is translated by an allow-list into closures that
call nothing but the op table and the file's functions. Names, arguments and keywords are resolved while translating,
so that a mistake is known, with its place, before anything runs.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from gradcheck_cli.errors import Mistake
from gradcheck_cli.spec.document import Text
from gradcheck_cli.spec.language.flow import cost
from gradcheck_cli.spec.language.parse import parse_block, parse_expression
from gradcheck_cli.spec.language.pieces import SEQUENCES, Place, Refusal
from gradcheck_cli.spec.language.program import Frame, Program, Run
from gradcheck_cli.spec.language.statements import Block, array_of
from gradcheck_cli.spec.language.translate import Callee, Scope, TooManyMistakes, Translator

__all__ = ["Callee", "Program", "Run", "Scope", "compile_block", "compile_expression"]

_table: dict[str, Any] = {}


def compile_expression(text: Text, scope: Scope, mistakes: list[Mistake]) -> Program | None:
    """The program of one expression, which returns one value; None when `mistakes` grew.

    A line break counts as a space.
    """
    return _compile(text, scope, mistakes, _expression, parse_expression)


def compile_block(text: Text, scope: Scope, mistakes: list[Mistake]) -> Program | None:
    """The program of statements that end in a return; None when `mistakes` grew."""
    return _compile(text, scope, mistakes, _block, parse_block)


def _compile(text: Text, scope: Scope, mistakes: list[Mistake], translate: Any, parse: Any) -> Program | None:
    before = len(mistakes)
    program: Program | None = None
    try:
        translator = Translator(parse(text), scope, mistakes, _ops())
        program = translate(translator)
    except Refusal as refusal:
        place = refusal.at if isinstance(refusal.at, Place) else translator.place(refusal.at)
        mistakes.append(place.mistake(refusal.message, refusal.hint))
    except TooManyMistakes:
        pass
    return program if len(mistakes) == before else None


def _expression(t: Translator) -> Program:
    node = t.parsed.tree
    assert isinstance(node, ast.expr)
    if isinstance(node, ast.Tuple):
        raise Refusal(node, "an expression gives one value, these are several", "several need a block: return a, b")
    value, place = t.value(node).run, t.place(node)

    def run(frame: Frame, value: Callable[[Frame], Any] = value, place: Place = place) -> tuple[Any, ...]:
        found = value(frame)
        return (array_of(found, place) if type(found) in SEQUENCES else found,)

    return Program(
        t.parsed.text,
        run,
        place,
        cost(t.parsed.parts),
        returned=(node.id if isinstance(node, ast.Name) else None,),
        reads=frozenset(t.reads),
        calls=frozenset(t.calls),
    )


def _block(t: Translator) -> Program:
    tree = t.parsed.tree
    assert isinstance(tree, ast.Module)
    return Block(t, tree.body).program()


def _ops() -> dict[str, Any]:
    """The public ops by all their names; imported on first use, for NumPy comes with them."""
    if not _table:
        from gradcheck_cli.engine.ops import ALIASES, public_ops

        _table.update(public_ops())
        _table.update({alias: _table[name] for alias, name in ALIASES.items() if name in _table})
    return _table
