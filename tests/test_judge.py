"""The judge and what it goes by: extrapolation, bounds, kinks and edges, reasons to leave a question open, the witness."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck_cli import verify
from gradcheck_cli.check.claimed import row_sizes
from gradcheck_cli.check.climb import MOST_STEPS
from gradcheck_cli.check.comparison import Comparison, Judged
from gradcheck_cli.check.coordinates import Coordinates
from gradcheck_cli.check.differences import Differences, quotients
from gradcheck_cli.check.jacobian import decide
from gradcheck_cli.check.ladder import Slopes, neville, observed_noise
from gradcheck_cli.check.shapes import kink_shape
from gradcheck_cli.check.verdict import FAILING, PASSING, UNDECIDED, Tolerance, Verdict, between
from gradcheck_cli.check.witness import complex_step

AGREE, DISAGREE = Verdict.AGREE, Verdict.DISAGREE
STEADY = settings(derandomize=True, deadline=None, max_examples=60)


class Trial:
    """A function at a point, and claims about its Jacobian, (outputs, inputs)."""

    def __init__(self, f: Callable[[Any], Any], x: Any, bounds: tuple[float, float] | None = None) -> None:
        self.f, self.x = f, np.atleast_1d(np.asarray(x, float))
        self.coordinates = Coordinates(self.x, bounds=bounds)

    def evaluate(self, copies: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            return np.stack([np.ravel(self.f(x)) for x in copies])

    @np.errstate(all="ignore")
    def judge(self, claimed: Any, rtol: float = 1e-7, atol: float = 0.0, witness: Any = None) -> Judged:
        self.differences = Differences(self.evaluate, self.coordinates)
        outputs = len(self.differences.f0)
        a = np.asarray(claimed, float)
        a = np.broadcast_to(a, (outputs, self.x.size)) if a.ndim < 2 and outputs != self.x.size else np.atleast_1d(a)
        a = np.diag(np.broadcast_to(a, self.x.shape)) if a.ndim == 1 else a
        (sizes,) = row_sizes({0: np.nan_to_num(a, posinf=0.0, neginf=0.0)}, {0: self.differences.coordinates}).values()
        if witness is True:
            witness = self.witness()
        return decide(Comparison(a.T, self.differences, Tolerance(rtol, atol), sizes, witness))

    def witness(self) -> Callable[[Any], Any] | None:
        scale = Differences(self.evaluate, self.coordinates).scale
        return complex_step(lambda x: (self.f(x),), [self.x], 0, [0], self.coordinates, scale)

    def verdict(self, claimed: Any, **options: Any) -> Verdict:
        """Of an elementwise function: the verdicts of all entries on the diagonal, which must be the same."""
        (found,) = set(self.diagonal(claimed, **options))
        return found

    def diagonal(self, claimed: Any, **options: Any) -> list[Verdict]:
        found = self.judge(claimed, **options).verdict
        return [Verdict(v) for v in (np.diag(found) if found.shape[0] == found.shape[1] else found.ravel())]


# Extrapolation.


@STEADY
@given(st.lists(st.integers(-9, 9), min_size=2, max_size=6), st.integers(0, 3))
def test_neville_is_exact_for_polynomials(coefficients: list[int], more: int) -> None:
    z = 4.0 ** np.arange(len(coefficients) + more)[:, None] / 4**3
    D = np.polynomial.polynomial.polyval(z, coefficients)
    table = neville(z, D)
    degree = len(coefficients) - 1
    for q in range(degree, len(table)):
        assert np.allclose(table[q], coefficients[0], rtol=1e-10, atol=1e-10 * np.max(np.abs(D)))
    assert [len(T) for T in table] == [len(D) - q for q in range(len(table))]


def test_neville_of_a_lower_degree_is_not_exact() -> None:
    z = 4.0 ** np.arange(4)[:, None]
    assert np.min(np.abs(neville(z, z**3)[2])) > 1


def test_observed_noise_is_that_of_the_values() -> None:
    rng = np.random.default_rng(0)
    h = np.repeat(2.0 ** np.arange(-12, 0, 2)[:, None], 200, axis=1)
    smooth = np.cos(1.0) - h**2 / 6
    noise = 1e-9 * rng.normal(size=h.shape)
    seen = observed_noise(h, neville(h**2, smooth + noise / h))
    assert np.max(observed_noise(h, neville(h**2, smooth))[:3]) < 1e-13
    assert 1e-10 < np.median(seen[0]) < 1e-8
    assert np.all(seen[-1] == 0)


def test_quotients_take_out_unequal_distances() -> None:
    """Of a parabola the slope is exact, however unequal the two distances."""
    x, up, down = 3.0, np.array([0.3, 1e-3]), np.array([0.1, 2e-3])
    h, D, asym, flat = quotients((x + up) ** 2, (x - down) ** 2, up, down, np.array(x**2))
    assert np.allclose(D, 2 * x, rtol=1e-12)
    assert np.allclose(asym, h)
    assert not flat.any()


# Error bounds, over many scales.

FUNCTIONS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "sin": (np.sin, np.cos),
    "exp": (np.exp, np.exp),
    "tanh": (np.tanh, lambda x: 1 / np.cosh(x) ** 2),
    "cube": (lambda x: x**3, lambda x: 3 * x**2),
    "square": (lambda x: x * x, lambda x: 2 * x),
    "reciprocal": (lambda x: 1 / x, lambda x: -1 / x**2),
    "log": (lambda x: np.log(np.abs(x)), lambda x: 1 / x),
    "arctan": (np.arctan, lambda x: 1 / (1 + x * x)),
    "quotient": (lambda x: x / (3 + x * x), lambda x: (3 - x * x) / (3 + x * x) ** 2),
}
POINTS = st.floats(0.2, 1.4) | st.floats(-1.4, -0.2)
LENGTHS = st.floats(-9, 9).map(lambda e: 10.0**e)


@STEADY
@given(st.sampled_from(sorted(FUNCTIONS)), POINTS, LENGTHS, LENGTHS)
def test_right_slopes_agree_at_every_scale(name: str, u: float, length: float, height: float) -> None:
    f, slope = FUNCTIONS[name]
    exact = height * slope(u) / length
    found = Trial(lambda x: height * f(x / length), u * length).judge(exact)
    assert found.verdict == AGREE
    assert np.abs(found.numeric - exact) <= found.bound


@STEADY
@given(st.sampled_from(sorted(FUNCTIONS)), POINTS, LENGTHS, st.sampled_from([1e-2, -1e-3, 1e-4, -1e-5, 1e-6]))
def test_wrong_slopes_are_accused_and_the_bound_holds(name: str, u: float, length: float, error: float) -> None:
    f, slope = FUNCTIONS[name]
    exact = slope(u) / length
    found = Trial(lambda x: f(x / length), u * length).judge(exact * (1 + error))
    assert found.verdict == DISAGREE
    assert np.abs(found.numeric - exact) <= found.bound
    assert found.bound < np.abs(exact * error)


@STEADY
@given(POINTS, st.integers(0, 12), st.sampled_from([0.0, 1e-6, -1e-3, 1.0]))
def test_noise_is_neither_accused_nor_accepted(u: float, digits: int, error: float) -> None:
    """A large offset leaves few digits to the slope: what is beyond them is left open, with what could be reached."""
    f = Trial(lambda x: np.sin(x) + 10.0**digits, u)
    found = f.judge(np.cos(u) * (1 + error))
    assert found.verdict not in (FAILING if error == 0 else PASSING)
    if found.verdict in UNDECIDED:
        assert np.isfinite(found.bound)
        assert 1e-7 * np.abs(np.cos(u)) < found.bound < 1e-1
        assert np.abs(found.numeric - np.cos(u)) <= found.bound


def test_tolerances_are_those_asked_for() -> None:
    f = Trial(np.exp, [0.3, -1.2])
    exact = np.exp(f.x)
    assert f.verdict(exact * (1 + 1e-4), rtol=1e-3) == AGREE
    assert f.verdict(exact * (1 + 1e-4), rtol=1e-5) == DISAGREE
    assert f.verdict(exact * (1 + 1e-9), rtol=1e-7) == AGREE
    assert f.verdict(exact * (1 + 1e-8), rtol=1e-9) == DISAGREE
    assert f.verdict(exact + 1e-3, atol=1e-2) == AGREE
    assert f.verdict(exact + 1e-1, atol=1e-2) == DISAGREE


def test_right_entries_cost_few_evaluations_and_none_costs_many() -> None:
    x = np.random.default_rng(0).uniform(0.2, 1.2, 50)
    f = Trial(lambda x: np.sum(np.sin(x), keepdims=True), x)
    f.judge(np.cos(x)[None])
    assert f.differences.evaluations <= 2 * 50 + 20
    f.judge(1.01 * np.cos(x)[None])
    assert f.differences.evaluations <= 50 * 2 * MOST_STEPS + 20


def test_wrong_entry_does_not_touch_its_neighbours() -> None:
    rng = np.random.default_rng(1)
    W = rng.normal(size=(4, 5))
    x = rng.normal(size=5)
    exact = (1 - np.tanh(W @ x) ** 2)[:, None] * W
    claimed = exact.copy()
    claimed[2, 3] *= 1 - 1e-6
    found = Trial(lambda x: np.tanh(W @ x), x).judge(claimed).verdict.T
    assert found[2, 3] == DISAGREE
    assert (np.delete(found.ravel(), 2 * 5 + 3) == AGREE).all()


# Zeros and critical points.


def test_zero_entries() -> None:
    constant = Trial(lambda x: 0 * x + 3.7, [0.4, -2.0])
    assert constant.verdict(0.0) == AGREE
    assert constant.verdict(1e-9) == DISAGREE
    apart = Trial(np.sin, [0.4, -2.0, 1.1])
    found = apart.judge(np.diag(np.cos(apart.x)) + 1e-9 * np.eye(3, k=1)).verdict.T
    assert (np.diag(found) == AGREE).all()
    assert (np.diag(found, 1) == DISAGREE).all()
    assert (np.diag(found, -1) == AGREE).all()


def test_critical_points() -> None:
    bottom = Trial(lambda x: (x - 1) ** 2 + 3, 1.0)
    assert bottom.verdict(0.0, witness=True) == AGREE
    assert bottom.verdict(0.0) not in FAILING
    assert bottom.verdict(1e-5) == DISAGREE
    saddle = Trial(lambda x: (x - 1) ** 3, 1.0)
    assert saddle.verdict(0.0) == AGREE
    assert saddle.verdict(-1e-5) == DISAGREE
    assert Trial(lambda x: x * x, 0.0).verdict(0.0, witness=True) == AGREE
    assert Trial(np.cos, 0.0).verdict(0.0, witness=True) == AGREE
    assert Trial(np.cos, 0.0).verdict(0.1) == DISAGREE


def test_zero_of_a_slope_that_is_not_is_accused() -> None:
    for f, x in ((np.sin, 0.3), (lambda x: 1e-6 * np.sin(x), 0.3), (lambda x: x, 0.0), (lambda x: 1e-12 * x, 1.0)):
        assert Trial(f, x).verdict(0.0) == DISAGREE


@pytest.mark.parametrize("claimed", [np.nan, np.inf, -np.inf])
def test_claims_that_are_no_numbers_are_accused(claimed: float) -> None:
    assert Trial(np.sin, [0.3, 2.0]).verdict(claimed) == DISAGREE
    assert Trial(lambda x: 0 * x + 3.7, [0.4]).verdict(claimed) == DISAGREE
    assert Trial(np.exp, 0.0).verdict(claimed) == DISAGREE


# Kinks, jumps, edges.

KINKS: dict[str, tuple[Callable[[Any], Any], float, float, float]] = {
    "abs": (np.abs, 0.0, -1.0, 1.0),
    "relu": (lambda x: np.maximum(x, 0), 0.0, 0.0, 1.0),
    "shifted": (lambda x: np.abs(x - 1.7), 1.7, -1.0, 1.0),
    "clip": (lambda x: np.clip(x, -2.5, 2.5), 2.5, 0.0, 1.0),
    "leaky": (lambda x: np.maximum(x, 0.1 * x), 0.0, 0.1, 1.0),
    "far from the origin": (lambda x: np.abs(x - 1e6), 1e6, -1.0, 1.0),
    "on a slope": (lambda x: 5 * x + np.abs(x - 0.3) + np.exp(x), 0.3, 4 + np.exp(0.3), 6 + np.exp(0.3)),
    "weak": (lambda x: np.sin(x) + 0.02 * np.abs(x - 0.5), 0.5, np.cos(0.5) - 0.02, np.cos(0.5) + 0.02),
}


@pytest.mark.parametrize("name", KINKS)
def test_kinks_are_named(name: str) -> None:
    f, x, low, high = KINKS[name]
    trial = Trial(f, x)
    for share in (0.0, 0.25, 0.75, 1.0):
        assert trial.verdict(low + share * (high - low)) == Verdict.KINK_BETWEEN
    for share in (-0.5, 1.5, 3.0):
        assert trial.verdict(low + share * (high - low)) == Verdict.KINK_OUTSIDE


@pytest.mark.parametrize(("f", "below", "above"), [(np.abs, -1.0, 1.0), (lambda x: np.maximum(x, 0.1 * x), 0.1, 1.0)])
def test_beside_a_kink_the_slope_is_that_of_the_side(f: Callable[[Any], Any], below: float, above: float) -> None:
    for distance in (1e-9, 1e-6, 1e-3, 0.5):
        x = np.array([distance, 1.0])
        assert Trial(f, x).verdict(above) == AGREE
        assert Trial(f, -x).verdict(below) == AGREE
        assert Trial(f, x).diagonal(below)[1] == DISAGREE
        assert not {*Trial(f, x).diagonal(below)} & {*PASSING}
        assert not {*Trial(f, -x).diagonal(above)} & {*PASSING}


def test_pieces_that_meet_smoothly_are_no_kink() -> None:
    pieces = Trial(lambda x: np.where(x > 1, x * x, np.sin(x - 1) + x), 1.0)
    assert pieces.verdict(2.0) == AGREE
    assert pieces.verdict(2.0 * (1 + 1e-4)) not in PASSING


def test_kink_of_one_input_of_several() -> None:
    trial = Trial(lambda x: np.max(x, keepdims=True), [1.0, 1.0, 0.2])
    assert list(trial.judge([[1.0, 0.0, 0.0]]).verdict.ravel()) == [Verdict.KINK_BETWEEN, Verdict.KINK_BETWEEN, AGREE]
    assert list(trial.judge([[0.5, 0.5, 0.0]]).verdict.ravel()) == [Verdict.KINK_BETWEEN, Verdict.KINK_BETWEEN, AGREE]
    assert list(trial.judge([[1.5, 0.5, 0.1]]).verdict.ravel()) == [Verdict.KINK_OUTSIDE, Verdict.KINK_BETWEEN, DISAGREE]


def test_shape_of_kinks_and_jumps() -> None:
    h = 2.0 ** np.array([-38.0, -34.0, -30.0])[:, None] * np.ones(4)
    asym = np.stack([np.ones(3), h[:, 1], 2.0**-45 / h[:, 2], np.zeros(3)], axis=1)
    D = np.stack([np.full(3, 0.5), np.full(3, 2.0), np.full(3, 2.0), 1 / (2 * h[:, 3])], axis=1)
    slopes = Slopes((-38, -34, -30), h, D, asym, np.zeros(h.shape, bool), 2)
    kink, jump = kink_shape(slopes, np.ones(4), np.full(4, 2.0**-52))[:2]
    assert list(kink) == [True, False, False, False]
    assert list(jump) == [False, False, False, True]
    assert not np.any(kink_shape(slopes._replace(power=1), np.ones(4), np.zeros(4))[:2])


def test_between_reaches_to_the_one_sided_slopes() -> None:
    a = np.array([-1.0, 0.0, 1.0, 1.0005, 1.1, -1.1])
    assert list(between(a, np.zeros(6), np.ones(6), np.full(6, np.inf))) == [True, True, True, False, False, False]
    assert list(between(a, np.zeros(6), np.ones(6), np.full(6, 1e-3))) == [True, True, True, True, False, False]


def test_jumps_are_left_open() -> None:
    for f, x in ((np.floor, 3.0), (np.sign, 0.0), (lambda x: x + 2.0 * (x >= 1.0), 1.0)):
        assert Trial(f, x).verdict(1.0) == Verdict.NEAR_KINK


def test_edges_of_the_domain() -> None:
    root = Trial(np.sqrt, 0.0)
    for claimed in (0.0, 1.0, np.inf):
        assert root.verdict(claimed) == Verdict.EDGE
    sides = Trial(lambda x: np.where(x >= 0, np.exp(x), np.nan), 0.0)
    assert sides.verdict(1.0) == AGREE
    assert sides.verdict(1.001) == DISAGREE


def test_one_sided_differences_at_bounds() -> None:
    for x, bounds in ((0.0, (0.0, 1.0)), (1.0, (0.0, 1.0)), (0.25, (0.25, 0.75))):

        def strict(t: Any, bounds: tuple[float, float] = bounds) -> Any:
            assert np.all((t >= bounds[0]) & (t <= bounds[1]))
            return np.exp(np.sin(t))

        trial = Trial(strict, x, bounds)
        slope = np.exp(np.sin(x)) * np.cos(x)
        assert trial.verdict(slope) == AGREE
        assert trial.verdict(slope * (1 + 1e-4)) == DISAGREE
        assert trial.verdict(-slope) == DISAGREE


def test_within_bounds_both_sides_are_heard() -> None:
    trial = Trial(np.sqrt, 1e-3, (0.0, 1.0))
    assert trial.verdict(0.5 / np.sqrt(1e-3)) == AGREE
    assert trial.verdict(0.5001 / np.sqrt(1e-3)) == DISAGREE


# What cannot be decided, and why.


def rough(x: Any) -> Any:
    """Structure at every scale."""
    return x + 1e-3 * np.modf(np.sin(1e8 * x) * 1e5)[0]


def test_reasons() -> None:
    assert Trial(lambda x: np.sin(x) + 1e12, 0.7).verdict(np.cos(0.7)) == Verdict.NOISE
    assert Trial(rough, 0.7).verdict(1.0) in (Verdict.SCALES, Verdict.NOISE)
    assert Trial(np.floor, 3.0).verdict(0.5) == Verdict.NEAR_KINK
    assert Trial(np.log, -1.0).verdict(-1.0) == Verdict.NOT_FINITE
    assert Trial(np.log, 0.0).verdict(1.0) == Verdict.NOT_FINITE
    assert Trial(lambda x: np.where(x == 2.0, 1.0, np.nan), 2.0).verdict(0.0) == Verdict.NOT_FINITE


def test_rough_functions_are_not_accused() -> None:
    for x in np.linspace(0.3, 3, 10):
        assert Trial(rough, x).verdict(1.0) not in FAILING


def test_saturated_functions_are_not_accused() -> None:
    x = np.array([8.0, 14.0, 18.0, 25.0, 40.0])
    assert not {*Trial(np.tanh, x).diagonal(1 / np.cosh(x) ** 2)} & {*FAILING}
    assert not {*Trial(lambda x: 1 / (1 + np.exp(-x)), x).diagonal(np.exp(-x) / (1 + np.exp(-x)) ** 2)} & {*FAILING}


# The witness.


def seen_by_witness(f: Callable[[Any], Any], x: Any) -> Any:
    trial = Trial(f, x)
    witness = trial.witness()
    assert witness is not None
    return witness(np.arange(trial.x.size))


def test_witness_of_analytic_functions_is_exact() -> None:
    x = np.array([0.7, -1.3, 2.1])
    W = np.random.default_rng(0).normal(size=(3, 3))
    for f, slope in FUNCTIONS.values():
        if f is not FUNCTIONS["log"][0]:
            assert np.allclose(np.diag(seen_by_witness(f, x)), slope(x), rtol=1e-14)
    assert np.allclose(seen_by_witness(lambda x: W @ x, x), W.T, rtol=1e-14)
    assert np.allclose(seen_by_witness(lambda x: np.sum(x * x, keepdims=True), x)[:, 0], 2 * x, rtol=1e-14)
    assert np.allclose(np.diag(seen_by_witness(lambda x: np.where(x > 0, x * x, 3 * x), x)), np.where(x > 0, 2 * x, 3))
    assert np.allclose(np.diag(seen_by_witness(lambda x: np.maximum(x, 0) ** 2, x)), 2 * np.maximum(x, 0))


@pytest.mark.parametrize(
    "f",
    [
        np.abs,
        lambda x: x * np.abs(x),
        lambda x: x.real + 0 * x,
        lambda x: np.real(x) * x,
        lambda x: np.conj(x) * x,
        lambda x: x * x.conj(),
        lambda x: np.sign(x) * x,
        lambda x: x.astype(float),
        lambda x: np.linalg.norm(x, keepdims=True),
        lambda x: np.floor(x) + x,
        lambda x: np.linalg.eigvalsh(np.outer(x, x)),
        np.sort,
    ],
)
def test_witness_refuses_what_is_not_analytic(f: Callable[[Any], Any]) -> None:
    found = seen_by_witness(f, [0.7, -1.3, 2.1])
    assert found.size == 0 or np.isnan(found).all()


def test_there_is_no_witness_of_complex_problems() -> None:
    z = np.array([1.0 + 2.0j])
    assert complex_step(lambda z: (z,), [z], 0, [0], Coordinates(z), np.ones(2)) is None


def test_witness_settles_what_noise_leaves_open() -> None:
    x = 0.7
    trial = Trial(lambda x: np.sin(x) + 1e9, x)
    assert trial.verdict(np.cos(x)) == Verdict.NOISE
    assert trial.verdict(np.cos(x), witness=True) == AGREE
    assert trial.verdict(np.cos(x) * (1 + 1e-6), witness=True) == Verdict.NOISE
    assert trial.verdict(-np.cos(x), witness=True) == DISAGREE


def test_witness_stops_an_accusation_that_lost_digits_make() -> None:
    special = pytest.importorskip("scipy.special")
    x = -8.2
    trial = Trial(lambda x: 0.5 * x * (1 + special.erf(x / np.sqrt(2))), x)
    exact = 0.5 * special.erfc(-x / np.sqrt(2)) + x * np.exp(-x * x / 2) / np.sqrt(2 * np.pi)
    assert trial.verdict(exact, witness=True) in UNDECIDED


@pytest.mark.parametrize("lie", [0.0, 1.0, np.nan, np.inf, -1e300])
def test_witness_never_accuses(lie: float) -> None:
    x = np.array([0.7, -1.3, 14.0])
    for f, slope in ((np.sin, np.cos), (np.tanh, lambda x: 1 / np.cosh(x) ** 2), (lambda x: np.sin(x) + 1e9, np.cos)):
        trial = Trial(f, x)
        assert not np.isin(
            trial.judge(slope(x), witness=lambda columns: np.full((len(columns), 3), lie)).verdict, FAILING
        ).any()


@given(st.integers(0, 10_000))
@settings(derandomize=True, deadline=None, max_examples=10)
def test_random_witness_never_accuses(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=4)
    trial = Trial(lambda x: np.exp(x) + 1e7, x)
    found = trial.judge(np.exp(x), witness=lambda columns: rng.normal(size=(len(columns), 4)))
    assert not np.isin(found.verdict, FAILING).any()


# Values of any size.


@pytest.mark.parametrize("scale", [1e-300, 1e-200, 1e200, 1e290])
@pytest.mark.parametrize("error", [0.0, 1e-6])
def test_sizes_whose_squares_leave_the_range(scale: float, error: float) -> None:
    x = np.array([0.3, 1.0, 2.0])
    for report in (
        verify(lambda v: scale * np.sin(v), [x], backward=lambda g, v: g * scale * np.cos(v) * (1 + error)),
        verify(lambda v: np.sin(v / scale), [x * scale], backward=lambda g, v: g / scale * np.cos(v / scale) * (1 + error)),
        verify(np.exp, [np.array([-600.0, 600.0])], backward=lambda g, v: g * np.exp(v) * (1 + error)),
    ):
        assert report.checks[0].verdict == ("fail" if error else "pass")


@pytest.mark.parametrize("slope", [1e-6, 1e-8, 1e-12])
@pytest.mark.parametrize("analytic", [True, False])
def test_a_claimed_zero_under_an_offset_is_doubted(slope: float, analytic: bool) -> None:
    def forward(x: Any) -> Any:
        return 1e10 + slope * (x if analytic else np.fabs(x))

    report = verify(forward, [np.array(1.3)], backward=lambda g, x: 0.0 * g)
    # Without a witness a slope that nothing shows, 64 scales away either, is zero to within 2 EPS |f| / 64 s.
    assert report.checks[0].verdict == ("inconclusive" if analytic or slope * 64 > 1e-6 else "pass")
    right = verify(forward, [np.array(1.3)], backward=lambda g, x: slope * g)
    assert right.checks[0].verdict != "fail"


@pytest.mark.parametrize("flat", [np.floor, np.sign, lambda x: np.floor(x) + 1e6, lambda x: 5.0 + 0 * np.round(x)])
def test_zeros_of_steps_and_constants_are_zeros(flat: Callable[[Any], Any]) -> None:
    x = np.array([0.3, -1.7, 2.6])
    assert verify(flat, [x], backward=lambda g, x: 0.0 * g).checks[0].verdict == "pass"


def test_zeros_beside_a_kink_are_zeros() -> None:
    """Of sort and max, with entries as near to each other as 1e-3: a longer step exchanges them, on one side only."""
    for seed in range(60):
        x = np.random.default_rng(seed).standard_normal(5)
        x[3] = x[1] + 1e-3
        report = verify(np.sort, [x], backward=lambda g, x: g[np.argsort(np.argsort(x))])
        assert report.checks[0].verdict == "pass", seed


def test_critical_points_of_complex_functions() -> None:
    """Re z^2 along the imaginary axis at a real point is 1 - h^2."""
    z = np.array([1.0 + 0j, 2.0, -0.5j])
    assert verify(lambda z: z**2, [z], backward=lambda g, z: g * np.conj(2 * z)).checks[0].verdict == "pass"
    wrong = verify(lambda z: z**2, [z], backward=lambda g, z: g * np.conj(2 * z + 1e-6j))
    assert wrong.checks[0].verdict == "fail"


def test_noise_does_not_stand_for_a_slope_around() -> None:
    """At deep steps rounding makes huge quotients; a zero must not be excused as a critical point by those."""
    report = verify(
        lambda x: np.fabs(x - 1.0) ** 1.0 * 0 + 1e8 + 1e-9 * np.fabs(x), [np.array(1.3)], backward=lambda g, x: 0.0 * g
    )
    assert report.checks[0].verdict != "pass"


def test_bounds_hold_far_from_zero() -> None:
    """Steps are scaled by the input; a layer norm of entries around 1000 changes on the length of one."""
    broken = 0
    for seed in range(12):
        x = np.random.default_rng(seed).standard_normal(4) + 1000.0
        c = x - x.mean()
        r = 1 / np.sqrt((c * c).mean() + 1e-5)
        J = r * (np.eye(4) - 0.25 - np.outer(c, c) * r * r / 4)

        def layer_norm(x: Any) -> Any:
            c = x - np.mean(x)
            return c / np.sqrt(np.mean(c * c) + 1e-5)

        found = verify(layer_norm, [x], backward=lambda g, x, J=J: g @ J).checks[0].inputs[0]
        assert found.verdict != "fail"
        broken += int((np.abs(found.numeric - J) > found.error_bound + 1e-9 * np.abs(J)).sum())
    assert broken == 0


def test_matrices_that_are_nearly_singular_are_not_accused() -> None:
    """Of condition 1e12 and more the steps see nothing of the pole beside the point, and the rule itself has few digits."""
    for condition in (1e9, 1e12, 1e14):
        for seed in range(4):
            rng = np.random.default_rng(seed)
            U, V = (np.linalg.qr(rng.standard_normal((4, 4)))[0] for _ in range(2))
            A = U @ np.diag(np.geomspace(1, 1 / condition, 4)) @ V
            for f, rule in (
                (np.linalg.inv, lambda g, A: -np.linalg.inv(A).T @ g @ np.linalg.inv(A).T),
                (np.linalg.det, lambda g, A: g * np.linalg.det(A) * np.linalg.inv(A).T),
            ):
                assert verify(f, [A], backward=rule).checks[0].verdict in ("pass", "inconclusive"), (condition, seed)


def test_a_wrong_rule_of_a_steep_function_is_no_noise() -> None:
    """What the claim changes by within a rounding of the inputs excuses nothing where that is little."""
    A = np.diag([1.0, 1e-3, 1e-4]) + 0.01
    rule = lambda g, A: -np.linalg.inv(A).T @ g @ np.linalg.inv(A).T * (1 + 1e-5)  # noqa: E731
    assert verify(np.linalg.inv, [A], backward=rule).checks[0].verdict == "fail"
