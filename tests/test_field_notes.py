"""What other checkers get wrong: wrong rules that they accept, and right rules that they reject."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest

from gradcheck_cli import Function, Tensor, ops, verify
from gradcheck_cli.check.result import CheckResult

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 4))
BIAS = RNG.normal(size=4)
LONG = RNG.normal(size=100_000)


def wave(x):
    return np.sin(x)


def rule(g, x):
    return g * np.cos(x)


class Asked(NamedTuple):
    """A forward, a rule, and where they are compared."""

    forward: Callable[..., Any]
    backward: Callable[..., Any]
    inputs: Sequence[Any] = (X,)


def checked(asked: Asked, **options: Any) -> CheckResult:
    (found,) = verify(asked.forward, [np.array(x) for x in asked.inputs], backward=asked.backward, **options).checks
    return found


def faults(result: CheckResult) -> list[str]:
    return [f.code for f in result.findings if f.verdict in ("fail", "error")]


# Wrong rules, and the finding that says what is wrong.


def writes_cotangent(g, x):
    g *= np.cos(x)
    return g


def zeroes_cotangent(g, x):
    made = g * np.cos(x)
    g[...] = 0
    return made


def writes_input(g, x):
    made = g * np.cos(x)
    x += 1
    return made


def reads_storage(g, x):
    """Takes the numbers as they lie in memory, from the first one on."""
    whole = g if g.base is None else g.base
    start = whole.ravel(order="K")[: g.size]
    return np.resize(start, g.shape) * np.cos(x)


def reads_in_memory_order(g, x):
    return g.ravel(order="K").reshape(x.shape) * np.cos(x)


def one_entry(size: float) -> Callable[..., Any]:
    def wrong(g, x):
        made = g * np.cos(x)
        made.flat[5] *= 1 + size
        return made

    return wrong


def zeroed(g, x):
    made = g * np.cos(x)
    made[17] = 0
    return made


def small_where_flat(g, x):
    """Wrong only where the derivative is small."""
    return g * np.where(np.abs(np.cos(x)) < 0.3, 1.02, 1.0) * np.cos(x)


def keeping() -> Callable[..., Any]:
    kept: dict[str, Any] = {}

    def stale(g, x):
        return g * kept.setdefault("slope", np.cos(x))

    return stale


def from_last_forward() -> Asked:
    last: dict[str, Any] = {}

    def forward(x):
        last["x"] = np.array(x)
        return np.sin(x)

    return Asked(forward, lambda g, x: g * np.cos(last["x"]))


def product_and_sum(x, y):
    return x * y, x + y


def extra_term(g, h, x, y):
    return g * y + h + g * h, g * x + h


def either_or(g, h, x, y):
    return (g * y if g.any() else h), g * x + h


DICE = np.random.default_rng(3)

WRONG: dict[str, tuple[str, Asked]] = {
    "g**2": ("GC110", Asked(wave, lambda g, x: g**2 * np.cos(x))),
    "sign(g)": ("GC110", Asked(wave, lambda g, x: np.sign(g) * np.cos(x))),
    "g / count_nonzero(g)": ("GC110", Asked(wave, lambda g, x: g / max(1, np.count_nonzero(g)) * np.cos(x))),
    "abs(g)": ("GC110", Asked(wave, lambda g, x: np.abs(g) * np.cos(x))),
    "relu(g)": ("GC110", Asked(wave, lambda g, x: np.maximum(g, 0) * np.cos(x))),
    "clip(g, -1, 1)": ("GC110", Asked(wave, lambda g, x: np.clip(g, -1, 1) * np.cos(x))),
    "clip(g, -5, 5)": ("GC110", Asked(wave, lambda g, x: np.clip(g, -5, 5) * np.cos(x))),
    "clipped norm": ("GC110", Asked(wave, lambda g, x: g * min(1, 1 / max(np.linalg.norm(g), 1e-9)) * np.cos(x))),
    "two outputs, extra product": ("GC110", Asked(product_and_sum, extra_term, (X, X + 1))),
    "two outputs, either or": ("GC110", Asked(product_and_sum, either_or, (X, X + 1))),
    "writes into g": ("GC113", Asked(wave, writes_cotangent)),
    "zeroes g after use": ("GC113", Asked(wave, zeroes_cotangent)),
    "writes into an input": ("GC114", Asked(wave, writes_input)),
    "reads storage": ("GC112", Asked(wave, reads_storage)),
    "reads in memory's order": ("GC112", Asked(wave, reads_in_memory_order)),
    "relative error 5e-4": ("GC201", Asked(wave, lambda g, x: g * np.cos(x) * (1 + 5e-4))),
    "relative error 1e-4": ("GC201", Asked(wave, lambda g, x: g * np.cos(x) * (1 - 1e-4))),
    "one entry, 1e-4": ("GC201", Asked(wave, one_entry(1e-4))),
    "one entry, 1e-6": ("GC201", Asked(wave, one_entry(1e-6))),
    "scaled by 1e-6, zero": ("GC201", Asked(lambda x: 1e-6 * np.sin(x), lambda g, x: 0 * g)),
    "scaled by 1e-6, flipped": ("GC201", Asked(lambda x: 1e-6 * np.sin(x), lambda g, x: -1e-6 * g * np.cos(x))),
    "wrong where the slope is small": ("GC201", Asked(wave, small_where_flat, (np.linspace(0.5, 2.5, 12),))),
    "float32 inside": ("GC117", Asked(wave, lambda g, x: (g.astype(np.float32) * np.cos(x)).astype(np.float64))),
    "float32 returned": ("GC103", Asked(wave, lambda g, x: (g * np.cos(x)).astype(np.float32))),
    "broadcast not summed": ("GC102", Asked(lambda x, b: x + b, lambda g, x, b: (g, g), (X, BIAS))),
    "None for a small influence": ("GC105", Asked(lambda x, b: x + 1e-7 * b, lambda g, x, b: (g, None), (X, BIAS))),
    "kept from the first call": ("GC116", Asked(wave, keeping())),
    "kept by the last forward": ("GC111", from_last_forward()),
    "random forward": ("GC502", Asked(lambda x: np.sin(x) + DICE.random(), rule)),
    "random rule": ("GC111", Asked(wave, lambda g, x: g * np.cos(x) + 1e-12 * DICE.random(x.shape))),
    "one of 100 zeroed": ("GC201", Asked(wave, zeroed, (LONG[:100],))),
    "hundreds rolled": ("GC201", Asked(wave, lambda g, x: np.roll(g * np.cos(x), 1), (LONG[:300],))),
    "hundreds averaged": ("GC201", Asked(wave, lambda g, x: np.full_like(g, np.mean(g * np.cos(x))), (LONG[:300],))),
    "zero among 1e5": ("GC201", Asked(wave, lambda g, x: 0 * g, (LONG,))),
    "negated among 2e5": ("GC201", Asked(wave, lambda g, x: -g * np.cos(x), (np.tile(LONG, 2),))),
    "abs, zero everywhere": ("GC201", Asked(np.abs, lambda g, x: 0 * g, (np.array([0.0, 1.0]),))),
    "abs at 0, zero everywhere": ("GC116", Asked(np.abs, lambda g, x: 0 * g, (np.array([0.0]),))),
}


LARGE = {"zero among 1e5", "negated among 2e5", "hundreds averaged"}


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n in LARGE else n for n in WRONG])
def test_wrong_rule_is_named(name: str) -> None:
    code, asked = WRONG[name]
    result = checked(asked)
    assert result.verdict == ("error" if code == "GC502" else "fail")
    assert set(faults(result)) == {code}


def test_wrong_entry_is_found_alone() -> None:
    for asked, count in ((WRONG["one entry, 1e-6"][1], 1), (WRONG["one of 100 zeroed"][1], 1)):
        assert [x.wrong for x in checked(asked).inputs] == [count]


def test_error_in_one_of_many_is_found_in_any_place() -> None:
    for k in range(12):

        def wrong(g, x, k=k):
            made = g * np.cos(x)
            made.flat[k] *= 1 + 1e-6
            return made

        (worst,) = checked(Asked(wave, wrong)).inputs[0].mismatches
        assert worst.input_index == np.unravel_index(k, X.shape)


class Sine(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return ops.sin(x)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * ops.cos(x)


class WritesSaved(Sine):
    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        made = g * ops.cos(x)
        x.data[...] = 0
        return made


class WritesCotangent(Sine):
    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        g.data[...] *= np.cos(x.data)
        return g


class KeepsLast(Sine):
    @staticmethod
    def forward(ctx, x):
        KeepsLast.last = x
        return ops.sin(x)

    @staticmethod
    def backward(ctx, g):
        return g * ops.cos(KeepsLast.last)


class Squares(Sine):
    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * g * ops.cos(x)


@pytest.mark.parametrize(
    ("function", "codes"),
    [(Sine, []), (WritesSaved, ["GC114"]), (WritesCotangent, ["GC113"]), (KeepsLast, ["GC111"]), (Squares, ["GC110"])],
)
def test_functions_of_tensors(function: type[Function], codes: list[str]) -> None:
    (result,) = verify(function, [Tensor(X, requires_grad=True)]).checks
    assert faults(result) == codes


# Right rules: passed, or said to be at a kink, or said to be undecidable; never called wrong.


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def sigmoid_rule(g, x):
    e = np.exp(-np.abs(x))
    return g * e / (1 + e) ** 2


def first_of_ties(g, x):
    return g * (np.arange(x.size) == np.argmax(x))


def shared_among_ties(g, x):
    ties = x == np.max(x)
    return g * ties / np.sum(ties)


def relu_rule(g, x):
    return g * (x > 0)


WEIGHTS = RNG.normal(size=(4, 3))
DECADES = 10.0 ** np.arange(-6, 7, 2)

RIGHT: dict[str, tuple[str, Asked]] = {
    "x about 1e8": ("pass", Asked(lambda x: np.sin(x / 1e8), lambda g, x: g * np.cos(x / 1e8) / 1e8, (X * 1e8,))),
    "x about 1e-8": ("pass", Asked(lambda x: np.sin(x / 1e-8), lambda g, x: g * np.cos(x / 1e-8) / 1e-8, (X * 1e-8,))),
    "square at 1e8": ("pass", Asked(lambda x: x * x, lambda g, x: 2 * x * g, (X * 1e8,))),
    "square at 1e-8": ("pass", Asked(lambda x: x * x, lambda g, x: 2 * x * g, (X * 1e-8,))),
    "offset of 1e8": ("pass or open", Asked(lambda x: np.sin(x) + 1e8, rule)),
    "sin(1e5 x)": ("pass", Asked(lambda x: np.sin(1e5 * x), lambda g, x: 1e5 * g * np.cos(1e5 * x))),
    "1/x near 0": ("pass", Asked(lambda x: 1 / x, lambda g, x: -g / x**2, (np.array([1e-9, -1e-7, 3e-5]),))),
    "log near 0": ("pass", Asked(np.log, lambda g, x: g / x, (np.array([1e-12, 1e-7, 2e-3]),))),
    "log very near 0": ("pass or open", Asked(np.log, lambda g, x: g / x, (np.array([1e-300, 1.0]),))),
    "relu a step beside its kink": ("pass", Asked(lambda x: np.maximum(x, 0), relu_rule, (np.array([1e-9, -1e-12, 1e-6]),))),
    "relu at its kink": ("kink", Asked(lambda x: np.maximum(x, 0), relu_rule, (np.array([0.0, 1.3]),))),
    "abs a step beside its kink": ("pass", Asked(np.abs, lambda g, x: g * np.sign(x), (np.array([1e-7, -1e-8, 0.5]),))),
    "abs at its kink": ("kink", Asked(np.abs, lambda g, x: g * np.sign(x), (np.array([0.0, 1.0]),))),
    "max of ties, the first": ("kink", Asked(np.max, first_of_ties, (np.array([1.0, 1.0, 0.0]),))),
    "max of ties, shared": ("kink", Asked(np.max, shared_among_ties, (np.array([1.0, 0.5, 1.0]),))),
    "clip at its bounds": (
        "kink",
        Asked(lambda x: np.clip(x, -1, 1), lambda g, x: g * (np.abs(x) <= 1), (np.array([1.0, -1.0, 0.5]),)),
    ),
    "float32": ("pass", Asked(wave, rule, (X.astype(np.float32),))),
    "float32, matrices": (
        "pass",
        Asked(
            lambda x, w: np.tanh(x @ w),
            lambda g, x, w: ((g * (1 - np.tanh(x @ w) ** 2)) @ w.T, x.T @ (g * (1 - np.tanh(x @ w) ** 2))),
            (X.astype(np.float32), WEIGHTS.astype(np.float32)),
        ),
    ),
    "a dozen decades in one Jacobian": (
        "pass",
        Asked(lambda x: DECADES * np.sin(x), lambda g, x: g * DECADES * np.cos(x), (DECADES / 1e6 + 1,)),
    ),
    "a dozen decades in one row": (
        "pass or open",
        Asked(lambda x: np.sum(DECADES * x, keepdims=True), lambda g, x: g * DECADES, (RNG.normal(size=7),)),
    ),
    "linear": ("pass", Asked(lambda x: 3 * x, lambda g, x: 3 * g)),
    "linear, far out": ("pass", Asked(lambda x: x @ WEIGHTS, lambda g, x: g @ WEIGHTS.T, (1e3 * X,))),
    "sigmoid, saturated on the left": ("pass", Asked(sigmoid, sigmoid_rule, (np.array([-30.0, -100.0, -12.0]),))),
    "sigmoid, saturated on the right": ("pass or open", Asked(sigmoid, sigmoid_rule, (np.array([20.0, 30.0, 40.0, 100.0]),))),
}
OPEN = {"GC301", "GC302", "GC303", "GC304"}


@pytest.mark.parametrize("name", RIGHT)
def test_right_rule_is_not_called_wrong(name: str) -> None:
    expected, asked = RIGHT[name]
    result = checked(asked)
    assert faults(result) == []
    kinks = sum(x.kinks for x in result.inputs)
    if expected == "pass":
        assert result.verdict == "pass"
        assert not kinks
    elif expected == "kink":
        assert result.verdict == "pass"
        assert kinks
    elif result.verdict != "pass":
        assert result.verdict == "inconclusive"
        assert OPEN & {f.code for f in result.findings}


@pytest.mark.slow
def test_two_hundred_thousand_right_entries_pass() -> None:
    assert checked(Asked(wave, rule, (np.tile(LONG, 2),))).verdict == "pass"


# The same in spec files, as far as the language goes.

TWO_OUTPUTS = """
    inputs: {x: [0.7, -1.1], y: [1.3, 0.4]}
    forward: |
      p = x * y
      s = x + y
      return p, s
"""
SPECS: dict[str, tuple[str, str]] = {
    "squared": ("GC110", "x: grad**2 * cos(x)"),
    "sign_of_cotangent": ("GC110", "x: sign(grad) * cos(x)"),
    "counted": ("GC110", "x: grad / maximum(sum(grad != 0), 1) * cos(x)"),
    "absolute": ("GC110", "x: abs(grad) * cos(x)"),
    "positive_part": ("GC110", "x: relu(grad) * cos(x)"),
    "clipped": ("GC110", "x: clip(grad, -1, 1) * cos(x)"),
    "clipped_far_out": ("GC110", "x: clip(grad, -5, 5) * cos(x)"),
    "norm_clipped": ("GC110", "x: grad * minimum(1, 1 / maximum(norm(grad), 1e-9)) * cos(x)"),
    "off_by_a_little": ("GC201", "x: grad * cos(x) * 1.0001"),
    "off_in_one_entry": ("GC201", "x: grad * cos(x) * (1 + 1e-6 * (arange(12).reshape((3, 4)) == 5))"),
    "one_zeroed": ("GC201", "x: grad * cos(x) * (arange(12).reshape((3, 4)) != 7)"),
    "rolled": ("GC201", "x: roll(grad * cos(x), 1)"),
    "averaged": ("GC201", "x: full_like(x, 1) * mean(grad * cos(x))"),
    "right": ("", "x: grad * cos(x)"),
}
OTHERS: dict[str, tuple[str, str]] = {
    "zero_of_small": ("GC201", "inputs: {x: [0.7, -1.1]}\n    forward: 1e-6 * sin(x)\n    backward: {x: 0 * grad}"),
    "flipped_small": (
        "GC201",
        "inputs: {x: [0.7, -1.1]}\n    forward: 1e-6 * sin(x)\n    backward: {x: -1e-6 * grad * cos(x)}",
    ),
    "single_precision": (
        "GC103",
        "inputs: {x: [0.7, -1.1]}\n    forward: sin(x)\n    backward: {x: 'astype(grad * cos(x), \"float32\")'}",
    ),
    "single_inside": (
        "GC117",
        "inputs: {x: [0.7, -1.1]}\n    forward: sin(x)\n"
        '    backward: {x: \'astype(astype(grad, "float32"), "float64") * cos(x)\'}',
    ),
    "not_summed": (
        "GC102",
        "inputs: {x: {shape: [3, 4]}, b: {shape: [4]}}\n    forward: x + b\n    backward: {x: grad, b: grad}",
    ),
    "none_of_small": (
        "GC105",
        "inputs: {x: {shape: [3, 4]}, b: {shape: [4]}}\n    forward: x + 1e-7 * b\n    backward: {x: grad, b: none}",
    ),
    "zero_of_many": ("GC201", "inputs: {x: {shape: [100000]}}\n    forward: sin(x)\n    backward: {x: 0 * grad}"),
    "zero_at_the_kink": ("GC116", "inputs: {x: [0.0]}\n    forward: abs(x)\n    backward: {x: 0 * grad}"),
    "zero_beside_the_kink": ("GC201", "inputs: {x: [0.0, 1.0]}\n    forward: abs(x)\n    backward: {x: 0 * grad}"),
    "extra_product": (
        "GC110",
        TWO_OUTPUTS.strip() + "\n    backward: {x: grad_p * y + grad_s + grad_p * grad_s, y: grad_p * x + grad_s}",
    ),
    "either_or": (
        "GC110",
        TWO_OUTPUTS.strip() + "\n    backward: {x: 'where(any(grad_p != 0), grad_p * y, grad_s)', y: grad_p * x + grad_s}",
    ),
    "far_out": ("", "inputs: {x: [1e8, -3e8]}\n    forward: sin(x / 1e8)\n    backward: {x: grad * cos(x / 1e8) / 1e8}"),
    "near_zero": ("", "inputs: {x: [1e-9, -1e-7]}\n    forward: 1 / x\n    backward: {x: -grad / x**2}"),
    "oscillating": ("", "inputs: {x: [0.7, -1.1]}\n    forward: sin(1e5 * x)\n    backward: {x: 1e5 * grad * cos(1e5 * x)}"),
    "at_the_kink": ("", "inputs: {x: [0.0, 1.0]}\n    expect: kink\n    forward: relu(x)\n    backward: {x: grad * (x > 0)}"),
    "ties": (
        "",
        "inputs: {x: [1.0, 1.0, 0.0]}\n    expect: kink\n    forward: max(x)\n"
        "    backward: {x: 'grad * one_hot(argmax(x), 3)'}",
    ),
    "at_the_bound": (
        "",
        "inputs: {x: [1.0, -1.0, 0.5]}\n    expect: kink\n    forward: clip(x, -1, 1)\n    backward: {x: grad * (abs(x) <= 1)}",
    ),
    "linear": ("", "inputs: {x: [1e3, -2.0]}\n    forward: 3 * x\n    backward: {x: 3 * grad}"),
}


def spec() -> str:
    lines = ["functions:"]
    for name, (_, entry) in SPECS.items():
        lines += [f"  {name}:", "    inputs: {x: {shape: [3, 4]}}", "    forward: sin(x)", "    backward:", f"      {entry}"]
    for name, (_, body) in OTHERS.items():
        lines += [f"  {name}:", f"    {body}"]
    return "\n".join(lines) + "\n"


def test_specs(tmp_path) -> None:
    path = tmp_path / "notes.gradcheck.yaml"
    path.write_text(spec())
    report = verify(path)
    expected = {name: {code} - {""} for name, (code, _) in (SPECS | OTHERS).items()}
    assert {c.function: set(faults(c)) for c in report.checks} == expected
    assert {c.function: c.verdict for c in report.checks} == {k: "fail" if v else "pass" for k, v in expected.items()}
