"""The tutorial's scenarios that need more than one part: checking a Function, the order of the backward pass, training.

The others are beside what they are about: 1 to 4, 7, 9, 10 and 12 in test_engine.py, 5 and 6 in test_function.py, 8 in
test_checkpoint.py, 11 in test_inplace.py, 13 in test_graph.py, 17 in test_hooks.py.
"""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

from gradcheck_cli import Function, Tensor, no_grad, ops, verify


class Quadratic(Function):
    @staticmethod
    def forward(ctx, x, a, b, c):
        ctx.save_for_backward(x, a, b)
        return a * x**2 + b * x + c

    @staticmethod
    def backward(ctx, grad):
        x, a, b = ctx.saved_tensors
        return grad * (2 * a * x + b), grad * x**2, grad * x, grad


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_scenario_14_a_function_is_checked(dtype):
    inputs = [np.array(v, dtype) for v in (3.0, 2.0, 1.0, 4.0)]
    report = verify(Quadratic.apply, inputs)
    assert report.ok
    assert [float(x.claimed[0, 0]) for x in report.checks[0].inputs] == [13.0, 9.0, 3.0, 1.0]

    class Off(Quadratic):
        @staticmethod
        def backward(ctx, grad):
            gx, *others = Quadratic.backward(ctx, grad)
            return gx * (1 + (1e-6 if dtype == np.float64 else 1e-2)), *others

    assert verify(Off.apply, inputs).checks[0].verdict == "fail"


def test_scenario_15_each_node_once_after_its_users():
    passed = []

    class Traced(Function):
        @staticmethod
        def forward(ctx, x, name):
            ctx.name = name
            return x * 1.0

        @staticmethod
        def backward(ctx, grad):
            passed.append((ctx.name, grad.item()))
            return grad, None

    x = Tensor(2.0, requires_grad=True)
    shared = Traced.apply(x * x, "shared")
    z = Traced.apply(shared * 3.0, "left") + Traced.apply(shared * 4.0, "right")
    z.backward()
    assert passed[-1] == ("shared", 7.0), "once, after both of its users"
    assert sorted(passed[:-1]) == [("left", 1.0), ("right", 1.0)]
    assert x.grad.item() == 28.0


def test_scenario_15_saved_values_go_as_the_pass_goes():
    refs, gone = {}, []

    class Watcher(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1.0

        @staticmethod
        def backward(ctx, grad):
            gone.append({name: ref() is None for name, ref in refs.items()})
            return grad

    gc.disable()
    try:
        x = Tensor(np.linspace(0, 1, 5), requires_grad=True)
        early = ops.exp(x * 1.0)
        late = ops.exp(Watcher.apply(early))
        refs["early"], refs["late"] = weakref.ref(early.data), weakref.ref(late.data)
        y = late.sum()
        del early, late
        y.backward()
        del y
    finally:
        gc.enable()
    assert gone == [{"early": False, "late": True}], "between the two, the later one is gone and the earlier one is not"
    assert refs["early"]() is None


X = Tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
Y = Tensor([[0.0], [1.0], [1.0], [0.0]])


class Linear(Function):
    @staticmethod
    def forward(ctx, x, weight, bias):
        ctx.save_for_backward(x, weight)
        return x @ weight + bias

    @staticmethod
    def backward(ctx, g):
        x, weight = ctx.saved_tensors
        return g @ weight.T, x.T @ g, g.sum(axis=0)


def trained(model, parameters, rate, steps):
    losses = []
    for _ in range(steps):
        loss = ((model(X) - Y) ** 2).mean()
        losses.append(loss.item())
        loss.backward()
        with no_grad():
            for p in parameters:
                p -= rate * p.grad
                p.grad.zero_()
    return losses


def test_scenario_16_a_linear_layer_cannot_learn_xor():
    """From where torch.randn starts after manual_seed(0): PyTorch 2.13 gives 5.088, 0.891 and 0.253."""
    W = Tensor([[1.5409960746765137], [-0.293428897857666]], requires_grad=True)
    b = Tensor([-2.1787893772125244], requires_grad=True)
    losses = trained(lambda x: Linear.apply(x, W, b), [W, b], 0.01, 1000)
    assert [round(losses[k], 3) for k in (0, 100, 900)] == [5.088, 0.891, 0.253]
    assert min(losses) >= 0.25
    assert losses[-1] == pytest.approx(0.25, abs=3e-3)


def test_scenario_16_two_layers_solve_it():
    rng = np.random.default_rng(0)
    W1, W2 = (Tensor(rng.standard_normal(s), requires_grad=True) for s in ((2, 4), (4, 1)))
    b1, b2 = Tensor(np.zeros(4), requires_grad=True), Tensor(np.zeros(1), requires_grad=True)
    losses = trained(lambda x: Linear.apply(ops.tanh(Linear.apply(x, W1, b1)), W2, b2), [W1, b1, W2, b2], 0.1, 600)
    assert losses[-1] < 1e-3 < 0.1 < losses[0]


def test_the_linear_layer_passes_its_check():
    rng = np.random.default_rng(0)
    inputs = [rng.standard_normal(s) for s in ((4, 2), (2, 3), (3,))]
    assert verify(Linear.apply, inputs, order=2).ok
