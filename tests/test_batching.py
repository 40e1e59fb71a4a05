"""Functions on many copies at once, and values that differences must not move."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from gradcheck_cli.check.engine_problem import engine_pullback
from gradcheck_cli.engine import Function, Tensor, ops
from gradcheck_cli.engine.batching import Batched, Notes, batched, noting
from gradcheck_cli.engine.stop import freeze

TABLE = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "an index that differs between the copies": lambda x: ops.index_get(TABLE, ops.argmax(x)),
    "an index inside a tuple": lambda x: ops.index_get(TABLE, (ops.argsort(x), 0)),
    "a copy picks from itself": lambda x: x[ops.argsort(x)],
    "taking": lambda x: ops.take(TABLE, ops.argmin(x), axis=0) * x[0],
    "setting": lambda x: ops.index_set(x, ops.argmax(x), 0.0),
    "setting in what is the same for all": lambda x: ops.index_set(np.zeros(3), ops.argmax(x), x[0]),
    "a loop": lambda x: sum(x[i] * ops.sin(x) for i in range(len(x))),
    "numbers on either side": lambda x: 2.0 / (1.0 + x) - TABLE @ x[:2] + x.sum() * TABLE[:, 0],
    "shapes are those of one copy": lambda x: x.reshape(x.shape[0], 1) * np.ones((x.ndim, x.size)),
    "several outputs": lambda x: ops.split(x, [1]),
    "none of the outputs depends": lambda x: TABLE,
    "matrices": lambda x: ops.solve(ops.diag(x) + np.eye(3), TABLE) @ x[:2],
    "comparing": lambda x: ops.where((x > 0) & ~(x > 1), x, -x),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_batch_is_its_copies(name: str) -> None:
    function, rng = FUNCTIONS[name], np.random.default_rng(0)
    copies = rng.normal(size=(4, 3))
    together = batched(function, [copies], [True])
    for k in range(4):
        alone = function(copies[k])
        if isinstance(alone, tuple | list):
            for one, all_of_them in zip(alone, together, strict=True):
                assert_allclose(all_of_them[k], one, rtol=1e-14)
        else:
            assert together.shape == (4, *np.shape(alone))
            assert_allclose(together[k], alone, rtol=1e-13)


def test_a_rule_is_asked_for_many_cotangents_at_once_or_one_by_one() -> None:
    x, g = np.array([0.3, -1.2, 2.0]), np.eye(3)
    for f in (lambda x: ops.tanh(x) * x, lambda x: Cube.apply(x)):
        pulled = engine_pullback(f, [True])([x])
        if f(Tensor(x, requires_grad=True)).grad_fn.is_custom:  # what a rule in Python makes of a batch, nobody knows
            assert pulled.many is None
        else:
            assert_array_equal(pulled.many([g])[0], [pulled.vjp([row])[0] for row in g])


class Cube(Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return 3 * x**2 * g


def test_a_batch_has_no_single_value() -> None:
    batch = Batched(np.ones((4, 3)))
    assert (batch.shape, batch.ndim, batch.size, batch.dtype, len(batch)) == ((3,), 1, 3, np.float64, 3)
    for convert in (bool, np.asarray, lambda b: TABLE[b]):
        with pytest.raises(TypeError, match=r"carried along would be lost|no single truth"):
            convert(batch)


def test_stop_gradient_is_held_at_the_base_point() -> None:
    def f(x: Any, y: Any) -> Any:
        return x * ops.stop_gradient(x + y) + ops.stop_gradient(y[0])

    base = np.array([1.0, 2.0]), np.array([10.0, 20.0])
    held = freeze(f, *base)
    assert_array_equal(held(*base), f(*base))
    moved = np.array([1.5, 2.0])
    assert_array_equal(held(moved, base[1]), moved * [11.0, 22.0] + 10.0)
    assert_array_equal(held(base[0], moved), base[0] * [11.0, 22.0] + 10.0)
    assert_array_equal(f(moved, base[1]), moved * [11.5, 22.0] + 10.0)  # nothing stays frozen outside
    copies = np.array([[1.5, 2.0], [1.0, 3.0], [0.0, 0.0]])
    together = batched(held, [copies, base[1]], [True, False])
    assert_array_equal(together, [held(c, base[1]) for c in copies])


def test_what_does_not_stop_gradients_is_not_wrapped() -> None:
    def f(x: Any) -> Any:
        return x * 2.0

    assert freeze(f, np.ones(2)) is f


def test_freezing_ends_with_an_error() -> None:
    def f(x: Any) -> Any:
        y = ops.stop_gradient(x)
        if np.any(x > 1.0):
            raise ValueError("too large")
        return y

    held = freeze(f, np.ones(1))
    with pytest.raises(ValueError, match="too large"):
        held(np.array([2.0]))
    assert_array_equal(ops.stop_gradient(np.array([2.0])), [2.0])


def test_what_runs_copy_by_copy_is_noted() -> None:
    notes = Notes()
    a, v = np.array([0.0, 1.0, 2.0]), np.array([0.5, 1.5])
    with noting(notes):
        batched(ops.searchsorted, [a, np.stack([v, v])], [False, True])
        assert notes.looped == set()
        batched(ops.searchsorted, [np.stack([a, a]), v], [True, False])
    assert notes.looped == {"searchsorted"}
