"""Specs that would talk their way to green, and rules that return what is no gradient."""

from __future__ import annotations

from attacks.attack import RUN, Attack, function

WRONG = "{x: grad * 2}"
NOT_GREEN = frozenset({1, 2, 3, 5})
CHECKS = {
    "rtol of one": "rtol: 1.0",
    "rtol of infinity": "rtol: .inf",
    "rtol of NaN": "rtol: .nan",
    "rtol of zero": "rtol: 0",
    "a negative rtol": "rtol: -1e-7",
    "rtol of a thousand": "rtol: 1e3",
    "atol of infinity": "atol: .inf",
    "atol of NaN": "atol: .nan",
    "a huge atol": "atol: 1e300",
    "eps of zero": "eps: 0",
    "a negative eps": "eps: -1",
    "eps of infinity": "eps: .inf",
    "eps of NaN": "eps: .nan",
    "a tiny eps": "eps: 1e-300",
    "a huge eps": "eps: 1e300",
    "no points": "points: 0",
    "negative points": "points: -1",
    "an unknown mode": "mode: none",
    "mode none": "mode: skip",
    "kinks skipped where there is none": "kinks: skip",
    "a boolean rtol": "rtol: true",
    "a text": "rtol: loose",
    "a list": "rtol: [1]",
    "an unknown option": "skip: true",
    "a negative seed": "seed: -1",
    "a huge seed": "seed: 99999999999999999999999",
    "rtol just below one": "rtol: 0.999999",
}
RULES = {
    "NaN": "{x: grad * nan}",
    "NaN that is everywhere": "{x: nan}",
    "infinity": "{x: grad * inf}",
    "the difference of infinities": "{x: grad * (inf - inf)}",
    "nothing": "{x: none}",
    "an empty mapping": "{}",
    "null": "",
    "a text": "{x: 'grad'}",
    "an unknown input": "{y: grad}",
    "zero": "{x: 0 * grad}",
    "an integer": "{x: \"astype(grad, 'int64')\"}",
    "a boolean": "{x: grad > 0}",
    "another shape": '{x: "stack([grad, grad])"}',
    "no entries": '{x: "zeros(0)"}',
    "a huge number": "{x: grad * 1e308 * 1e308}",
}

SHOWN = {"a huge atol", "rtol just below one"}
"""Allowed, but the summary says that the tolerance is loose."""

ATTACKS = [
    *(
        Attack(
            f"policy: {name}",
            function("sin(x)", WRONG, "{x: 0.7}", f"    check: {{{text}}}\n"),
            frozenset({0}) if name in SHOWN else NOT_GREEN,
            "1 by a loose tolerance only" if name in SHOWN else "",
        )
        for name, text in CHECKS.items()
    ),
    *(Attack(f"rule returns {name}", function("sin(x)", text, "{x: 0.7}"), NOT_GREEN) for name, text in RULES.items()),
    Attack("zero entries", function(backward=WRONG, inputs="{x: {shape: [0]}}"), NOT_GREEN),
    Attack("zero outputs", function("x[:0]", WRONG, "{x: [1.5]}"), NOT_GREEN),
    Attack("only integers", function("x", WRONG, "{x: {value: 1, dtype: int64}}"), NOT_GREEN),
    Attack("no gradient wanted", function(backward=WRONG, inputs="{x: {value: 1.5, requires_grad: false}}"), NOT_GREEN),
    Attack("no functions", "functions: {}\n", NOT_GREEN),
    Attack("an expectation hides an error", function("x + (", WRONG, more="    expect: fail\n"), NOT_GREEN),
    Attack("an expectation hides a broken forward",
           function("inv(x)", WRONG, "{x: [[0, 0], [0, 0]]}", "    expect: fail\n"), NOT_GREEN),
    Attack("an expectation of a right rule", function(more="    expect: fail\n"), NOT_GREEN),
    Attack("an expectation of another finding", function(backward=WRONG, more="    expect: fail GC110\n"), NOT_GREEN),
    Attack("an expectation of no finding", function(backward=WRONG, more="    expect: fail GC999\n"), NOT_GREEN),
    Attack("an expectation of an error", function(backward=WRONG, more="    expect: error\n"), NOT_GREEN),
    Attack("an expectation to be open", function(backward=WRONG, more="    expect: inconclusive\n"), NOT_GREEN),
    Attack("an expectation of a kink", function(backward=WRONG, more="    expect: kink\n"), NOT_GREEN),
    Attack("a surrogate without a rule", "functions:\n  f: {inputs: {x: 1}, forward: sin(x), surrogate: true}\n", NOT_GREEN),
    Attack("a surrogate that is not linear", function(backward="{x: grad**2}", more="    surrogate: true\n"), NOT_GREEN),
    Attack("stop_gradient in forward", function("stop_gradient(sin(x))", WRONG), NOT_GREEN),
    Attack("nothing is selected", function(), frozenset({5}), argv=(*RUN, "-k", "nothing")),
    Attack("an absurd tolerance on the command line", function(backward=WRONG), NOT_GREEN,
           argv=(*RUN, "--rtol", "nan")),
    Attack("a negative step on the command line", function(backward=WRONG), NOT_GREEN,
           argv=(*RUN, "--eps", "-1")),
    Attack("a random forward", function("x * 1.0", WRONG, "{x: {shape: [3], uniform: [1, 1]}}"), NOT_GREEN),
    Attack("a forward that is NaN", function("x * nan", "{x: grad * nan}"), NOT_GREEN),
    Attack("a forward that is infinite", function("x / 0.0", "{x: grad / 0.0}"), NOT_GREEN),
    Attack("a forward that raises", function("cholesky(x)", WRONG, "{x: [[-1.0, 0], [0, -1]]}"), NOT_GREEN),
]  # fmt: skip
