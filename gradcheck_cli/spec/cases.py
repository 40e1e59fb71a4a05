"""The cases of a function: its own inputs first, then every named set that overrides some of them."""

from __future__ import annotations

from typing import Any

from gradcheck_cli.check.tolerances import FIXED_STEP
from gradcheck_cli.spec import limits
from gradcheck_cli.spec.constants import kind_of, read_constant
from gradcheck_cli.spec.document import Mapping, Node, Scalar, quote
from gradcheck_cli.spec.draft import Draft
from gradcheck_cli.spec.draws import axis_problem, check_shape
from gradcheck_cli.spec.input_forms import read_input
from gradcheck_cli.spec.keys import Key, ref
from gradcheck_cli.spec.model import PASSES, Case, CheckOptions, Constant, InputSpec
from gradcheck_cli.spec.names import problem_with_label
from gradcheck_cli.spec.options import read_expectation, read_options

KEYS = {
    "inputs": Key("Inputs that take the place of the function's own, each one whole.", ref("inputs")),
    "constants": Key("Constants that take the place of the function's own.", ref("constants")),
    "check": Key("Options of the check of this case.", ref("check")),
    "expect": Key("The verdict that is wanted of this case.", ref("expect")),
}


def read_cases(draft: Draft, defaults: CheckOptions) -> tuple[Case, ...]:
    """All cases, `default` first; what is wrong is reported and left out."""
    fields = draft.fields
    options = _options(draft, draft.key, draft.entries.get("check"), "check", defaults)
    expect = read_expectation(fields, draft.entries.get("expect")) or PASSES
    inputs = {name: spec for name, spec in draft.inputs.items() if spec is not None}
    cases = [Case("default", fields.location(draft.key), inputs, draft.constants, options, expect)]
    if "cases" in draft.entries:
        mapping = fields.mapping(draft.entries["cases"], "cases", "a mapping from names to cases")
        if mapping is not None and fields.few(mapping, "CASES"):
            cases += [_read_case(draft, mapping.keys[name], node, cases[0]) for name, node in mapping.entries.items()]
    return tuple(cases)


def _read_case(draft: Draft, key: Scalar, node: Node, base: Case) -> Case:
    fields = draft.fields
    what = f"case {quote(key.value)}"
    problem = problem_with_label(key.value)
    if key.value == "default":
        problem = "is the function's own inputs; another case needs another name"
    if problem:
        fields.complain(key, f"{what} {problem}")
    entries = fields.keyed(node, what, KEYS) or {}
    constants = base.constants | _overridden_constants(draft, what, entries.get("constants"))
    inputs = base.inputs | _overridden_inputs(draft, what, entries.get("inputs"), constants)
    if inputs and not any(spec.requires_grad for spec in inputs.values()) and draft.differentiable:
        fields.complain(key, f"{what}: no input requires a gradient, so there is nothing to check")
    _check_inherited(draft, key, entries, constants)
    options = _options(draft, key, entries.get("check"), f"check of {what}", base.check)
    expect = read_expectation(fields, entries.get("expect")) or base.expect
    return Case(key.value, fields.location(key), inputs, constants, options, expect)


def _options(draft: Draft, key: Scalar, node: Node | None, what: str, base: CheckOptions) -> CheckOptions:
    """The options of a case, once the tolerance that goes with a fixed step is not too loose."""
    options = read_options(draft.fields, node, what).over(base)
    if options.eps is not None and options.rtol is None and FIXED_STEP[0] > limits.RTOL:
        message = f"rtol must be at most {limits.RTOL}; with eps it is {FIXED_STEP[0]} where nothing is said"
        draft.fields.complain(node or key, message, limits.hint("RTOL", FIXED_STEP[0]))
    return options


def _overrides(draft: Draft, what: str, node: Node | None, kind: str, known: dict[str, Any]) -> dict[str, Node]:
    """The entries of a case's inputs or constants, once they override something."""
    if node is None:
        return {}
    mapping = draft.fields.mapping(node, f"{what}: {kind}s", f"a mapping from names to {kind}s")
    if mapping is None:
        return {}
    for name, key in mapping.keys.items():
        if name not in known:
            draft.fields.unknown(key, f"{what} overrides no {kind}", name, known, f"the {kind}s are")
    return {name: entry for name, entry in mapping.entries.items() if name in known}


def _overridden_constants(draft: Draft, what: str, node: Node | None) -> dict[str, Constant]:
    found = {}
    for name, entry in _overrides(draft, what, node, "constant", draft.constants).items():
        value, base = read_constant(draft.fields, f"constant {quote(name)}", entry), draft.constants[name]
        if value is not None and base is not None and kind_of(value) != kind_of(base):
            message = f"constant {quote(name)} must be {kind_of(base)} in every case; found {kind_of(value)}"
            draft.fields.complain(entry, message)
            value = None
        found[name] = value
    return found


def _overridden_inputs(draft: Draft, what: str, node: Node | None, constants: dict[str, Constant]) -> dict[str, InputSpec]:
    found = {}
    for name, entry in _overrides(draft, what, node, "input", draft.inputs).items():
        spec, base = read_input(draft.fields, name, entry, constants), draft.inputs[name]
        if spec is not None:
            found[name] = spec
            if base is not None:
                _check_same_gradient(draft, entry, spec, base)
    return found


def _check_same_gradient(draft: Draft, node: Node, spec: InputSpec, base: InputSpec) -> None:
    """Report an override that would ask the function's rules for a gradient that they do not give."""
    if base.requires_grad or not spec.requires_grad or not {"backward", "jvp"} & draft.entries.keys():
        return
    message = f"input {quote(spec.name)} must not require a gradient here: the rules give none for it"
    hint = f"a case replaces an input wholly: {{value: ..., dtype: {base.dtype}, requires_grad: false}}"
    draft.fields.complain(node, message, hint)


def _check_inherited(draft: Draft, key: Scalar, entries: dict[str, Node], constants: dict[str, Constant]) -> None:
    """Report inputs of the function whose shapes the case's constants have spoilt."""
    changed, replaced = entries.get("constants"), entries.get("inputs")
    if not isinstance(changed, Mapping):
        return
    own = replaced.entries if isinstance(replaced, Mapping) else {}
    inherited = [spec for name, spec in draft.inputs.items() if spec is not None and name not in own]
    bad: set[str] = set()
    for name in {axis for spec in inherited for axis in spec.shape if isinstance(axis, str)} & changed.entries.keys():
        problem = axis_problem(name, constants)
        if problem:
            bad.add(name)
            draft.fields.complain(changed.entries[name], problem)
    for spec in inherited:
        if set(spec.shape) & changed.entries.keys() and not bad & set(map(str, spec.shape)):
            check_shape(draft.fields, f"case {quote(key.value)}: input {quote(spec.name)}", key, spec, constants)
