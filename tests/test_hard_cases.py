"""Right rules at points where a check can go astray, none of which may be called wrong; and wrong ones that hide there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradcheck_cli import Tensor, ops, verify

rng = np.random.default_rng(41)


def judged(forward: Any, x: Any, rule: Any) -> Any:
    (check,) = verify(forward, [np.asarray(x)], backward=rule).checks
    return check


def softmax(x: Any) -> Any:
    e = np.exp(x - x.max())
    return e / e.sum()


def softmax_rule(g: Any, x: Any) -> Any:
    y = softmax(x)
    return y * (g - np.sum(g * y))


# Digits that cancel inside a right rule.


@pytest.mark.parametrize("gap", [15.0, 18.0, 25.0, 36.0, 40.0, 1000.0])
@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_saturated_softmax(gap, offset):
    for x in ([0.0, gap], [1.0, gap + 1, 0.5], [-gap, 0.3, 0.0, gap / 2]):
        found = judged(softmax, np.array(x) + offset, softmax_rule)
        assert found.verdict != "fail", [f.message for f in found.findings]
        (of_tensors,) = verify(lambda x: ops.softmax(x, 0), [np.array(x) + offset]).checks
        assert of_tensors.verdict != "fail"
        if gap <= 18:
            assert (found.verdict, of_tensors.verdict) == ("pass", "pass")


@pytest.mark.parametrize("gap", [15.0, 30.0, 36.0])
def test_saturated_softmax_that_is_wrong(gap):
    def rule(g: Any, x: Any) -> Any:
        return softmax_rule(g, x) + np.array([1e-6, 0.0, 0.0]) * g[1]

    assert judged(softmax, [1.0, gap + 1, 0.5], rule).verdict == "fail"
    assert judged(softmax, [1.0, gap + 1, 0.5], lambda g, x: np.maximum(softmax_rule(g, x), 0)).verdict == "fail"


A, b = rng.standard_normal((7, 3)), rng.standard_normal(7)
W = np.linalg.lstsq(A, b, rcond=None)[0]


def test_at_a_minimum_the_gradient_is_all_rounding():
    found = judged(lambda w: np.sum((A @ w - b) ** 2), W, lambda g, w: 2 * g * A.T @ (A @ w - b))
    assert found.verdict != "fail"
    found = judged(lambda w: np.sum((A @ w - b) ** 2), W, lambda g, w: 2 * g * A.T @ (A @ w - b) + 1e-6 * g)
    assert found.verdict == "fail"


def test_a_sum_that_does_not_change():
    assert (
        judged(lambda x: np.sum(softmax(x)), rng.standard_normal(6), lambda g, x: softmax_rule(g + 0 * x, x)).verdict != "fail"
    )


@pytest.mark.parametrize("x", [[5.0, 0.3, 8.0], [9.0, 12.0, 0.1]])
def test_single_precision_that_saturates(x):
    single = np.array(x, np.float32)
    assert judged(np.tanh, single, lambda g, x: g * (1 - np.tanh(x) ** 2)).verdict != "fail"
    found = judged(np.tanh, single, lambda g, x: g * (1 - np.tanh(x) ** 2) * np.float32(1.01))
    assert found.verdict == "fail"


def test_single_precision_in_a_spec(tmp_path):
    spec = tmp_path / "a.yaml"
    spec.write_text(
        "functions:\n"
        "  tanh32:\n"
        "    inputs: {x: {value: [5.0, 0.3, 8.0], dtype: float32}}\n"
        "    forward: tanh(x)\n"
        "    backward: {x: grad * (1 - out**2)}\n"
        "  wrong:\n"
        "    inputs: {x: {value: [5.0, 0.3, 8.0], dtype: float32}}\n"
        "    forward: tanh(x)\n"
        "    backward: {x: grad * (1 - out**2) * 1.01}\n"
    )
    assert [c.verdict for c in verify(spec).checks] == ["inconclusive", "fail"]


def test_an_output_of_single_precision():
    def rule(g: Any, x: Any) -> Any:
        return g.astype(np.float64) * np.cos(x)

    assert judged(lambda x: np.sin(x).astype(np.float32), [0.3, 1.2], rule).verdict != "fail"


# Scales.


@pytest.mark.parametrize("width", [1e-4, 1e-8, 1e-12])
@pytest.mark.parametrize("height", [1.0, 1e-6])
@pytest.mark.parametrize("beside", [1.0, 1e6])
def test_short_scales_beside_long_ones(width, height, beside):
    def forward(x: Any) -> Any:
        return height * np.tanh(x[0] / width) + x[1] / beside

    def rule(g: Any, x: Any) -> Any:
        return g * np.array([height / width / np.cosh(x[0] / width) ** 2, 1 / beside])

    assert judged(forward, [0.8 * width, beside], rule).verdict != "fail"
    if width * beside >= 1e-4:
        found = judged(forward, [0.8 * width, beside], lambda g, x: rule(g, x) * np.array([1.01, 1.0]))
        assert found.verdict == "fail"


@pytest.mark.parametrize("width", [1e-6, 1e-7, 1e-8])
@pytest.mark.parametrize("height", [1e-2, 1e-4, 1e-6])
def test_a_spike_on_a_smooth_background(width, height):
    def forward(x: Any) -> Any:
        return x**2 + height / (1 + ((x - 1) / width) ** 2)

    def rule(g: Any, x: Any) -> Any:
        u = (x - 1) / width
        return g * (2 * x - 2 * height * u / width / (1 + u**2) ** 2)

    assert judged(forward, [1 + 0.6 * width], rule).verdict != "fail"
    assert judged(forward, [1 + 0.6 * width], lambda g, x: g * 2 * x).verdict != "pass"


@pytest.mark.parametrize("width", [1e-6, 1e-7, 1e-8])
@pytest.mark.parametrize("height", [1e-2, 1e-6, 1e-9, 1e-10])
def test_a_spike_on_a_straight_background(width, height):
    """Straight functions are looked at by one long step, which does not see the spike."""
    matrix = np.random.default_rng(0).normal(size=(40, 30))
    place = 1 + 0.6 * width

    def forward(x: Any) -> Any:
        return matrix @ x + height / (1 + ((x[3] - 1) / width) ** 2)

    def rule(g: Any, x: Any) -> Any:
        u = (x[3] - 1) / width
        spike = -2 * height * u / width / (1 + u**2) ** 2
        return g @ matrix + np.where(np.arange(len(x)) == 3, np.sum(g) * spike, 0.0)

    point = np.where(np.arange(30) == 3, place, np.random.default_rng(1).normal(size=30))
    assert judged(forward, point, rule).verdict != "fail"
    assert judged(forward, point, lambda g, x: g @ matrix).verdict != "pass"


@pytest.mark.parametrize(("k", "error"), [(300.0, 1e-6), (365.13, 1e-6), (1155.0, 1e-5), (3651.0, 1e-4)])
@pytest.mark.parametrize("x", [[0.0], [0.0, 1.0]])
def test_at_an_inflection_point(k, error, x):
    factor = np.ones(len(x))
    factor[0] -= error
    assert judged(lambda x: np.sin(k * x), x, lambda g, x: g * k * np.cos(k * x)).verdict == "pass"
    assert judged(lambda x: np.sin(k * x), x, lambda g, x: g * k * np.cos(k * x) * factor).verdict == "fail"


@pytest.mark.parametrize("k", [1.0, 4.0, 40.0])
@pytest.mark.parametrize("c", [33.0, 33.75, 34.5, 35.25])
def test_a_forward_that_stands_still_as_larger_numbers_on_the_way_do(k, c):
    """The logarithm of a number that rounding keeps at 1.001: the value is 1e-3, the rounding that of 1."""

    def rule(g: Any, x: Any) -> Any:
        u = np.exp(-(c + k * x))
        return g * k * u / (1 + u) ** 2 / (1 / (1 + u) + 1e-3)

    def forward(x: Any) -> Any:
        return np.log(np.abs(1 / (1 + np.exp(-(c + k * x)))) + 1e-3)

    assert judged(forward, [0.03], rule).verdict != "fail"
    assert judged(forward, [0.03], lambda g, x: 1e3 * rule(g, x)).verdict == "fail"


@pytest.mark.parametrize("seed", range(8))
def test_a_forward_that_stands_still_as_its_rounding_is_large(seed):
    """Of a sum's sine tiny slopes are hidden by the rounding of the sum, magnified; the sine's value tells nothing of it."""
    x = 14 * np.random.default_rng(seed).normal(size=20)

    def forward(x: Any) -> Any:
        return np.sin(np.abs(np.cumsum(x / (1 + np.exp(-x)))) ** 3)

    def rule(g: Any, x: Any) -> Any:
        s = 1 / (1 + np.exp(-x))
        u = np.cumsum(x * s)
        of_sums = g * np.cos(np.abs(u) ** 3) * 3 * u * u * np.sign(u)
        return np.cumsum(of_sums[::-1])[::-1] * (s + x * s / (1 + np.exp(x)))

    assert judged(forward, x, rule).verdict != "fail"
    assert judged(forward, x, lambda g, x: 1.01 * rule(g, x)).verdict == "fail"


@pytest.mark.parametrize("n", [4, 12, 30])
@pytest.mark.parametrize("seed", range(4))
def test_what_rounding_leaves_of_larger_terms_is_no_error(n, seed):
    """y_i (A_ij - sum_k y_k A_kj) in a softmax that one output dominates: 1 - 1 is 1e-17, where the forward does not move."""
    steps = 20 * np.random.default_rng(seed).random(n)

    def forward(x: Any) -> Any:
        y = np.exp(np.cumsum(x) - np.sum(x))
        return y / np.sum(y)

    def rule(g: Any, x: Any) -> Any:
        y = forward(x)
        of_sums = y * (g - np.sum(g * y))
        return np.cumsum(of_sums[::-1])[::-1]

    assert judged(forward, steps, rule).verdict != "fail"
    assert judged(forward, steps, lambda g, x: rule(g, x) * (1 + 1e-4)).verdict == "fail"


@pytest.mark.parametrize("x", [0.05, 0.3, 1.1, -2.0])
@pytest.mark.parametrize("height", [1e-12, 1e-13, 1e-14, 1e-15])
def test_what_comes_to_rest_far_away_has_a_slope_all_the_same(height, x):
    """Near the point rounding hides it, and far away there is none."""

    def rule(g: Any, x: Any) -> Any:
        return g * -2 * height * x / (1 + x**2) ** 2

    assert judged(lambda x: 1 + height / (1 + x**2), [x], rule).verdict != "fail"
    assert judged(lambda x: 1 + height / (1 + x**2), [x], lambda g, x: rule(g, x) + 1e-3 * g).verdict != "pass"


def softmax_of_rows(x: Any) -> Any:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def softmax_of_rows_rule(g: Any, x: Any) -> Any:
    y = softmax_of_rows(x)
    return y * (g - np.sum(g * y, axis=-1, keepdims=True))


def layer_norm(x: Any) -> Any:
    c = x - x.mean(axis=-1, keepdims=True)
    return c / np.sqrt((c * c).mean(axis=-1, keepdims=True) + 1e-5)


def layer_norm_rule(g: Any, x: Any) -> Any:
    h, r = layer_norm(x), 1 / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5)
    return r * (g - g.mean(axis=-1, keepdims=True) - h * (g * h).mean(axis=-1, keepdims=True))


@pytest.mark.parametrize("seed", range(4))
def test_gradients_that_are_zero_but_for_rounding(seed):
    """Softmax rows add up to one, layer norms to zero: a right rule says 1e-16 at most, here and there 0."""
    draw = np.random.default_rng(seed)
    x = draw.normal(size=draw.integers(2, 9, size=2)) * 10 ** draw.uniform(-1, 1.2)
    for f, rule in ((softmax_of_rows, softmax_of_rows_rule), (layer_norm, layer_norm_rule)):
        for axis in (None, -1):
            total = verify(
                lambda x, f=f, axis=axis: f(x).sum(axis=axis),
                [x],
                backward=lambda g, x, rule=rule, axis=axis: rule((g if axis is None else g[:, None]) * np.ones(x.shape), x),
            ).checks[0]
            assert total.verdict != "fail", [finding.message for finding in total.findings]
            wrong = verify(
                lambda x, f=f, axis=axis: f(x).sum(axis=axis),
                [x],
                backward=lambda g, x, axis=axis: 1e-3 * (g if axis is None else g[:, None]) * np.ones(x.shape),
            ).checks[0]
            assert wrong.verdict != "pass"


# Rules that are nonlinear where nobody looks.


@pytest.mark.parametrize(
    "change",
    [
        lambda g: np.clip(g, -3e3, 3e3),
        lambda g: g * min(1.0, 1e4 / np.linalg.norm(g)) if np.any(g) else g,
        lambda g: np.where(np.abs(g) < 1e-8, 0.0, g),
        lambda g: g * 1.5 if np.all(g == g.flat[0]) and g.flat[0] else g,
    ],
    ids=["clip", "clip of the norm", "flush", "equal cotangents"],
)
def test_nonlinear_far_away(change):
    found = judged(np.sin, [0.3, 1.2, -0.4], lambda g, x: change(g) * np.cos(x))
    assert (found.verdict, [f.code for f in found.findings]) == ("fail", ["GC110"])


@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1e150, 1e300])
def test_linear_at_extreme_scales(scale):
    x = scale * np.array([1.0, 2.5])
    found = judged(lambda x: np.hypot(x[0], x[1]), x, lambda g, x: g * x / np.hypot(x[0], x[1]))
    assert found.verdict != "fail"


# Kinks, ties and edges.


@pytest.mark.slow
def test_combinations_of_kinks_are_undecided():
    M = rng.standard_normal((40, 2100))
    x = np.maximum(rng.standard_normal(2100), 0)
    found = verify(lambda x: M @ np.maximum(x, 0), [x], backward=lambda g, x: (M.T @ g) * (x > 0), mode="projected").checks[0]
    assert found.verdict != "fail"
    wrong = np.ones(2100)
    wrong[np.argmax(x)] = 50.0
    (found,) = verify(
        lambda x: M @ np.maximum(x, 0), [x], backward=lambda g, x: (M.T @ g) * (x > 0) * wrong, mode="projected"
    ).checks
    assert found.verdict == "fail"


@pytest.mark.parametrize("x", [[1.0, 1.0, 1.0], [1.0, 1.0, 0.0, 1.0], [2.0, 2.0, 2.0, 2.0, 5.0]])
def test_ties(x):
    found = judged(np.sort, x, lambda g, x: g[np.argsort(np.argsort(x, kind="stable"), kind="stable")])
    assert found.verdict == "pass"
    assert found.inputs[0].kinks
    wrong = judged(np.sort, x, lambda g, x: 2 * g[np.argsort(np.argsort(x, kind="stable"), kind="stable")])
    assert wrong.verdict == "fail"


def test_equal_entries_are_no_excuse():
    M = rng.standard_normal((3, 3))
    assert judged(lambda x: M @ x, [1.0, 1.0, 1.0], lambda g, x: np.roll(M.T @ g, 1)).verdict == "fail"
    assert judged(lambda x: x.sum() + np.median(x), np.ones(3), lambda g, x: g * np.array([2.0, 1.0, 1.0])).verdict == "pass"
    assert judged(lambda x: x.sum() + np.median(x), np.ones(3), lambda g, x: g * np.array([3.0, 0.0, 1.0])).verdict == "fail"


def entropy(x: Any) -> Any:
    return np.where(x > 0, -x * np.log(np.where(x > 0, x, 1.0)), np.where(x == 0, 0.0, -np.inf))


def test_infinite_slopes_that_grow_slowly():
    with np.errstate(all="ignore"):
        assert judged(entropy, [0.0, 0.5], lambda g, x: g * (-np.log(x) - 1)).verdict == "pass"
        assert judged(entropy, [0.0, 0.5], lambda g, x: g * (-np.log(x) - 1) * np.array([1.0, 1.1])).verdict == "fail"
        assert judged(lambda x: np.cbrt(x * x), [0.0, 0.5], lambda g, x: g * 2 / 3 / np.cbrt(x)).verdict == "pass"
        assert judged(np.sin, [0.0, 0.5], lambda g, x: g * np.cos(x) / np.array([0.0, 1.0])).verdict == "fail"


def test_masked_arrays_are_seen_as_they_are():
    found = judged(lambda x: np.ma.masked_less(x, 0) * 2, [0.5, 1.0], lambda g, x: 2 * g)
    assert found.verdict == "pass"


def test_a_slope_that_is_large_is_not_infinite():
    for eps in (1e-8, 1e-16, 1e-30):
        found = judged(lambda x, eps=eps: np.sqrt(x + eps), [0.0, 0.5], lambda g, x: g * 0.5 / np.sqrt(x))
        assert found.verdict != "pass", eps
    assert judged(np.sqrt, [0.0, 0.5], lambda g, x: g * 0.5 / np.sqrt(x)).verdict == "pass"


def test_at_a_kink_only_what_lies_between():
    def rule(slope: float) -> Any:
        return lambda g, x: g * np.where(x > 0, 1.0, np.where(x < 0, 0.0, slope))

    for slope in (0.0, 0.5, 1.0):
        assert judged(lambda x: np.maximum(x, 0), [0.0, 1.0, -1.0], rule(slope)).verdict == "pass"
    for slope in (1 + 1e-5, 1.0005, -1e-5):
        assert judged(lambda x: np.maximum(x, 0), [0.0, 1.0, -1.0], rule(slope)).verdict == "fail"


# More of saturation: other spellings, single precision, forward rules.

SPELLINGS = {
    "sum": lambda g, y: y * (g - np.sum(g * y)),
    "dot": lambda g, y: y * (g - g @ y),
    "einsum": lambda g, y: y * (g - np.einsum("i,i", g, y)),
    "matrix": lambda g, y: (np.diag(y) - np.outer(y, y)) @ g,
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("gap", [9.0, 17.0, 30.0, 1e4])
def test_spellings_of_softmax(spelling, dtype, gap):
    x = np.array([0.3, gap, 0.0, 1.1], dtype)
    found = judged(softmax, x, lambda g, x: SPELLINGS[spelling](g, softmax(x)).astype(x.dtype))
    assert found.verdict != "fail", [f.message for f in found.findings]


@pytest.mark.parametrize("x", [[-80.0, 0.5], [-100.0, 1.0]])
def test_single_precision_that_underflows(x):
    assert judged(np.exp, np.array(x, np.float32), lambda g, x: g * np.exp(x)).verdict != "fail"


def test_forward_rules_at_the_same_points(tmp_path):
    spec = tmp_path / "a.yaml"
    spec.write_text(
        "functions:\n"
        "  saturated:\n"
        "    inputs: {x: [0.0, 25.0]}\n"
        "    forward: softmax(x, 0)\n"
        "    jvp: out * (t_x - sum(out * t_x))\n"
        "  ties:\n"
        "    inputs: {x: [1.0, 1.0, 1.0]}\n"
        "    forward: sort(x)\n"
        "    jvp: t_x[argsort(x)]\n"
        "  tanh32:\n"
        "    inputs: {x: {value: [9.0, 0.3], dtype: float32}}\n"
        "    forward: tanh(x)\n"
        "    jvp: t_x * (1 - out**2)\n"
        "  root:\n"
        "    inputs: {x: [0.0, 1.0]}\n"
        "    forward: sqrt(x)\n"
        "    jvp: t_x / (2 * sqrt(x))\n"
        "  twice:\n"
        "    inputs: {x: [18.0, 0.3]}\n"
        "    forward: tanh(x)\n"
        "    jvp: t_x / cosh(x)**2 * where(x > 10, 2.0, 1.0)\n"
        "  nothing:\n"
        "    inputs: {x: [18.0, 0.3]}\n"
        "    forward: tanh(x)\n"
        "    jvp: t_x / cosh(x)**2 * where(x > 10, 0.0, 1.0)\n"
    )
    verdicts = {c.name: c.verdict for c in verify(spec).checks}
    assert "fail" not in [verdicts[name] for name in ("saturated", "ties", "tanh32", "root")]
    assert "pass" not in [verdicts[name] for name in ("twice", "nothing")]


# Large Jacobians.


def test_mixed_scales_in_blocks():
    x = 10.0 ** rng.uniform(-8, 8, 600)
    assert judged(np.log, x, lambda g, x: g / x).verdict != "fail"
    wrong = np.ones(600)
    wrong[np.argmin(x)] = 1 + 1e-5
    assert judged(np.log, x, lambda g, x: g / x * wrong).verdict == "fail"


def test_one_large_output_is_no_excuse_for_another():
    def forward(x: Any) -> Any:
        return np.append(np.sin(x), 1e15)

    def rule(g: Any, x: Any) -> Any:
        return g[:-1] * np.cos(x) * (1.5 if np.count_nonzero(g[:-1]) > 1 else 1.0)

    assert judged(forward, [0.3, 1.2], rule).verdict == "fail"
    assert judged(forward, [0.3, 1.2], lambda g, x: g[:-1] * np.cos(x)).verdict == "pass"


def test_single_precision_written_into_a_rule():
    x = np.array([5.0, 0.3, 9.0], np.float32)

    def rule(factor: float) -> Any:
        return lambda g, x: (g * (1 - np.tanh(x) ** 2) * factor).astype(np.float32)

    assert judged(np.tanh, x, rule(1.0)).verdict != "fail"
    assert judged(np.tanh, x, rule(1.01)).verdict == "fail"


@pytest.mark.slow
def test_ties_in_a_large_array():
    x = np.round(rng.standard_normal(2200), 1)
    found = judged(np.sort, x, lambda g, x: g[np.argsort(np.argsort(x, kind="stable"), kind="stable")])
    assert found.verdict != "fail"


def test_short_steps_that_agree_are_believed_though_other_entries_are_noisy():
    def forward(x: Any) -> Any:
        y = np.cos(np.sqrt(1 + (1e6 * x) ** 2))
        return y - y.mean()

    def rule(g: Any, x: Any) -> Any:
        root = np.sqrt(1 + (1e6 * x) ** 2)
        return -(g - g.mean()) * np.sin(root) * 1e12 * x / root

    x = [32.2817615, 5.09123058e-06, -3.18680692e-09, 265.876666, -5.90811083e-08]
    assert judged(forward, x, rule).verdict != "fail"


def test_a_rule_that_raises_a_rounding_away_is_still_judged():
    x = np.array([0.3, 1.2])

    def rule(g: Any, at: Any) -> Any:
        if 0 < np.max(np.abs(at - x)) < 1e-12:
            raise ValueError("not here")
        return g * np.cos(at) * (1 + 1e-4)

    found = judged(np.sin, x, rule)
    assert (found.verdict, [f.code for f in found.findings]) == ("fail", ["GC201"])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("shape", [(20, 4), (300, 4)])
def test_a_claim_that_is_one_of_the_slopes_at_a_kink(seed, shape):
    """Short steps tell the slopes badly, and what lies on the border is not outside for that; what lies beside it is."""
    draw = np.random.default_rng(seed)
    x = draw.normal(size=shape) * (draw.random(shape) > 0.5)

    def leaky(x):
        return np.where(x > 0, x, 0.5 * x).sum(axis=1)

    def claiming(slope):
        def rule(g, x):
            return np.where(x > 0, 1.0, np.where(x < 0, 0.5, slope)) * g[:, None]

        return verify(leaky, [x], backward=rule).checks[0]

    right = claiming(0.5)
    assert right.verdict == "pass", right.findings
    assert right.inputs[0].kinks
    assert {f.code for f in claiming(0.4999).findings if f.verdict == "fail"} == {"GC202"}


def kinked(draw):
    """The slopes on the two sides of a kink, at the one entry of a point that is zero; and the verdict of a claim for it."""
    low, high = np.sort(draw.normal(size=2) * 10.0 ** draw.uniform(-2, 2))
    offset, bend, n, kind = 10.0 ** draw.uniform(-3, 4), draw.normal(), draw.integers(1, 6), draw.integers(4)
    x = draw.normal(size=n) * 10.0 ** draw.uniform(-2, 2)
    x[draw.integers(n)] = 0.0

    def function(x):
        y = np.where(x > 0, high * x, low * x)
        if kind == 1:
            return y + offset
        if kind == 2:
            return y + bend * x * x + offset * 1e-3 * np.sin(x)
        return y if kind == 0 else np.array([np.sum(y) + offset, np.sum(y * np.arange(1, len(x) + 1))])

    def claiming(slope):
        def rule(g, x):
            slopes = np.where(x > 0, high, np.where(x < 0, low, slope))
            if kind == 2:
                slopes = slopes + 2 * bend * x + offset * 1e-3 * np.cos(x)
            return g[0] * slopes + g[1] * slopes * np.arange(1, len(x) + 1) if kind == 3 else g * slopes

        return verify(function, [x], backward=rule).checks[0].verdict

    return low, high, claiming


@pytest.mark.parametrize("seed", range(25))
def test_slopes_at_random_kinks(seed):
    """At a large offset float64 cannot always tell; then nothing is said."""
    draw = np.random.default_rng(seed)
    for part, right in ((0.0, True), (1.0, True), (draw.random(), True), (1.01, False), (1.0001, False), (-0.001, False)):
        low, high, claiming = kinked(draw)
        assert claiming(low + part * (high - low)) != ("fail" if right else "pass"), part


def test_inputs_near_the_largest_numbers():
    found = verify(lambda x: ops.sin(x * 1e-300), [Tensor(np.array([1e308, 1e300, 1.0]), requires_grad=True)])
    assert found.checks[0].verdict in ("pass", "inconclusive")


def test_an_infinite_input_beside_others():
    def rule(g, x):
        return np.flip(np.cumsum(np.flip(g * np.cumprod(x)))) / x

    assert judged(np.cumprod, [0.8, -1.4, 1.9, 0.6, -np.inf], rule).verdict == "fail"
