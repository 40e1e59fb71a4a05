"""The dot-product test: a second opinion that needs no differences, settles what they leave open, and never accuses."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gradcheck_cli import Function, ops, verify
from gradcheck_cli.report.formats import render
from gradcheck_cli.run import run_specs

X = np.array([0.4, 1.3, -0.7])


def checked(tmp_path, text):
    spec = tmp_path / "a.yaml"
    spec.write_text("functions:\n  f:\n" + text)
    return run_specs([str(spec)])


SINES = """
    inputs: {x: [0.4, 1.3, -0.7], w: 0.6}
    forward: sin(w * x) * x
    backward:
      x: grad * (w * cos(w * x) * x + sin(w * x)FACTOR)
      w: sum(grad * cos(w * x) * x**2)
"""


def test_both_sides_agree_to_rounding(tmp_path):
    d = checked(tmp_path, SINES.replace("FACTOR", "")).checks[0].dot_product
    assert d.agrees
    assert d.difference < 1e-15
    assert abs(d.forward) > 0.01


def test_a_wrong_rule_shows_in_it_down_to_rounding(tmp_path):
    for error in ("1.01", "1.0001", "1.000001", "1.00000001"):
        d = checked(tmp_path, SINES.replace("FACTOR", f" * {error}")).checks[0].dot_product
        assert not d.agrees
        assert d.difference == pytest.approx(float(error) - 1, rel=0.9)


def test_functions_have_it_and_rules_on_arrays_have_not(tmp_path):
    class Square(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 2 * g * x

    class Hidden(Square):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return ops.add(x.detach() * x.detach(), 0.0)

    assert verify(Square.apply, [X]).checks[0].dot_product.agrees
    assert verify(Hidden.apply, [X]).checks[0].dot_product is None, "its forward is not recorded"
    assert verify(Hidden.apply, [X]).checks[0].verdict == "pass"
    assert verify(np.square, [X], backward=lambda g, x: 2 * g * x).checks[0].dot_product is None
    assert checked(tmp_path, "    inputs: {x: 1.5}\n    forward: sin(x)\n").checks[0].dot_product is None, "one road only"


def test_it_settles_what_noise_hides(tmp_path):
    """The slope of a saturated tanh under an offset; of a maximum the complex step is no witness."""
    text = '    inputs: {x: 12.5}\n    forward: 1e6 + maximum(tanh(x), 0)\n    backward: {x: "grad * RULE"}\n'
    right = checked(tmp_path, text.replace("RULE", "(1 / cosh(x)**2)")).checks[0]
    assert right.verdict == "pass"
    wrong = checked(tmp_path, text.replace("RULE", "(1.000002 / cosh(x)**2)")).checks[0]
    assert wrong.verdict == "inconclusive"


def test_it_never_accuses(tmp_path):
    """At a kink the engine has its own choice."""
    report = checked(tmp_path, "    inputs: {x: [0.0, 2.0]}\n    forward: relu(x)\n    backward: {x: grad * (x >= 0)}\n")
    (check,) = report.checks
    assert check.verdict == "pass"
    assert not check.dot_product.agrees
    assert "by the rule differ" in render(report, "full", _verbose())
    assert json.loads(render(report, "json"))["checks"][0]["dot_product"]["agrees"] is False


def test_complex_numbers_and_several_outputs(tmp_path):
    d = checked(
        tmp_path,
        """
    inputs: {z: {value: [1.0, -2.0], dtype: complex128}, x: [0.5, 1.5]}
    outputs: [p, q]
    forward: |
      return z**2 * x, sum(x)
    backward: |
      return grad_p * conj(2 * z * x), real(grad_p * conj(z**2)) + grad_q
""",
    ).checks[0]
    assert d.verdict == "pass"
    assert d.dot_product.agrees


def test_forward_rules_are_held_against_backward_rules(tmp_path):
    """A transposed jvp of a square Jacobian."""
    text = """
    inputs: {x: [0.4, 1.3], A: {value: [[1.0, 2.0], [3.0, 5.0]], requires_grad: false}}
    forward: A @ x
    backward: {x: A.T @ grad}
    jvp: RULE @ t_x
"""
    assert checked(tmp_path, text.replace("RULE", "A")).exit_code == 0
    codes = {f.code for f in checked(tmp_path, text.replace("RULE", "A.T")).checks[0].findings}
    assert codes >= {"GC203", "GC204"}


def _verbose():
    from gradcheck_cli.report.formats import Options

    return Options(verbose=1)
