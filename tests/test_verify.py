"""verify() in all its forms: what it accepts, what it finds, what it leaves alone, and what it gives back."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest

from gradcheck_cli import Function, Report, SpecError, Tensor, UsageError, VerificationError, no_grad, ops, verify

SPECS = Path(__file__).parent.parent / "specs"
X = np.array([0.7, -1.3, 2.1])


class Quadratic(Function):
    """The tutorial's custom function."""

    @staticmethod
    def forward(ctx, x, a, b, c):
        ctx.save_for_backward(x, a, b)
        return a * x**2 + b * x + c

    @staticmethod
    def backward(ctx, g):
        x, a, b = ctx.saved_tensors
        return g * (2 * a * x + b), g * x**2, g * x, g


class DetachedCube(Function):
    """Right to first order, wrong to second: the rule takes x for a constant."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 3 * g * x.detach() ** 2


def square(x):
    return x * x


def square_rule(g, x):
    return 2 * g * x


def only(report):
    (check,) = report.checks
    return check


def codes(report):
    """What was found, besides notes."""
    return [f.code for f in only(report).findings if f.verdict != "note"]


def found(report, code, verdict="fail"):
    """The only finding, after seeing that the report says so in every way."""
    assert codes(report) == [code]
    assert only(report).verdict == verdict
    assert not report.ok
    assert not report
    assert code in repr(report)
    return next(f for f in only(report).findings if f.code == code)


# Callables.


def test_arrays_and_a_rule():
    report = verify(square, [X], backward=square_rule)
    assert report.ok
    assert report
    assert report.exit_code == 0
    assert only(report).function == "square"
    (x,) = only(report).inputs
    assert (x.name, x.shape, x.entries, x.checked, x.verdict) == ("x", (3,), 9, 9, "pass")
    np.testing.assert_allclose(x.claimed, np.diag(2 * X), rtol=0, atol=0)
    np.testing.assert_allclose(x.numeric, np.diag(2 * X), rtol=1e-9, atol=1e-12)
    assert x.error_bound.shape == x.verdicts.shape == (3, 3)
    assert np.all(np.abs(x.claimed - x.numeric) <= np.maximum(x.error_bound, 1e-7 * np.abs(x.claimed)))


def test_wrong_rule_says_which_entry_and_both_numbers():
    report = verify(square, [X], backward=lambda g, x: g * x)
    finding = found(report, "GC201")
    assert finding.input_name == "x"
    (x,) = only(report).inputs
    assert x.wrong == 3
    assert [m.input_index for m in x.mismatches] == [(0,), (1,), (2,)] or len(x.mismatches) == 3
    for m in x.mismatches:
        assert m.output_index == m.input_index
        assert m.claimed == X[m.input_index]
        assert m.numeric == pytest.approx(2 * X[m.input_index], rel=1e-9)
        assert m.relative_error == pytest.approx(0.5, rel=1e-6)
    assert "d out[" in finding.message
    assert report.exit_code == 1


def test_mismatches_come_worst_first():
    report = verify(square, [X], backward=lambda g, x: 2 * g * x * np.array([1.001, 1.5, 1.1]))
    assert [m.input_index for m in only(report).inputs[0].mismatches] == [(1,), (2,), (0,)]


@pytest.mark.parametrize(
    "backward",
    [
        lambda g, x, y: (g * y, g * x),
        lambda grad, x, y: [grad * y, grad * x],
        lambda x, y, grad: (grad * y, grad * x),
        lambda y, grad, x: (grad * y, grad * x),
        lambda out, grad, x, y: (grad * out / x, grad * out / y),
        lambda x, y, dout: (dout * y, dout * x),
        lambda g, x, y: {"y": g * x, "x": g * y},
        lambda *args: (args[0] * args[2], args[0] * args[1]),
        lambda g, x, y, scale=1.0: (g * y * scale, g * x),
    ],
)
def test_the_ways_in_which_a_rule_may_take_and_give(backward):
    assert verify(lambda x, y: x * y, [X, X + 3], backward=backward).ok


def test_rule_for_those_inputs_that_require_a_gradient():
    n = np.array([1, 2, 3])
    assert verify(lambda x, n: x**n, [X, n], backward=lambda g, x, n: g * n * x ** (n - 1)).ok
    assert verify(lambda x, n: x**n, [X, n], backward=lambda g, x, n: (g * n * x ** (n - 1), None)).ok
    given = [Tensor(X, requires_grad=True), Tensor(X + 3)]
    assert verify(lambda x, y: x * y, given, backward=lambda g, x, y: g * y).ok


def test_several_outputs():
    def forward(x, y):
        return x * y, np.sin(x)

    def rule(grad_0, grad_1, x, y):
        return grad_0 * y + grad_1 * np.cos(x), grad_0 * x

    report = verify(forward, [X, X + 1], backward=rule)
    assert report.ok
    assert only(report).inputs[0].claimed.shape == (6, 3)
    assert verify(forward, [X, X + 1], backward=lambda g, x, y: (g[0] * y + g[1] * np.cos(x), g[0] * x)).ok
    wrong = verify(forward, [X, X + 1], backward=lambda g1, g2, x, y: (g1 * y - g2 * np.cos(x), g1 * x))
    assert found(wrong, "GC201").input_name == "x"
    assert {m.output for m in only(wrong).inputs[0].mismatches} == {"out1"}
    extra = verify(forward, [X, X + 1], backward=lambda g1, g2, x, y: (g1 * y + g2 * np.cos(x) + g1 * g2, g1 * x))
    assert codes(extra) == ["GC110"]
    assert verify(lambda x: [ops.sin(x), ops.argmax(x)], [X]).ok, "an output of integers is not checked"


def test_inputs_by_name_are_matched_with_the_parameters():
    report = verify(lambda a, b: a**2 * b, {"b": X, "a": X + 1}, backward=lambda g, a, b: (2 * g * a * b, g * a**2))
    assert report.ok
    assert [x.name for x in only(report).inputs] == ["a", "b"]
    np.testing.assert_array_equal(np.diag(only(report).inputs[1].claimed), (X + 1) ** 2)
    assert [x.name for x in only(verify(lambda *xs: xs[0] * xs[1], {"p": X, "q": X})).inputs] == ["p", "q"]
    assert [x.name for x in only(verify(lambda *xs: xs[0] * xs[1], [X, X])).inputs] == ["x0", "x1"]
    assert [x.name for x in only(verify(Quadratic.apply, {"c": 4.0, "x": 3.0, "a": 2.0, "b": 1.0})).inputs] == [
        "x",
        "a",
        "b",
        "c",
    ]


@pytest.mark.parametrize("inputs", [[0.4], 0.4, np.float64(0.4), [np.array(0.4)], {"x": 0.4}, (0.4,), [Tensor(0.4, True)]])
def test_a_scalar_in_every_wrapping(inputs):
    report = verify(square, inputs, backward=square_rule)
    assert report.ok
    assert only(report).inputs[0].shape == ()
    assert only(report).inputs[0].claimed.tolist() == [[0.8]]


@pytest.mark.parametrize("inputs", [X, [X], [[0.7, -1.3, 2.1]], {"x": X}])
def test_an_array_in_every_wrapping(inputs):
    assert only(verify(square, inputs)).inputs[0].shape == (3,)


def test_engine_functions_in_every_wrapping():
    assert verify(Quadratic.apply, [3.0, 2.0, 1.0, 4.0]).ok
    assert verify(Quadratic, [3.0, 2.0, 1.0, 4.0]).ok
    assert only(verify(Quadratic, [3.0, 2.0, 1.0, 4.0])).function == "Quadratic"
    assert verify(lambda x, w: ops.tanh(x @ w), [np.ones((2, 3)) * X, X.reshape(3, 1)]).ok
    assert verify(functools.partial(ops.sum, axis=0), [np.outer(X, X)]).ok
    assert only(verify(square, [X], name="my square")).function == "my square"


def test_rule_of_the_engine_that_is_wrong():
    class Wrong(Quadratic):
        @staticmethod
        def backward(ctx, g):
            x, a, b = ctx.saved_tensors
            return g * (2 * a * x - b), g * x**2, g * x, g

    finding = found(verify(Wrong.apply, [3.0, 2.0, 1.0, 4.0]), "GC201")
    assert finding.input_name == "x"
    assert "claimed 11, numeric 13" in finding.message


# The tutorial's scenario 14.


def test_quadratic_in_float64_claims_the_tutorials_numbers():
    report = verify(Quadratic.apply, [3.0, 2.0, 1.0, 4.0])
    assert report.ok
    assert [x.claimed.item() for x in only(report).inputs] == [13.0, 9.0, 3.0, 1.0]
    assert all(x.max_rel_error < 1e-9 for x in only(report).inputs)


def test_quadratic_in_float32_is_judged_by_the_error_of_float32():
    given = [np.float32(v) for v in (3.3, 2.1, 1.7, 4.9)]
    assert verify(Quadratic.apply, given).ok

    class Wrong(Quadratic):
        @staticmethod
        def backward(ctx, g):
            x, a, b = ctx.saved_tensors
            return g * (2 * a * x + b) * 1.01, g * x**2, g * x, g

    assert found(verify(Wrong.apply, given), "GC201").input_name == "x"


# What is left as it was.


def test_inputs_are_left_as_they_were():
    x, w = X.copy(), Tensor(X.copy(), requires_grad=True)
    verify(lambda x, w: x * w, [x, w])
    verify(lambda x: x * 2, {"x": x}, backward=lambda g, x: g)
    verify(lambda x: np.multiply(x, 2, out=x), [x], backward=lambda g, x: 2 * g)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(w.data, X)
    assert w.grad is None
    assert w.grad_fn is None


def test_read_only_inputs_are_fine():
    x = X.copy()
    x.flags.writeable = False
    assert verify(square, [x], backward=square_rule).ok
    assert verify(ops.sin, [x]).ok


def test_random_state_is_left_as_it_was():
    np.random.seed(7)  # noqa: NPY002
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    verify(square, [X], backward=square_rule)
    verify(ops.sin, [np.linspace(0, 1, 50)], mode="projected")
    verify(SPECS / "tutorial.yaml")
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


def test_floating_point_settings_are_left_as_they_were():
    with np.errstate(all="raise"):
        assert verify(lambda x: ops.where(x > 0, ops.log(x), x), [np.array([0.5, -1.0])]).exit_code in (0, 3)
        assert np.geterr() == dict.fromkeys(("divide", "over", "under", "invalid"), "raise")


def test_under_no_grad_nothing_changes():
    with no_grad():
        assert verify(Quadratic.apply, [3.0, 2.0, 1.0, 4.0], order=2).ok
        assert verify(SPECS / "tutorial.yaml", function="quadratic").ok


# Kinds of inputs.


def test_float32_inputs():
    x = X.astype(np.float32)
    assert verify(lambda x: ops.exp(x) * ops.sin(x), [x]).ok
    assert only(verify(lambda x: ops.exp(x), [x])).inputs[0].claimed.dtype == np.float64
    assert verify(np.exp, [x], backward=lambda g, x: g * np.exp(x)).ok
    assert found(verify(np.exp, [x], backward=lambda g, x: g * np.exp(x) * 1.001), "GC201")
    assert found(verify(np.exp, [x], backward=lambda g, x: g * np.exp(x.astype(float))), "GC103")


def test_complex_inputs_use_the_conjugate_convention():
    z = np.array([1 + 2j, 0.3 - 1j])
    assert verify(lambda z: ops.exp(z) * z, [z]).ok
    assert verify(lambda z: ops.abs(z * z), [z]).ok, "a real output of a complex input"
    assert verify(lambda z: z * z, [z], backward=lambda g, z: 2 * g * np.conj(z)).ok
    report = verify(lambda z: z * z, [z], backward=lambda g, z: 2 * g * z)
    assert found(report, "GC201").input_name == "z"
    assert {m.part for m in only(report).inputs[0].mismatches} <= {"re", "im"}
    assert only(report).inputs[0].claimed.shape == (4, 4)


def test_inputs_without_entries():
    report = verify(lambda x, s: ops.sum(x) * s, [np.zeros((0, 3)), 2.0])
    assert report.ok
    assert [x.entries for x in only(report).inputs] == [0, 1]
    nothing = verify(lambda x: x * 2, [np.zeros((0, 3))])
    assert nothing.exit_code == 3, "comparing nothing shows nothing"
    assert not nothing.ok
    assert "no Jacobian entry was compared" in repr(nothing)


def test_output_without_a_derivative_alone_shows_nothing():
    assert verify(ops.argmax, [X]).exit_code == 3


# Broken contracts.


@pytest.mark.parametrize(
    ("backward", "code", "says"),
    [
        (lambda g, x, y: (g * y,), "GC101", "must return 2 gradients, but returned 1"),
        (lambda g, x, y: (g * y, g * x, g), "GC101", "must return 2 gradients, but returned 3"),
        (lambda g, x, y: {"x": g * y, "z": g}, "GC101", "a gradient for 'z', which is no input"),
        (lambda g, x, y: (g * y, np.sum(g * x)), "GC102", "must have the input's shape (3,), but has shape ()"),
        (lambda g, x, y: (g * y, (g * x)[None]), "GC102", "(1, 3)"),
        (lambda g, x, y: (g * y, (g * x).astype(np.float32)), "GC103", "float32"),
        (lambda g, x, y: (g * y, "y"), "GC103", "is a str"),
        (lambda g, x, y: (g * y, g * x * np.nan), "GC104", "not finite"),
        (lambda g, x, y: (g * y, None), "GC105", "no gradient is returned for 'y'"),
        (lambda g, x, y: {"x": g * y}, "GC105", "no gradient is returned for 'y'"),
        (lambda g, x, y: 1 / 0, "GC106", "ZeroDivisionError"),
        (lambda g, x: g, "GC106", "TypeError"),
    ],
)  # fmt: skip
def test_rule_that_breaks_its_contract(backward, code, says):
    report = verify(lambda x, y: x * y, [X, X + 3], backward=backward)
    assert code in codes(report)
    assert only(report).verdict == "fail"
    assert report.exit_code == 1
    assert says in next(f.message for f in only(report).findings if f.code == code)
    if code in ("GC102", "GC103", "GC104", "GC105"):
        assert next(f.input_name for f in only(report).findings if f.code == code) == "y"


@pytest.mark.parametrize(
    "backward",
    [
        lambda g, x: g**2 * np.cos(x),
        lambda g, x: abs(g) * np.cos(x),
        lambda g, x: np.clip(g, -1, 1) * np.cos(x),
        lambda g, x: g * np.cos(x) / max(np.count_nonzero(g), 1),
        lambda g, x: g * np.cos(x) + 0.01,
        lambda g, x: g * np.cos(x) / max(1.0, np.linalg.norm(g)),
    ],
)
def test_rule_that_is_not_linear_in_its_cotangent(backward):
    report = verify(np.sin, [X], backward=backward)
    assert "GC110" in codes(report)
    assert report.exit_code == 1


@pytest.mark.parametrize(
    ("backward", "code"),
    [
        (lambda g, x: np.multiply(g, np.cos(x), out=g), "GC113"),
        (lambda g, x: g * np.cos(np.multiply(x, 1.5, out=x) / 1.5), "GC114"),
    ],
)
def test_rule_that_writes_into_what_it_is_given(backward, code):
    assert code in codes(verify(np.sin, [X], backward=backward))


def test_forward_that_cannot_be_checked():
    rule = {"backward": lambda g, x: g}
    finding = found(verify(lambda x: 1 / 0, [X], **rule), "GC501", "error")
    assert "ZeroDivisionError: division by zero" in finding.message
    assert "ZeroDivisionError" in found(verify(lambda x: 1 / 0, [X]), "GC501", "error").message
    assert "matmul" in found(verify(lambda x: x @ ops.ones((5, 5)), [X]), "GC501", "error").message
    assert found(verify(lambda x: x * np.random.rand(), [X], **rule), "GC502", "error")  # noqa: NPY002
    assert found(verify(lambda x: x * np.random.rand(), [X]), "GC502", "error")  # noqa: NPY002
    finding = found(verify(lambda x: np.multiply(x, 2, out=x), [X], **rule), "GC503", "error")
    assert finding.input_name == "x"
    assert verify(lambda x: 1 / 0, [X], **rule).exit_code == 2


def test_forward_that_changes_a_tensor_in_place():
    def forward(x):
        with no_grad():
            x.data *= 2
        return x * 1

    assert found(verify(forward, [X]), "GC503", "error").input_name == "x"


@pytest.mark.parametrize("result", [None, "text", {"out": X}, [X, None], object()])
def test_forward_that_returns_no_arrays(result):
    for options in ({}, {"backward": lambda g, x: g}):
        finding = found(verify(lambda x: result, [X], **options), "GC501", "error")
        assert "the outputs must be arrays or tensors of numbers" in finding.message


def test_numpy_function_called_with_tensors_is_told_what_to_do():
    finding = found(verify(np.sin, [X]), "GC501", "error")
    assert "use gradcheck_cli.ops, or pass backward=" in finding.message


def test_forward_that_only_fails_when_recorded():
    def forward(x):
        if x.requires_grad:
            raise ValueError("no gradients here")
        return x * 2

    assert "no gradients here" in found(verify(forward, [X]), "GC106").message


def test_detached_output_is_a_missing_gradient():
    assert found(verify(lambda x: x.detach() * 2, [X]), "GC105").input_name == "x"


def test_forward_that_is_not_finite_is_undecided():
    report = verify(ops.log, [np.array([-1.0, 1.0])])
    assert report.exit_code == 3
    assert only(report).verdict == "inconclusive"
    assert codes(report) == ["GC304"]


# Options.


def test_stop_gradient_is_frozen_under_differences():
    report = verify(lambda x: x * ops.stop_gradient(x), [X])
    assert report.ok
    np.testing.assert_allclose(np.diag(only(report).inputs[0].numeric), X, rtol=1e-9)


def test_order_two():
    assert verify(Quadratic.apply, [3.0, 2.0, 1.0, 4.0], order=2).ok
    assert verify(lambda x: ops.sin(x) * ops.exp(x), [X], order=2).ok
    assert verify(DetachedCube.apply, [X]).ok
    finding = found(verify(DetachedCube.apply, [X], order=2), "GC205")
    assert finding.message.startswith("second order: ")
    with pytest.raises(UsageError, match="order=2 needs a rule that can be differentiated"):
        verify(square, [X], backward=square_rule, order=2)


def test_projected_mode():
    x = np.linspace(0.1, 1.0, 60)
    assert verify(np.sin, [x], backward=lambda g, x: g * np.cos(x), mode="projected").ok
    wrong = np.where(np.arange(60) == 20, 0.0, 1.0)
    report = verify(np.sin, [x], backward=lambda g, x: g * np.cos(x) * wrong, mode="projected")
    assert found(report, "GC201").input_name == "x"
    assert "GC603" in [f.code for f in only(report).findings], "the report says that not every entry was compared"
    assert only(report).verdict == "fail"
    assert only(report).inputs[0].checked < only(report).inputs[0].entries == 3600


def test_fixed_step_is_the_classical_check():
    report = verify(np.sin, [X], backward=lambda g, x: g * np.cos(x), eps=1e-6)
    assert report.ok
    assert "fixed step 1e-06" in only(report).method
    np.testing.assert_allclose(only(report).inputs[0].numeric, np.diag((np.sin(X + 1e-6) - np.sin(X - 1e-6)) / 2e-6), rtol=1e-8)
    off = {"backward": lambda g, x: g * np.cos(x) * 1.0005}
    assert verify(np.sin, [X], eps=1e-6, **off).ok, "within its allclose"
    assert not verify(np.sin, [X], eps=1e-6, rtol=1e-4, atol=0, **off).ok
    assert not verify(np.sin, [X], **off).ok


def test_tolerances():
    off = {"backward": lambda g, x: g * np.cos(x) * (1 + 1e-5)}
    assert found(verify(np.sin, [X], **off), "GC201")
    assert verify(np.sin, [X], rtol=1e-4, **off).ok
    assert verify(np.sin, [X], atol=1e-3, **off).ok


def test_kinks():
    at_zero = [np.array([0.0, 1.0])]
    assert verify(ops.abs, at_zero).ok
    assert only(verify(ops.abs, at_zero)).inputs[0].kinks == 1
    assert found(verify(ops.abs, at_zero, kinks="fail"), "GC202")
    outside = {"backward": lambda g, x: g * np.where(x == 0, 7, np.sign(x))}
    assert "GC202" in codes(verify(np.abs, at_zero, **outside)) or "GC201" in codes(verify(np.abs, at_zero, **outside))
    assert verify(np.abs, at_zero, kinks="skip", **outside).ok


def test_seed_is_reported():
    report = verify(ops.sin, [X], seed=5)
    assert report.seed == only(report).seed == 5


def test_none_stands_for_the_default():
    assert verify(ops.sin, [X], rtol=None, atol=None, eps=None, order=None, mode=None, kinks=None, seed=None, points=None).ok


# Calls that make no sense.


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: verify(3, [X]), "takes a path or a callable, not int"),
        (lambda: verify(square), "needs its inputs"),
        (lambda: verify(square, []), r"square\(x\) cannot be called with 0 inputs"),
        (lambda: verify(square, [X, X]), r"square\(x\) cannot be called with 2 inputs"),
        (lambda: verify(Quadratic.apply, [1.0]), r"Quadratic\(x, a, b, c\) cannot be called with 1 input"),
        (lambda: verify(square, {"y": X}), "square has no input 'y'"),
        (lambda: verify(Quadratic.apply, {"x": 1.0, "a": 1.0, "b": 1.0, "cc": 1.0}), "has no input 'cc'; did you mean 'c'"),
        (lambda: verify(square, ["a"]), "input 'x' must hold numbers, found <U1"),
        (lambda: verify(square, [[[1.0, 2.0], [3.0]]]), "input 'x' is no array"),
        (lambda: verify(square, [3]), "no input requires a gradient.*floating numbers"),
        (lambda: verify(square, [Tensor(X)]), "no input requires a gradient.*requires_grad=True"),
        (lambda: verify(square, [X], rtoll=1e-3), "there is no option 'rtoll'; did you mean 'rtol'"),
        (lambda: verify(square, [X], rtol=2), "rtol must be a number between 0 and 1; found 2"),
        (lambda: verify(square, [X], rtol=float("nan")), "rtol must be"),
        (lambda: verify(square, [X], rtol="1e-3"), "rtol must be"),
        (lambda: verify(square, [X], atol=-1), "atol must be a finite number, 0 or more"),
        (lambda: verify(square, [X], atol=float("inf")), "atol must be"),
        (lambda: verify(square, [X], eps=0), "eps must be a finite number greater than 0"),
        (lambda: verify(square, [X], order=3), "order must be 1 or 2"),
        (lambda: verify(square, [X], points=0), "points must be a whole number, 1 or more"),
        (lambda: verify(square, [X], points=1.5), "points must be a whole number"),
        (lambda: verify(square, [X], mode="fast"), "mode must be 'full' or 'projected'; found 'fast'"),
        (lambda: verify(square, [X], kinks="none"), "kinks must be 'subgradient' or 'fail' or 'skip'"),
        (lambda: verify(square, [X], seed=-1), "seed must be a whole number from 0 to 2"),
        (lambda: verify(square, [X], function="f"), "select checks of a spec file"),
        (lambda: verify("specs/none.yaml"), "there is no file or folder"),
        (lambda: verify(SPECS / "tutorial.yaml", [X]), "brings its own inputs"),
        (lambda: verify(SPECS / "tutorial.yaml", function="quadratik"), "no function 'quadratik'; did you mean 'quadratic'"),
        (
            lambda: verify(SPECS / "tutorial.yaml", function="quadratic", case="vector"),
            "no case 'vector'; did you mean 'vectors'",
        ),
    ],
)
def test_call_that_makes_no_sense(call, says):
    with pytest.raises(UsageError, match=says):
        call()


# Specs.


def test_spec_file_function_and_case():
    report = verify(str(SPECS / "tutorial.yaml"))
    assert report.ok
    assert len(report.checks) > 10
    assert {c.function for c in verify(SPECS / "tutorial.yaml", function="quadratic").checks} == {"quadratic"}
    (check,) = verify(SPECS / "tutorial.yaml", function="quadratic", case="default").checks
    assert (check.name, check.case, check.entries) == ("quadratic", "default", 4)
    assert [x.claimed.item() for x in check.inputs] == [13.0, 9.0, 3.0, 1.0]
    assert check.location.line == 5
    (check,) = verify(SPECS / "tutorial.yaml", function="quadratic", case="vectors").checks
    assert check.name == "quadratic[vectors]"


def test_spec_folder():
    report = verify(SPECS / "mistakes")
    assert report.ok
    assert all(c.expected.startswith("fail") for c in report.checks)


def test_spec_options_win_over_the_file(tmp_path):
    spec = tmp_path / "a.yaml"
    spec.write_text("functions:\n  f:\n    inputs: {x: [0.0, 1.0]}\n    forward: abs(x)\n    check: {kinks: skip, seed: 3}\n")
    assert verify(spec).ok
    assert only(verify(spec)).seed == 3
    assert verify(spec, seed=4).seed == 4
    assert not verify(spec, kinks="fail").ok


def test_invalid_spec_raises_with_every_mistake(tmp_path):
    spec = tmp_path / "a.yaml"
    spec.write_text("functions:\n  f:\n    inputs: {x: 1.0}\n    forward: sinn(x) + y\n")
    with pytest.raises(SpecError, match=r"a\.yaml:4:14.*sinn") as caught:
        verify(spec)
    assert len(caught.value.mistakes) == 2


SPEC = """
functions:
  f:
    inputs: {x: {shape: [3], uniform: [0.5, 1.5]}}
    forward: where(x > 0.75, x**2, 0 * x)
    backward:
      x: grad * 2 * x
"""


def test_points_draw_until_the_rule_is_found_wrong(tmp_path):
    spec = tmp_path / "a.yaml"
    spec.write_text(SPEC)
    verdicts = [only(verify(spec, seed=seed)).verdict for seed in range(8)]
    assert {"pass", "fail"} <= set(verdicts), "a mistake that shows for some draws only"
    lucky = verdicts.index("pass")
    assert only(verify(spec, seed=lucky, points=20)).verdict == "fail"


def test_structure_compares_along_the_structure_only(tmp_path):
    text = """
functions:
  half:
    inputs: {S: {shape: [3, 3], spd: 5.0, structure: symmetric}}
    forward: logdet(S)
    backward:
      S: grad * inv(S).T
"""
    spec = tmp_path / "a.yaml"
    spec.write_text(text)
    assert verify(spec).ok
    assert only(verify(spec)).inputs[0].claimed.shape == (1, 6)
    spec.write_text(text.replace("inv(S).T", "tril(inv(S))"))
    assert found(verify(spec), "GC201").input_name == "S"


def test_bounds_keep_the_differences_inside(tmp_path):
    text = """
functions:
  root:
    inputs: {x: {value: [0.25, 1.0], bounds: [0.25, 1.0]}}
    forward: sqrt(x - 0.2) + sqrt(1.01 - x)
"""
    spec = tmp_path / "a.yaml"
    spec.write_text(text)
    assert verify(spec).ok
    spec.write_text(text + "    backward:\n      x: grad * 0.5 / sqrt(x - 0.2)\n")
    assert found(verify(spec), "GC201").input_name == "x"


# The report.


def test_report_as_plain_data():
    report = verify(square, [X, ], backward=lambda g, x: g * x, seed=2)  # fmt: skip
    data = report.to_dict()
    assert set(data) >= {"schema_version", "seed", "summary", "checks"}
    assert data["schema_version"] == 1
    assert data["seed"] == 2
    assert data["summary"] == {"pass": 0, "fail": 1, "inconclusive": 0, "error": 0}
    (check,) = data["checks"]
    keys = "file line function case verdict inputs findings graph evaluations seconds"
    assert set(check) >= set(keys.split())
    assert (check["function"], check["case"], check["verdict"]) == ("square", "default", "fail")
    assert set(check["graph"]) >= {"nodes", "edges", "depth", "leaves", "saved_bytes", "ops"}
    assert set(check["evaluations"]) == {"forward", "backward"}
    assert check["evaluations"]["forward"] > 0
    assert check["evaluations"]["backward"] > 0
    (x,) = check["inputs"]
    keys = "name shape verdict entries checked kinks inconclusive max_abs_error max_rel_error mismatches"
    assert set(x) >= set(keys.split())
    assert (x["name"], x["shape"], x["verdict"], x["entries"], x["checked"]) == ("x", [3], "fail", 9, 9)
    assert x["max_rel_error"] == pytest.approx(0.5, rel=1e-6)
    worst = x["mismatches"][0]
    assert set(worst) >= {"output", "output_index", "input_index", "analytic", "numeric", "error_bound"}
    assert worst["output"] == "out"
    assert worst["numeric"] == pytest.approx(2 * worst["analytic"], rel=1e-9)
    (finding,) = check["findings"]
    assert set(finding) >= {"code", "message", "file", "line", "column"}
    assert finding["code"] == "GC201"


def test_report_of_a_spec_as_plain_data():
    data = verify(SPECS / "tutorial.yaml", function="quadratic", case="default").to_dict()
    (check,) = data["checks"]
    assert check["file"] == str(SPECS / "tutorial.yaml")
    assert check["line"] == 5
    assert data["summary"]["pass"] == 1
    assert [x["name"] for x in check["inputs"]] == ["x", "a", "b", "c"]


def test_raise_if_failed():
    verify(square, [X]).raise_if_failed()
    with pytest.raises(VerificationError, match="GC201"):
        verify(square, [X], backward=lambda g, x: g * x).raise_if_failed()
    with pytest.raises(AssertionError):
        verify(ops.argmax, [X]).raise_if_failed()


def test_repr_reads_well():
    passed = repr(verify(square, [X], backward=square_rule))
    assert passed.startswith("PASS  square  9 entries, largest relative error ")
    assert passed.splitlines()[-1].startswith("1 passed in ")
    failed = repr(verify(square, [X], backward=lambda g, x: g * x))
    assert failed.startswith("FAIL  square")
    for said in ("Jacobian mismatch", "claimed", "numeric", "x[0]", "out[0]", "GC201", "1 failed in "):
        assert said in failed
    assert "\x1b" not in failed
    assert repr(Report()) == "nothing was checked: no check was selected"
