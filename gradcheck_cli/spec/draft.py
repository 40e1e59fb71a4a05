"""A function on its way from the file to a `FunctionSpec`: its inputs, its constants, and what they allow."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gradcheck_cli.spec.constants import read_constant
from gradcheck_cli.spec.document import Mapping, Node, Scalar, quote
from gradcheck_cli.spec.fields import Fields
from gradcheck_cli.spec.input_forms import read_input
from gradcheck_cli.spec.keys import BOOLEAN, EXPRESSION, LINE, Key, named, ref, required
from gradcheck_cli.spec.model import Constant, InputSpec, Rule
from gradcheck_cli.spec.names import problem_with_argument, problem_with_function

if TYPE_CHECKING:
    from gradcheck_cli.spec.expressions import Program

BACKWARD = {"anyOf": [{"type": "string", "pattern": "return"}, named("argumentName", EXPRESSION)]}
OUTPUTS = {"anyOf": [ref("outputName"), {"type": "array", "items": ref("outputName"), "minItems": 1, "uniqueItems": True}]}

KEYS = {
    "inputs": Key("The function's arguments, in order, and the values at which it is checked.", ref("inputs"), required=True),
    "forward": Key("An expression, or a block of statements that ends in return.", EXPRESSION, required=True),
    "backward": Key("The rule: an expression for each input, or a block. Without it the engine's is checked.", BACKWARD),
    "constants": Key("Values that never change and are not differentiated: numbers, strings, lists.", ref("constants")),
    "outputs": Key("Names for several outputs, or for one.", OUTPUTS),
    "jvp": Key("A forward rule: the tangents of the outputs, from t_x for each input x.", EXPRESSION),
    "cases": Key("Further sets of inputs and constants.", named("caseName", ref("case"))),
    "check": Key("Options of the check.", ref("check")),
    "expect": Key("The verdict that is wanted: pass, fail, fail with a finding's code, or kink.", ref("expect")),
    "surrogate": Key("true: the rule is not the derivative on purpose, and its values are not compared.", BOOLEAN),
    "doc": Key("One line: what the function is.", LINE),
    "source": Key("One line: where the rule comes from.", LINE),
}


class Draft:
    """What is known of one function so far; None stands for what was wrong and has been reported."""

    def __init__(self, fields: Fields, key: Scalar, entries: dict[str, Node]) -> None:
        self.fields, self.key, self.entries = fields, key, entries
        self.name = key.value
        self.constants: dict[str, Constant] = {}
        self.inputs: dict[str, InputSpec | None] = {}
        self.readable = True
        """Whether the names of inputs and constants are known, so that expressions can be translated."""
        self.forward: Program | None = None
        self.outputs: tuple[str, ...] = ()
        """Empty as long as they are unknown, and with them the names that rules may use."""
        self.backward: Rule | None = None
        self.jvp: Program | None = None

    @property
    def differentiable(self) -> tuple[str, ...] | None:
        """The inputs that require a gradient, in their order; None while one of the inputs is unknown."""
        specs = list(self.inputs.values())
        if None in specs:
            return None
        return tuple(spec.name for spec in specs if spec is not None and spec.requires_grad)


def read_draft(fields: Fields, key: Scalar, node: Node) -> Draft | None:
    """A function's inputs and constants; None where it is no function at all."""
    problem = problem_with_function(key.value)
    if problem:
        fields.complain(key, f"function {quote(key.value)} {problem}")
    entries = fields.keyed(node, f"function {quote(key.value)}", KEYS)
    if entries is None:
        return None
    draft = Draft(fields, key, entries)
    if "constants" in entries:
        draft.constants = _read_named(
            fields, "constant", entries["constants"], lambda what, _, value: read_constant(fields, what, value)
        )
    fields.required(key, f"function {quote(key.value)}", node, required(KEYS))
    if "inputs" in entries:
        draft.inputs = _read_named(
            fields, "input", entries["inputs"], lambda _, name, value: read_input(fields, name, value, draft.constants)
        )
        _check_inputs(draft, entries["inputs"])
    draft.readable = bool(draft.inputs) and ("constants" not in entries or bool(draft.constants))
    return draft


def _read_named(fields: Fields, kind: str, node: Node, read: Callable[[str, str, Node], Any]) -> dict[str, Any]:
    """The inputs or the constants, by name."""
    mapping = fields.mapping(node, f"{kind}s", f"a mapping from names to {kind}s")
    if mapping is None:
        return {}
    for name, key in mapping.keys.items():
        problem = problem_with_argument(name)
        if problem:
            fields.complain(key, f"{kind} {quote(name)} {problem}")
    return {name: read(f"{kind} {quote(name)}", name, entry) for name, entry in mapping.entries.items()}


def _check_inputs(draft: Draft, node: Node) -> None:
    """Report names with two meanings, and a function of which nothing can be checked."""
    if not isinstance(node, Mapping):
        return
    for name in draft.inputs:
        key = node.keys[name]
        if name in draft.constants:
            draft.fields.complain(key, f"{quote(name)} is both an input and a constant", "rename one of them")
        if "jvp" in draft.entries and name.startswith("t_") and name[2:] in draft.inputs:
            draft.fields.complain(key, f"input {quote(name)} is the tangent of {quote(name[2:])} in jvp")
    if draft.inputs and draft.differentiable == ():
        message = "no input requires a gradient, so there is nothing to check"
        draft.fields.complain(node, message, "take requires_grad: false away from one, or give it a float dtype")
