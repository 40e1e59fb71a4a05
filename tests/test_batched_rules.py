"""A spec's rule given many cotangents at once: it must say what it says of each alone, and is accused of nothing else."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from gradcheck_cli.check import check as checking
from gradcheck_cli.check import differences, engine_problem
from gradcheck_cli.check.claimed import Outputs, asked
from gradcheck_cli.check.contract import FACTORS
from gradcheck_cli.check.dense import dense_cotangent
from gradcheck_cli.check.problem import Problem
from gradcheck_cli.engine.backward import MANY, grad_of_copies
from gradcheck_cli.errors import RuleError, SpecError
from gradcheck_cli.planning import plan
from gradcheck_cli.selection import Selection
from gradcheck_cli.spec.build import problem_at

SPECS = [str(path) for path in sorted(Path(__file__).parent.parent.glob("specs/*.yaml"))]
SMALL = 4_000


def problems(path: str) -> list[Problem]:
    planned, _ = plan([path], Selection())
    found = []
    for item in planned:
        try:
            found.append(problem_at(item.file, item.function, item.case, {}))
        except SpecError:  # its inputs cannot be had here
            continue
    return found


@pytest.mark.parametrize("path", SPECS, ids=lambda path: Path(path).stem)
def test_together_is_one_by_one(path: str) -> None:
    compared = 0
    for problem in problems(path):
        try:
            pulled = problem.pullback([x.value for x in problem.inputs])
        except RuleError:
            continue
        outputs = Outputs(problem.outputs, pulled.outputs, pulled.differentiable)
        if not 0 < outputs.size <= SMALL:
            continue
        v = dense_cotangent(outputs.size)
        vectors = [v, np.ones(len(v)), 0 * v, FACTORS[0] * v, np.eye(1, len(v))[0]]
        if pulled.many is None:
            continue
        others = np.random.default_rng(0).standard_normal((MANY, outputs.size))
        many = asked(pulled, outputs, [*vectors, *others])[: len(vectors)]
        alone = asked(pulled.one_by_one(), outputs, vectors)
        for one, other in zip([*asked(pulled, outputs, vectors), *many], [*alone, *alone], strict=True):
            compared += 1
            for a, b in zip(one, other, strict=True):
                assert (a is None) == (b is None)
                if a is not None and b is not None:
                    assert (a.shape, a.dtype) == (b.shape, b.dtype)
                    size = float(np.nanmax(np.abs(b), initial=0.0))
                    assert_allclose(a, b, rtol=1e-12, atol=1e-13 * size if np.isfinite(size) else 0.0)
    assert compared or not problems(path)


def of(text: str, tmp_path: Path) -> Problem:
    path = tmp_path / "f.yaml"
    path.write_text(text)
    (problem,) = problems(str(path))
    return problem


RULE = "functions: {f: {inputs: {x: [0.5, -1.5]}, forward: 'x**2', backward: {x: '%s'}}}"


@pytest.mark.parametrize(
    "rule", ["abs(grad) * 2 * x", "clip(grad, -1e6, 1e6) * 2 * x", "2 * x * where(grad == 1, 1.0, grad**3)", "2 * x"]
)
def test_what_is_not_linear_is_found(rule: str, tmp_path: Path) -> None:
    found = checking.check(of(RULE % rule, tmp_path)).findings
    assert "GC110" in [f.code for f in found]


def test_nobody_is_accused_of_what_a_batch_rounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def rounded(*arguments: Any) -> list[Any]:
        asked.append(arguments)
        return [g * (1 + 1e-3 * np.arange(len(g)))[:, None] for g in grad_of_copies(*arguments)]

    monkeypatch.setattr(engine_problem, "grad_of_copies", rounded)
    assert checking.check(of(RULE % "grad * 2 * x", tmp_path)).findings == ()
    assert asked


def test_a_rule_with_large_values_on_the_way_is_asked_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copies = []

    def counting(ends: Any, leaves: Any, cotangents: Any) -> list[Any]:
        copies.append(len(cotangents[0]))
        return grad_of_copies(ends, leaves, cotangents)

    monkeypatch.setattr(engine_problem, "grad_of_copies", counting)
    monkeypatch.setattr(differences, "CHUNK_NUMBERS", 10_000)
    text = (
        "functions: {f: {inputs: {x: {shape: [40]}}, forward: 'sum(outer(x, x), axis=0)',"
        " backward: {x: 'grad * sum(x) + sum(outer(grad, x), axis=1) * 0 + sum(grad * x)'}}}"
    )
    found = checking.check(of(text, tmp_path))
    assert (found.verdict, sum(copies)) == ("pass", 40)
    assert max(copies) == 10_000 // 40**2


@pytest.mark.parametrize("seed", range(8))
def test_what_is_zero_but_for_rounding_is_linear(seed: int, tmp_path: Path) -> None:
    text = """
functions:
  f:
    inputs: {x: {shape: [5, 4]}}
    check: {seed: %d}
    forward: |
      y = softmax(x, axis=1)
      return sum(y, axis=1)
    backward: |
      g = grad[:, None]
      return y * (g - sum(g * y, axis=1, keepdims=True))
"""
    found = checking.check(of(text % seed, tmp_path))
    assert {f.code for f in found.findings} <= {"GC301"}


def test_a_check_leaves_nothing_for_the_collector(tmp_path: Path) -> None:
    """The graph holds arrays: it goes with the last that uses it."""
    problem = of(RULE % "grad * 2 * x", tmp_path)
    checking.check(problem)
    # What else the process does may leave some, too.
    assert any(left_by(lambda: checking.check(problem)) == 0 for _ in range(3))


def left_by(work: Callable[[], Any]) -> int:
    """Objects that only the collector frees."""
    gc.collect()
    gc.disable()
    try:
        work()
        return gc.collect()
    finally:
        gc.enable()
