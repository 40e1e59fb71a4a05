"""Python functions of tensors run on many copies at once where they can, and say the same where they cannot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gradcheck_cli import ops, verify
from gradcheck_cli.check import engine_problem
from gradcheck_cli.check.engine_problem import tensor_problem
from gradcheck_cli.check.problem import Input
from gradcheck_cli.engine import Function, Tensor
from gradcheck_cli.engine.batching import Batched

rng = np.random.default_rng(11)
W = rng.normal(size=(4, 3))
STATE = {"calls": 0}


class Cube(Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return 3.0 * x * x * g


class CubeOfArrays(Cube):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return Tensor(np.asarray(x.data) ** 3)


def counted(x: Any) -> Any:
    """Knows how often it was called, and gives another result for what is no tensor."""
    STATE["calls"] += 1
    return ops.sin(x) if isinstance(x, Tensor) else ops.cos(x)


TOGETHER: dict[str, Callable[[Any], Any]] = {
    "ops": lambda x: ops.tanh(x) * 2.0,
    "a product with an array": lambda x: ops.tanh(W @ x),
    "a product with a tensor": lambda x: ops.tanh(Tensor(W) @ x),
    "a Function of ops": lambda x: Cube.apply(x) + x,
    "several outputs": lambda x: (ops.exp(x), ops.sum(x)),
    "an output that stays": lambda x: (ops.exp(x), Tensor(np.ones(2))),
    "a held value": lambda x: x * ops.stop_gradient(ops.sum(x)),
}


def add_to(y: Any, more: Any) -> None:
    y += more


def added_in_place(x: Any) -> Any:
    """At 0 nothing is added."""
    y = x * 2.0
    add_to(y, ops.sin(x))
    return y


ALONE: dict[str, Callable[[Any], Any]] = {
    "a Function of arrays": CubeOfArrays.apply,
    "a way that depends on values": lambda x: x * (2.0 if float(x[0]) > -10 else 3.0),
    "a truth": lambda x: x if ops.sum(x) > -100 else -x,
    "NumPy's functions": lambda x: x * 2.0 + Tensor(np.exp(np.asarray(x.data))) * 0.0,
    "its type matters": counted,
    "writing in place": added_in_place,
}


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many copies ran at once; zero where they could not."""
    seen: list[int] = []
    original = engine_problem.ManyAtOnce.__call__

    def call(self: Any, arrays: Any, flags: Any) -> Any:
        seen.append(0)
        found = original(self, arrays, flags)
        seen[-1] = next(len(a) for a, flag in zip(arrays, flags, strict=True) if flag)
        return found

    monkeypatch.setattr(engine_problem.ManyAtOnce, "__call__", call)
    return seen


@pytest.mark.parametrize("name", [*TOGETHER, *ALONE])
def test_verdicts(name, copies):
    function = (TOGETHER | ALONE)[name]
    x = Tensor(rng.normal(size=3), requires_grad=True)
    (result,) = verify(function, [x]).checks
    assert result.verdict == "pass", result.findings
    if name in TOGETHER:
        assert max(copies) > 2
        assert result.inputs[0].seen.alone == 0
    else:
        assert max(copies) <= 2  # no more than the first try
        assert result.inputs[0].seen.alone > 0


class Wrong(Cube):
    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return 3.0 * x * x * g * np.array([1.0, 1.0 + 1e-6, 1.0])


class WrongOfArrays(CubeOfArrays):
    backward = Wrong.backward


@pytest.mark.parametrize("function", [Wrong, WrongOfArrays])
def test_a_wrong_entry_is_named(function):
    (result,) = verify(function, [Tensor(rng.normal(size=3), requires_grad=True)]).checks
    assert result.verdict == "fail"
    assert (result.inputs[0].wrong, [f.code for f in result.findings]) == (1, ["GC201"])


def test_large_functions_of_tensors(copies):
    """What is known of the ops is known of them, too."""
    x = Tensor(rng.normal(size=3000), requires_grad=True)
    (result,) = verify(lambda x: ops.exp(ops.sin(x)) * 2.0, [x]).checks
    assert (result.verdict, result.inputs[0].checked) == ("pass", 9_000_000)
    assert result.backward_evaluations < 20


def test_a_hidden_coupling_is_found():
    """The forward is followed; the rule is asked."""

    class Coupled(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return ops.sin(x)

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            found = g * ops.cos(x)
            return ops.index_add(found, (7,), 1e-6 * g[1234])

    (result,) = verify(Coupled, [Tensor(rng.normal(size=3000), requires_grad=True)]).checks
    assert result.verdict == "fail"
    assert "d out[1234] / d x[7]" in str(result.findings[0])


def test_what_is_written_in_place_where_nothing_is_added():
    (result,) = verify(added_in_place, [Tensor(np.zeros(3), requires_grad=True)]).checks
    assert result.verdict == "pass", result.findings


class InPlace(Function):
    """A coupling that is lost where `y` and `z` are not the same array."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        z = y = x * 1.0
        y += 1e-10 * ops.sum(x)
        return z

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g * 1.0


def test_a_coupling_that_is_written_in_place_is_found():
    (result,) = verify(InPlace.apply, [Tensor(rng.normal(size=900), requires_grad=True)]).checks
    assert result.inputs[0].wrong == 1


@pytest.mark.parametrize("function", [ops.logdet, ops.qr, lambda a: ops.slogdet(a)[1]])
def test_a_rule_of_an_op_that_has_no_value_is_at_fault(function):
    (result,) = verify(function, [Tensor(np.zeros((3, 3)), requires_grad=True)]).checks
    assert "GC106" in [f.code for f in result.findings]


def test_large_results_on_the_way_are_not_made_for_all_copies(monkeypatch):
    """All at once they would take 400 times as much room as the function itself."""
    sizes: list[int] = []
    original = Batched.__init__

    def made(self: Any, array: Any) -> None:
        sizes.append(array.size)
        original(self, array)

    monkeypatch.setattr(Batched, "__init__", made)
    x = Tensor(rng.normal(size=100), requires_grad=True)
    primal = tensor_problem("", [Input("x", x.data)], lambda x: ops.sum((x[:, None] * x[None]) ** 3, axis=0)).batched_primal
    assert primal is not None
    copies = rng.normal(size=(500, 100))
    primal([copies[:2]], [True])
    (found,) = primal([copies], [True])
    np.testing.assert_allclose(found, copies**3 * np.sum(copies**3, axis=1, keepdims=True), rtol=1e-10)
    assert max(sizes) <= 1_000_000
