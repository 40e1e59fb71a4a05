"""The dot-product test: the engine's derivative of the forward against the rule. It settles, and never accuses."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from gradcheck_cli import Function, Tensor, ops, verify
from gradcheck_cli.check import dot_product
from gradcheck_cli.check.claimed import Outputs
from gradcheck_cli.check.comparison import Judged
from gradcheck_cli.check.coordinates import Coordinates
from gradcheck_cli.check.dense import dense_cotangent, dense_tangent
from gradcheck_cli.check.engine_problem import tensor_problem
from gradcheck_cli.check.problem import Input
from gradcheck_cli.check.verdict import Tolerance, Verdict
from gradcheck_cli.cli import main
from gradcheck_cli.engine.modes import MODE
from gradcheck_cli.report.formats import Options
from gradcheck_cli.report.full import render as full
from gradcheck_cli.report.json import as_dict

DOCUMENT = Path(__file__).parents[1] / "docs" / "dot-product.md"
RIGHT = "grad * (1.5 * abs(x)**0.5 * sign(x) * sin(x) + abs(x)**1.5 * cos(x))"
OFFSET = "abs(x)**1.5 * sin(x) + 1e10"


def spec(tmp_path, forward, rule, inputs="{x: [0.4, -1.3]}", more=""):
    path = tmp_path / "f.yaml"
    path.write_text(f"functions:\n  f:\n    inputs: {inputs}\n    forward: {forward}\n    backward: {{x: '{rule}'}}\n{more}")
    (found,) = verify(path).checks
    return found


class Cube(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 3 * g * x * x


def test_the_products_are_those_of_the_closed_form():
    x = np.array([0.3, -1.2, 0.7])
    (found,) = verify(Cube, [x]).checks
    expected = np.sum(dense_cotangent(3) * 3 * x**2 * dense_tangent(3))
    products = found.dot_product
    assert products.agrees is True
    assert products.forward == pytest.approx(expected, rel=1e-14)
    assert products.backward == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("factor", [1 + 1e-6, 1 - 1e-5, -1.0])
def test_a_wrong_rule_shows_but_the_differences_accuse_it(factor):
    class Wrong(Cube):
        @staticmethod
        def backward(ctx, g):
            return factor * Cube.backward(ctx, g)

    (found,) = verify(Wrong, [np.array([0.3, -1.2, 0.7])]).checks
    assert (found.verdict, found.dot_product.agrees) == ("fail", False)
    assert found.dot_product.relative_difference == pytest.approx(abs(factor - 1) / (1 + abs(factor)), rel=1e-6)


@pytest.mark.parametrize(
    ("f", "inputs"),
    [
        (lambda x, w: ops.softmax(x @ w), [np.ones((2, 3)) * 0.1, np.arange(12.0).reshape(3, 4)]),
        (lambda x, n: (x * 2.0, ops.argmax(x), ops.sum(x)), [np.array([1.0, 3.0]), np.array([1, 2])]),
        (lambda z: z * ops.conj(z) * (1 + 2j), [np.array([0.3 + 1j, 1 - 2j])]),
        (lambda z: ops.abs(z), [np.array([0.3 + 1j, 1 - 2j])]),
        (lambda x: x * (1 + 2j), [np.array([0.3, 1.0])]),
        (lambda x: ops.exp(x), [np.zeros((0, 3))]),
        (lambda x: ops.exp(x), [np.array(0.5)]),
        (lambda x: ops.exp(x), [np.float32([0.5, 2.0])]),
        (lambda x, b: x + b, [np.ones((2, 3)), np.ones(3)]),
        (lambda x: ops.stop_gradient(x) * x, [np.array([0.3, 1.0])]),
    ],
)
def test_the_modes_agree(f, inputs):
    (found,) = verify(f, inputs).checks
    assert found.dot_product.agrees is True
    assert found.dot_product.skipped == ""


def test_large_problems_have_it_too():
    (found,) = verify(Cube, [np.linspace(-2, 2, 2000)], mode="projected").checks
    assert found.projected
    assert found.dot_product.agrees is True


@pytest.mark.parametrize("claimed", [0.0, 0.3, 1.0])
def test_at_a_kink_nothing_is_said(claimed):
    class Relu(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return ops.maximum(x, 0.0)

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * ops.where(x == 0, claimed, ops.where(x > 0, 1.0, 0.0))

    (found,) = verify(Relu, [np.array([0.0, 1.0, -1.0])]).checks
    assert found.verdict == "pass"
    assert found.dot_product.agrees is None
    assert "at a kink" in found.dot_product.skipped


def test_products_that_are_not_finite_say_nothing():
    (found,) = verify(lambda x: ops.sqrt(x), [np.array([0.0, 1.0])]).checks
    assert found.dot_product.agrees is None
    assert found.dot_product.skipped == "a product is not finite"


def test_what_leaves_the_engine_is_skipped():
    x = np.array([0.3, 1.0])
    (found,) = verify(np.sin, [x], backward=lambda g, x: g * np.cos(x)).checks
    assert found.verdict == "pass"
    assert found.dot_product.skipped == "the forward does not run on the engine"

    class OnArrays(Cube):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return Tensor(x.data**3)

    (found,) = verify(OnArrays, [x]).checks
    assert found.verdict == "pass"
    assert found.dot_product.skipped.endswith("the forward leaves the engine")


def test_an_error_on_this_road_is_no_fault_of_the_rule():
    def f(x):
        if not MODE.rules:
            raise KeyError("only here")
        return Cube.apply(x)

    (found,) = verify(f, [np.array([0.3, 1.0])]).checks
    assert found.verdict == "pass"
    assert found.dot_product.skipped == "the engine cannot differentiate the forward: KeyError: 'only here'"


def test_a_right_rule_of_a_forward_that_hides_a_part_is_not_accused():
    class Partly(Cube):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x + Tensor(x.data**3 - x.data**2)

    (found,) = verify(Partly, [np.array([0.3, 1.0])]).checks
    assert (found.verdict, found.dot_product.agrees) == ("pass", False)
    assert found.findings == ()


def test_a_right_rule_that_differences_cannot_resolve_is_settled(tmp_path, monkeypatch):
    found = spec(tmp_path, OFFSET, RIGHT)
    assert (found.verdict, found.dot_product.settled) == ("pass", 2)
    monkeypatch.setattr(dot_product, "without_rules", lambda: 1 / 0)
    assert spec(tmp_path, OFFSET, RIGHT).verdict == "inconclusive"


@pytest.mark.parametrize("factor", ["1.000001", "0.99999", "1.001", "1.5", "0"])
def test_a_wrong_one_is_not(tmp_path, factor):
    found = spec(tmp_path, OFFSET, f"{factor} * {RIGHT}")
    assert found.verdict in ("inconclusive", "fail")
    assert (found.dot_product.agrees, found.dot_product.settled) == (False, 0)


def test_one_wrong_entry_stays_open(tmp_path):
    found = spec(tmp_path, OFFSET, f"{RIGHT} * array([1, 1.000001])")
    assert (found.verdict, found.dot_product.settled) == ("inconclusive", 1)


def test_python_code_is_not_settled():
    """A forward may lose a dependence on the way, and a rule the same one."""

    class Standardised(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.scale = ops.std(x.detach())
            return x / ctx.scale + 1e10

        @staticmethod
        def backward(ctx, g):
            return g / ctx.scale

    (found,) = verify(Standardised, [np.array([0.3, 1.0, 2.5])]).checks
    assert found.verdict != "pass"
    assert found.dot_product.settled == 0


def test_the_op_table_does_not_settle_itself(tmp_path):
    path = tmp_path / "f.yaml"
    path.write_text(f"functions:\n  f:\n    inputs: {{x: [0.4, -1.3]}}\n    forward: {OFFSET}\n")
    (found,) = verify(path).checks
    assert (found.verdict, found.dot_product.settled) == ("inconclusive", 0)


def settled(f, x, claimed, numeric, bound, verdict=Verdict.NOISE):
    """The verdict of a single entry after the engine was heard."""
    problem = tensor_problem("f", [Input("x", np.array(x))], f)
    derivative = dot_product.EngineDerivative(problem, Outputs((), [np.array(f(Tensor(x)).data)], ()))
    judged = Judged(*(np.array([[value]]) for value in (claimed, numeric, bound, np.int8(verdict))))
    found, count = dot_product.settle(derivative, 0, judged, Coordinates(np.array(x)), Tolerance(1e-7))
    assert count == (found.verdict[0, 0] != verdict)
    return Verdict(found.verdict[0, 0])


def test_what_settles_an_entry_and_what_does_not():
    def f(x):
        return x**3

    assert settled(f, 2.0, 12.0, 12.1, 0.2) is Verdict.AGREE
    assert settled(f, 2.0, 12.0 * (1 + 1e-8), 12.1, 0.2, Verdict.SCALES) is Verdict.AGREE
    assert settled(f, 2.0, 12.0 * (1 + 2e-7), 12.1, 0.2) is Verdict.NOISE, "not the claimed value"
    assert settled(f, 2.0, 12.0, 12.1, 0.05) is Verdict.NOISE, "outside of the difference's error"
    assert settled(f, 2.0, 12.0, 12.1, np.inf) is Verdict.NOISE, "there is no such error"
    assert settled(f, 2.0, np.nan, 12.1, 0.2) is Verdict.NOISE
    assert settled(f, 0.0, 0.0, 0.0, 0.2) is Verdict.NOISE, "a zero may be one of an op without a rule"
    for other in (Verdict.DISAGREE, Verdict.NEAR_KINK, Verdict.NOT_FINITE, Verdict.KINK_OUTSIDE):
        assert settled(f, 2.0, 12.0, 12.1, 0.2, other) is other


def test_values_that_move_with_the_rounding_of_inputs_settle_nothing(monkeypatch):
    def f(x):
        return (x - 1.0) ** 3

    x = 1.0 + 2.0**-30
    assert settled(f, x, 3 * 2.0**-60, 0.0, 1e-6) is Verdict.NOISE
    monkeypatch.setattr(dot_product, "SHAKES", ())
    assert settled(f, x, 3 * 2.0**-60, 0.0, 1e-6) is Verdict.AGREE


def test_with_a_fixed_step_nothing_is_settled(tmp_path):
    found = spec(tmp_path, OFFSET, RIGHT, more="    check: {eps: 1e-6}\n")
    assert found.dot_product.settled == 0


def test_broken_contracts_and_surrogates_have_none(tmp_path):
    assert spec(tmp_path, "x * x", "grad[0]").dot_product is None
    path = tmp_path / "s.yaml"
    path.write_text(
        "functions:\n  s:\n    inputs: {x: 0.4}\n    forward: sign(x)\n    backward: {x: grad}\n    surrogate: true\n"
    )
    assert verify(path).checks[0].dot_product is None


def test_reports_show_it(tmp_path):
    path = tmp_path / "f.yaml"
    path.write_text(re.search(r"```yaml\n(.*?)```", DOCUMENT.read_text(), re.S)[1])
    report = verify(path)
    keys = re.findall(r"^\| `(\w+)` \|", DOCUMENT.read_text(), re.M)
    shown = as_dict(report)["checks"][0]["dot_product"]
    assert list(shown) == keys
    assert shown["agrees"] is True
    assert shown["settled"] == 2
    assert json.dumps(shown, allow_nan=False)
    text = full(report, Options(verbose=1))
    assert "they agree to" in text
    assert "settled 2 entries" in text
    assert "dot product" not in full(report, Options())


@pytest.mark.parametrize(
    ("options", "made"),
    [([], 0), (["-q"], 0), (["--output-format", "concise"], 0), (["-v"], 1), (["--output-format", "json"], 1)],
)
def test_the_command_line_asks_for_it_where_it_is_shown(tmp_path, monkeypatch, options, made):
    path, asked = tmp_path / "f.yaml", []
    path.write_text("functions: {f: {inputs: {x: 0.4}, forward: x * x, backward: {x: 2 * x * grad}}}")
    original = dot_product.dot_product
    monkeypatch.setattr(dot_product, "dot_product", lambda *a: asked.append(a) or original(*a))
    assert CliRunner().invoke(main, ["run", str(path), *options]).exit_code == 0
    assert len(asked) == made
