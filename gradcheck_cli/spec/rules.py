"""The rules of a function: backward in its two forms, and jvp."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcheck_cli.spec.compiling import Functions, ambiguous_names, backward_scope, compiled, is_block, jvp_scope
from gradcheck_cli.spec.document import Mapping, Node, Scalar, Text, quote
from gradcheck_cli.spec.draft import Draft
from gradcheck_cli.spec.model import Rule
from gradcheck_cli.spec.outputs import last_return

if TYPE_CHECKING:
    from gradcheck_cli.spec.expressions import Program, Scope

_BACKWARD = "a mapping from inputs to expressions, or a block that ends in return"
_NONE_HINT = "`none` says that the rule returns no gradient; an input that is left out has derivative zero"


def compile_rules(draft: Draft, functions: Functions) -> None:
    """Fill in backward and jvp. Where forward's names are unknown, only their form is looked at."""
    fields, entries = draft.fields, draft.entries
    if "backward" in entries:
        scope = backward_scope(draft, functions) if draft.outputs else None
        node = entries["backward"]
        if isinstance(node, Mapping):
            draft.backward = _mapping_rule(draft, node, scope, functions)
        else:
            text = fields.expression(node, "backward", _BACKWARD)
            draft.backward = None if text is None else _block_rule(draft, node, text, scope, functions)
    if "jvp" in entries:
        text = fields.expression(entries["jvp"], "jvp", "an expression, or a block that ends in return")
        if text is not None and draft.outputs:
            draft.jvp = _rule_program(draft, text, jvp_scope(draft, functions), functions)
            if draft.jvp is not None:
                _check_tangents(draft, text, draft.jvp)


def _rule_program(draft: Draft, text: Text, scope: Scope | None, functions: Functions) -> Program | None:
    """A rule's program, once the names that it reads have one meaning only."""
    program = None if scope is None else compiled(draft, text, scope, functions)
    if program is None:
        return None
    for name, meaning in ambiguous_names(draft).items():
        if name in program.reads:
            message = f"{quote(name)} is {meaning}, and forward assigns it too: the rule could mean either"
            draft.fields.mistakes.append(text.mistake(0, message, "let forward use another name"))
    return program


def _mapping_rule(draft: Draft, node: Mapping, scope: Scope | None, functions: Functions) -> Rule | None:
    fields = draft.fields
    if fields.mapping(node, "backward", _BACKWARD) is None:
        return None
    programs: dict[str, Program | None] = {}
    for name, entry in node.entries.items():
        if not _is_differentiable(draft, node.keys[name], name):
            continue
        what = f"backward of {quote(name)}"
        if isinstance(entry, Scalar) and entry.value.strip() in ("none", "None"):
            programs[name] = None
        elif isinstance(entry, Scalar) and entry.is_null and entry.value:
            fields.expected(entry, what, "an expression", _NONE_HINT)
        else:
            text = fields.expression(entry, what)
            if text is not None and is_block(text):
                hint = "a block is the whole rule: `backward: |`, and it returns all gradients"
                fields.complain(entry, f"{what} must be one expression; found statements", hint)
            elif text is not None:
                programs[name] = _rule_program(draft, text, scope, functions)
    locations = {name: fields.location(entry) for name, entry in node.entries.items()}
    nones = frozenset(name for name, program in programs.items() if program is None)
    return Rule(fields.location(node), programs=programs, locations=locations, nones=nones)


def _is_differentiable(draft: Draft, key: Scalar, name: str) -> bool:
    """Whether `name` is an input that requires a gradient; reported where it is not."""
    if not draft.inputs:
        return True
    if name not in draft.inputs:
        draft.fields.unknown(key, "backward names no input", name, draft.inputs, "the inputs are")
        return False
    spec = draft.inputs[name]
    if spec is not None and not spec.requires_grad:
        message = f"backward must not name {quote(name)}, an input that requires no gradient"
        draft.fields.complain(key, message, "take its entry out")
        return False
    return True


def _block_rule(draft: Draft, node: Node, text: Text, scope: Scope | None, functions: Functions) -> Rule | None:
    fields = draft.fields
    if not is_block(text):
        name = (draft.differentiable or ("x",))[0]
        fields.expected(node, "backward", _BACKWARD, f"name the input: a line `{name}: ...`, indented, below backward")
        return None
    program = _rule_program(draft, text, scope, functions)
    names = draft.differentiable
    if program is None or names is None:
        return None
    place = text.location(last_return(text))
    if program.keys:
        before = len(fields.mistakes)
        key = Scalar(place.line, place.column, "", "")
        for name in program.keys:
            _is_differentiable(draft, key, name)
        if len(fields.mistakes) > before:
            return None
    returned = program.keys or names
    nones = frozenset(returned[index] for index in program.nones if index < len(returned))
    locations = dict.fromkeys(returned, place)
    return Rule(text.start, block=program, locations=locations, nones=nones)


def _check_tangents(draft: Draft, text: Text, program: Program) -> None:
    """Report a jvp that does not return one tangent for each output."""
    outputs = draft.outputs
    if program.keys and set(program.keys) != set(outputs):
        message = f"jvp must return {{{', '.join(outputs)}}}; found {{{', '.join(program.keys)}}}"
    elif not program.keys and len(program.returned) != len(outputs):
        message = f"jvp must return {len(outputs)} tangents, one for each output; found {len(program.returned)}"
    else:
        return
    draft.fields.mistakes.append(text.mistake(last_return(text), message))
