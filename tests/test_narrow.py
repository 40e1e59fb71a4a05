"""What is open in few blocks is looked at where the forward runs on these only; nothing else must change."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradcheck_cli import ops, verify
from gradcheck_cli.check import narrow
from gradcheck_cli.check.check import check
from gradcheck_cli.check.problem import Problem
from gradcheck_cli.check.result import CheckResult
from gradcheck_cli.engine import Function, Tensor
from gradcheck_cli.spec.build import problem_at
from gradcheck_cli.spec.loader import loads


def problem(inputs: str, forward: str, gradients: list[str], first: str = "") -> Problem:
    text = "".join(f"      {line}\n" for line in forward.splitlines())
    rule = f"      g = {first or gradients[0]}\n      return {', '.join(['g', *gradients[1:]])}\n"
    outputs = "    outputs: [a, b]\n" if "return a, b" in forward else ""
    file = loads(f"version: 1\nfunctions:\n  f:\n    inputs: {inputs}\n{outputs}    forward: |\n{text}    backward: |\n{rule}")
    spec = file.functions["f"]
    return problem_at(file, spec, spec.cases[0], {})


@pytest.fixture
def narrowed(monkeypatch: Any) -> list[int]:
    """How many outputs were looked at each time; zero where that could not be."""
    seen: list[int] = []
    original = narrow.Narrower.__call__

    def call(self: Any, whole: Any, wanted: Any) -> Any:
        found, grouped = original(self, whole, wanted), whole.coordinates
        if isinstance(grouped, narrow.Grouped) and grouped.members is grouped.blocks.members:
            seen.append(0 if found is None else len(found[1]))
        return found

    monkeypatch.setattr(narrow.Narrower, "__call__", call)
    return seen


def without(monkeypatch: Any, problem: Problem) -> CheckResult:
    with monkeypatch.context() as m:
        m.setattr(narrow, "WORTH", 2**40)
        return check(problem)


# sin has entries whose slope is nearly zero, which no cheap difference settles.
X, LONG = "{shape: [900]}", "{shape: [900], uniform: [1, 2]}"
SINE = "return sin(x * w)"
OF_X, OF_W = "grad * cos(x * w) * w", "grad * cos(x * w) * x"
NARROW = {
    "one input": (f"{{x: {X}}}", "return sin(x)", ["grad * cos(x)"]),
    "a longer way": (f"{{x: {X}}}", "a = sin(x) * 0.5\nreturn exp(a) * 2.0", ["grad * out * 0.5 * cos(x)"]),
    "another input along the axis": (f"{{x: {X}, w: {LONG}}}", SINE, [OF_X, OF_W]),
    "a constant input along the axis": (
        "{x: {shape: [900]}, w: {shape: [900], requires_grad: false}}",
        "return sin(x) * w + w",
        ["grad * cos(x) * w"],
    ),
    "an input of another axis": (
        "{x: {shape: [600, 2]}, w: {shape: [2], uniform: [1, 2]}}",
        SINE,
        [OF_X, f"sum({OF_W}, axis=0)"],
    ),
    "rows": (
        "{x: {shape: [400, 3]}}",
        "return sin(x) * sum(x * x, axis=1, keepdims=True)",
        ["grad * cos(x) * sum(x * x, axis=1, keepdims=True) + 2 * x * sum(grad * sin(x), axis=1, keepdims=True)"],
    ),
    "the axis moves": ("{x: {shape: [3, 400]}}", "return sin(x).T", ["grad.T * cos(x)"]),
    "several outputs": (
        f"{{x: {X}}}",
        "a = sin(x)\nb = 2.0 * cos(x)\nreturn a, b",
        ["grad_a * cos(x) - 2.0 * grad_b * sin(x)"],
    ),
}
"""Inputs, forward, and the gradients."""
WRONG = {"rows": 3, "several outputs": 2}
"""Entries that a change of one entry of the gradient makes wrong, where it is not one."""
WHOLE = {
    "it asks for the shape": (f"{{x: {X}}}", "return sin(x) / x.shape[0]", ["grad * cos(x) / x.shape[0]"]),
    "it asks for the length": (f"{{x: {X}}}", "return sin(x) / len(x)", ["grad * cos(x) / len(x)"]),
    "it asks for the size": (f"{{x: {X}}}", "return sin(x) / size(x)", ["grad * cos(x) / x.size"]),
    "an array of that length is made": (f"{{x: {X}}}", "return sin(x) * arange(900)", ["grad * cos(x) * arange(900)"]),
    "entries are held": (f"{{x: {X}}}", "return sin(x) * stop_gradient(x)", ["grad * cos(x) * x"]),
    "an integer input along the axis": (
        "{x: {shape: [900]}, k: {shape: [900], integers: [1, 4]}}",
        "return sin(x) * k",
        ["grad * cos(x) * k"],
    ),
}


@pytest.mark.parametrize("name", NARROW)
def test_few_blocks_are_looked_at_alone(name, narrowed, monkeypatch):
    p = problem(*NARROW[name])
    result = check(p)
    assert result.verdict == "pass", result.findings
    assert any(narrowed)
    whole = without(monkeypatch, p)
    for a, b in zip(result.inputs, whole.inputs, strict=True):
        np.testing.assert_array_equal(a.verdicts, b.verdicts)


@pytest.mark.parametrize("name", WHOLE)
def test_what_may_depend_on_the_length_runs_as_a_whole(name, narrowed):
    result = check(problem(*WHOLE[name]))
    assert result.verdict == "pass", result.findings
    assert narrowed
    assert not any(narrowed)


@pytest.mark.parametrize("name", NARROW)
@pytest.mark.parametrize("factor", ["1.000001", "-1.0"])
def test_a_wrong_entry_is_found(name, factor, narrowed):
    inputs, forward, gradients = NARROW[name]
    index = "(5,)" if "[900]" in inputs else "(1, 5)" if "[3, 400]" in inputs else "(5, 1)"
    result = check(
        problem(inputs, forward, gradients, f"index_set({gradients[0]}, {index}, {factor} * ({gradients[0]})[{index}])")
    )
    assert result.verdict == "fail"
    assert result.inputs[0].wrong == WRONG.get(name, 1)


class Pieces(Function):
    """The first half and the second are the same at 0, and have other slopes."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return ops.index_set(ops.sin(x), slice(0, 450), 3.0 * x[:450])

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        g = ops.index_set(g, slice(0, 450), 3.0 * g[:450])
        return ops.index_set(g, 600, 3.0 * g[600])


class Diagonal(Function):
    """Equal entries, of which a wrong one is said to matter."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return 2.0 * ops.diagonal(x)

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        gx = ops.index_set(2.0 * ops.diag(g), (500, 500), 0.0)
        return ops.index_set(gx, (500, 0), 2.0 * g[500])


class Triangle(Function):
    """Zeros, of which some are kept."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return ops.tril(x)

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return ops.index_set(ops.tril(g), (300, 5), 0.0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("function", "x"), [(Pieces, np.zeros(900)), (Diagonal, np.ones((520, 520))), (Triangle, np.zeros((400, 400)))]
)
def test_other_places_that_look_the_same_at_the_point_are_no_stand_in(function, x):
    assert verify(function.apply, [Tensor(x, requires_grad=True)]).checks[0].verdict == "fail"
