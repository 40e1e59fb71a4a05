"""What is told of values by following them through the ops, against what happens when they move."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from documents import ROOT
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from op_cases import OPS, Case, as_tuple, cases, generator

from gradcheck_cli import ops
from gradcheck_cli.check.claimed import Outputs
from gradcheck_cli.check.dense import dense_cotangent
from gradcheck_cli.check.problem import Problem, Pulled
from gradcheck_cli.check.structure import Structure
from gradcheck_cli.engine.ops.define import CompositeOp
from gradcheck_cli.engine.tracing import Traced, source, traced
from gradcheck_cli.errors import RuleError, SpecError
from gradcheck_cli.spec.build import problem_at
from gradcheck_cli.spec.loader import load, loads

PLAIN = [n for n, op in OPS.items() if not isinstance(op, CompositeOp) and op.differentiable]
LINEAR = [n for n in PLAIN if OPS[n].linear]
ALMOST = {"heaviside", "mod", "clip", "_copy", "_clone", "_copy_slices"}
"""Linear in pieces only, or of tensors only."""


def movers(case: Case) -> Iterator[tuple[list[int], list[int]]]:
    """Of a call the inputs that move together, and those that must be zero meanwhile, by position among its arrays."""
    numbers, linear = range(len(case.arrays)), case.op.linear
    if linear == "each":
        yield from (([i], []) for i in numbers)
        return
    named = list(numbers) if linear == "together" else [case.op.inputs.index(n) for n in linear.split()]
    present = [i for i in named if i < len(case.arrays)]
    yield present, []
    if len(present) > 1:
        yield present[:1], present[1:]


def is_linear(function: Callable[[Sequence[Any]], tuple[Any, ...]], arrays: Sequence[Any], rng: Any) -> bool:
    """f(a u + b w) = a f(u) + b f(w) for random u and w."""
    u, w = ([rng.normal(size=np.shape(x)).astype(np.asarray(x).dtype) for x in arrays] for _ in range(2))
    a, b = 1.75, -0.375
    both = function([a * p + b * q for p, q in zip(u, w, strict=True)])
    return all(
        np.shape(y) == np.shape(p) and np.allclose(y, a * p + b * q, rtol=1e-9, atol=1e-9)
        for y, p, q in zip(both, function(u), function(w), strict=True)
    )


@pytest.mark.parametrize("name", LINEAR)
def test_linear_ops_are_linear(name):
    rng = generator(name, "linear")
    for case in cases(name):
        if not all(np.asarray(x).dtype == np.float64 for x in case.arrays) and "condition" not in OPS[name].inputs:
            continue
        for moving, zero in movers(case):

            def function(values: Sequence[Any], case: Case = case, moving: list[int] = moving, zero: list[int] = zero) -> Any:
                arrays = [np.zeros_like(x) if k in zero else x for k, x in enumerate(case.arrays)]
                for k, value in zip(moving, values, strict=True):
                    arrays[k] = value
                return case.run(*arrays)

            assert is_linear(function, [case.arrays[i] for i in moving], rng), (case, moving)


@pytest.mark.parametrize("name", [n for n in PLAIN if not OPS[n].linear and n not in ALMOST])
def test_no_linear_op_goes_unsaid(name):
    rng = generator(name, "linear")
    found = []
    for case in cases(name):
        for i in (i for i in case.smooth if np.size(case.arrays[i])):

            def function(values: Sequence[Any], case: Case = case, i: int = i) -> Any:
                return case.run(*[values[0] if k == i else x for k, x in enumerate(case.arrays)])

            with np.errstate(all="ignore"):
                try:
                    found.append(is_linear(function, [case.arrays[i]], rng))
                except np.linalg.LinAlgError:  # of matrices that are not definite
                    found.append(False)
    assert not all(found)


# Alignment, and linearity, of compositions.

STEPS: dict[str, Callable[[Any, Any], Any]] = {
    "sin": lambda x, c: ops.sin(x),
    "twice": lambda x, c: 2.0 * x,
    "plus": lambda x, c: x + 1.0,
    "rows": lambda x, c: x + ops.sum(x, axis=0, keepdims=True),
    "columns": lambda x, c: x * ops.mean(x, axis=1, keepdims=True),
    "softmax": lambda x, c: ops.softmax(x, axis=1),
    "scan": lambda x, c: ops.cumsum(x, axis=0),
    "sort": lambda x, c: ops.sort(x, axis=1),
    "flip": lambda x, c: ops.flip(x, axis=0),
    "transposed": lambda x, c: ops.transpose(ops.transpose(x) * 3.0),
    "swapped": lambda x, c: ops.transpose(x) if x.shape[0] == x.shape[1] else x,
    "product": lambda x, c: x @ c,
    "left": lambda x, c: ops.einsum("ij,kj->ki", x, x),
    "reshaped": lambda x, c: ops.reshape(x, x.shape[::-1]) if x.shape[0] == x.shape[1] else ops.reshape(x, x.shape),
    "split": lambda x, c: ops.concatenate([x[:1], x[1:] * 2.0], axis=0),
    "rolled": lambda x, c: ops.roll(x, 1, axis=1),
    "chosen": lambda x, c: ops.where(x > 0.0, x, 0.5 * x),
    "masked": lambda x, c: ops.where(c[: x.shape[0], : x.shape[1]] > 0, x, 0.0),
    "padded": lambda x, c: ops.pad(x, ((1, 0), (0, 0)))[1:],
    "centred": lambda x, c: x - ops.mean(x),
    "summed": lambda x, c: ops.sum_to(x, (x.shape[0], 1)) + x,
    "constant": lambda x, c: 0.0 * x + c[: x.shape[0], : x.shape[1]],
    "set": lambda x, c: ops.index_set(x, (slice(None), 0), 0.0),
}


def assert_kept(function: Callable[..., Any], arrays: Sequence[Any], found: Sequence[Traced]) -> None:
    """What is told to stay does, bit for bit, when single entries of a source move far."""
    before = as_tuple(function(*arrays))
    for s, x in enumerate(arrays):
        for index in np.ndindex(x.shape):
            moved = [np.array(a) for a in arrays]
            moved[s][index] = -1.25 * moved[s][index] + 0.3
            for y, z, told in zip(before, as_tuple(function(*moved)), found, strict=True):
                pairs = told.aligned.get(s)
                may = np.full(np.shape(y), pairs is not None)
                for o, axis in pairs or ():
                    may &= np.indices(np.shape(y))[o] == index[axis]
                np.testing.assert_array_equal(np.asarray(y)[~may], np.asarray(z)[~may])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=5), st.booleans(), st.integers(0, 10**6))
def test_compositions(steps, square, seed):
    rng = np.random.default_rng(seed)
    shape = (3, 3) if square else (3, 2)
    x, c = rng.normal(size=shape), rng.normal(size=(shape[1], shape[1]))

    def function(value: Any) -> Any:
        for step in steps:
            value = STEPS[step](value, c if step == "product" else np.ones((3, 3)) * c[0, 0])
        return value

    try:
        expected = function(x)
    except ValueError:  # shapes that do not fit
        assume(False)
    found = traced(function, [x], [True])
    assert found is not None
    np.testing.assert_array_equal(found[0].array, expected)
    assert_kept(function, [x], found)
    if found[0].linear:
        assert is_linear(lambda values: as_tuple(function(values[0])), [x], rng)


def test_sources_that_meet():
    x, y = np.arange(6.0).reshape(2, 3), np.arange(3.0)
    (found,) = traced(lambda x, y: x * y + ops.sum(y), [x, y], [True, True])
    assert found.aligned == {0: {(0, 0), (1, 1)}, 1: frozenset()}
    (found,) = traced(lambda x, y: x * y, [x, y], [True, True])
    assert found.aligned == {0: {(0, 0), (1, 1)}, 1: {(1, 0)}}
    assert not found.linear
    assert traced(lambda x, y: x * y, [x, y], [True, False])[0].linear
    (found,) = traced(lambda x, y: y * 2.0, [x, y], [True, False])
    assert (found.aligned, found.linear) == ({}, False)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x if x[0] > 0 else -x,
        lambda x: np.exp(x),
        lambda x: np.asarray(x) * 2,
        lambda x: x * float(x[0]),
        lambda x: np.ones(3)[x > 0],
        lambda x: ops.take(np.ones(3), x > 0),
        lambda x: [1.0, 2.0, 3.0][int(x[0])] * x,
    ],
)
def test_a_way_that_depends_on_values_is_not_followed(function):
    assert traced(function, [np.ones(3)], [True]) is None


def test_single_precision_on_the_way_is_not_linear():
    (found,) = traced(lambda x: ops.astype(ops.astype(x, "float32"), "float64"), [np.ones(3)], [True])
    assert not found.linear
    assert not source(np.ones(3, np.float32), 0).linear
    assert source(np.ones(3, complex), 0).linear


# Rules.


def rule_of(text: str) -> tuple[Problem, Pulled, Outputs]:
    body = f"inputs: {{x: [0.5, -1.5, 2.0]}}\n    forward: x * x\n    backward: |\n      {text}\n"
    file = loads(f"version: 1\nfunctions:\n  f:\n    {body}")
    problem = problem_at(file, file.functions["f"], file.functions["f"].cases[0], {})
    pulled = problem.pullback([x.value for x in problem.inputs])
    return problem, pulled, Outputs(problem.outputs, pulled.outputs, pulled.differentiable)


@pytest.mark.parametrize(
    "text",
    [
        "return grad * 2 * x",
        "return 2 * (x * grad)",
        "return where(x > 0, grad * x, 0.0) + where(x > 0, 0.0, grad) * x + grad * x",
        "return grad * x + sum(grad) * x - mean(grad) * 3 * x",
        "return einsum('i,i->i', grad, 2 * x)",
        "return (diag(x) @ grad) * 2",
        "return -grad / x",
        "return concatenate([grad[:1], grad[1:]]) * 2 * x",
        "return grad @ outer(x, x)",
        "return solve(diag(x), grad)",
        "return 0 * grad",
    ],
)
def test_linear_rules(text):
    assert Structure(*rule_of(text)).linear


@pytest.mark.parametrize(
    "text",
    [
        "return grad * grad * x",
        "return grad**2 * x",
        "return abs(grad) * x",
        "return grad * 2 * x + 1e-9",
        "return grad * 2 * x + 1e-9 * x",
        "return where(grad > 0, grad, 0.0) * x",
        "return clip(grad, -1e3, 1e3) * 2 * x",
        "return grad / sum(grad * grad)",
        "return x / grad",
        "return maximum(grad, -5.0) * x",
        "return astype(astype(grad, 'float32'), 'float64') * 2 * x",
        "return sign(grad) * x",
        "return tanh(grad) * x",
        "return sort(grad) * x",
        "return x * 2",
        "return grad[argmax(grad)] * x",
        "return outer(grad, x) @ grad",
        "return concatenate([grad[:1], x[1:]])",
        "return grad * 1e-200 * 1e-111 * 1e200 * 1e111 * 2 * x",
        "return grad * 1e200 * 1e107 * 1e-200 * 1e-107 * 2 * x",
    ],
)
def test_rules_that_are_not_linear(text):
    assert not Structure(*rule_of(text)).linear


def followed(path: Path) -> Iterator[tuple[str, Problem, Pulled, Outputs]]:
    """The checks of a file whose rules can be asked anything."""
    file = load(path)
    for spec in file.functions.values():
        for case in spec.cases:
            problem = problem_at(file, spec, case, {})
            with suppress(RuleError):
                pulled = problem.pullback([x.value for x in problem.inputs])
                outputs = Outputs(problem.outputs, pulled.outputs, pulled.differentiable)
                if outputs.size and pulled.traced is not None:
                    yield f"{spec.name} {case.name}", problem, pulled, outputs


@pytest.mark.parametrize("path", sorted((ROOT / "specs").glob("**/*.y*ml")), ids=lambda p: p.stem)
def test_rules_of_specs(path):
    """What is told of rules holds; and of right ones in double precision it is told that they are linear."""
    rng = generator(path.stem)
    for name, problem, pulled, outputs in followed(path):
        gs = outputs.cotangents(dense_cotangent(outputs.size))
        known = Structure(problem, pulled, outputs)
        double = all(x.value.dtype.char in "dD" for x in problem.inputs if x.requires_grad)
        if "mistakes" not in path.parts and double:
            assert known.linear, name
        found = known._rule
        small = sum(x.value.size for x in problem.inputs) <= 60
        if found is None or not small or not all(g is not None and np.isfinite(g.array).all() for g in found.values()):
            continue

        def rule(*some: Any, gs: Any = gs, kept: Any = outputs.kept, pulled: Any = pulled) -> Any:
            given = dict(enumerate(gs)) | dict(zip(kept, some, strict=True))
            return tuple(pulled.vjp(list(given.values())))

        own = {k: number for number, k in enumerate(outputs.kept)}
        told = [Traced(g.array, {own[k]: pairs for k, pairs in g.aligned.items()}, g.linear) for g in found.values()]
        assert_kept(rule, [gs[k] for k in own], told)
        if known.linear and all(gs[k].dtype == np.float64 for k in own):
            assert is_linear(lambda values, rule=rule: rule(*values), [gs[k] for k in own], rng), name


@pytest.mark.parametrize("path", sorted((ROOT / "specs").glob("*.yaml")), ids=lambda p: p.stem)
def test_forwards_of_specs(path):
    for name, problem, _, outputs in followed(path):
        found = problem.traced([x.requires_grad for x in problem.inputs]) if problem.traced is not None else None
        assert found is not None, name
        places = problem.differentiable_inputs()
        arrays = [problem.inputs[i].value for i in places]
        if sum(a.size for a in arrays) > 60 or any(a.dtype.kind == "c" for a in arrays):
            continue

        def forward(*some: Any, problem: Any = problem, places: Any = places, kept: Any = outputs.kept) -> Any:
            given = [x.value for x in problem.inputs]
            for i, a in zip(places, some, strict=True):
                given[i] = a
            with np.errstate(all="ignore"):
                found = problem.primal(*given)
            return tuple(found[k] for k in kept)

        own = {i: number for number, i in enumerate(places)}
        told = [Traced(y.array, {own[i]: p for i, p in y.aligned.items()}, y.linear) for y in (found[k] for k in outputs.kept)]
        with suppress(np.linalg.LinAlgError, SpecError):  # a matrix that is not definite any more
            assert_kept(forward, arrays, told)


def test_many_axes_of_length_1_are_not_compared():
    shape = (1,) * 31 + (200,) + (1,) * 31
    (found,) = traced(lambda x: ops.flip(ops.reshape(x, shape), axis=0), [np.ones(200)], [True])
    assert found.aligned == {0: {(31, 0)}}
    (found,) = traced(lambda x: ops.flip(x, axis=0), [np.ones(shape)], [True])
    assert found.aligned == {0: {(31, 31)}}
