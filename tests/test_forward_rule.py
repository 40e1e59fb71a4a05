"""`jvp:` rules of specs: wrong ones are caught down to 1e-6 in one entry, right ones are not accused."""

from __future__ import annotations

from textwrap import dedent, indent

import pytest

from gradcheck_cli import verify

RIGHT = "t_x * (cos(x) * x + sin(x))"
BACKWARD = "backward: {x: grad * (cos(x) * x + sin(x))}"


def check(tmp_path, body):
    path = tmp_path / "f.yaml"
    path.write_text("functions:\n  f:\n" + indent(dedent(body).strip("\n"), "    ") + "\n")
    return verify(path).checks


def one(tmp_path, jvp, forward="sin(x) * x", inputs="{x: [0.3, -1.2, 0.7]}", backward=BACKWARD):
    (found,) = check(tmp_path, f'inputs: {inputs}\nforward: {forward}\n{backward}\njvp: "{jvp}"')
    return found


def codes(found):
    return [f.code for f in found.findings if f.verdict != "note"]


@pytest.mark.parametrize("backward", [BACKWARD, ""])
def test_right_and_nearly_right(tmp_path, backward):
    assert one(tmp_path, RIGHT, backward=backward).verdict == "pass"
    assert one(tmp_path, f"1.00000005 * {RIGHT}", backward=backward).verdict == "pass", "within rtol"
    found = one(tmp_path, f"{RIGHT} * array([1, 1.000001, 1])", backward=backward)
    assert codes(found) == ["GC203", "GC204"]
    assert "is wrong in 1 of 9 entries; dout[1]/dx[1]: jvp -1.36686976" in found.findings[0].message


@pytest.mark.parametrize(
    ("jvp", "message"),
    [
        ("t_x**2 * (cos(x) * x + sin(x))", "the tangent times -1 gives"),
        ("abs(t_x) * (cos(x) * x + sin(x))", "the tangent times -1 gives"),
        ("clip(t_x, -5, 5) * (cos(x) * x + sin(x))", "the tangent times -2 gives"),
        ("maximum(t_x, -1000) * (cos(x) * x + sin(x))", "the tangent times 1024 gives"),
        ("astype(astype(t_x, 'float32'), 'float64') * (cos(x) * x + sin(x))", "one by one they add up to"),
    ],
)
def test_rules_that_are_not_linear(tmp_path, jvp, message):
    found = one(tmp_path, jvp)
    assert codes(found) == ["GC203"]
    assert "is not linear in the tangents" in found.findings[0].message
    assert message in found.findings[0].message


@pytest.mark.parametrize(
    "jvp", ["cos(x) * x + sin(x)", f"{RIGHT} + 1e-9", f"0 * {RIGHT}", f"-({RIGHT})", f"{RIGHT} * log(-1.0 + 0 * x)"]
)
def test_wrong_values(tmp_path, jvp):
    assert "GC203" in codes(one(tmp_path, jvp))


def test_products_of_tangents(tmp_path):
    (found,) = check(tmp_path, "inputs: {a: [0.7, -1.1], b: [1.3, 0.4]}\nforward: a * b\njvp: t_a * b + a * t_b + t_a * t_b")
    assert codes(found) == ["GC203"]
    assert "not linear" in found.findings[0].message


@pytest.mark.parametrize(
    ("jvp", "code", "message"),
    [
        (f"sum({RIGHT})", "GC102", "the tangent of 'out' must have the output's shape (3,), but has ()"),
        (f"({RIGHT})[None]", "GC102", "must have the output's shape (3,), but has (1, 3)"),
        (f"astype({RIGHT}, 'float32')", "GC103", "must have the output's dtype float64, but has float32"),
        ("t_x > 0", "GC103", "but has bool"),
        ("t_x[5] * x", "GC106", "cannot be evaluated"),
    ],
)
def test_the_contract(tmp_path, jvp, code, message):
    found = one(tmp_path, jvp)
    assert codes(found) == [code]
    assert message in found.findings[0].message
    assert found.findings[0].location.line == 6, "where the jvp rule stands"


TWO = """
inputs: {a: [0.7, -1.1], b: [1.3, 0.4]}
forward: |
  p = a * b
  s = sum(sin(a))
  return p, s
outputs: [p, s]
jvp: |
  return JVP
cases:
  other: {inputs: {a: [2.0, 1.5], b: [0.5, 0.25]}}
"""


def test_several_outputs_and_cases(tmp_path):
    right = "{s: sum(t_a * cos(a)), p: t_a * b + a * t_b}"
    assert [c.verdict for c in check(tmp_path, TWO.replace("JVP", right))] == ["pass", "pass"]
    wrong = "t_a * b + a * t_b * 1.000001, sum(t_a * cos(a))"
    for found in check(tmp_path, TWO.replace("JVP", wrong)):
        assert codes(found) == ["GC203", "GC204"]
        assert {f.input_name for f in found.findings} == {"b"}
    only_here = "t_a * b + a * t_b + 0 * t_b, sum(t_a * cos(a)) + sum(t_b * (b - array([1.3, 0.4])))"
    assert [c.verdict for c in check(tmp_path, TWO.replace("JVP", only_here))] == ["pass", "fail"]


def test_complex_inputs_and_single_precision(tmp_path):
    z, back = "{z: {value: [1+2j, 0.5-1j], dtype: complex128}}", "backward: {z: grad * conj(2 * z)}"
    assert one(tmp_path, "t_z * 2 * z", "z * z", z, back).verdict == "pass"
    assert codes(one(tmp_path, "t_z * 2 * conj(z)", "z * z", z, back)) == ["GC203", "GC204"]
    x, back = "{x: {value: [1.5, 2.5], dtype: float32}}", "backward: {x: grad * 2 * x}"
    assert one(tmp_path, "t_x * 2 * x", "x * x", x, back).verdict == "pass"
    assert codes(one(tmp_path, "t_x * 2.001 * x", "x * x", x, back)) == ["GC203", "GC204"]


def test_at_a_kink_both_rules_may_choose(tmp_path):
    inputs, back = "{x: [0.0, 1.0]}", "backward: {x: grad * sign(x)}"
    assert one(tmp_path, "t_x * where(x >= 0, 1.0, -1.0)", "abs(x)", inputs, back).verdict == "pass"
    assert "GC203" in codes(one(tmp_path, "t_x * where(x >= 0, 2.0, -1.0)", "abs(x)", inputs, back))


def test_where_differences_cannot_see_the_rules_are_compared(tmp_path):
    back = "backward: {x: grad * cos(x)}"
    assert one(tmp_path, "t_x * cos(x)", "sin(x) + 1e10", backward=back).verdict == "pass"
    assert codes(one(tmp_path, "t_x * cos(x) * 1.000001", "sin(x) + 1e10", backward=back)) == ["GC204"]


@pytest.mark.parametrize("last", ["1.000001", "1.0000000001"])
def test_ill_conditioned_rules_are_not_accused(tmp_path, last):
    inputs, back = f"{{x: [[1.0, 1.0], [1.0, {last}]]}}", "backward: {x: -inv(x).T @ grad @ inv(x).T}"
    assert set(codes(one(tmp_path, "-inv(x) @ t_x @ inv(x)", "inv(x)", inputs, back))) <= {"GC301"}
    assert one(tmp_path, "-inv(x) @ t_x @ inv(x) * 1.01", "inv(x)", inputs, back).verdict != "pass"


@pytest.mark.slow
def test_large_problems(tmp_path):
    inputs, back = "{x: {shape: [2100]}}", "backward: {x: grad * cos(x)}"
    assert one(tmp_path, "t_x * cos(x)", "sin(x)", inputs, back).verdict == "pass"
    assert "GC203" in codes(one(tmp_path, "t_x * cos(x) * 1.00001", "sin(x)", inputs, back))
    assert "GC203" in codes(one(tmp_path, "clip(t_x, -5, 5) * cos(x)", "sin(x)", inputs, back))


def test_nothing_to_push(tmp_path):
    assert one(tmp_path, "t_x * 2", "x * 2", "{x: {shape: [0, 3]}}", "backward: {x: grad * 2}").verdict == "pass"
    assert one(tmp_path, "t_x * 2", "x * 2", "{x: 1.5}", "backward: {x: grad * 2}").verdict == "pass"
    (found,) = check(
        tmp_path,
        "inputs: {x: [0.7, -1.1]}\nforward: |\n  return x * x, argmax(x)\noutputs: [p, k]\njvp: |\n  return 2 * x * t_x, 0",
    )
    assert found.verdict == "pass"
