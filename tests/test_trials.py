"""Edited rules that are run statement by statement: they return what the whole edited text does."""

from __future__ import annotations

from textwrap import indent

import numpy as np
import pytest

from gradcheck_cli.errors import GradcheckError
from gradcheck_cli.spec.additions import additions
from gradcheck_cli.spec.build import Functions, SpecFunction
from gradcheck_cli.spec.edits import edits
from gradcheck_cli.spec.loader import loads
from gradcheck_cli.spec.rule_texts import Recompiler, name_groups, rule_texts
from gradcheck_cli.spec.trials import Course, Pieces

INPUTS = "inputs: {x: {shape: [3]}, y: {shape: [3]}}\nconstants: {flag: 0, n: 2}\nforward: x * y\nbackward: |\n"
# How many pieces there are, and the rule.
BLOCKS = {
    "statements": (4, "a = x * grad\nb = y * grad + a\na = b - 2 * x\nreturn a, b"),
    "two lines and comments": (3, "a = (x  # one\n     * grad)\n# between\nb = y * grad; return a, b"),
    "accumulated": (4, "a = zeros_like(x)\na += y * grad\na[0] = sum(x)\nreturn a, x * grad"),
    "a loop": (3, "a = grad\nfor i in range(n):\n    a = a * y + i\nreturn a, x * grad"),
    "a choice that keeps a name": (4, "a = x * grad\nif flag:\n    a = y\nb = a * 2\nreturn b, a"),
    "a name that is known in a branch only": (3, "a = x\nif flag:\n    b = y\nelse:\n    b = x * grad\nreturn a * b, b"),
    "several values": (3, "p = split(x * grad, 3)\na, b, c = p\nreturn x * a, y * b + c"),
    "by name": (2, "g = grad\nreturn {y: x * g, x: y * g}"),
    "two returns": (1, "a = x * grad\nif flag:\n    return a, a\nreturn y * grad, a"),
    "static names": (3, "k = x.shape[0]\na = reshape(x * grad, [k])\nreturn a * k, y"),
    "one that raises": (4, "a = x * grad\nb = a @ ones([4])\nc = b + y\nreturn a * c, b * x"),
}


def outcome(run):
    try:
        with np.errstate(all="ignore"):
            values = run()
    except GradcheckError:
        return ""
    return "" if values is None else str([np.asarray(v).tolist() for v in values])


@pytest.mark.parametrize("name", BLOCKS)
def test_an_edited_statement_gives_what_the_whole_text_does(name):
    count, block = BLOCKS[name]
    file = loads("functions:\n  f:\n" + indent(INPUTS + indent(block, "  "), "    ") + "\n")
    spec = file.functions["f"]
    (rule,), recompiler, function = rule_texts(spec), Recompiler(file, spec), SpecFunction(spec, Functions(file))
    pieces = Pieces(rule, recompiler.scope(rule))
    assert len(pieces.programs) == count
    x, y, grad = np.array([[0.3, -1.2, 0.7], [1.1, 0.4, -0.6], [0.9, 0.2, 1.7]])
    course = Course(pieces, function.read_by_rule([x, y], [grad]), function.file)
    names = course.before[0]
    groups = name_groups(spec, rule)
    same = 0
    for edit in [*edits(rule, groups, swaps=None), *additions(rule, groups, False), *additions(rule, groups, True)]:
        changed = recompiler.with_text(rule, edit.text)
        whole = "" if changed is None else outcome(lambda: changed.backward.block.run(names, function.file).values)  # noqa: B023
        tried = outcome(lambda: course.tried(edit))  # noqa: B023
        assert tried == whole or (not tried and whole == outcome(lambda: course.values)), edit
        same += bool(tried)
    assert same
