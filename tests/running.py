"""Expressions and blocks compiled and run on a few fixed values: for the tests of the language."""

from __future__ import annotations

import numpy as np

from gradcheck_cli.errors import SpecError
from gradcheck_cli.spec.document import Source, Text
from gradcheck_cli.spec.expressions import Callee, Scope, compile_block, compile_expression

VALUES = {
    "x": np.arange(6.0).reshape(2, 3) + 1,
    "w": np.array([1.0, -2.0, 3.0]),
    "A": np.array([[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 2.0]]),
    "s": np.array(2.0),
    "i": np.array([2, 0]),
    "m": np.array([True, False, True]),
    "n": 3,
    "c": 0.5,
    "flag": True,
    "table": np.array([10.0, 20.0, 30.0]),
    "kind": "mean",
}
SCOPE = Scope(
    frozenset({"x", "w", "A", "s", "i", "m"}),
    frozenset({"n", "c", "flag", "table"}),
    frozenset({"kind"}),
    {"double": Callee(("v",)), "pair": Callee(("u", "v"), 2)},
)
FUNCTIONS = {"double": lambda v: v * 2, "pair": lambda u, v: (u + v, u - v)}


def compiled(code, block=False, scope=SCOPE):
    """(program, mistakes); a block stands in a file as YAML's `|` would give it, two columns in, from line 2 on."""
    mistakes = []
    if block:
        written = "\n".join("  " + line for line in code.split("\n"))
        text = Text(code, Source("spec.yaml", "forward: |\n" + written), 1, 10, "|")
        return compile_block(text, scope, mistakes), mistakes
    return compile_expression(Text(code, Source("spec.yaml", code), 1, 1), scope, mistakes), mistakes


def run(code, block=None, values=VALUES, scope=SCOPE):
    program, mistakes = compiled(code, "return" in code if block is None else block, scope)
    if program is None:
        raise SpecError(mistakes)
    return program.run(values, FUNCTIONS)


def value(code, **keywords):
    (found,) = run(code, **keywords).values
    return found


def outcome(code, block):
    """The Run, or the SpecError."""
    try:
        with np.errstate(all="ignore"):
            return run(code, block)
    except SpecError as error:
        return error
