"""Expression texts of one function to programs, each with the names that it may use."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from gradcheck_cli.spec.constants import kind_of
from gradcheck_cli.spec.document import Text
from gradcheck_cli.spec.draft import Draft
from gradcheck_cli.spec.expressions import Callee, Program, Scope, compile_block, compile_expression
from gradcheck_cli.spec.model import FunctionSpec
from gradcheck_cli.spec.names import cotangents, output_values, problem_with

Known = Draft | FunctionSpec
"""What names a function's inputs, constants and outputs: on its way from the file, and finished."""

_WORD_OR_COMMENT = re.compile(r"#.*|(\w+)")
"""A comment ends with its line; only words are kept."""


class Functions:
    """The file's functions as its expressions may call them, and those of which too little is known for that."""

    def __init__(self, names: Iterable[str]) -> None:
        self.callees: dict[str, Callee] = {}
        self.unknown = set(names)

    def add(self, draft: Known) -> None:
        """Make a function known; with one output as long as its own are not."""
        self.callees[draft.name] = Callee(tuple(draft.inputs), len(draft.outputs) or 1)
        self.unknown.discard(draft.name)


def words(text: str) -> set[str]:
    """The names and words of an expression or a block, outside its comments."""
    return {*_WORD_OR_COMMENT.findall(text)} - {""}


def is_block(text: Text) -> bool:
    """Whether a text consists of statements: one is a return, or it has several lines and one is another statement."""
    if "return" in text.value and "return" in words(text.value):
        return True
    if "\n" not in text.value.strip():
        return False
    depth = 0
    for line in text.value.split("\n"):
        if depth == 0 and _is_statement(line.partition("#")[0].strip()):
            return True
        depth += sum(map(line.count, "([{")) - sum(map(line.count, ")]}"))
    return False


def _is_statement(line: str) -> bool:
    """Whether a line outside brackets is no part of an expression."""
    target, equals, value = line.partition("=")
    assigns = bool(equals) and not value.startswith("=") and target.rstrip("+-*/ ").isidentifier()
    return assigns or line.endswith(":")


def compiled(draft: Draft, text: Text, scope: Scope, functions: Functions) -> Program | None:
    """The program for an expression or a block; None after a mistake in it.

    None, too, for what mentions an unknown function: its mistakes have been reported, and this may well be right.
    """
    if functions.unknown and not functions.unknown.isdisjoint(words(text.value)):
        return None
    compile_text: Callable[..., Program | None] = compile_block if is_block(text) else compile_expression
    mistakes = draft.fields.mistakes
    before = len(mistakes)
    program = compile_text(text, scope, mistakes)
    if len(mistakes) == before:
        return program
    if text.stops_at_comment:
        hint = "what stands behind ' #' is a YAML comment; quote the expression if that belongs to it"
        mistakes[before:] = [m._replace(hint=m.hint or hint) for m in mistakes[before:]]
    return None


def forward_scope(draft: Known, functions: Functions) -> Scope:
    """What forward sees: inputs, constants, the file's functions."""
    constants = {name: value for name, value in draft.constants.items() if not problem_with(name)}
    texts = {name for name, value in constants.items() if "string" in kind_of(value)}
    tensors = frozenset(name for name in draft.inputs if not problem_with(name))
    return Scope(tensors, frozenset(constants.keys() - texts), frozenset(texts), functions.callees)


def backward_scope(draft: Known, functions: Functions) -> Scope:
    """What backward sees besides: forward's names, the outputs, and their cotangents."""
    return _rule_scope(draft, functions, set(cotangents(draft.outputs)))


def jvp_scope(draft: Known, functions: Functions) -> Scope:
    """What jvp sees besides: forward's names, the outputs, and the inputs' tangents."""
    differentiable = [name for name, spec in draft.inputs.items() if spec is None or spec.requires_grad]
    tangents = {f"t_{name}" for name in differentiable if not problem_with(name)}
    return _rule_scope(draft, functions, tangents)


def _rule_scope(draft: Known, functions: Functions, own: set[str]) -> Scope:
    base, forward = forward_scope(draft, functions), draft.forward
    assigned = frozenset[str]() if forward is None else frozenset(forward.assigned)
    statics = frozenset[str]() if forward is None else forward.statics
    values = own | set(output_values(draft.outputs))
    return Scope(
        base.tensors | (assigned - statics) | values,
        ((base.statics - assigned) | statics) - values,
        base.texts - assigned - values,
        functions.callees,
    )


def ambiguous_names(draft: Draft) -> dict[str, str]:
    """Names that forward assigned and that mean something else in a rule, and what."""
    forward = draft.forward
    if forward is None or not forward.assigned:
        return {}
    meanings = dict.fromkeys(draft.inputs, "an input") | dict.fromkeys(draft.constants, "a constant")
    for name, index in output_values(draft.outputs).items():
        if forward.returned[index : index + 1] != (name,):
            meanings[name] = "an output"
    meanings |= dict.fromkeys(cotangents(draft.outputs), "a cotangent")
    return {name: meaning for name, meaning in meanings.items() if name in forward.assigned}
