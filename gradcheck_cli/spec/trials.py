"""Trying edits of a rule's text: only the statement that an edit changes is translated, and only what depends on it is run."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from gradcheck_cli.errors import GradcheckError, Location
from gradcheck_cli.spec.document import Text
from gradcheck_cli.spec.edits import Edit
from gradcheck_cli.spec.expressions import Program, Scope, compile_block, compile_expression
from gradcheck_cli.spec.language.flow import statements_in
from gradcheck_cli.spec.rule_texts import RuleText

MOST_BYTES = 64_000_000
"""Values of edited texts beyond this are not kept, but computed again."""
TRANSLATING = 4
"""Translating a text takes about as long as running it so many times."""


class _Unplaced(Text):
    """A text whose mistakes nobody reads: to find their places would take longer than all else."""

    def location(self, offset: int) -> Location:
        return self.start


class Pieces:
    """A rule's text in pieces that run one after the other: the statements of a block with one return, else the whole text."""

    def __init__(self, rule: RuleText, scope: Scope) -> None:
        self.rule = rule
        self.spans, self.scopes, self.programs = [(0, len(rule.text.value))], [scope], [rule.program]
        self.room = 0 if rule.name else MOST_BYTES
        """Bytes that may still be kept of what edits gave; a text for one input is not asked twice."""
        self._last: tuple[str, Program | None] = "", None
        """The edited text that was translated last. Thousands are tried, and only what they gave is kept."""
        spans = _statements(rule)
        if len(spans) > 1:
            self._split(spans)

    def _split(self, spans: list[tuple[int, int]]) -> None:
        """Make the statements the pieces, if each can be one."""
        scopes, programs = self.scopes[:], []
        for k, (start, end) in enumerate(spans):
            program = self._translated(self.rule.text.value[start:end], scopes[k], last=k == len(spans) - 1)
            if program is None:
                return
            programs.append(program)
            scopes.append(self._behind(scopes[k], frozenset(program.assigned)))
        self.spans, self.scopes, self.programs = spans, scopes, programs

    def _behind(self, scope: Scope, assigned: frozenset[str]) -> Scope:
        """The scope behind a piece: the names that it assigns belong to it."""
        statics = assigned & self.rule.program.statics
        tensors = (scope.tensors - statics) | (assigned - statics)
        return Scope(tensors, (scope.statics - assigned) | statics, scope.texts - assigned, scope.functions)

    def _translated(self, value: str, scope: Scope, last: bool) -> Program | None:
        old = self.rule.text
        text = _Unplaced(value if last else f"{value}\nreturn 0", old.source, old.line, old.column, old.style)
        return (compile_block if self.rule.is_block else compile_expression)(text, scope, [])

    def place(self, edit: Edit) -> int:
        """Which piece an edit changes."""
        return next(k for k, (_, end) in enumerate(self.spans) if edit.span[0] < end)

    def edited(self, edit: Edit) -> Program | None:
        """That piece with the change; None where it is not valid."""
        if self._last[0] != edit.text:
            k = self.place(edit)
            start, end = self.spans[k]
            longer = len(edit.text) - len(self.rule.text.value)
            self.programs[k].charge(TRANSLATING)
            self._last = edit.text, self._translated(edit.text[start : end + longer], self.scopes[k], k == len(self.spans) - 1)
        return self._last[1]


class Trial(NamedTuple):
    """An edit, and the text that it is one of."""

    pieces: Pieces
    edit: Edit


class Course:
    """What a rule's pieces give at one point, and what they give with a piece changed."""

    def __init__(self, pieces: Pieces, names: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]]) -> None:
        self.pieces, self.functions = pieces, functions
        self.before: list[Mapping[str, Any]] = [names]
        """The values of all names before each piece, as far as none raises,"""
        self.assigned: list[dict[str, Any]] = []
        """and what each then assigns."""
        self.values: tuple[Any, ...] | None = None
        """What the rule returns; None where it raises."""
        self._known: dict[str, tuple[Any, ...] | None] = {}
        with suppress(GradcheckError):
            for program in pieces.programs:
                run = program.run(self.before[-1], functions)
                self.assigned.append(run.names)
                self.before.append({**self.before[-1], **run.names})
            self.values = run.values

    def tried(self, edit: Edit) -> tuple[Any, ...] | None:
        """What the edited rule returns; None where it is not valid or raises, or returns what it did before."""
        if edit.text in self._known:
            return self._known[edit.text]
        values = None
        with suppress(GradcheckError):
            values = self._run(edit)
        self._keep(edit, values)
        return values

    def _keep(self, edit: Edit, values: tuple[Any, ...] | None) -> None:
        """Remember what an edited text returns, while there is room: copies, as a view holds all that it is one of."""
        self.pieces.room -= sum(getattr(v, "nbytes", 0) for v in values or ())
        if self.pieces.room >= 0:
            kept = [v.copy() if isinstance(v, np.ndarray) else v for v in values or ()]
            self._known[edit.text] = None if values is None else tuple(kept)

    def _run(self, edit: Edit) -> tuple[Any, ...] | None:
        place = self.pieces.place(edit)
        edited = self.pieces.edited(edit) if place < len(self.before) else None  # else one before it raises
        if edited is None:
            return None
        names = dict(self.before[place])
        changed: set[str] = set()
        values = None
        for k, program in enumerate((edited, *self.pieces.programs[place + 1 :]), place):
            values = None
            if k > place and k < len(self.assigned) and changed.isdisjoint((*program.reads, *program.assigned)):
                names |= self.assigned[k]
                continue
            run = program.run(names, self.functions)
            names |= run.names
            changed |= run.names.keys()
            values = run.values
        return values


def _statements(rule: RuleText) -> list[tuple[int, int]]:
    """Where the statements of a block stand, if only its last one returns."""
    parsed = rule.parsed()
    tree = parsed.tree
    if not isinstance(tree, ast.Module) or any(isinstance(s, ast.Return) for s in statements_in(tree.body[:-1])):
        return []
    ends = [parsed.place_at(s.end_lineno or s.lineno, s.end_col_offset or 0) for s in tree.body]
    return [(parsed.place(s).offset, end.offset) for s, end in zip(tree.body, ends, strict=True)]
