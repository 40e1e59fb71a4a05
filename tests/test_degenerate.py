"""Points at which wrong rules agree with right ones are named; `points:` looks at others."""

from __future__ import annotations

import numpy as np
import pytest

from gradcheck_cli import verify
from gradcheck_cli.run import run_specs

RNG = np.random.default_rng(0)
A = RNG.standard_normal((3, 3))
S = A + A.T


def product(x, y):
    return x * y


def notes(forward, inputs, backward):
    (check,) = verify(forward, inputs, backward=backward).checks
    assert check.verdict == "pass"
    return [(f.code, f.input_name, f.message) for f in check.findings if f.code in ("GC602", "GC605")]


@pytest.mark.parametrize(
    ("inputs", "name", "said"),
    [
        ([np.zeros(3), A[0]], "x", "all zeros"),
        ([np.ones(3), A[0]], "x", "all ones"),
        ([A[0], np.full(3, 2.5)], "y", "all entries of 'y' are equal"),
        ([S, A[0]], "x", "symmetric"),
        ([A[0], A[0].copy()], "y", "'x' and 'y' are equal"),
    ],
)
def test_special_values_are_named(inputs, name, said):
    found = notes(product, inputs, lambda g, x, y: (np.sum(g * y, axis=tuple(range(g.ndim - x.ndim))),
                                                    np.sum(g * x, axis=tuple(range(g.ndim - y.ndim)))))  # fmt: skip
    assert [(code, who) for code, who, _ in found if code == "GC602"] == [("GC602", name)]
    assert any(said in message for _, _, message in found)


def test_a_square_input_is_named_where_another_shape_would_do():
    def linear(x, y):
        return x @ y

    found = notes(linear, [A, A[0]], lambda g, x, y: (np.outer(g, y), x.T @ g))
    assert [(code, who) for code, who, _ in found] == [("GC605", "x")]
    assert notes(linear, [A[:2], A[0]], lambda g, x, y: (np.outer(g, y), x.T @ g)) == []

    def inverse(x):
        return np.linalg.inv(x)

    assert notes(inverse, [A], lambda g, x: -np.linalg.inv(x).T @ g @ np.linalg.inv(x).T) == []


def test_ordinary_inputs_are_not_named():
    assert notes(product, [A[0], A[1]], lambda g, x, y: (g * y, g * x)) == []
    assert notes(np.sin, [np.array(1.5)], lambda g, x: g * np.cos(x)) == []
    assert notes(product, [np.array(1.0), A[0]], lambda g, x, y: (np.sum(g * y), g * x)) == [], "one 1 among others"


HIDDEN = """
functions:
  f:
    inputs: {x: {shape: [2], uniform: [1.0, LARGEST]}}
    forward: x**2
    backward:
      x: grad * where(x < 1.5, 2 * x, 2 * x + 1)
    check: {points: POINTS}
"""


def test_a_pass_at_special_inputs_is_said_in_its_line(tmp_path):
    spec = tmp_path / "a.yaml"
    spec.write_text("functions: {f: {inputs: {x: [1.0, 1.0]}, forward: x**3, backward: {x: 3 * grad * x}}}")
    from gradcheck_cli.report.formats import render

    report = run_specs([str(spec)])
    assert report.exit_code == 0
    assert "the inputs may hide errors (GC602" in render(report)


def test_several_points_find_what_one_hides(tmp_path):
    spec = tmp_path / "a.yaml"
    verdicts = {}
    for points in (1, 20):
        spec.write_text(HIDDEN.replace("LARGEST", "1.6").replace("POINTS", str(points)))
        verdicts[points] = [run_specs([str(spec)], options={"seed": seed}).exit_code for seed in range(4)]
    assert 0 in verdicts[1], "one point often misses x >= 1.5"
    assert verdicts[20] == [1, 1, 1, 1]
