"""What the graph holds, and for how long: saved values go as backward goes, and a graph that nobody uses goes at once."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from gradcheck_cli.engine import Function, Tensor, grad, ops
from gradcheck_cli.errors import GraphError

pytestmark = pytest.mark.slow


def leaf(data: Any) -> Tensor:
    return Tensor(np.asarray(data, dtype=float), requires_grad=True)


@pytest.fixture(autouse=True)
def _without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


class Cube(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Any:
        inner = x * 1.0
        ctx.save_for_backward(inner)
        ctx.more = np.ones(3)
        return x**3

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        (x,) = ctx.saved_tensors
        return 3.0 * g * x**2


def test_saved_values_go_as_backward_goes() -> None:
    x = leaf([1.0, 2.0])
    y, alive, seen = x, [], []
    for _ in range(4):
        y = ops.exp(y * 0.5)
        alive.append(weakref.ref(y.data))
        y.register_hook(lambda _: seen.append([ref() is not None for ref in alive]))
    total = y.sum()
    del y
    total.backward()
    # At each exp's turn those after it have let go of their results, which nothing else holds.
    assert seen == [[True] * 4, [True] * 3 + [False], [True] * 2 + [False] * 2, [True] + [False] * 3]
    assert not any(ref() for ref in alive)


def test_a_functions_context_goes_with_its_values() -> None:
    contexts: list[Any] = []

    class Watched(Cube):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Any:
            contexts.append(weakref.ref(ctx))
            y = Cube.forward(ctx, x)
            contexts.append(weakref.ref(ctx._to_save[0].data))
            contexts.append(weakref.ref(ctx.more))
            return y

    x = leaf([1.0, 2.0, 3.0])
    y = Watched.apply(x)
    assert all(ref() is not None for ref in contexts)
    y.backward(np.ones(3), retain_graph=True)
    assert all(ref() is not None for ref in contexts)
    y.backward(np.ones(3))
    assert not any(ref() is not None for ref in contexts)
    assert y.grad_fn is not None
    with pytest.raises(GraphError, match="retain_graph=True"):
        y.backward(np.ones(3))


def test_retain_graph() -> None:
    x = leaf([1.0, 2.0])
    y = ops.exp(x)
    saved = weakref.ref(y.data)
    total = y.sum()
    del y
    total.backward(retain_graph=True)
    assert saved() is not None
    total.backward()
    assert saved() is None
    with pytest.raises(GraphError, match=r"a second time, but its saved values have been freed; pass retain_graph=True"):
        total.backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.data, 2.0 * np.exp(x.data))


def test_what_saves_nothing_can_be_used_again() -> None:
    x = leaf([1.0, 2.0])
    y = (x + 1.0).reshape(2, 1).T.sum() + x[0]
    y.backward()
    y.backward()
    assert x.grad is not None
    assert x.grad.tolist() == [4.0, 2.0]
    for once in (
        lambda: (x * 2.0).sum(),
        lambda: (x**2).sum(),
        lambda: x[Tensor([True, False])].sum(),
        lambda: (x / 2.0).sum(),
    ):
        z = once()
        z.backward()
        with pytest.raises(GraphError, match="a second time"):
            z.backward()


def test_only_what_was_used_is_freed() -> None:
    a, b = leaf(2.0), leaf(3.0)
    left, right = a * a, b * b
    y = left * right
    assert grad(y, a)[0] is not None
    right.backward()
    with pytest.raises(GraphError, match="a second time"):
        left.backward()
    assert b.grad is not None
    assert b.grad.item() == 6.0


def test_an_unused_graph_goes_at_once() -> None:
    def built() -> list[Any]:
        x, w = leaf([1.0, 2.0]), leaf(2.0)
        y = Cube.apply(x * w)
        y[0] *= w
        part = y[1:]
        y += part.sum()
        y.register_hook(lambda g: g)
        y.retain_grad()
        x.register_hook(lambda g: g * 1.0)
        x.register_post_accumulate_grad_hook(lambda t: None)
        (g,) = grad(y.sum(), x, create_graph=True)
        assert g is not None
        return [weakref.ref(t) for t in (x, w, y, part, g, y.grad_fn, g.grad_fn, y.data, part.grad_fn)]

    assert [ref() for ref in built()] == [None] * 9


def test_an_accumulated_gradient_holds_no_graph() -> None:
    x = leaf([1.0, 2.0])
    y = (x * x).sum()
    y.backward()
    node = weakref.ref(y.grad_fn)
    del y
    assert node() is None
    assert x.grad is not None
    assert x.grad.grad_fn is None


def test_an_error_frees_nothing_that_is_kept() -> None:
    x = leaf([1.0, 2.0])
    y = (x * x).sum()

    def fail(_: Tensor) -> None:
        raise ZeroDivisionError

    handle = x.register_hook(fail)
    with pytest.raises(ZeroDivisionError):
        y.backward(retain_graph=True)
    handle.remove()
    y.backward()
    assert x.grad is not None
    assert x.grad.tolist() == [2.0, 4.0]


LENGTH = 4_000
"""Four times the recursion limit; tests/test_engine.py has a chain of 100,000 plain operations."""


class Shift(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Any:
        ctx.save_for_backward(x)
        return x + 1e-5

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        return g


@pytest.mark.parametrize("kind", ["functions", "in place", "views", "in place through views"])
def test_long_chains_are_walked_and_freed_without_recursion(kind: str) -> None:
    x = leaf([1.0, 1.0])
    y = x * 1.0
    for _ in range(LENGTH):
        if kind == "functions":
            y = Shift.apply(y)
        elif kind == "in place":
            y += 1e-5
        elif kind == "views":
            y = y.T
        else:
            y[0].add_(1e-5)
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [1.0, 1.0]
    end = weakref.ref(y.grad_fn)
    del y
    assert end() is None
