"""Forward, and what its outputs are called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcheck_cli.spec.compiling import Functions, compiled, forward_scope, is_block
from gradcheck_cli.spec.document import Mapping, Node, Scalar, Sequence, Text, quote
from gradcheck_cli.spec.draft import Draft
from gradcheck_cli.spec.names import LIBRARIES, NUMBERS, problem_with

if TYPE_CHECKING:
    from gradcheck_cli.spec.expressions import Program

NAMING_HINT = "name them in the order in which they are returned: outputs: [a, b]"


def forward_text(draft: Draft) -> Text | None:
    """The text of forward; None where there is none, which is reported."""
    if "forward" not in draft.entries:
        return None
    return draft.fields.expression(draft.entries["forward"], "forward", "an expression, or a block that ends in return")


def compile_forward(draft: Draft, text: Text | None, functions: Functions) -> None:
    """Fill in forward and the outputs."""
    given = _given_outputs(draft)
    if text is None or not draft.readable:
        return
    draft.forward = compiled(draft, text, forward_scope(draft, functions), functions)
    if draft.forward is None:
        # An expression assigns nothing, so that rules can be translated all the same.
        draft.outputs = () if is_block(text) else ("out",) if given is None else given
        return
    if given is None:
        draft.outputs = _default_outputs(draft, draft.forward, text)
    elif given:
        draft.outputs = given
        _check_given(draft, draft.forward, given)
    _check_cotangents(draft)


def last_return(text: Text) -> int:
    """Where in `text` its last return stands; its start where there is none."""
    start = last = 0
    for line in text.value.split("\n"):
        at = line.partition("#")[0].rfind("return")
        last = start + at if at >= 0 else last
        start += len(line) + 1
    return last


def _given_outputs(draft: Draft) -> tuple[str, ...] | None:
    """The names under `outputs`; () where they are wrong, None where there are none."""
    if "outputs" not in draft.entries:
        return None
    node = draft.entries["outputs"]
    if isinstance(node, Sequence):
        items = node.items
    elif isinstance(node, Scalar) and not node.is_null:
        items = [node]
    else:
        items = []
    if not items:
        draft.fields.expected(node, "outputs", "a list of names")
        return ()
    before = len(draft.fields.mistakes)
    names: list[str] = []
    for item in items:
        name = _output_name(draft, item, names)
        names += [] if name is None else [name]
    return tuple(names) if len(draft.fields.mistakes) == before else ()


def _output_name(draft: Draft, node: Node, earlier: list[str]) -> str | None:
    if not isinstance(node, Scalar):
        draft.fields.expected(node, "outputs", "a list of names")
        return None
    name = node.value
    problem = problem_with(name) or problem_with_output(draft, name)
    if name in earlier:
        problem = "is given twice"
    if problem:
        draft.fields.complain(node, f"output {quote(name)} {problem}")
    return name


def problem_with_output(draft: Draft, name: str) -> str:
    """Why an output of this function cannot be called `name`; empty when it can."""
    if name in draft.inputs:
        return "is an input already"
    if name in draft.constants:
        return "is a constant already"
    return "stands for something else in expressions" if name in NUMBERS | LIBRARIES | {"grad", "none"} else ""


def _default_outputs(draft: Draft, forward: Program, text: Text) -> tuple[str, ...]:
    """The names that forward returns; `out` for a single one that has none."""
    names = forward.keys or (forward.returned if is_block(text) else (None,) * len(forward.returned))
    plain = [name for name in names if name is not None and not problem_with_output(draft, name)]
    if len(plain) == len(names) == len(set(plain)):
        return tuple(plain)
    if len(names) == 1:
        return ("out",)
    message = f"forward returns {len(names)} outputs, and they need names of their own"
    draft.fields.mistakes.append(text.mistake(last_return(text), message, NAMING_HINT))
    return ()


def _check_given(draft: Draft, forward: Program, given: tuple[str, ...]) -> None:
    node = draft.entries["outputs"]
    returned = forward.keys or forward.returned
    if len(returned) != len(given):
        message = f"outputs names {len(given)}, but forward returns {len(returned)}"
        draft.fields.complain(node, message, NAMING_HINT)
        return
    for name, found in zip(given, returned, strict=True):
        if found != name and (forward.keys or name in forward.assigned):
            other = quote(found) if found else "another value"
            draft.fields.complain(node, f"output {quote(name)} stands where forward returns {other}", NAMING_HINT)


def _check_cotangents(draft: Draft) -> None:
    """Report inputs and constants that are called as an output's cotangent."""
    for section in ("inputs", "constants"):
        node = draft.entries.get(section)
        for name in draft.outputs:
            if isinstance(node, Mapping) and f"grad_{name}" in node.keys:
                message = f"{quote(f'grad_{name}')} is the cotangent of output {quote(name)} in rules"
                draft.fields.complain(node.keys[f"grad_{name}"], message, "rename it")
