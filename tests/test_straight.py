"""One long step for straight functions: it must tell what the short ones tell, and be taken for nothing that is bent."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradcheck_cli import verify
from gradcheck_cli.check import cheap
from gradcheck_cli.check.differences import Differences

N = 40
RNG = np.random.default_rng(5)
MATRIX, POINT = RNG.normal(size=(N, N)), RNG.normal(size=N)
KERNEL = RNG.normal(size=5)
STRAIGHT = {
    "matmul": lambda x: MATRIX @ x,
    "affine": lambda x: 3.0 - MATRIX @ x,
    "cumsum": np.cumsum,
    "convolution": lambda x: np.convolve(x, KERNEL),
    "centred": lambda x: x - np.mean(x),
    "one number": lambda x: np.sum(MATRIX[0] * x),
    "far from zero": lambda x: 1e2 + MATRIX @ x,
    "tiny": lambda x: 1e-200 * (MATRIX @ x),
}
BENT = {
    "a little": lambda x: MATRIX @ x + 1e-10 * x**3,
    "in one coordinate": lambda x: MATRIX @ x + np.where(np.arange(N) == 7, 1e-8 * np.sin(4 * x), 0.0),
    "at a distance": lambda x: MATRIX @ x + 0.1 * np.maximum(x - POINT - 0.05, 0.0),
    "square": lambda x: MATRIX @ x + 1e-6 * x * x,
}


def jacobian(f: Any, x: Any) -> Any:
    """Of a straight function."""
    return np.array([np.ravel(f(x + step) - f(x)) for step in np.eye(len(x))]).T


def asked(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """What `Differences.straight` says from now on."""
    said: list[bool] = []
    straight = Differences.straight
    monkeypatch.setattr(Differences, "straight", lambda d: said.append(straight(d)) or said[-1])
    return said


@pytest.mark.parametrize("name", STRAIGHT)
def test_straight_functions(name, monkeypatch):
    f, said = STRAIGHT[name], asked(monkeypatch)
    exact = jacobian(lambda x: f(x) - f(0 * x), 0 * POINT)
    assert verify(f, [POINT], backward=lambda g, x: np.ravel(g) @ exact).ok
    assert said == [True]
    rows, columns = np.nonzero(np.abs(exact) > 1e-3 * np.abs(exact).max())
    k = np.random.default_rng(0).integers(len(rows))
    wrong = exact.copy()
    wrong[rows[k], columns[k]] *= 1 + 1e-6
    (x,) = verify(f, [POINT], backward=lambda g, x: np.ravel(g) @ wrong).checks[0].inputs
    assert [(m.input_index, np.ravel(m.output_index).sum()) for m in x.mismatches] == [
        ((columns[k],), rows[k] if exact.shape[0] > 1 else 0)
    ]


@pytest.mark.parametrize("name", BENT)
def test_bent_functions(name, monkeypatch):
    said = asked(monkeypatch)
    verify(BENT[name], [POINT], backward=lambda g, x: np.ravel(g) @ MATRIX)
    assert said
    assert not any(said)


@pytest.mark.parametrize("name", [*STRAIGHT, *BENT])
def test_the_same_is_said_without(name, monkeypatch):
    f = (STRAIGHT | BENT)[name]
    slopes = jacobian(f, POINT) * (1 + 1e-5 * np.random.default_rng(0).integers(2, size=N))
    found = []
    for many in (cheap.MANY, 10**9):
        monkeypatch.setattr(cheap, "MANY", many)
        (x,) = verify(f, [POINT], backward=lambda g, x: np.ravel(g) @ slopes).checks[0].inputs
        found.append(x.verdicts)
    np.testing.assert_array_equal(*found)
