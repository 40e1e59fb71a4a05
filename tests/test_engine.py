"""The engine: graphs, backward, modes. The tutorial's scenarios come first; their values are PyTorch's."""

from __future__ import annotations

import gc
import operator
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from differences import slope
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from gradcheck_cli.engine import Tensor, enable_grad, grad, graph_stats, is_grad_enabled, no_grad, ops, set_grad_enabled
from gradcheck_cli.engine.node import AccumulateGrad
from gradcheck_cli.engine.op import OpNode
from gradcheck_cli.errors import GraphError, MissingExtraError


def leaf(data: Any) -> Tensor:
    return Tensor(np.asarray(data, dtype=float), requires_grad=True)


def grads(*tensors: Tensor) -> list[Any]:
    return [None if t.grad is None else t.grad.tolist() for t in tensors]


# The tutorial.


def test_scenario_1_chain_rule() -> None:
    x, w, b = leaf(2.0), leaf(3.0), leaf(1.0)
    y = w * x + b
    z = y**2
    assert z.item() == 49.0
    assert z.requires_grad
    assert not z.is_leaf
    assert grads(x, w, b) == [None, None, None]
    z.backward()
    assert grads(x, w, b) == [42.0, 28.0, 14.0]
    assert y.grad is None


def test_scenario_2_the_graph() -> None:
    x, w, b = leaf(2.0), leaf(3.0), leaf(1.0)
    y = w * x + b
    z = y**2
    power, add = z.grad_fn, y.grad_fn
    assert power.name == "PowerBackward"
    assert power.next_functions == ((add, 0),)
    (mul, first), (of_b, second) = add.next_functions
    assert (add.name, mul.name, first, second) == ("AddBackward", "MulBackward", 0, 0)
    assert isinstance(of_b, AccumulateGrad)
    assert of_b.variable is b
    assert [node.variable for node, _ in mul.next_functions] == [w, x]
    assert of_b.next_functions == ()
    assert repr(z) == "tensor(49., grad_fn=<PowerBackward>)"


def test_scenario_3_accumulation() -> None:
    x = leaf([1.0, 2.0])
    x.sum().backward()
    assert grads(x) == [[1.0, 1.0]]
    x.sum().backward()
    assert grads(x) == [[2.0, 2.0]]
    assert x.grad is not None
    x.grad.zero_()
    assert grads(x) == [[0.0, 0.0]]
    x.sum().backward()
    assert grads(x) == [[1.0, 1.0]]


def test_scenario_4_vector_jacobian_product() -> None:
    x = leaf([1.0, 2.0])
    y = ops.stack([x[0] ** 2, x[1] ** 3])
    with pytest.raises(GraphError, match=r"only for real scalar outputs, this one has shape \(2,\).*gradient="):
        y.backward()
    y.backward(gradient=[1.0, 0.5])
    assert grads(x) == [[2.0, 6.0]]


def test_scenario_7_gradient_modes() -> None:
    x, fixed = leaf([1.0, 2.0]), Tensor([3.0, 4.0])
    assert is_grad_enabled()
    with no_grad():
        assert not is_grad_enabled()
        y = x * 2
        assert not y.requires_grad
        assert y.grad_fn is None
    assert is_grad_enabled()
    assert (fixed * fixed).grad_fn is None
    mixed = x * fixed
    assert graph_stats([mixed]).saved_bytes == fixed.data.nbytes  # what only the gradient of `fixed` would need is not kept
    free = mixed.detach()
    assert free.is_leaf
    assert not free.requires_grad
    assert free.data is mixed.data
    (mixed * free).sum().backward()
    assert grads(x, fixed) == [[9.0, 32.0], None]


def test_scenario_9_micro_batches() -> None:
    rng = np.random.default_rng(0)
    inputs, targets, w0 = rng.normal(size=(8, 3)), rng.normal(size=8), rng.normal(size=3)
    whole, parts = leaf(w0), leaf(w0)
    ops.mean((inputs @ whole - targets) ** 2).backward()
    for k in range(0, 8, 2):
        (ops.mean((inputs[k : k + 2] @ parts - targets[k : k + 2]) ** 2) / 4).backward()
    assert whole.grad is not None
    assert parts.grad is not None
    assert_allclose(parts.grad.data, whole.grad.data, rtol=1e-14)


def test_scenario_10_forgotten_requires_grad() -> None:
    with pytest.raises(GraphError, match="does not require grad and has no grad_fn"):
        (Tensor([1.0, 2.0]) * 3).sum().backward()


def test_scenario_12_a_graph_used_twice() -> None:
    x = leaf(3.0)
    y = x * x
    y.backward()
    with pytest.raises(GraphError, match="retain_graph=True"):
        y.backward()
    assert grads(x) == [6.0]
    z = x * x
    z.backward(retain_graph=True)
    z.backward()
    assert grads(x) == [18.0]


# Gradients and where they go.


def test_no_two_gradients_share_memory() -> None:
    seed = np.ones(3)
    for create_graph in (False, True):
        x, y = leaf([1.0, 2.0, 3.0]), leaf([4.0, 5.0, 6.0])
        (x + y).backward(seed, create_graph=create_graph)
        ours = [x.grad, y.grad, Tensor._wrap(seed)]
        ours += grad(x + y, [x, y], seed)
        arrays = [t.data for t in ours if t is not None]
        assert all(not np.shares_memory(a, b) for i, a in enumerate(arrays) for b in arrays[:i])
        assert all(a.flags.writeable for a in arrays)
        x.grad = y.grad = None  # with create_graph a gradient's graph leads back to its leaf


def test_a_leaf_is_its_own_result() -> None:
    x = leaf(3.0)
    x.backward()
    assert grads(x) == [1.0]
    assert grad(x, x)[0] is not None


def test_grad_returns_and_leaves_grad_alone() -> None:
    x, w, other = leaf(2.0), leaf(5.0), leaf(1.0)
    y = x * w
    z = y * x
    gx, gy, gx_again = grad(z, [x, y, x], retain_graph=True)
    assert [g.item() for g in (gx, gy, gx_again) if g is not None] == [20.0, 2.0, 20.0]
    assert grads(x, w, other) == [None, None, None]
    with pytest.raises(GraphError, match="input 1 was not used in the graph"):
        grad(z, [x, other], retain_graph=True)
    assert grad(z, [other, w], allow_unused=True)[0] is None
    with pytest.raises(GraphError, match="input 0 does not require grad"):
        grad(leaf(1.0) * 2, Tensor(1.0))
    assert [g.item() for g in grad([x * 2, x * 3], x, [1.0, 10.0]) if g is not None] == [32.0]
    with pytest.raises(GraphError, match="2 outputs need 2 gradients, 1 were given"):
        grad([x * 2, x * 3], x, [1.0])


def test_grad_runs_only_the_rules_on_the_way() -> None:
    x, w = leaf(2.0), leaf(5.0)
    inner = w * w
    assert grad(x * inner, x, retain_graph=False)[0] is not None
    inner.backward()  # its saved values are still there
    assert grads(x, w) == [None, 10.0]


def test_third_derivatives() -> None:
    x = leaf(0.7)
    y, found = ops.sin(x) * x**4, []
    for _ in range(3):
        (y,) = (g for g in grad(y, x, create_graph=True) if g is not None)
        found.append(y.item())
    s, c, t = np.sin(0.7), np.cos(0.7), 0.7
    first = t**4 * c + 4 * t**3 * s
    second = -(t**4) * s + 8 * t**3 * c + 12 * t**2 * s
    third = -(t**4) * c - 12 * t**3 * s + 36 * t**2 * c + 24 * t * s
    assert_allclose(found, [first, second, third], rtol=1e-13)


def test_create_graph_keeps_the_graph_and_differentiates_grad() -> None:
    x = leaf(3.0)
    y = x**3
    y.backward(create_graph=True)
    assert x.grad is not None
    (second,) = grad(x.grad, x)
    assert second is not None
    assert second.item() == 18.0
    y.backward()
    assert grads(x) == [54.0]
    x.grad = None


def test_gradients_that_do_not_fit() -> None:
    y = leaf([1.0, 2.0]) * 2
    with pytest.raises(GraphError, match=r"gradient has shape \(3,\), but must have the output's shape \(2,\)"):
        y.backward([1.0, 2.0, 3.0])
    with pytest.raises(GraphError, match="only floating and complex tensors can require grad, this one is int64"):
        Tensor([1, 2], requires_grad=True)
    with pytest.raises(GraphError, match="only floating and complex"):
        Tensor([True]).requires_grad_()
    with pytest.raises(GraphError, match="leaf tensors"):
        y.requires_grad_(False)


def test_a_gradient_has_its_leafs_dtype() -> None:
    x = Tensor(np.array([1.0, 2.0], np.float32), requires_grad=True)
    (x * np.array([1.0, 3.0])).sum().backward()
    (x * 2.0).sum().backward()
    assert x.grad is not None
    assert x.grad.dtype == np.float32
    assert grads(x) == [[3.0, 5.0]]
    for create_graph in (False, True):
        (found,) = grad(x * x, x, Tensor([1.0, 1e-3]), create_graph=create_graph)
        assert found is not None
        assert found.dtype == np.float32
        assert found.tolist() == [2.0, np.float32(4e-3)]


def test_several_outputs_of_which_one_is_used() -> None:
    a = leaf([[2.0, 1.0], [1.0, 3.0]])
    for part, expected in ((0, [[0.0, 0.0], [0.0, 0.0]]), (1, [[0.6, -0.2], [-0.2, 0.4]])):
        (found,) = grad(ops.slogdet(a)[part], a)
        assert found is not None
        assert_allclose(found.data, expected, atol=1e-15)
    middle = ops.split(leaf(np.arange(6.0)), 3)[1]
    assert middle.grad_fn.output_meta == (((2,), np.dtype(float)),) * 3
    x = leaf(np.arange(6.0))
    ops.split(x, 3)[1].sum().backward()
    assert grads(x) == [[0.0, 0.0, 1.0, 1.0, 0.0, 0.0]]


def test_integers_pass_no_gradient() -> None:
    x = leaf([1.5, 2.5])
    assert not (x > 2).requires_grad
    assert not ops.argmax(x).requires_grad
    assert not ops.astype(x, "int64").requires_grad
    assert not ops.searchsorted(x, 2.0).requires_grad


def test_what_is_set_on_a_tensor_is_looked_at() -> None:
    x = leaf([1.0, 2.0])
    with pytest.raises(TypeError, match="assigned grad must be a Tensor or None, not float"):
        x.grad = 3.0  # type: ignore[assignment]
    message = r"assigned grad has shape \(1,\) and dtype float64, but the tensor has shape \(2,\) and dtype float64"
    with pytest.raises(GraphError, match=message):
        x.grad = Tensor([1.0])
    assert x.grad is None
    with pytest.raises(GraphError, match=r"you can only change requires_grad of leaf tensors; use detach\(\) first"):
        (x * 2.0).requires_grad = False
    with pytest.raises(GraphError, match="only floating and complex tensors can require grad, this one is int64"):
        Tensor([1, 2]).requires_grad = True


def test_a_tensor_has_no_subclasses() -> None:
    with pytest.raises(TypeError, match="Tensor cannot be subclassed"):
        type("Parameter", (Tensor,), {})


# Modes.


def test_modes_nest_and_survive_exceptions() -> None:
    with no_grad():
        with enable_grad():
            assert is_grad_enabled()
            with set_grad_enabled(False):
                assert not is_grad_enabled()
            assert is_grad_enabled()
        assert not is_grad_enabled()
    with pytest.raises(KeyError), no_grad():
        raise KeyError
    assert is_grad_enabled()
    again = no_grad()
    with again, again:
        assert not is_grad_enabled()
    assert is_grad_enabled()


def test_modes_as_decorators() -> None:
    @no_grad()
    def quiet(depth: int) -> list[bool]:
        """Says so."""
        return [is_grad_enabled(), *(quiet(depth - 1) if depth else [])]

    @enable_grad()
    def loud() -> bool:
        return is_grad_enabled()

    assert quiet(2) == [False] * 3
    assert (quiet.__name__, quiet.__doc__) == ("quiet", "Says so.")
    with no_grad():
        assert loud()
        assert not is_grad_enabled()
    assert is_grad_enabled()


def test_every_thread_has_its_own_mode() -> None:
    seen: dict[str, bool] = {}
    inside, done = threading.Event(), threading.Event()

    @no_grad()
    def hold() -> None:
        inside.set()
        done.wait(5)

    holder = threading.Thread(target=hold)
    holder.start()
    assert inside.wait(5)
    watcher = threading.Thread(target=lambda: seen.update(other=is_grad_enabled()))
    watcher.start()
    watcher.join()
    with no_grad():
        pass  # while the other thread is inside the same function's mode
    seen["here"] = is_grad_enabled()
    done.set()
    holder.join()
    assert seen == {"other": True, "here": True}


def test_calls_that_overlap_in_threads() -> None:
    entered, leave, left = threading.Event(), threading.Event(), threading.Event()
    after: list[bool] = []

    @enable_grad()
    def meet(first: bool) -> None:
        if first:
            entered.set()
            assert leave.wait(5)
        else:
            leave.set()
            assert left.wait(5)

    def other() -> None:
        meet(True)
        after.append(is_grad_enabled())
        left.set()

    thread = threading.Thread(target=other)
    thread.start()
    assert entered.wait(5)
    with no_grad():
        meet(False)  # enters last, and leaves last
        assert not is_grad_enabled()
    thread.join()
    assert after == [True]


# The graph's size and life.


@pytest.mark.slow
def test_a_long_chain() -> None:
    x = leaf(1.0)
    y = x
    for _ in range(30_000):
        y = y + 1e-5
    stats = graph_stats([y])
    assert (stats.nodes, stats.depth) == (30_001, 30_001)
    y.backward(retain_graph=True)
    assert grads(x) == [1.0]
    end = weakref.ref(y.grad_fn)
    del y  # frees thirty thousand nodes, each held by the one before
    assert end() is None


def test_a_deep_diamond_is_linear(monkeypatch: pytest.MonkeyPatch) -> None:
    pulled: list[OpNode] = []
    pull = OpNode.pull

    def counted(node: OpNode, *args: Any) -> Any:
        pulled.append(node)
        return pull(node, *args)

    monkeypatch.setattr(OpNode, "pull", counted)
    x = leaf(1.0)
    y = x
    for _ in range(60):
        y = y + y
    y.backward()
    assert grads(x) == [2.0**60]
    assert len(pulled) == 60
    assert graph_stats([y]).edges == 120


def test_a_node_waits_for_all_its_users() -> None:
    x = leaf(2.0)
    y = x * 1.0
    far = y
    for _ in range(5):
        far = far * 1.0
    (y * 10.0 + far).backward()
    assert grads(x) == [11.0]
    a, b = leaf(1.0), leaf(1.0)
    root = a * b
    (root * 3.0 + root).backward(retain_graph=True)
    (root * 2.0).backward()
    assert grads(a, b) == [6.0, 6.0]


def test_nothing_waits_for_the_garbage_collector() -> None:
    gc.disable()
    try:
        x = leaf([1.0, 2.0])
        y = (x * x).sum()
        of_x, of_graph = weakref.ref(x), weakref.ref(y.grad_fn)
        del x, y
        assert of_x() is None
        assert of_graph() is None
    finally:
        gc.enable()


def test_backward_frees_what_was_saved() -> None:
    x = leaf([1.0, 2.0])
    y = (x * x).sum()
    assert graph_stats([y]).saved_bytes == 16
    y.backward()
    assert graph_stats([y]).saved_bytes == 0


def test_graph_statistics() -> None:
    x, a, b, c = leaf(3.0), leaf(2.0), leaf(1.0), leaf(4.0)
    stats = graph_stats([a * x**2 + b * x + c])
    assert (stats.nodes, stats.edges, stats.depth, stats.leaves, stats.custom) == (9, 9, 5, 4, 0)
    assert stats.ops == {"add": 2, "mul": 2, "power": 1}
    assert stats.saved_bytes == 32  # x, x**2, a and b, each once
    assert graph_stats([Tensor(1.0)]).nodes == 0


def test_depth_is_that_of_the_longest_way() -> None:
    x = leaf(1.0)
    short, long = ops.sin(x), ops.sin(ops.cos(ops.exp(x)))
    assert graph_stats([short + long]).depth == graph_stats([long + short]).depth == 5
    assert graph_stats([short, long]).depth == graph_stats([long, short]).depth == 4


def test_shared_memory_is_counted_once() -> None:
    x = leaf(np.ones((4, 4)))
    y = x * x.T + x.reshape(16)[::2].sum() * x
    assert graph_stats([y]).saved_bytes == 16 * 8 + 8


# Operands and conveniences.

ARRAY = np.array([2.0, 3.0])
MIXED: list[Callable[[Any], Any]] = [
    lambda x: x + 2,
    lambda x: 2.5 + x,
    lambda x: x - 2,
    lambda x: 2 - x,
    lambda x: np.float64(2.0) * x,
    lambda x: np.float32(2.0) * x,
    lambda x: 3 / x,
    lambda x: x / 3,
    lambda x: 2**x,
    lambda x: x**2,
    lambda x: x**-0.5,
    lambda x: ARRAY * x,
    lambda x: x * ARRAY,
    lambda x: ARRAY - x,
    lambda x: ARRAY / x,
    lambda x: ARRAY**x,
    lambda x: ARRAY @ x,
    lambda x: x @ ARRAY,
    lambda x: np.array(2.0) * x,
    lambda x: [2.0, 3.0] * x,
    lambda x: x + [2.0, 3.0],  # noqa: RUF005 (a sum, of a tensor and a list)
    lambda x: ARRAY % x,
    lambda x: 7.0 // x,
    lambda x: -x,
    lambda x: +x,
    lambda x: abs(x),
    lambda x: x[None] * ARRAY[:, None],
    lambda x: x[ops.argsort(x)] * ops.take(x, ops.argmax(x)),
    lambda x: x[x > 1.0],
    lambda x: x[ops.argsort(x)[0], None],
    lambda x: x.reshape(2, 1) + x.reshape((1, 2)),
    lambda x: sum(x),
    lambda x: x.T * x.mT if x.ndim > 1 else x,
    lambda x: x.sum() * x.mean(axis=0) - x.max(),
]


@pytest.mark.parametrize("k", range(len(MIXED)))
def test_operands_of_any_kind(k: int) -> None:
    x, v = np.array([1.25, 0.55]), np.array([0.3, -0.7])
    t = leaf(x)
    y = MIXED[k](t)
    assert isinstance(y, Tensor)
    assert isinstance(y.data, np.ndarray)
    assert_array_equal(y.data, MIXED[k](x))
    (found,) = grad(y, t, np.ones(y.shape))
    assert found is not None
    expected = slope(lambda z: np.sum(MIXED[k](Tensor(z)).data), x, v)
    assert_allclose(np.sum(found.data * v), expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("compare", [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge])
def test_comparisons(compare: Any) -> None:
    x = leaf([1.0, 2.0, 3.0])
    other = np.array([2.0, 2.0, 2.0])
    for found, expected in ((compare(x, other), compare(x.data, other)), (compare(other, x), compare(other, x.data))):
        assert isinstance(found, Tensor)
        assert_array_equal(found.data, expected)
    low, high = x > 1.5, x < 2.5
    assert (low & high).tolist() == [False, True, False]
    assert (low | high).tolist() == [True] * 3
    assert (~low).tolist() == [True, False, False]


def test_tensors_are_like_arrays() -> None:
    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    first, second = x
    assert (first.tolist(), second.tolist()) == ([1.0, 2.0], [3.0, 4.0])
    assert (x.shape, x.ndim, x.size, len(x), x.dtype) == ((2, 2), 2, 4, 2, np.float64)
    assert x.transpose(1, 0).tolist() == x.T.tolist() == x.mT.tolist() == [[1.0, 3.0], [2.0, 4.0]]
    assert np.asarray(x.detach()).tolist() == x.tolist()
    assert float(x[0, 0]) == 1.0
    assert int(x[1, 1]) == 4
    assert bool(x[0, 0] > 0)
    assert len({x, x}) == 1
    with pytest.raises(GraphError, match="detach"):
        np.asarray(x)
    with pytest.raises(AttributeError, match="has no attribute 'no_such_method'"):
        _ = x.no_such_method
    with pytest.raises(TypeError, match="len"):
        len(x[0, 0])


@pytest.mark.parametrize("data", ["text", [None], [object()], np.datetime64("2000-01-01")])
def test_tensors_hold_numbers(data: Any) -> None:
    with pytest.raises(TypeError, match="a tensor holds numbers"):
        Tensor(data)


def test_a_tensor_is_a_copy_of_its_data() -> None:
    data = np.array([1.0, 2.0])
    x = Tensor(data)
    data[0] = 9.0
    assert x.tolist() == [1.0, 2.0]
    assert Tensor(x).data is not x.data
    assert repr(Tensor([1, 2])) == "tensor([1, 2], dtype=int64)"
    assert repr(leaf([1.0])) == "tensor([1.], requires_grad=True)"


def test_calls_that_do_not_fit_the_signature() -> None:
    calls: list[tuple[Callable[[], Any], str]] = [
        (lambda: ops.sum(1.0, 2, 3, 4), "takes at most 3 arguments, 4 were given"),
        (lambda: ops.sum(1.0, a=2.0), "got 'a' twice"),
        (lambda: ops.sum(), "needs 'a'"),
        (lambda: ops.sum(1.0, axes=0), "has no parameter 'axes'"),
    ]
    for call, message in calls:
        with pytest.raises(TypeError, match=message):
            call()
    with pytest.raises(AttributeError, match="no_such_op"):
        _ = ops.no_such_op


# Without SciPy.


def test_without_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.array([-2.5, -0.5, 0.0, 0.3, 4.0])
    names = ("erf", "erfc", "gammaln")
    with_scipy = {name: getattr(ops, name)(x) for name in names}
    monkeypatch.setitem(sys.modules, "scipy", None)
    monkeypatch.setitem(sys.modules, "scipy.special", None)
    for name in names:
        found = getattr(ops, name)(x)
        assert_allclose(found, with_scipy[name], rtol=1e-14)
        assert getattr(ops, name)(x.astype(np.float32)).dtype == np.float32
        assert getattr(ops, name)(2.0) == pytest.approx(float(getattr(ops, name)(np.array(2.0))))
    y = leaf(0.3)
    ops.erf(y).backward()
    assert grads(y) == [pytest.approx(2.0 / np.sqrt(np.pi) * np.exp(-0.09))]
    calls: list[Callable[[], Any]] = [
        lambda: ops.digamma(x),
        lambda: ops.polygamma(1, x),
        lambda: grad(ops.gammaln(y), y),
    ]
    for call in calls:
        with pytest.raises(MissingExtraError, match=r"pip install 'gradcheck-cli\[special\]'"):
            call()


# Any graph.

STEPS_OF_A_PROGRAM: list[Callable[[Any, Any], Any]] = [
    lambda a, b: (a + b) / 2,
    lambda a, b: (a - b) * 0.5,
    lambda a, b: ops.sin(a * b),
    lambda a, b: a / (1 + b * b),
    lambda a, b: ops.tanh(a) @ ops.cos(b).T / 3 if a.ndim == b.ndim == 2 else ops.tanh(a),
    lambda a, b: ops.stack([a, b]).sum(axis=0) / 2 if a.shape == b.shape else a,
    lambda a, b: a[..., ::-1] if a.ndim else a * b,
    lambda a, b: ops.exp(-a * a) + ops.mean(b),
    lambda a, b: ops.softmax(a) if a.ndim else ops.arctan(a),
    lambda a, b: ops.broadcast_to(ops.mean(a, axis=-1, keepdims=True), a.shape) if a.ndim else ops.sqrt(2 + ops.cos(a)),
]

programs = st.lists(st.tuples(st.integers(0, len(STEPS_OF_A_PROGRAM) - 1), st.integers(0, 9), st.integers(0, 9)), max_size=8)


def run_program(program: list[tuple[int, int, int]], values: list[Any]) -> Any:
    """Each step makes a value of two earlier ones; the result joins all of them."""
    values = list(values)
    for step, i, j in program:
        values.append(STEPS_OF_A_PROGRAM[step](values[i % len(values)], values[j % len(values)]))
    return sum(ops.sum(ops.sin(v)) * (k + 1) for k, v in enumerate(values))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(programs, st.integers(0, 2**32 - 1))
def test_any_graph(program: list[tuple[int, int, int]], seed: int) -> None:
    rng = np.random.default_rng(seed)
    base, vs = ([rng.uniform(-1.5, 1.5, s) for s in [(3, 3), (3,), ()]] for _ in range(2))
    leaves = [leaf(x) for x in base]
    run_program(program, leaves).backward()
    claimed = sum(np.sum(x.grad.data * v) for x, v in zip(leaves, vs, strict=True) if x.grad is not None)
    numeric = slope(lambda t: run_program(program, [x + t * v for x, v in zip(base, vs, strict=True)]), 0.0, 1.0)
    assert abs(claimed - numeric) <= 1e-8 * (1.0 + abs(numeric))
