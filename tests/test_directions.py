"""Projected mode: combinations that stand for blocks of entries, and the entry that makes one of them wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradcheck_cli import verify
from gradcheck_cli.check.coordinates import Coordinates
from gradcheck_cli.check.directions import LARGEST, SMALLEST, Combinations, Directions, parts

rng = np.random.default_rng(31)
A = rng.standard_normal((300, 200))
X = rng.standard_normal(200)


def function(x: Any) -> Any:
    return np.tanh(A @ x / 20)


def rule(g: Any, x: Any) -> Any:
    return A.T @ (g * (1 - np.tanh(A @ x / 20) ** 2)) / 20


def test_every_entry_is_in_one_block():
    (found,) = verify(function, [X], backward=rule, mode="projected").checks
    (x,) = found.inputs
    assert (found.verdict, x.checked, x.entries) == ("pass", 64 * 64, 300 * 200)
    (note,) = [f for f in found.findings if f.code == "GC603"]
    assert "64 x 64 numbers v'Ju stand for blocks of 15 entries" in note.message


@pytest.mark.parametrize("size", [1.0, 1e-4])
@pytest.mark.parametrize(("i", "j"), [(0, 0), (299, 199), (123, 45)])
def test_a_wrong_entry_is_found_and_named(i, j, size):
    def wrong(g: Any, x: Any) -> Any:
        gx = rule(g, x)
        gx[j] += size * g[i]
        return gx

    (found,) = verify(function, [X], backward=wrong, mode="projected").checks
    (x,) = found.inputs
    assert [(m.output_index, m.input_index) for m in x.mismatches] == [((i,), (j,))]
    assert x.mismatches[0].claimed - x.mismatches[0].numeric == pytest.approx(size, rel=1e-5)
    assert {f.code for f in found.findings if f.verdict == "fail"} == {"GC201"}


def test_parts_hold_everything_once():
    for size, count in ((1, 1), (7, 3), (64, 64), (1000, 64)):
        found = Combinations(rng, size, count)
        members = [found.members(k) for k in range(len(found))]
        np.testing.assert_array_equal(np.concatenate(members), np.arange(size))
        values = rng.standard_normal((2, size))
        sums = [[(values[r, m] * found.weights[m]).sum() for m in members] for r in range(2)]
        np.testing.assert_allclose(found.of(values), sums, atol=1e-12)
        steps = rng.standard_normal(count)
        np.testing.assert_allclose(found.of(found.spread(steps) / found.weights**2), [len(m) for m in members] * steps)


def test_a_block_is_looked_at_from_its_number():
    base = Coordinates(rng.standard_normal((10, 20)))
    found = Directions(base, np.full(200, 2.0), Combinations(rng, 300, parts(300, 200)), rng)
    block = found.block(3, 5)
    assert {block.index(j) for j in range(block.size)} == {base.index(int(j)) for j in found.columns.members(3)}
    np.testing.assert_array_equal(block.look(np.arange(300.0)), found.rows.members(5))
    assert np.all(np.abs(found.columns.weights) >= 1.0)


def test_numbers_of_large_blocks_are_few():
    assert parts(200, 300) == 64
    assert parts(3, 10**9) == 1
    assert parts(10**6, 10**6) * 8 * 2 * 10**6 <= 10**8


@pytest.mark.slow
@pytest.mark.parametrize("entries", [4, 100, 10_000])
def test_how_small_an_error_is_seen(entries):
    """As the note says: off by LARGEST / SMALLEST rtol sqrt(B) in one entry of B, the number is off by more than rtol of it."""
    trials, rtol = 2000, 1e-7
    signs = np.random.default_rng(3)
    weights = signs.uniform(0.5, 1.5, (trials, entries)) * signs.uniform(0.5, 1.5, (trials, entries))
    terms = weights * signs.choice([-1.0, 1.0], (trials, entries))
    error = LARGEST / SMALLEST * rtol * np.sqrt(entries) * np.abs(terms[:, 0])
    assert np.mean(error > rtol * np.abs(terms.sum(axis=1))) >= 0.997
