"""Expression texts of one function to programs, each with the names that it may use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from gradcheck_cli.spec.constants import kind_of
from gradcheck_cli.spec.document import Text
from gradcheck_cli.spec.draft import Draft
from gradcheck_cli.spec.expressions import Callee, Program, Scope, compile_block, compile_expression
from gradcheck_cli.spec.names import cotangents, output_values

Callees = Mapping[str, Callee]


def words(text: str) -> set[str]:
    """The names and words of an expression or a block, outside its comments."""
    code = " ".join(line.partition("#")[0] for line in text.split("\n"))
    return set("".join(c if c.isalnum() or c == "_" else " " for c in code).split())


def is_block(text: Text) -> bool:
    """Whether a text consists of statements: then one of them is a return."""
    return "return" in words(text.value)


def compiled(draft: Draft, text: Text, scope: Scope) -> Program | None:
    """The program for an expression or a block; None after a mistake in it."""
    compile_text: Callable[..., Program | None] = compile_block if is_block(text) else compile_expression
    mistakes = draft.fields.mistakes
    before = len(mistakes)
    program = compile_text(text, scope, mistakes)
    if len(mistakes) == before:
        return program
    if not text.style and _comment_behind(text):
        hint = "what stands behind ' #' is a YAML comment; quote the expression if that belongs to it"
        mistakes[before:] = [replace(m, hint=m.hint or hint) for m in mistakes[before:]]
    return None


def _comment_behind(text: Text) -> bool:
    """Whether YAML ended a plain text at a comment."""
    end = text.location(text.value.count("\n") + 1, len(text.value) + 1)
    return text.source.line(end.line)[end.column - 1 :].lstrip().startswith("#")


def forward_scope(draft: Draft, callees: Callees) -> Scope:
    """What forward sees: inputs, constants, the file's functions."""
    texts = {name for name, value in draft.constants.items() if "string" in kind_of(value)}
    return Scope(frozenset(draft.inputs), frozenset(draft.constants.keys() - texts), frozenset(texts), callees)


def backward_scope(draft: Draft, forward: Program, callees: Callees) -> Scope:
    """What backward sees besides: forward's names, the outputs, and their cotangents."""
    return _rule_scope(draft, forward, callees, set(cotangents(draft.outputs)))


def jvp_scope(draft: Draft, forward: Program, callees: Callees) -> Scope:
    """What jvp sees besides: forward's names, the outputs, and the inputs' tangents."""
    tangents = {f"t_{name}" for name, spec in draft.inputs.items() if spec is None or spec.requires_grad}
    return _rule_scope(draft, forward, callees, tangents)


def _rule_scope(draft: Draft, forward: Program, callees: Callees, own: set[str]) -> Scope:
    base = forward_scope(draft, callees)
    assigned = set(forward.assigned)
    values = own | set(output_values(draft.outputs))
    return Scope(
        base.tensors | (assigned - forward.statics) | values,
        ((base.statics - assigned) | forward.statics) - values,
        base.texts - assigned - values,
        callees,
    )


def ambiguous_names(draft: Draft, forward: Program) -> dict[str, str]:
    """Names that forward assigned and that mean something else in a rule, and what."""
    assigned = set(forward.assigned)
    meanings = dict.fromkeys(draft.inputs, "an input") | dict.fromkeys(draft.constants, "a constant")
    for name, index in output_values(draft.outputs).items():
        if forward.returned[index : index + 1] != (name,):
            meanings[name] = "an output"
    meanings |= dict.fromkeys(cotangents(draft.outputs), "a cotangent")
    return {name: meaning for name, meaning in meanings.items() if name in assigned}
