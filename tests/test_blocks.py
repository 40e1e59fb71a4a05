"""Large Jacobians that fall into blocks: every entry is checked, and the verdicts are those of a check entry by entry."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from documents import ROOT
from draws import ALL, drawn
from op_cases import DIFFERENTIABLE, Case, cases

from gradcheck_cli import ops, verify
from gradcheck_cli.check import blocks, coordinates, narrow, plan, together
from gradcheck_cli.check.check import _Check, check
from gradcheck_cli.check.corruptions import corrupted, corruptions_of
from gradcheck_cli.check.engine_problem import tensor_problem
from gradcheck_cli.check.problem import Input, Problem
from gradcheck_cli.check.result import CheckResult
from gradcheck_cli.check.structure import Structure
from gradcheck_cli.planning import Planned
from gradcheck_cli.run import run_one
from gradcheck_cli.spec.build import problem_at
from gradcheck_cli.spec.loader import load, loads

rng = np.random.default_rng(20)
MOST = None if ALL else 1
"""Corruptions that are tried of each op: other ones for each."""


@pytest.fixture
def everywhere(monkeypatch: Any) -> None:
    """Ask about blocks however small a Jacobian is."""
    monkeypatch.setattr(plan, "DENSE_ENTRIES", 0)


class Unknown(Structure):
    """Nothing is known of any function."""

    _forward = _rule = None


def both(monkeypatch: Any, run: Callable[[], Any]) -> tuple[Any, Any]:
    """Entry by entry, without what is known of the ops; and in blocks, with it."""
    with monkeypatch.context() as m:
        m.setattr(plan, "DENSE_ENTRIES", 2**62)
        m.setattr(plan, "Structure", Unknown)
        one = run()
    monkeypatch.setattr(plan, "DENSE_ENTRIES", 0)
    monkeypatch.setattr(narrow, "WORTH", 1)
    return one, run()


def assert_same(one: CheckResult, other: CheckResult) -> None:
    """The same verdict and findings; and the same verdict of every entry, where all entries were looked at."""
    assert (one.name, one.verdict) == (other.name, other.verdict)
    assert [f.code for f in one.findings] == [f.code for f in other.findings], one.name
    for a, b in zip(one.inputs, other.inputs, strict=True):
        if (a.checked, b.checked) == (a.entries, b.entries):
            np.testing.assert_array_equal(a.verdicts, b.verdicts, err_msg=f"{one.name} {a.name}")
            smooth = np.isin(a.verdicts, [1, 2])
            np.testing.assert_allclose(b.claimed[smooth], a.claimed[smooth], rtol=1e-12)
            np.testing.assert_allclose(b.numeric[smooth], a.numeric[smooth], rtol=1e-5)
        elif a.checked == a.entries:  # a coordinate was found that moves what it must not, and is shown with its block
            assert (a.verdict, b.verdict) == ("fail", "fail")


# The same verdicts.


@pytest.mark.parametrize("path", sorted((ROOT / "specs").glob("**/*.y*ml")), ids=lambda p: p.stem)
def test_specs_get_the_same_verdicts(path, monkeypatch):
    """Each function, in one of its cases."""
    monkeypatch.setattr(_Check, "_look_for_causes", lambda *_: None)  # a third of the time, and no part of a verdict
    file = load(path)
    planned = [Planned(file, f, c) for f in file.functions.values() for k, c in enumerate(f.cases) if drawn(k, len(f.cases))]
    assert {item.function.name for item in planned} == file.functions.keys()
    for one, other in zip(*both(monkeypatch, lambda: [run_one(item, {}) for item in planned]), strict=True):
        assert_same(one, other)


def op_problem(case: Case) -> Problem:
    inputs = [Input(f"x{i}", np.array(x), i in case.smooth) for i, x in enumerate(case.arrays)]
    return tensor_problem(repr(case), inputs, case.run)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_ops_get_the_same_verdicts(name, monkeypatch):
    for case in list(cases(name))[:2]:
        problem = op_problem(case)
        one, other = both(monkeypatch, lambda problem=problem: check(problem, explain=False))
        assert_same(one, other)
        assert other.verdict != "fail", case


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_corrupted_ops_get_the_same_verdict(name, monkeypatch):
    problem = op_problem(next(iter(cases(name))))
    changes = list(corruptions_of(problem))
    start = zlib.crc32(name.encode()) % max(1, len(changes))
    for position, (_, what, change) in (changes[start:] + changes[:start])[:MOST]:
        wrong = corrupted(problem, position, change)
        one, other = both(monkeypatch, lambda wrong=wrong: check(wrong, explain=False))
        assert one.verdict == other.verdict, (problem.name, what)


# Large ones.


def chain(x: Any) -> Any:
    return np.tanh(np.sin(x) * 0.5) * np.exp(0.1 * x)


def chain_rule(g: Any, x: Any) -> Any:
    t, e = np.tanh(np.sin(x) * 0.5), np.exp(0.1 * x)
    return g * e * ((1 - t * t) * 0.5 * np.cos(x) + 0.1 * t)


X = rng.standard_normal(3000)


def test_every_entry_is_checked():
    (check,) = verify(chain, [X], backward=chain_rule).checks
    (x,) = check.inputs
    assert (check.verdict, x.checked, x.entries, x.inconclusive) == ("pass", X.size**2, X.size**2, 0)
    assert not check.projected
    assert x.claimed.shape == (X.size, 1)
    assert check.forward_evaluations + check.backward_evaluations < 150


@pytest.mark.parametrize("k", [0, 1, 1234, X.size - 1])
def test_a_single_wrong_entry_is_named(k):
    def rule(g: Any, x: Any) -> Any:
        gx = chain_rule(g, x)
        gx[k] *= 1 + 1e-6
        return gx

    (x,) = verify(chain, [X], backward=rule).checks[0].inputs
    assert x.wrong == 1
    (found,) = x.mismatches
    assert found.output_index == found.input_index == (k,)
    assert found.numeric == pytest.approx(chain_rule(1.0, X[k]), rel=1e-8)
    assert found.claimed == pytest.approx(found.numeric * (1 + 1e-6), rel=1e-8)


@pytest.mark.parametrize(("i", "j"), [(0, 1), (1, 0), (2999, 5), (700, 701)])
@pytest.mark.parametrize("size", [1.0, 1e-9])
def test_a_spurious_entry_is_named(i, j, size):
    def rule(g: Any, x: Any) -> Any:
        gx = chain_rule(g, x)
        gx[j] += size * g[i]
        return gx

    (x,) = verify(chain, [X], backward=rule).checks[0].inputs
    (found,) = x.mismatches
    assert (found.output_index, found.input_index) == ((i,), (j,))
    assert (found.claimed, found.numeric) == (pytest.approx(size, rel=1e-6), 0.0)


def test_a_spurious_entry_beside_a_huge_one_is_named():
    slopes = np.where(np.arange(X.size) == 5, 1e25, 1.0)

    def rule(g: Any, x: Any) -> Any:
        gx = slopes * g
        gx[5] += 1e-3 * g[7]
        return gx

    (x,) = verify(lambda x: slopes * x, [X], backward=rule).checks[0].inputs
    (found,) = x.mismatches
    assert (found.output_index, found.input_index, found.claimed, found.numeric) == ((7,), (5,), 1e-3, 0.0)


@pytest.mark.parametrize(("i", "j"), [(0, 1), (1, 0), (2999, 5), (700, 701)])
@pytest.mark.parametrize("size", [1.0, 1e-8])
def test_a_forgotten_entry_is_named(i, j, size):
    def forward(x: Any) -> Any:
        y = chain(x)
        y[i] += size * np.sin(x[j])
        return y

    (x,) = verify(forward, [X], backward=chain_rule).checks[0].inputs
    (found,) = x.mismatches
    assert (found.output_index, found.input_index) == ((i,), (j,))
    assert (found.claimed, found.numeric) == (0.0, pytest.approx(size * np.cos(X[j]), rel=1e-5))


def test_a_rule_that_couples_everything_a_little_is_found_wrong():
    report = verify(chain, [X], backward=lambda g, x: chain_rule(g, x) + 1e-6 * np.mean(g))
    assert report.checks[0].verdict == "fail"


def test_a_forward_that_couples_everything_a_little_is_seen():
    report = verify(lambda x: chain(x) + 1e-4 * np.mean(x), [X], backward=chain_rule)
    assert report.checks[0].verdict == "fail"


def layer_norm(x: Any) -> Any:
    centred = x - ops.mean(x, axis=-1, keepdims=True)
    return centred / ops.sqrt(ops.mean(centred * centred, axis=-1, keepdims=True) + 1e-5)


SHAPES = {
    "elementwise": (lambda x: ops.sin(x) * x, [(40, 30)]),
    "transposed": (lambda x: ops.exp(x).T, [(40, 30)]),
    "rows": (lambda x: ops.softmax(x, axis=-1), [(100, 8)]),
    "columns": (lambda x: ops.softmax(x, axis=0), [(8, 100)]),
    "layer norm": (layer_norm, [(50, 16)]),
    "sum over an axis": (lambda x: ops.sum(x * x, axis=0), [(20, 700)]),
    "matmul": (lambda a, b: a @ b, [(30, 20), (20, 40)]),
    "batch of matrices": (lambda a, b: a @ b, [(40, 3, 4), (40, 4, 5)]),
    "broadcast": (lambda x, w: x * w, [(50, 20), (20,)]),
    "two outputs": (lambda x: (ops.sin(x), x * x), [(600,)]),
    "cumulated": (lambda x: ops.cumsum(x * x, axis=1), [(60, 12)]),
}


@pytest.mark.parametrize("name", SHAPES)
def test_structures(name):
    function, shapes = SHAPES[name]
    (found,) = verify(function, [rng.standard_normal(shape) for shape in shapes]).checks
    assert found.verdict == "pass"
    assert all(x.checked == x.entries for x in found.inputs)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("factor", [1 + 1e-6, -1.0])
def test_wrong_entries_in_structures(name, factor, everywhere):
    function, shapes = SHAPES[name]
    arrays = [rng.standard_normal(shape) for shape in shapes]
    place = tuple(n // 3 for n in shapes[0])

    def change(g: Any) -> Any:
        wrong = np.array(g)
        wrong[place] *= factor
        return wrong

    problem = tensor_problem(name, [Input(f"x{i}", x) for i, x in enumerate(arrays)], function)
    first, *others = check(corrupted(problem, 0, change), explain=False).inputs
    assert first.mismatches
    assert {m.input_index for m in first.mismatches} == {place}
    assert all(x.verdict == "pass" for x in others)


def test_sorting_is_not_elementwise_though_a_sorted_input_makes_it_look_so():
    x = np.sort(rng.standard_normal(700))
    report = verify(np.sort, [x], backward=lambda g, x: g)
    assert report.checks[0].verdict == "pass"
    assert report.checks[0].entries == x.size**2


def test_a_function_that_is_not_defined_everywhere():
    x = rng.uniform(0.01, 0.99, 900)
    for f, rule in ((np.arcsin, lambda g, x: g / np.sqrt(1 - x * x)), (np.log, lambda g, x: g / x)):
        (found,) = verify(f, [x], backward=rule).checks
        assert (found.verdict, found.entries) == ("pass", x.size**2)


def test_kinks_and_zeros_in_blocks():
    x = np.where(np.arange(800) % 7 == 0, 0.0, rng.standard_normal(800))
    (found,) = verify(lambda x: np.maximum(x, 0), [x], backward=lambda g, x: g * (x > 0)).checks
    assert (found.verdict, found.inputs[0].kinks) == ("pass", int((x == 0).sum()))
    (wrong,) = verify(lambda x: np.maximum(x, 0), [x], backward=lambda g, x: g * (x >= -0.1)).checks
    assert wrong.inputs[0].wrong == int(((x < 0) & (x >= -0.1)).sum())


def test_complex_numbers_in_blocks(everywhere):
    z = rng.standard_normal(40) + 1j * rng.standard_normal(40)
    assert verify(lambda z: z * z, [z], backward=lambda g, z: g * np.conj(2 * z)).ok
    assert not verify(lambda z: z * z, [z], backward=lambda g, z: g * 2 * z).ok


def test_rules_that_are_not_linear_are_named():
    for rule in (
        lambda g, x: chain_rule(g, x) / np.count_nonzero(g) * g.size,
        lambda g, x: chain_rule(g * g, x),
        lambda g, x: chain_rule(np.abs(g), x),
        lambda g, x: chain_rule(np.clip(g, -5, 5), x),
    ):
        assert "GC110" in [f.code for f in verify(chain, [X], backward=rule).checks[0].findings]


@pytest.mark.slow
def test_tall_jacobians_do_not_take_memory_for_a_unit_matrix():
    x = rng.standard_normal(4)
    (found,) = verify(lambda x: np.tile(x, 250_000), [x], backward=lambda g, x: g.reshape(-1, 4).sum(axis=0)).checks
    assert (found.verdict, found.projected) == ("pass", True)


# The parts.


def test_blocks_of_axes():
    found = blocks.Blocks(np.repeat(np.arange(3), 2), np.tile(np.arange(3), 4))
    assert found.count == 3
    np.testing.assert_array_equal(found.members, [[0, 2, 4], [1, 3, 5]])
    np.testing.assert_array_equal(found.outputs, np.arange(12).reshape(4, 3))
    (ones,) = coordinates.ones_at(found.outputs, 12, 100)
    np.testing.assert_array_equal(ones.sum(axis=0), 1)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 6, 7, 127])
def test_separating_sets(size):
    sets = list(together.separating(size))
    for i, j in itertools.permutations(range(size), 2):
        assert any(s[i] and not s[j] for s in sets)


def test_separating_sets_are_few():
    sets = list(together.separating(1_000_000))
    codes = sum(s.astype(np.int64) << k for k, s in enumerate(sets))
    codes.sort()
    assert (len(sets), len(codes), bool(np.all(codes[1:] > codes[:-1]))) == (23, 1_000_000, True)
    assert np.all(np.bitwise_count(codes) == 11)


LOST = "(grad * cos(x) * sum(x) + sum(grad * sin(x)) + 3.0e8 * grad) - 3.0e8 * grad"


@pytest.mark.parametrize("mode", ["full", "projected"])
def test_a_linear_rule_that_loses_digits_does_not_add_up(mode):
    body = f"check: {{mode: {mode}}}\n    forward: sin(x) * sum(x)\n    backward: {{x: {LOST}}}"
    file = loads(f"version: 1\nfunctions:\n  f:\n    inputs: {{x: {{shape: [50]}}}}\n    {body}\n")
    spec = file.functions["f"]
    found = check(problem_at(file, spec, spec.cases[0], {}))
    assert "GC117" in [f.code for f in found.findings]


def test_a_rule_of_blocks_that_rounds_to_single_precision():
    """Blocks of more than one coordinate."""

    def rule(g: Any, x: Any) -> Any:
        return (np.cumsum(g[:, ::-1], axis=1)[:, ::-1] * np.cos(x)).astype(np.float32).astype(float)

    report = verify(lambda x: np.cumsum(np.sin(x), axis=1), [rng.standard_normal((400, 3))], backward=rule)
    assert [f.code for f in report.checks[0].findings] == ["GC117"]
