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


WRONG = {
    "a sign": ("sign", np.sin, lambda g, x: -g * np.cos(x), [X]),
    "a factor of two": ("factor", np.sin, lambda g, x: 2 * g * np.cos(x), [X]),
    "an odd factor": ("factor", np.sin, lambda g, x: g * np.cos(x) * 0.977, [X]),
    "a mean for a sum": ("mean_for_sum", lambda x: np.sum(np.sin(x)), lambda g, x: g * np.cos(x) / x.size, [X]),
    "a sum for a mean": ("sum_for_mean", lambda x: np.mean(np.sin(x)), lambda g, x: g * np.cos(x), [X]),
    "a transpose": ("transposed", lambda a: np.sum(a * GRID), lambda g, a: g * GRID.T, [S]),
    "a swap": ("swapped", lambda x, y: x * y, lambda g, x, y: (g * x, g * y), [X, Y]),
    "a broadcast not summed": ("missing_sum", lambda x, b: x + b, lambda g, x, b: (g, g), [X, B]),
    "one slice for the sum": ("missing_sum", lambda x, b: x * b, lambda g, x, b: (g * b, (g * x)[0]), [X, B]),
    "one entry": ("single_entry", np.sin, one_entry, [X]),
    "the last row": ("region", np.sin, last_row, [X]),
    "the input in place of the output": ("input_for_out", np.exp, lambda g, x: g * x, [X]),
    "one side of zero": ("region", np.abs, lambda g, x: g * 1.0, [X]),
    "zero": ("zero", np.sin, lambda g, x: 0 * g, [X]),
    "a roll": ("permuted", np.sin, lambda g, x: np.roll(g * np.cos(x), 1), [B]),
    "a term": ("missing_term", lambda x: x * np.exp(x), lambda g, x: g * np.exp(x), [X]),
    "the modulus of the cotangent": ("nonlinear", np.sin, lambda g, x: np.abs(g) * np.cos(x), [X]),
}


@pytest.mark.parametrize("name", WRONG)
def test_the_cause_is_named_first(name):
    cause, f, rule, xs = WRONG[name]
    check = verify(f, xs, backward=rule).checks[0]
    assert check.verdict == "fail"
    named = [d for finding in check.findings for d in finding.diagnosis]
    assert named[0].cause == cause
    assert all(d.cause in CAUSES for d in named)
    assert named[0].message in " ".join(repr(verify(f, xs, backward=rule)).split())


def test_nothing_is_said_of_noise():
    noise = RNG.normal(size=X.shape)
    check = verify(np.sin, [X], backward=lambda g, x: g * noise).checks[0]
    assert check.verdict == "fail"
    assert not [d for finding in check.findings for d in finding.diagnosis]


def test_a_right_rule_has_no_cause():
    check = verify(np.sin, [X], backward=lambda g, x: g * np.cos(x)).checks[0]
    assert not any(x.diagnosis for x in check.inputs)
