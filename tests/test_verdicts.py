"""The judge over functions with exact Jacobians: nothing right is accused, nothing wrong is accepted."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
from exact import exact_jacobian
from verdict_cases import all_cases
from verdicts import problem_of

from gradcheck_cli import verify
from gradcheck_cli.check.check import check
from gradcheck_cli.check.ladder import neville
from gradcheck_cli.check.problem import Settings
from gradcheck_cli.check.verdict import FAILING, PASSING, Verdict

CASES = all_cases()
SEED = 7_000


def judged(case, x, J):
    return check(problem_of(case, x, J, Settings()), explain=False).inputs[0]


@pytest.mark.parametrize("k", range(0, len(CASES), 2), ids=lambda k: CASES[k].name)
def test_exact_jacobians_are_not_accused_and_wrong_ones_not_accepted(k):
    case = CASES[k]
    rng = np.random.default_rng([SEED, k])
    x = np.asarray(case.draw(rng), float)
    J = exact_jacobian(case.function, x)
    right = judged(case, x, J)
    assert not np.isin(right.verdicts, FAILING).any()
    if case.ordinary:
        assert np.isin(right.verdicts, PASSING).all()
    for size in (1e-2, 1e-6):
        i, j = rng.permutation(np.argwhere(J != 0))[0]
        wrong = J.copy()
        wrong[i, j] *= 1 + size
        verdict = judged(case, x, wrong).verdicts[i, j]
        assert verdict not in PASSING
        if case.ordinary:
            assert verdict in FAILING


def test_neville_is_exact_on_polynomials_of_its_degree():
    h = np.array([0.1, 0.25, 0.7, 1.5])[:, None]
    D = 3.0 + 2.0 * h**2 - 5.0 * h**4 + h**6
    table = neville(h**2, D)
    assert table[3][0] == pytest.approx(3.0, abs=1e-12)


def verdicts(f, rule, x):
    report = verify(f, [np.asarray(x, float)], backward=rule)
    return [Verdict(v) for v in np.diag(report.checks[0].inputs[0].verdicts)], report.checks[0]


def test_kinks_are_named_and_subgradients_pass():
    found, result = verdicts(lambda x: np.maximum(x, 0.0), lambda g, x: g * ((x > 0) + 0.3 * (x == 0)), [0.0, 1.0, -1.0])
    assert found == [Verdict.KINK_BETWEEN, Verdict.AGREE, Verdict.AGREE]
    assert result.verdict == "pass"
    found, result = verdicts(lambda x: np.maximum(x, 0.0), lambda g, x: g * ((x > 0) - 0.3 * (x == 0)), [0.0, 1.0, -1.0])
    assert found[0] is Verdict.KINK_OUTSIDE
    assert [f.code for f in result.findings] == ["GC202"]


def test_a_value_that_happens_to_be_the_symmetric_difference_is_still_a_kink():
    found, _ = verdicts(lambda x: np.maximum(x, 0.0), lambda g, x: g * ((x > 0) + 0.5 * (x == 0)), [0.0, 1.0])
    assert found[0] is Verdict.KINK_BETWEEN


def test_steps_and_edges():
    found, result = verdicts(lambda x: np.sign(x) + x, lambda g, x: g, [0.0, 1.5])
    assert found == [Verdict.NEAR_KINK, Verdict.AGREE]
    assert result.verdict == "inconclusive"
    with np.errstate(divide="ignore", invalid="ignore"):
        found, result = verdicts(np.sqrt, lambda g, x: g / (2 * np.sqrt(x)), [0.0, 1.0])
    assert found == [Verdict.EDGE, Verdict.AGREE]
    assert result.verdict == "pass"


def test_what_is_below_the_noise_is_left_open_with_its_resolution():
    _, result = verdicts(lambda x: np.abs(np.tanh(x)), lambda g, x: g / np.cosh(x) ** 2, [17.0, 0.5])
    (entry,) = result.inputs[0].undecided
    assert entry.verdict is Verdict.NOISE
    assert entry.resolution > 1e-7


def test_the_witness_settles_what_differences_cannot_and_never_accuses():
    x = np.array([17.0, 0.5])
    assert verify(np.tanh, [x], backward=lambda g, x: g / np.cosh(x) ** 2).ok
    wrong = verify(np.tanh, [x], backward=lambda g, x: g / np.cosh(x) ** 2 * np.array([1.01, 1.0]))
    assert wrong.checks[0].verdict == "inconclusive"
    absolute = verify(np.abs, [np.array([-2.0, 3.0])], backward=lambda g, x: 0.0 * g)
    assert absolute.checks[0].verdict == "fail", "of abs the complex step would say zero"


@pytest.mark.parametrize("claim", [np.nan, np.inf, -np.inf])
def test_claims_that_are_not_finite_are_wrong_where_the_slope_is_a_number(claim):
    report = verify(lambda x: x * 2, [np.array([1.0, -3.0])], backward=lambda g, x: 2 * g + np.where(x > 0, claim, 0.0))
    assert report.checks[0].verdict == "fail"


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_inputs_that_are_not_finite_are_not_decided(value):
    report = verify(np.tanh, [np.array([value, 1.0])], backward=lambda g, x: g / np.cosh(x) ** 2)
    assert report.checks[0].verdict in ("pass", "inconclusive")


@pytest.mark.parametrize("jump", [1.0, 1e-2, 1e-4, 1e-6])
def test_a_weak_kink_is_no_error(jump):
    def f(w):
        return np.sin(w) + jump * np.maximum(w - 0.5, 0.0)

    right = verify(f, [np.array([0.5])], backward=lambda g, w: g * (np.cos(w) + jump * (w > 0.5)))
    assert right.checks[0].verdict == "pass"
    wrong = verify(f, [np.array([0.5])], backward=lambda g, w: g * (np.cos(w) + 2 * jump))
    assert wrong.checks[0].verdict == "fail"


@pytest.mark.parametrize("claim", [1e-8, 1.01e-8, 2e-8, -1e-7])
def test_a_slope_far_below_its_row_is_left_open(claim):
    slopes = np.array([1e8, 1.0, 1e-8])
    check = verify(
        lambda x: np.sum(np.abs(x) * slopes),
        [np.array([0.7, 1.3, 1.1])],
        backward=lambda g, x: g * np.array([1e8, 1.0, claim]),
    ).checks[0]
    assert check.verdict == "inconclusive"
