"""The cause that a report names for a wrong rule: the right one first, or none."""

from __future__ import annotations

import numpy as np
import pytest

from gradcheck_cli import verify
from gradcheck_cli.check.diagnosis.cause import CAUSES

RNG = np.random.default_rng(1)
X, Y, S, B = RNG.normal(size=(3, 4)), RNG.normal(size=(3, 4)), RNG.normal(size=(3, 3)), RNG.normal(size=4)
GRID = np.arange(9.0).reshape(3, 3)


def one_entry(g, x):
    found = g * np.cos(x)
    found[1, 2] *= 1.01
    return found


def last_row(g, x):
    found = g * np.cos(x)
    found[-1] *= 1.5
    return found


def border(g, x):
    found = g * np.cos(x)
    found[1:-1, 1:-1] *= 0.5
    return found


def single(x):
    return x.astype(np.float32).astype(np.float64)


def softmax(x):
    e = np.exp(x - np.max(x))
    return e / np.sum(e)


def relu_of(g, x, slope):
    return np.where(x > 0, slope * g, g)


V, W, T = RNG.normal(size=8), RNG.normal(size=(4, 4)), RNG.normal(size=(4, 4))
WIDE, P, C = RNG.normal(size=(4, 5)), RNG.uniform(0.5, 2.0, size=6), RNG.normal(size=3) + 1j * RNG.normal(size=3)
NEAR = np.array([-0.9, -0.7, -0.5, -0.2, -0.15, -0.05, 0.06, 0.1, 0.15, 0.24, 0.6, 0.71, 0.8, 0.9, 0.33, -0.41, 1.3, -1.5])

WRONG = {
    "a sign": ("sign", np.sin, lambda g, x: -g * np.cos(x), [X]),
    "the sign of the input that is read": ("sign", lambda x: x + np.exp(x), lambda g, x: g * (1 + np.exp(-x)), [X]),
    "a factor of two": ("factor", np.sin, lambda g, x: 2 * g * np.cos(x), [X]),
    "an odd factor": ("factor", np.sin, lambda g, x: g * np.cos(x) * 0.977, [X]),
    "an odd factor of a linear function": ("factor", lambda x: x / 7, lambda g, x: 1.01 * g / 7, [X]),
    "one by n": ("mean_for_sum", lambda x: np.sum(np.exp(x)), lambda g, x: g * np.exp(x) / 8, [V]),
    "a factor for each index": ("axis_factor", np.exp, lambda g, x: g * np.exp(x) * [1.0, 2.0, 0.3, 7.0], [X]),
    "a mean for a sum": ("mean_for_sum", lambda x: np.sum(np.sin(x)), lambda g, x: g * np.cos(x) / x.size, [X]),
    "a sum for a mean": ("sum_for_mean", lambda x: np.mean(np.sin(x)), lambda g, x: g * np.cos(x), [X]),
    "a value that is missing": ("missing_factor", lambda x: np.exp(x**2), lambda g, x: 2 * g * np.exp(x**2), [P]),
    "a transpose": ("transposed", lambda a: np.sum(a * GRID), lambda g, a: g * GRID.T, [S]),
    "a transpose of what the rule reads": ("transposed", lambda a: np.sum(a @ a), lambda g, a: g * _rows_and_columns(a), [W]),
    "the cotangent's transpose": ("transposed", lambda a: a * GRID, lambda g, a: g.T * GRID, [S]),
    "a reshape for a transpose": ("transposed", lambda a: a.T * 1.5, lambda g, a: 1.5 * g.reshape(a.shape), [X]),
    "a swap": ("swapped", lambda x, y: x * y, lambda g, x, y: (g * x, g * y), [X, Y]),
    "a swap in what is read": ("swapped", lambda x, y: x**2 * y, lambda g, x, y: (2 * g * x * y, g * y**2), [P, P[::-1] + 1]),
    "shapes swapped": ("swapped", lambda x, w: x @ w, lambda g, x, w: (x.T @ g, g @ w.T), [X, WIDE]),
    "a broadcast not summed": ("missing_sum", lambda x, b: x + b, lambda g, x, b: (g, g), [X, B]),
    "one slice for the sum": ("missing_sum", lambda x, b: x * b, lambda g, x, b: (g * b, (g * x)[0]), [X, B]),
    "only the diagonal": ("missing_sum", softmax, lambda g, x: g * softmax(x) * (1 - softmax(x)), [V]),
    "a shape": ("reshaped", np.sin, lambda g, x: (g * np.cos(x)).ravel(), [X]),
    "a gradient to be repeated": ("broadcast", lambda x: np.sum(x, axis=1), lambda g, x: g[:, None], [X]),
    "entries averaged": ("averaged", np.sin, lambda g, x: np.full(x.shape, np.mean(g * np.cos(x))), [B]),
    "one entry": ("single_entry", np.sin, one_entry, [X]),
    "one of two entries": ("single_entry", np.sin, lambda g, x: g * np.cos(x) * [1.0, 1.3], [np.array([0.4, 0.9])]),
    "the last row": ("region", np.sin, last_row, [X]),
    "inside the border": ("region", np.sin, border, [RNG.normal(size=(5, 6))]),
    "near a value": ("region", np.sin, lambda g, x: g * np.cos(x) * np.where(np.abs(x) < 0.3, 1.3, 1), [NEAR]),
    "the input in place of the output": ("input_for_out", np.exp, lambda g, x: g * x, [X]),
    "the output in place of the input": ("out_for_input", np.sin, lambda g, x: g * np.cos(np.sin(x)), [X]),
    "one side of zero": ("region", np.abs, lambda g, x: g * 1.0, [X]),
    "below zero only": ("region", lambda x: np.where(x > 0, x, 0.1 * x), lambda g, x: g * np.where(x > 0, 1.0, 0.3), [X]),
    "zero": ("zero", np.sin, lambda g, x: 0 * g, [X]),
    "zero on one side": ("zero", lambda x: np.where(x > 0, x, 0.1 * x), lambda g, x: g * (x > 0), [X]),
    "a roll": ("permuted", np.sin, lambda g, x: np.roll(g * np.cos(x), 1), [B]),
    "a reversal": ("permuted", np.sin, lambda g, x: (g * np.cos(x))[::-1], [B]),
    "another order": ("permuted", np.sin, lambda g, x: (g * np.cos(x))[[2, 0, 1, 5, 4, 3, 7, 6]], [V]),
    "a term": ("missing_term", lambda x: x * np.exp(x), lambda g, x: g * np.exp(x), [X]),
    "the sign of a term": ("missing_term", lambda x: x**2 + x, lambda g, x: g * (2 * x - 1), [X]),
    "a conjugate of the gradient": ("conjugate", lambda z: z * (2 + 1j), lambda g, z: np.conj(g * (2 - 1j)), [C]),
    "a conjugate": ("conjugate", lambda z: z * (2 + 1j), lambda g, z: g * (2 + 1j), [C]),
    "single precision": ("float32", lambda x: np.exp(8 * x), lambda g, x: g * single(8 * np.exp(single(8 * x))), [X]),
    "the modulus of the cotangent": ("nonlinear", np.sin, lambda g, x: np.abs(g) * np.cos(x), [X]),
    "the square of the cotangent": ("nonlinear", np.sin, lambda g, x: g**2 * np.cos(x), [X]),
    "no cotangent": ("nonlinear", np.sin, lambda g, x: np.cos(x), [X]),
    "a clipped cotangent": ("nonlinear", np.sin, lambda g, x: np.clip(g, -0.5, 0.5) * np.cos(x), [X]),
}


def _rows_and_columns(a):
    """The derivative of sum(a @ a) with the transpose of `a` in its place."""
    return np.ones_like(a) @ a + a @ np.ones_like(a)


@pytest.mark.parametrize("name", WRONG)
def test_the_cause_is_named_first(name):
    cause, f, rule, xs = WRONG[name]
    check = verify(f, xs, backward=rule).checks[0]
    assert check.verdict == "fail"
    named = [d for finding in check.findings for d in finding.diagnosis]
    assert named[0].cause == cause
    assert all(d.cause in CAUSES for d in named)
    assert named[0].message in " ".join(repr(verify(f, xs, backward=rule)).split())


def named(f, rule, xs):
    return [d for finding in verify(f, xs, backward=rule).checks[0].findings for d in finding.diagnosis]


def test_a_right_rule_has_no_cause():
    check = verify(np.sin, [X], backward=lambda g, x: g * np.cos(x)).checks[0]
    assert not any(x.diagnosis for x in check.inputs)


EVIDENCE = {
    "a sign": "numeric = -1.000000 x claimed on 12 of 12 entries",
    "an odd factor": "numeric = 1.023541 x claimed on 12 of 12 entries",
    "a mean for a sum": "numeric = 12.000000 x claimed on 12 of 12 entries, and the size of x is 12",
    "one entry": "only x[1,2] is wrong, all other entries are right",
    "one of two entries": "only x[1] is wrong, the other entry is right",
    "the last row": "at the last index along axis 0 (4 entries of x), right elsewhere; there numeric = 0.666667 x claimed",
    "inside the border": "away from the border (12 entries of x), right elsewhere; there numeric = 2 x claimed",
    "below zero only": "where x < 0",
    "a roll": "rolled by 1",
    "a term": "numeric - claimed = out x grad",
    "a broadcast not summed": "the forward broadcasts b from (4,) to (3, 4); sum over axis 0 gives the input's shape",
    "the square of the cotangent": "twice the cotangent gives 4 times the gradient",
    "near a value": "where |x| <= 0.24 (right from 0.33)",
}


@pytest.mark.parametrize("name", EVIDENCE)
def test_the_evidence_is_given(name):
    _, f, rule, xs = WRONG[name]
    assert EVIDENCE[name] in named(f, rule, xs)[0].message


UNTOLD = {
    "noise": (np.sin, lambda g, x: g * np.linspace(0.3, 1.9, 12).reshape(3, 4), [X]),
    "one number and an odd ratio": (lambda x: x * 3.0, lambda g, x: g * 2.9, [np.array([0.7])]),
    "one round number that three times another": (lambda x: 3.0 * x, lambda g, x: g, [np.array([0.7])]),
    "two signs of four that a sign tells apart by chance": (
        lambda x: np.array([1.0, 2.0, 3.0, 4.0]) * x,
        lambda g, x: np.array([1.0, 2.0, 3.3, 4.7]) * g,
        [np.array([-0.4, -1.0, 0.3, 0.8])],
    ),
    "errors that fade into the tolerance": (np.exp, lambda g, x: g * np.exp(x) * (1 + 1e-6 * 10**x), [np.linspace(-3, 1, 12)]),
}


@pytest.mark.parametrize("name", UNTOLD)
def test_what_the_numbers_do_not_show_is_not_said(name):
    f, rule, xs = UNTOLD[name]
    assert verify(f, xs, backward=rule).checks[0].verdict == "fail"
    assert named(f, rule, xs) == []


NOT_THAT = {
    "equal inputs are not swapped": ("swapped", lambda x, y: x * y, lambda g, x, y: (1.3 * g * y, g * x), [P, P]),
    "a symmetric gradient is not transposed": (
        "transposed",
        lambda a: np.sum(a * (GRID + GRID.T)),
        lambda g, a: 2 * g * (GRID + GRID.T),
        [S],
    ),
    "equal entries are not permuted": ("permuted", lambda x: np.sum(x) / 7, lambda g, x: -g * np.ones(4) / 7, [B]),
    "a factor that is no axis is no mean": ("mean_for_sum", lambda x: np.sum(np.exp(x)), lambda g, x: g * np.exp(x) / 5, [X]),
    "an error of 1e-5 is not single precision": ("float32", np.sin, lambda g, x: g * np.cos(x) * (1 + 1e-5 * x), [X]),
    "a zero that is right is no fault": ("zero", lambda x, y: x * 0 + y, lambda g, x, y: (0 * g, 1.7 * g * np.cos(y)), [X, Y]),
    "several entries are not one": ("single_entry", np.sin, last_row, [X]),
    "an extra factor is no missing term": ("missing_term", np.exp, lambda g, x: 2 * g * np.exp(x), [X]),
}


@pytest.mark.parametrize("name", NOT_THAT)
def test_a_wrong_cause_is_not_named(name):
    cause, f, rule, xs = NOT_THAT[name]
    assert verify(f, xs, backward=rule).checks[0].verdict == "fail"
    assert cause not in [d.cause for d in named(f, rule, xs)]


def test_single_precision_of_a_product_with_the_cotangent_is_a_finding_of_its_own():
    check = verify(np.exp, [X], backward=lambda g, x: single(g * np.exp(x))).checks[0]
    assert [f.code for f in check.findings] == ["GC117"]


def test_one_entry_of_a_triangle(tmp_path):
    spec = tmp_path / "f.yaml"
    spec.write_text(
        "functions:\n  f:\n    inputs: {L: {value: [[1.3, 0, 0], [0.4, 0.9, 0], [-0.7, 0.2, 1.1]], structure: lower}}\n"
        "    forward: sum(L**3)\n    backward:\n      L: grad * 3 * L**2 * [[1, 1, 1], [1, 1, 1], [1, 1.01, 1]]\n"
    )
    causes = [d for f in verify(str(spec)).checks[0].findings for d in f.diagnosis if d.cause != "edit"]
    assert [(d.cause, d.message) for d in causes] == [
        ("single_entry", "only L[2,1] is wrong, all other entries are right; there numeric = 0.990099 x claimed")
    ]
