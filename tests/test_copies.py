"""Copies of tensors: leaves of their own, whose gradients are theirs. `test_torch.py` compares them with PyTorch's."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

from gradcheck_cli import Function, GradcheckError, Tensor

WAYS = [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("used", [False, True])
def test_a_copy_has_a_gradient_of_its_own(way: Any, used: bool) -> None:
    x = Tensor([1.0, 2.0], requires_grad=True, name="x")
    if used:  # x has got its node in the graph
        y = (x * x).sum()
    c = way(x)
    assert (type(c), c.name, c.requires_grad, c.is_leaf) == (Tensor, "x", True, True)
    (c * 3.0).sum().backward()
    assert x.grad is None
    assert np.array_equal(c.grad.data, [3.0, 3.0])
    if used:
        y.backward()
        assert np.array_equal(x.grad.data, [2.0, 4.0])
        assert np.array_equal(c.grad.data, [3.0, 3.0])


@pytest.mark.parametrize("way", WAYS)
def test_numbers_and_dtypes(way: Any) -> None:
    for data in (np.arange(3), np.array([True, False]), np.array(2.5, np.float32), np.array([1.0 + 2.0j]), np.zeros((0, 2))):
        c = way(Tensor(data))
        assert np.array_equal(c.data, data)
        assert (c.dtype, c.shape, c.requires_grad) == (data.dtype, data.shape, False)


def test_which_memory_is_shared() -> None:
    x = Tensor([1.0, 2.0])
    shallow, deep = copy.copy(x), copy.deepcopy(x)
    x += 1.0
    assert (shallow.tolist(), deep.tolist()) == ([2.0, 3.0], [1.0, 2.0])
    assert (shallow._version, deep._version) == (1, 0)
    y = x.detach()
    both = copy.deepcopy({"x": x, "y": y})
    both["x"] += 1.0
    assert both["y"].tolist() == [3.0, 4.0]
    assert x.tolist() == [2.0, 3.0]


def test_a_deep_copy_of_a_result_is_refused() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True)
    for y in (x * 2.0, x[:1], {"parameters": [x, x + 1.0]}):
        with pytest.raises(GradcheckError, match=r"(?s)only leaf tensors can be deep-copied.*clone\(\)"):
            copy.deepcopy(y)


def test_a_saved_value_is_not_the_copys() -> None:
    class Square(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Any:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Any:
            (x,) = ctx.saved_tensors
            return 2.0 * g * x

    x = Tensor([1.0, 2.0], requires_grad=True)
    y = Square.apply(x)
    c = copy.deepcopy(x)
    c.data[...] = 7.0
    y.sum().backward()
    assert np.array_equal(x.grad.data, [2.0, 4.0])
    assert c.grad is None
