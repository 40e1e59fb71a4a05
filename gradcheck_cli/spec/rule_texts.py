"""The texts that a function's rules are written in: what is in scope in each, and how a changed text takes its place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from gradcheck_cli.errors import Mistake
from gradcheck_cli.spec.compiling import Functions, backward_scope, is_block, jvp_scope
from gradcheck_cli.spec.document import Text
from gradcheck_cli.spec.expressions import Program, Scope, compile_block, compile_expression
from gradcheck_cli.spec.language.parse import Parsed, parse_block, parse_expression
from gradcheck_cli.spec.model import FunctionSpec, SpecFile
from gradcheck_cli.spec.names import cotangents, output_values


class RuleText(NamedTuple):
    """One text of a function's rules: an entry of the mapping form, the block, or the jvp rule."""

    form: str
    """`entry`, `block` or `jvp`."""
    name: str
    """The input that an entry is for; empty for the others, which serve all."""
    program: Program

    @property
    def text(self) -> Text:
        """The text and its place in the file."""
        return self.program.text

    @property
    def is_block(self) -> bool:
        """Whether it consists of statements."""
        return self.form == "block" or (self.form == "jvp" and is_block(self.text))

    def parsed(self) -> Parsed:
        """Its syntax tree, under the language's own caps."""
        return parse_block(self.text) if self.is_block else parse_expression(self.text)


class NameGroups(NamedTuple):
    """The names that a rule may read, by what they stand for; names of one group may be mistaken for each other."""

    inputs: tuple[str, ...]
    saved: tuple[str, ...]
    """What forward assigned, but its outputs."""
    constants: tuple[str, ...]
    """Numbers only."""
    outputs: tuple[str, ...]
    cotangents: tuple[str, ...]
    """Of a jvp rule the inputs' tangents."""


def rule_texts(function: FunctionSpec) -> Iterator[RuleText]:
    """All texts of the function's rules, in the file's order."""
    rule = function.backward
    if rule is not None and rule.block is not None:
        yield RuleText("block", "", rule.block)
    for name, program in (rule.programs or {}).items() if rule is not None else ():
        if program is not None:
            yield RuleText("entry", name, program)
    if function.jvp is not None:
        yield RuleText("jvp", "", function.jvp)


def name_groups(function: FunctionSpec, rule: RuleText) -> NameGroups:
    """The names of floating-point values and numbers in the rule's scope."""
    floating = tuple(name for name, x in function.inputs.items() if x.dtype.startswith(("float", "complex")))
    outputs = output_values(function.outputs)
    forward = function.forward
    saved = tuple(name for name in forward.assigned if name not in forward.statics and name not in outputs)
    numbers = tuple(n for n, v in function.constants.items() if type(v) in (int, float))
    names = tuple(cotangents(function.outputs))
    if rule.form == "jvp":
        names = tuple(f"t_{name}" for name, x in function.inputs.items() if x.requires_grad)
    return NameGroups(floating, saved, numbers, tuple(outputs), names)


class Recompiler:
    """Puts changed texts in the place of a function's rules."""

    def __init__(self, file: SpecFile, function: FunctionSpec) -> None:
        self.function = function
        known = Functions(())
        for other in file.functions.values():
            known.add(other)
        self._scopes = {"jvp": jvp_scope(function, known), "backward": backward_scope(function, known)}

    def scope(self, rule: RuleText) -> Scope:
        """What the rule's text may use."""
        return self._scopes["jvp" if rule.form == "jvp" else "backward"]

    def with_text(self, rule: RuleText, value: str) -> FunctionSpec | None:
        """The function with another text for this rule; None where that is no valid one."""
        old = rule.text
        mistakes: list[Mistake] = []
        compile_text = compile_block if rule.is_block else compile_expression
        program = compile_text(Text(value, old.source, old.line, old.column, old.style), self.scope(rule), mistakes)
        if program is None:
            return None
        function = self.function
        if rule.form == "jvp":
            return function._replace(jvp=program)
        assert function.backward is not None
        if rule.form == "block":
            return function._replace(backward=function.backward._replace(block=program))
        programs = {**(function.backward.programs or {}), rule.name: program}
        return function._replace(backward=function.backward._replace(programs=programs))
