"""All columns at once: what sums of columns tell must be what single columns tell, of straight functions and of bent ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import array_shapes, arrays

from gradcheck_cli import verify
from gradcheck_cli.check import cheap, mixture
from gradcheck_cli.check.differences import Differences
from gradcheck_cli.check.result import InputResult
from gradcheck_cli.check.together import cover
from gradcheck_cli.check.verdict import Verdict

N = 70
RNG = np.random.default_rng(5)
MATRIX, POINT = RNG.normal(size=(N, N)), RNG.normal(size=N)
POSITIVE = RNG.uniform(0.5, 1.5, N)

STRAIGHT: dict[str, Callable[[Any], Any]] = {
    "matmul": lambda x: MATRIX @ x,
    "affine": lambda x: 3.0 - MATRIX @ x,
    "cumsum": np.cumsum,
    "centred": lambda x: x - np.mean(x),
    "one number": lambda x: np.sum(MATRIX[0] * x),
    "far from zero": lambda x: 1e2 + MATRIX @ x,
    "tiny": lambda x: 1e-200 * (MATRIX @ x),
}
BENT: dict[str, Callable[[Any], Any]] = {
    "a little": lambda x: MATRIX @ x + 1e-10 * x**3,
    "in one coordinate": lambda x: MATRIX @ x + np.where(np.arange(N) == 7, 1e-8 * np.sin(4 * x), 0.0),
    "at a distance": lambda x: MATRIX @ x + 0.1 * np.maximum(x - POINT - 0.05, 0.0),
    "square": lambda x: MATRIX @ x + 1e-6 * x * x,
}


class Curve:
    """A function whose every output depends on every input, with its Jacobian."""

    def __init__(self, f: Callable[[Any], Any], jacobian: Callable[[Any], Any]) -> None:
        self.f, self.jacobian = f, jacobian


def softmax(x: Any) -> Any:
    e = np.exp(x - np.max(x))
    return e / np.sum(e)


def normalised(x: Any) -> Any:
    return x / np.sqrt(np.sum(x * x))


CURVES = {
    "softmax": Curve(softmax, lambda x: np.diag(softmax(x)) - np.outer(softmax(x), softmax(x))),
    "normalised": Curve(normalised, lambda x: (np.eye(N) - np.outer(normalised(x), normalised(x))) / np.sqrt(np.sum(x * x))),
    "dense": Curve(lambda x: np.tanh(MATRIX @ x / 8), lambda x: (1 - np.tanh(MATRIX @ x / 8) ** 2)[:, None] * MATRIX / 8),
    "products": Curve(lambda x: np.exp(MATRIX @ x / 20), lambda x: np.exp(MATRIX @ x / 20)[:, None] * MATRIX / 20),
    "norm": Curve(lambda x: np.sqrt(np.sum(x * x)), lambda x: x[None] / np.sqrt(np.sum(x * x))),
    "scales": Curve(
        lambda x: np.sin(MATRIX @ (x * 10.0 ** (np.arange(N) % 5 - 2)) / 50),
        lambda x: (
            np.cos(MATRIX @ (x * 10.0 ** (np.arange(N) % 5 - 2)) / 50)[:, None] * MATRIX * 10.0 ** (np.arange(N) % 5 - 2) / 50
        ),
    ),
}


def judged(f: Any, jacobian: Any, x: Any = POINT) -> InputResult:
    """What is said of a rule that claims a Jacobian, (outputs, inputs)."""
    (found,) = verify(f, [x], backward=lambda g, x: np.ravel(g) @ jacobian).checks[0].inputs
    return found


def slopes(f: Any, x: Any) -> Any:
    """The Jacobian of a straight function."""
    return np.array([np.ravel(f(x + step) - f(x)) for step in np.eye(len(x))]).T


def wrong(found: InputResult) -> list[tuple[int, int]]:
    """The entries (output, input) that are wrong."""
    return [(sum(m.output_index), *m.input_index) for m in found.mismatches]


def settled_as_wholes(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What part of the entries are settled so, of each input from now on."""
    parts: list[float] = []
    as_wholes = cheap.CheapTest._as_wholes

    def noted(test: Any) -> None:
        as_wholes(test)
        parts.append(float(np.mean(test.settled)))

    monkeypatch.setattr(cheap.CheapTest, "_as_wholes", noted)
    return parts


def called_straight(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """What `Differences.straight` says from now on."""
    said: list[bool] = []
    straight = Differences.straight
    monkeypatch.setattr(Differences, "straight", lambda d, rounding: said.append(straight(d, rounding)) or said[-1])
    return said


# What is right passes at once; one entry that is not is found.


@pytest.mark.parametrize("name", STRAIGHT)
def test_straight_functions(name, monkeypatch):
    f, said = STRAIGHT[name], called_straight(monkeypatch)
    exact = slopes(lambda x: f(x) - f(0 * x), 0 * POINT)
    assert judged(f, exact).verdict == "pass"
    assert said == [True]
    rows, columns = np.nonzero(np.abs(exact) > 1e-3 * np.abs(exact).max())
    k = np.random.default_rng(0).integers(len(rows))
    other = exact.copy()
    other[rows[k], columns[k]] *= 1 + 1e-6
    assert wrong(judged(f, other)) == [(rows[k], columns[k])]


@pytest.mark.parametrize("name", BENT)
def test_bent_functions(name, monkeypatch):
    said = called_straight(monkeypatch)
    judged(BENT[name], MATRIX)
    assert said
    assert not any(said)


@pytest.mark.parametrize("name", CURVES)
def test_curves(name, monkeypatch):
    curve, parts = CURVES[name], settled_as_wholes(monkeypatch)
    exact = curve.jacobian(POSITIVE)
    assert judged(curve.f, exact, POSITIVE).verdict == "pass"
    assert min(parts) > (0.7 if name == "scales" else 0.99)  # there entries are smaller than others by 1e4


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("error", [1e-2, 1e-4, -1e-6])
def test_one_wrong_entry(name, error):
    curve = CURVES[name]
    exact = curve.jacobian(POSITIVE)
    for row, column in np.random.default_rng(0).integers([len(exact), N], size=(5, 2)):
        other = exact.copy()
        other[row, column] *= 1 + error
        assert wrong(judged(curve.f, other, POSITIVE)) == [(row, column)]


@pytest.mark.parametrize("name", [*STRAIGHT, *BENT])
def test_the_same_is_said_without(name, monkeypatch):
    f = (STRAIGHT | BENT)[name]
    claimed = slopes(f, POINT) * (1 + 1e-5 * np.random.default_rng(0).integers(2, size=N))
    found = []
    for many in (cheap.MANY, 10**9):
        monkeypatch.setattr(cheap, "MANY", many)
        found.append(judged(f, claimed).verdicts)
    np.testing.assert_array_equal(*found)


# Errors that a sum could hide.


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("direction", range(mixture.DIRECTIONS))
def test_errors_that_cancel_in_one_direction(name, direction):
    curve = CURVES[name]
    exact = curve.jacobian(POSITIVE)
    scale = 2.0 ** np.floor(np.log2(POSITIVE))
    w = mixture._weights(N)[direction] * scale
    other = exact.copy()
    other[0, 3] += 1e-5 * exact[0, 3]
    other[0, 8] -= 1e-5 * exact[0, 3] * w[3] / w[8]
    assert {*wrong(judged(curve.f, other, POSITIVE))} == {(0, 3), (0, 8)}


@pytest.mark.parametrize("seed", range(3))
def test_columns_that_are_taken_for_each_other(seed):
    rng = np.random.default_rng(seed)
    curve = CURVES["dense"]
    i, j = rng.choice(N, 2, replace=False)
    other = curve.jacobian(POSITIVE)
    other[:, [i, j]] = other[:, [j, i]]
    assert {column for _, column in wrong(judged(curve.f, other, POSITIVE))} <= {i, j}
    assert judged(curve.f, other, POSITIVE).verdict == "fail"


@pytest.mark.parametrize("claim", [0.0, 1e-6, 1e-12])
def test_claimed_zeros(claim, monkeypatch):
    """Every output depends on all inputs but its own one."""
    holed = MATRIX * (1 - np.eye(N)) / 8
    assert judged(lambda x: np.tanh(holed @ x), (1 - np.tanh(holed @ POINT) ** 2)[:, None] * holed).verdict == "pass"
    leaky = holed + 1e-3 * np.eye(N)
    found = judged(lambda x: np.tanh(leaky @ x), (1 - np.tanh(leaky @ POINT) ** 2)[:, None] * (holed + claim * np.eye(N)))
    assert found.verdict == "fail"
    assert found.wrong == N


@pytest.mark.parametrize("slope", [0.9, 1e-2, 2e-3])
@pytest.mark.parametrize("claim", [0.0, 0.5, 1.0])
def test_kinks_are_named(slope, claim):
    """One coordinate of a dense function is at a kink: its column is not smooth, whatever a rule claims between the slopes."""
    x = np.where(np.arange(N) == 4, 0.0, POSITIVE)
    weights = 0.3 + POSITIVE
    claimed = np.where(np.arange(N) == 4, 1 + slope * (2 * claim - 1), 1.0) * weights[:, None]
    found = judged(lambda x: weights * (np.sum(x) + slope * np.abs(x[4])), claimed, x)
    assert found.kinks == N


@pytest.mark.parametrize("k", range(4, 17, 2))
@pytest.mark.parametrize("matrix", [MATRIX, np.abs(MATRIX)])
@pytest.mark.parametrize("bent", [False, True])
def test_spikes(k, matrix, bent):
    """At the point the slope is another one than around: a rule that claims the one around is wrong, or cannot be judged."""
    width, height = 2.0**-k, 1e-3

    def f(x: Any) -> Any:
        z = np.sum(matrix[0] * (x - POINT))
        smooth = matrix @ x / 8
        return (np.tanh(smooth) if bent else smooth) + height * z * np.exp(-((z / width) ** 2))

    around = ((1 - np.tanh(matrix @ POINT / 8) ** 2)[:, None] if bent else 1.0) * matrix / 8
    assert judged(f, around).verdict != "pass"
    assert judged(f, around + height * matrix[0]).verdict != "fail"


@pytest.mark.parametrize("distance", [1e-6, 1e-4, 1e-3, 1e-2, 0.1])
def test_a_kink_at_a_distance(distance):
    """Some rows have a kink nearby: their slopes are what they are at the point."""

    def f(x: Any) -> Any:
        return np.tanh(MATRIX @ x / 8) + np.where(np.arange(N) % 3 == 0, np.maximum(x[4] - POINT[4] - distance, 0.0), 0.0)

    exact = (1 - np.tanh(MATRIX @ POINT / 8) ** 2)[:, None] * MATRIX / 8
    assert judged(f, exact).verdict == ("pass" if distance >= 1e-3 else "inconclusive")  # some entries are too near to it
    other = exact.copy()
    other[6, 4] *= 1 + 1e-5
    assert wrong(judged(f, other)) == [(6, 4)]


def test_what_is_not_finite_is_left_to_others():
    """One coordinate beyond which the forward is not defined, and one output that is not a number."""
    x = np.where(np.arange(N) == 4, 1e-7, POSITIVE)

    def f(x: Any) -> Any:
        with np.errstate(all="ignore"):
            return np.tanh(MATRIX @ x / 8) + np.where(
                np.arange(N) == 3, np.sqrt(x[4]), np.where(np.arange(N) == 5, np.nan, 0.0)
            )

    exact = (1 - np.tanh(MATRIX @ x / 8) ** 2)[:, None] * MATRIX / 8
    exact[3, 4] += 0.5 / np.sqrt(1e-7)
    found = judged(f, exact, x)
    assert found.verdict != "fail"
    assert np.all(np.delete(found.verdicts, 5, axis=0) == Verdict.AGREE)


# Found by hostile trials.


@pytest.mark.parametrize(("n", "m"), [(16, 1), (17, 1), (40, 8), (100, 100)])
@pytest.mark.parametrize("bent", [False, True])
def test_what_is_missing(n, m, bent):
    """One entry, or one column, that the rule forgets."""
    matrix, x = np.random.default_rng(0).normal(size=(m, n)), np.random.default_rng(1).uniform(0.5, 1.5, n)
    factor = (1 - np.tanh(matrix @ x / n) ** 2)[:, None] if bent else 1.0

    def f(x: Any) -> Any:
        return n * np.tanh(matrix @ x / n) if bent else matrix @ x

    assert judged(f, factor * matrix, x).verdict == "pass"
    for rows, count in ((0, 1), (slice(None), m)):
        other = matrix.copy()
        other[rows, 3] = 0.0
        found = judged(f, factor * other, x)
        assert (found.verdict, found.wrong) == ("fail", count)


@pytest.mark.parametrize(("lag", "i", "k"), [(55, 63, 4), (89, 9, 5), (89, 27, 4), (89, 72, 5)])
@pytest.mark.parametrize("height", [1e-4, 1e-5])
def test_structure_that_a_line_hardly_sees(lag, i, k, height):
    """The difference of two columns that nearly move alike along the line on which it is asked what is straight."""
    n, x = 200, np.random.default_rng(0).uniform(1, 1.9, 200)
    j = i + lag

    def f(y: Any) -> Any:
        z = (y[i] - x[i]) - (y[j] - x[j])
        return np.array([np.sum(y) + height * z * np.exp(-((z / 2.0**-k) ** 2))])

    exact = np.ones((1, n))
    exact[0, [i, j]] += [height, -height]
    assert judged(f, np.ones((1, n)), x).verdict != "pass"
    assert judged(f, exact, x).verdict == "pass"


@pytest.mark.parametrize(("share", "error"), [(1e-5, 3e-6), (1e-6, 1e-5), (1e-6, 3e-6)])
def test_structure_in_a_ball(share, error):
    """Where many columns are moved, a ball is left sooner than where one is."""
    n, rng = 200, np.random.default_rng(0)
    x, c = rng.uniform(1, 1.9, n), rng.uniform(0.5, 1.5, n)
    c[3] = 0.0
    slope = share * np.sum(c * x)

    def f(x0: Any) -> Any:
        y = x0 - x
        inside = max(0.0, 1 - (y @ y) / 2.0**-12) ** 3
        return np.array([np.sum(c * x0 * x0) / 2 + slope * x0[3] + error * slope * y[3] * inside])

    claimed = (c * x)[None]
    claimed[0, 3] = slope
    assert judged(f, claimed, x).verdict != "pass"
    claimed[0, 3] = slope * (1 + error)
    assert judged(f, claimed, x).verdict != "fail"


def means_of_squares(n: int) -> tuple[Callable[[Any], Any], Any, Any]:
    x, t = np.random.default_rng(n).normal(size=(2, n))
    return (lambda y: np.mean((y - t) ** 2)), 2 * (x - t)[None] / n, x


def test_a_loss_takes_fewer_evaluations_than_it_has_inputs():
    f, exact, x = means_of_squares(3000)
    (found,) = verify(f, [x], backward=lambda g, x: g * exact[0]).checks
    assert found.verdict == "pass"
    assert found.forward_evaluations < 600
    exact[0, 7] *= 1 + 1e-5
    (found,) = verify(f, [x], backward=lambda g, x: g * exact[0]).checks
    assert wrong(found.inputs[0]) == [(0, 7)]
    assert found.forward_evaluations < 3000


@settings(max_examples=200, deadline=None)
@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=8)))
def test_every_claimed_zero_is_covered(pattern):
    """Some set holds its column and none on which its output depends."""
    sets = cover(pattern)
    for column, output in np.argwhere(~pattern):
        assert any(some[column] and not np.any(some & pattern[:, output]) for some in sets)
