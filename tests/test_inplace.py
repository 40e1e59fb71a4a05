"""In-place operations: values, gradients, versions, and what is refused; as in PyTorch 2.13, where the values are from."""

from __future__ import annotations

import inspect
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
from op_cases import OPS, cases

from gradcheck_cli.engine import Function, Tensor, grad, no_grad, ops
from gradcheck_cli.engine.versions import History
from gradcheck_cli.errors import GraphError, InPlaceError


def leaf(data: Any) -> Tensor:
    return Tensor(np.asarray(data, dtype=float), requires_grad=True)


def value(t: Tensor | None) -> Any:
    assert t is not None
    return t.tolist()


def pulled(y: Tensor, *inputs: Tensor) -> list[Any]:
    return [value(g) for g in grad(y.sum(), inputs, retain_graph=True)]


# The tutorial's scenario 11.


def test_scenario_11_a_leaf() -> None:
    x = leaf([1.0, 2.0])
    for write in (
        lambda: x.add_(1.0),
        lambda: x.zero_(),
        lambda: x.__iadd__(1.0),
        lambda: x.__setitem__([0], 1.0),
        lambda: x.copy_(np.zeros(2)),
    ):
        with pytest.raises(InPlaceError, match=r"^a leaf tensor that requires grad cannot be modified in place"):
            write()
    for write in (lambda: x[0].mul_(2.0), lambda: x.__setitem__(0, 1.0), lambda: x.T.reshape(2, 1).exp_()):
        with pytest.raises(InPlaceError, match=r"^a view of a leaf tensor that requires grad cannot be modified in place"):
            write()
    assert x.tolist() == [1.0, 2.0]
    assert x._version == 0


def test_scenario_11_a_saved_tensor() -> None:
    x = leaf([1.0, 2.0])
    y = x * 1.0
    z = (y * y).sum()
    with no_grad():
        y.add_(1.0)
    line = inspect.currentframe().f_lineno - 1  # type: ignore[union-attr]
    with pytest.raises(InPlaceError) as found:
        z.backward()
    message = str(found.value)
    assert "MulBackward" in message
    assert "float64 of shape (2,), is at version 1, expected version 0" in message
    assert f"{__file__}:{line}: y.add_(1.0)" in message
    assert isinstance(found.value, RuntimeError)


def test_a_manual_update_under_no_grad() -> None:
    w = leaf([1.0, 2.0])
    for _ in range(3):
        loss = (w * w).sum()
        loss.backward()
        with no_grad():
            w -= 0.25 * w.grad
        assert w.is_leaf
        assert w.grad is not None
        w.grad.zero_()
    assert w.tolist() == [0.125, 0.25]
    assert w._version == 3


# One mechanism for all elementwise ops.

ELEMENTWISE = [n for n, op in OPS.items() if op.family.name == "elementwise" and not n.startswith("_") and op.differentiable]


def floating(case: Any) -> bool:
    return bool(case.places) and case.places[0] == (0, None) and 0 in case.smooth


@pytest.mark.parametrize("name", [n for n in ELEMENTWISE if any(map(floating, cases(n)))])
def test_every_elementwise_op_has_an_in_place_form(name: str) -> None:
    tried = 0
    for case in filter(floating, cases(name)):
        apart, inputs = ([Tensor(a, i in case.smooth) for i, a in enumerate(case.arrays)] for _ in range(2))
        (expected,) = case.run(*apart)
        if expected.shape != inputs[0].shape or expected.dtype != inputs[0].dtype:
            continue
        tried += 1
        x = inputs[0].clone()
        inside, args = x.data, list(case.args)
        for (k, _), t in zip(case.places[1:], inputs[1:], strict=True):
            args[k] = t
        assert getattr(x, name + "_")(*args[1:], **case.kwargs) is x
        assert x.data is inside
        assert_array_equal(x.data, expected.data)
        assert x._version == 1
        if expected.requires_grad:
            g = np.linspace(0.5, 1.5, x.size).reshape(x.shape)
            wanted = [i for i in case.smooth if case.op.rule(i)]
            ours = grad(x, [inputs[i] for i in wanted], g)
            theirs = grad(expected, [apart[i] for i in wanted], g)
            for a, b in zip(ours, theirs, strict=True):
                assert a is not None
                assert b is not None
                assert_array_equal(a.data, b.data)
    assert tried


def test_names() -> None:
    x = Tensor([1.0, 4.0])
    assert x.pow_(2).tolist() == [1.0, 16.0]
    assert x.negative_().clip_(-3.0, None).tolist() == [-1.0, -3.0]
    assert x.clamp_(max=-2).tolist() == [-2.0, -3.0]
    assert x.clamp(min=-2.5).tolist() == [-2.0, -2.5]
    assert x.fill_(2.0).tolist() == [2.0, 2.0]
    assert x.gt_(1.0).tolist() == [1.0, 1.0]
    for name in ("sum_", "no_such_op_", "matmul_", "_copy_"):
        with pytest.raises(AttributeError, match="no attribute"):
            getattr(x, name)


def test_augmented_assignment() -> None:
    x = leaf([1.0, 2.0])
    y = x.clone()
    same = y
    y += x
    y *= 3.0
    y -= 1.0
    y /= x
    y **= 2.0
    assert y is same
    assert_allclose(y.data, ((6 * x.data - 1) / x.data) ** 2, rtol=1e-15)
    # d/dx (6 - 1/x)^2 = 2 (6 - 1/x) / x^2
    assert_allclose(pulled(y, x)[0], 2 * (6 - 1 / x.data) / x.data**2, rtol=1e-14)
    n = Tensor([7, 8])
    n //= 2
    n %= 3
    n |= 4
    n &= 6
    assert n.tolist() == [4, 4]


def test_a_tensor_joins_the_graph() -> None:
    x, w = Tensor([1.0, 2.0]), leaf(5.0)
    first, rest = x[0:1], x[1:]
    first += w
    assert (x.requires_grad, x.is_leaf) == (True, False)
    assert x.grad_fn is not None
    assert x.grad_fn.name == "CopySlicesBackward"
    assert first.grad_fn.name == rest.grad_fn.name == "IndexGetBackward"
    assert pulled(x * x, w) == [12.0]
    assert pulled(rest, x) == [[0.0, 1.0]]
    x.mul_(w)
    assert x.grad_fn.name == "MulBackward"
    assert pulled(x, w) == [6.0 + 5.0 + 2.0]


# Views.

VIEWS: dict[str, Callable[[Tensor], Tensor]] = {
    "entry": lambda x: x[1, 2],
    "row": lambda x: x[0],
    "column": lambda x: x[:, 1],
    "steps back": lambda x: x[::-1, ::-2],
    "new axis": lambda x: x[None, 1:],
    "T": lambda x: x.T,
    "row of T": lambda x: x.T[1],
    "reshape": lambda x: x.reshape(3, 2),
    "entry of reshape": lambda x: x.reshape(-1)[4],
    "ravel of T's T": lambda x: ops.ravel(x.T.T),
    "swapaxes": lambda x: ops.swapaxes(x, 0, 1)[1:],
    "moveaxis": lambda x: ops.moveaxis(x, 0, 1),
    "expand_dims": lambda x: ops.expand_dims(x, 0),
    "squeeze": lambda x: ops.squeeze(ops.expand_dims(x, 0), 0),
    "diagonal": lambda x: ops.diagonal(x),
    "flip": lambda x: ops.flip(x, 1),
    "view": lambda x: x.view(6)[2:4],
    "t": lambda x: x.t(),
    "unit broadcast": lambda x: ops.broadcast_to(x, (1, 2, 3)),
    "real": lambda x: ops.real(x),
}


@pytest.mark.parametrize("view", VIEWS)
def test_writing_through_a_view(view: str) -> None:
    show, (a, b) = VIEWS[view], np.random.default_rng(0).uniform(0.5, 1.5, (2, 2, 3))
    x, factor = leaf(a), leaf(2.0)

    def program(x: Tensor, factor: Tensor) -> tuple[Tensor, Tensor]:
        y = x * 1.0
        before, other = show(y), y[0]
        before *= factor
        before += show(y).clone() * x[0, 0]
        before += show(y)  # a view of the same memory
        show(y)[...] = ops.sin(show(y).clone())
        return y, (y * b).sum() + (other * other).sum() + before.sum()

    y, total = program(x, factor)
    assert np.may_share_memory(show(y).data, y.data)
    touched = np.zeros((2, 3), bool)
    shown = show(Tensor(np.arange(6).reshape(2, 3))).data
    touched.flat[np.ravel(shown)] = True
    assert_allclose(y.data, np.where(touched, np.sin(2.0 * (a * 2.0 + a * 2.0 * a[0, 0])), a), rtol=1e-15)
    gx, gf = grad(total, [x, factor])
    assert gx is not None
    assert gf is not None
    direction = np.linspace(-1.0, 1.0, 6).reshape(2, 3)
    expected = slope(lambda t: program(Tensor(a + t * direction), Tensor(2.0 + t))[1].data, 0.0, 1.0)
    assert_allclose(np.sum(gx.data * direction) + gf.data, expected, rtol=1e-9)


def test_the_version_is_the_memorys() -> None:
    x = Tensor(np.zeros((2, 3)))
    views = [x[0], x.T, x.reshape(6), x.detach(), ops.split(x, 2)[1], ops.real(x), x[1].detach()[1:]]
    x += 1.0
    views[0].mul_(2.0)
    views[3].zero_()
    views[4] -= 1.0
    assert {t._version for t in [x, *views]} == {4}
    assert x.clone()._version == 0
    assert (x * 1.0)._version == 0
    x[0] += 1.0  # writes once, and once more as x[0] is assigned, as in PyTorch
    assert x._version == 6


def test_a_version_goes_with_its_memory() -> None:
    for _ in range(50):  # a new array often gets a dead one's address
        x = Tensor(np.zeros(1000))
        assert x._version == 0
        x += 1.0
        assert x._version == 1
        del x


def test_every_view_of_the_table_is_known_as_one() -> None:
    found = set()
    for name in OPS:
        for case in cases(name):
            inputs = [Tensor(a) for a in case.arrays]
            for y in case.run(*inputs):
                if isinstance(y, Tensor) and any(np.may_share_memory(y.data, x.data) for x in inputs):
                    found.add(name)
                    known = y._extras is not None and y._extras.view is not None and y._extras.view.base is inputs[0]
                    assert known or name == "stop_gradient", f"{case!r} shows its input's memory"  # that one is detach()
    assert {"transpose", "reshape", "index_get", "split", "diagonal", "real"} <= found
    assert not found & {"add", "matmul", "einsum", "take", "clip"}


def test_the_real_and_the_imaginary_part() -> None:
    x = Tensor(np.array([1.0 + 2.0j, 3.0j]), requires_grad=True)
    y = x * 1.0
    ops.real(y).mul_(3.0)
    ops.imag(y).add_(ops.real(y))
    assert_array_equal(y.data, [3.0 + 5.0j, 3.0j])
    assert y.dtype == complex
    (g,) = grad(ops.abs(y).sum(), x)
    assert g is not None
    r = np.sqrt(34.0)  # |3a + i(b + 3a)|: its slopes are (9a + 3(b + 3a))/r and (b + 3a)/r, at a = 1, b = 2
    assert_allclose(g.data, [24 / r + 5j / r, 3.0 + 1.0j], rtol=1e-15)


def test_second_order_through_views() -> None:
    x = leaf([0.5, 2.0])
    y = x.clone()
    y[0] *= x[1]
    y[1:].mul_(x[0])
    total = (y * y).sum()  # both entries are a b
    (g,) = grad(total, x, create_graph=True)
    assert value(g) == [4 * 0.5 * 4.0, 4 * 0.25 * 2.0]
    assert g is not None
    assert value(grad(g[0], x)[0]) == [16.0, 8 * 0.5 * 2.0]


# Assignment by index.


def test_assignment() -> None:
    x, v = leaf(np.arange(6.0).reshape(2, 3)), leaf([10.0, 20.0, 30.0])
    y = x * 1.0
    y[0] = v
    y[1, 0] = v[2] * 2.0
    y[:, 2] = 7.0
    assert y.tolist() == [[10.0, 20.0, 7.0], [60.0, 4.0, 7.0]]
    weights = np.arange(1.0, 7.0).reshape(2, 3)
    assert pulled(y * weights, x, v) == [[[0.0, 0.0, 0.0], [0.0, 5.0, 0.0]], [1.0, 2.0, 8.0]]
    z = v * 1.0
    z[[0, 2]] = Tensor([5.0, 6.0]) * v[1]
    assert z.grad_fn.name == "IndexSetBackward"
    z[z > 110.0] = 0.0
    z[[1, 1]] += 1.0  # the same entry twice: once
    assert z.tolist() == [100.0, 21.0, 0.0]
    assert pulled(z, v) == [[0.0, 6.0, 0.0]]


def test_assignment_fits_and_casts() -> None:
    x = Tensor([1.0, 2.0])
    x[:] = np.array([[3.0, 4.0]])  # axes of length 1 in front are dropped
    assert x.tolist() == [3.0, 4.0]
    n = Tensor([1, 2])
    n[0] = 1.75
    n[[1]] = 3
    assert n.tolist() == [1, 3]
    with pytest.raises(InPlaceError, match=r"the result has shape \(1, 2\), but must have the tensor's shape \(2,\)"):
        x.copy_(np.ones((1, 2)))
    with pytest.raises(InPlaceError, match="complex numbers cannot be written into a tensor of dtype float64"):
        x[0] = 1j
    with pytest.raises(ValueError, match="shape"):
        x[:] = np.ones(3)
    with pytest.raises(IndexError):
        x[5] = 1.0


def test_a_float32_tensor_stays_one() -> None:
    x, w = Tensor(np.ones(2, np.float32), requires_grad=True), leaf([1.0, 3.0])
    y = x * 1
    y += w
    y *= np.float64(2.0)
    assert (y.dtype, y.tolist()) == (np.float32, [4.0, 8.0])
    gx, gw = grad(y.sum(), [x, w])
    assert gx is not None
    assert gw is not None
    assert (gx.dtype, gw.dtype, gw.tolist()) == (np.float32, np.float64, [2.0, 2.0])


def test_results_must_fit() -> None:
    n, x = Tensor([1, 2]), Tensor([[1.0, 2.0]])
    for write in (lambda: n.__iadd__(1.5), lambda: n.__itruediv__(2), lambda: n.sqrt_()):
        with pytest.raises(InPlaceError, match="a result of dtype float64 cannot be written into a tensor of dtype int64"):
            write()
    with pytest.raises(InPlaceError, match="a result of dtype complex128 cannot be written"):
        x += 1j
    with pytest.raises(InPlaceError, match=r"add_: the result has shape \(2, 2\), but must have the tensor's shape \(1, 2\)"):
        x += np.ones((2, 2))
    assert (n.tolist(), x.tolist(), n._version, x._version) == ([1, 2], [[1.0, 2.0]], 0, 0)


# What may not be modified.


def test_memory_that_is_shared_or_read_only() -> None:
    x = leaf([1.0, 2.0]) * 1.0
    wide = ops.broadcast_to(x, (2, 2))
    with pytest.raises(InPlaceError, match="entries share memory"):
        wide += 1.0
    fixed = Tensor(1.0)
    fixed.data = np.frombuffer(b"\0" * 16)
    with pytest.raises(InPlaceError, match="read-only"):
        fixed += 1.0


def test_one_of_several_views() -> None:
    x = leaf([1.0, 2.0, 3.0, 4.0])
    y = x * 1.0
    first, second = ops.split(y, 2)
    with pytest.raises(InPlaceError, match="it is one of several views that one operation returned"):
        first += 1.0
    with pytest.raises(InPlaceError, match="one of several"):
        first[0].mul_(2.0)
    with no_grad():
        second += 1.0  # not recorded
    assert y.tolist() == [1.0, 2.0, 4.0, 5.0]
    with pytest.raises(InPlaceError, match="cannot follow: it is one of several"):
        first * 2.0
    assert repr(first) == "tensor([1., 2.], grad_fn=<Invalid>)"
    plain, _ = ops.split(Tensor([1.0, 2.0]), 2)
    plain += 1.0
    assert plain.tolist() == [2.0]


def test_a_view_that_was_made_a_leaf() -> None:
    view = Tensor([1.0, 2.0])[:]
    view.requires_grad_()
    for write in (lambda: view.add_(1.0), lambda: view[0].add_(1.0)):
        with pytest.raises(InPlaceError, match="a view of a leaf tensor"):
            write()
    base = Tensor([1.0, 2.0])
    early = base[0:1]
    base.requires_grad_()
    with pytest.raises(InPlaceError, match="a view of a leaf tensor"):
        early += 1.0
    assert base.tolist() == [1.0, 2.0]


def test_views_made_under_no_grad() -> None:
    y = leaf([1.0, 2.0]) * 1.0
    with no_grad():
        view = y[0]
        view += 1.0
        assert y.tolist() == [2.0, 2.0]
    with pytest.raises(InPlaceError, match=r"made under no_grad\(\)"):
        y[1:].add_(view)  # reads it
    with no_grad():
        fresh = y[0]
    assert not fresh.requires_grad
    with pytest.raises(InPlaceError, match=r"cannot be modified in place here: it was made under no_grad\(\)"):
        fresh += 1.0


def test_what_pytorch_refuses_and_numpy_defines() -> None:
    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    y = x * 1.0
    y += y.T
    assert y.tolist() == [[2.0, 5.0], [5.0, 8.0]]
    y[1:] += y[:-1]
    assert y.tolist() == [[2.0, 5.0], [7.0, 13.0]]
    assert pulled(y * np.array([[1.0, 0.0], [1.0, 0.0]]), x) == [[[4.0, 1.0], [1.0, 0.0]]]
    for k, row in enumerate(y):
        row *= k + 1.0
    assert y.tolist() == [[2.0, 5.0], [14.0, 26.0]]


# What backward finds.


def saved_and_modified() -> list[Callable[[Tensor], Tensor]]:
    def through_a_view(y: Tensor) -> Tensor:
        z = y * y
        y[0] = 5.0
        return z

    def through_detach(y: Tensor) -> Tensor:
        z = y * y
        y.detach().add_(1.0)
        return z

    def a_result(y: Tensor) -> Tensor:
        z = ops.exp(y)
        z += 1.0
        return z

    def a_result_in_place(y: Tensor) -> Tensor:
        y.exp_()
        y += 1.0
        return y

    def by_itself(y: Tensor) -> Tensor:
        y *= y
        return y

    def by_a_part_of_itself(y: Tensor) -> Tensor:
        y[0:1].mul_(y[1:])
        return y

    def the_index(y: Tensor) -> Tensor:
        mask = Tensor([True, False])
        z = y[mask]
        mask.logical_not_()
        return z

    def the_condition(y: Tensor) -> Tensor:
        condition = Tensor([True, False])
        z = ops.where(condition, y, 2.0 * y)
        condition.logical_not_()
        return z

    def a_constant(y: Tensor) -> Tensor:
        c = Tensor([1.0, 2.0])
        z = y * c
        c += 1.0
        return z

    def one_of_a_list(y: Tensor) -> Tensor:
        z = ops.einsum("i,i->i", y, y)
        y += 1.0
        return z

    found = [through_a_view, through_detach, a_result, a_result_in_place, by_itself, by_a_part_of_itself]
    found += [the_index, the_condition, a_constant, one_of_a_list]
    return found


@pytest.mark.parametrize("program", saved_and_modified())
def test_a_modified_value_is_found(program: Callable[[Tensor], Tensor]) -> None:
    x = leaf([1.0, 2.0])
    y = program(x * 1.0).sum()
    with pytest.raises(InPlaceError, match=r"is at version \d, expected version \d\n  modified at .*test_inplace.py:\d+: "):
        y.backward()
    assert x.grad is None


def test_what_may_be_modified() -> None:
    def chain(y: Tensor, b: Tensor) -> Tensor:
        y *= b  # saves what y was as a copy
        y *= b
        z = y + 1.0  # saves nothing
        y.zero_()
        z.exp_()
        return ops.relu(z) * 1.0

    x, b = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    y = chain(x.clone(), b)
    e = np.exp(x.data * b.data**2 + 1.0)
    assert_allclose(pulled(y, x, b), [e * b.data**2, e * 2 * x.data * b.data], rtol=1e-14)
    gone = x.clone()
    kept = gone * 2.0
    gone.zero_()
    assert pulled(gone + 0.0 * kept, x) == [[0.0, 0.0]]
    compared = x.clone().ge_(1.5)
    assert (compared.tolist(), pulled(compared, x)) == ([0.0, 1.0], [[0.0, 0.0]])


@pytest.mark.parametrize("kind", [list, np.array])
def test_an_index_is_kept_as_it_was(kind: Callable[[Any], Any]) -> None:
    """The caller's list or array may be used again for the next index."""
    x, v, index = leaf([1.0, 2.0, 3.0]), leaf([5.0, 6.0]), kind([0, 1])
    y, z = x[index], x * 1.0
    z[index] = v
    index[0] = 2
    y[0].backward()
    z.backward([1.0, 10.0, 100.0])
    assert (value(x.grad), value(v.grad)) == ([1.0, 0.0, 100.0], [1.0, 10.0])


def test_versions_in_the_message_are_counted_from_the_saving() -> None:
    x = leaf([1.0])
    y = x.clone()
    for _ in range(3):
        y += 1.0
    z = y * y
    y += 1.0
    with no_grad():
        for _ in range(20):
            y += 1.0
    with pytest.raises(InPlaceError, match="is at version 24, expected version 3"):
        z.backward()


def test_a_long_history_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(History, "LONGEST", 8)
    x, y = leaf([1.0]), Tensor([1.0])
    old = x * y
    for _ in range(50):
        y += 1.0
    z = x * y
    y += 1.0
    with pytest.raises(InPlaceError, match="is at version 51, expected version 50"):
        z.backward()
    with pytest.raises(InPlaceError, match="is at version 51"):
        old.backward()


def test_create_graph_checks_as_well() -> None:
    x = leaf([1.0, 2.0])
    y = x * 1.0
    (g,) = grad((y**3).sum(), x, create_graph=True)
    assert g is not None
    y += 1.0
    with pytest.raises(InPlaceError, match=r"PowerBackward|MulBackward"):
        g.sum().backward()


def test_accumulation_is_in_place() -> None:
    x = leaf([1.0, 2.0])
    x.sum().backward()
    g = x.grad
    assert g is not None
    z = x * g
    x.sum().backward()
    assert x.grad is g
    assert (g.tolist(), g._version) == ([2.0, 2.0], 1)
    with pytest.raises(InPlaceError, match="MulBackward"):
        z.sum().backward()
    x.sum().backward(create_graph=True)
    assert x.grad is not g
    assert g.tolist() == [2.0, 2.0]
    x.grad = None


def test_versions_count_in_every_thread() -> None:
    x = Tensor(np.zeros(4))
    threads = [threading.Thread(target=lambda: [x.add_(0.0) for _ in range(200)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert x._version == 800


def test_views_do_not_keep_each_other_alive() -> None:
    x = leaf([1.0, 2.0]) * 1.0
    for _ in range(100):
        x[0]
    assert x._extras is not None
    assert len(x._extras.views) < 50
    view = x[0]
    seen, base = weakref.ref(view), weakref.ref(x)
    del x
    assert base() is not None  # a view holds its base
    del view
    assert (seen(), base()) == (None, None)


# Functions.


class Square(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Any:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        (x,) = ctx.saved_tensors
        return 2.0 * g * x


class Double(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Any:
        x.mul_(2.0)
        ctx.mark_dirty(x)
        return x

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        return g * 2.0


class ExpInPlace(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Any:
        x.exp_()
        ctx.mark_dirty(x)
        ctx.save_for_backward(x)
        return x

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        (y,) = ctx.saved_tensors
        return g * y


def test_a_functions_saved_tensor() -> None:
    y = leaf([1.0, 2.0]) * 1.0
    z = Square.apply(y)
    y += 1.0
    with pytest.raises(InPlaceError, match=r"SquareBackward saved .*'saved tensor 0'.* is at version 1, expected version 0"):
        z.sum().backward()


def test_mark_dirty() -> None:
    x = leaf([1.0, 2.0])
    y = x * 1.0
    z = Double.apply(y)
    assert z is y
    assert (y.grad_fn.name, y._version, y.tolist()) == ("DoubleBackward", 2, [2.0, 4.0])
    assert pulled(z * z, x) == [[8.0, 16.0]]
    whole = x * 1.0
    part = whole[0:1]
    assert Double.apply(part) is part
    assert whole.grad_fn.name == "CopySlicesBackward"
    assert pulled(whole, x) == [[2.0, 1.0]]
    plain = Tensor([1.0])
    assert Double.apply(plain) is plain
    assert (plain.item(), plain._version) == (2.0, 2)
    with pytest.raises(InPlaceError, match=r"^a leaf tensor that requires grad"):
        Double.apply(x)


def test_a_dirty_tensor_that_is_saved() -> None:
    x = leaf([0.5])
    y = ExpInPlace.apply(x * 2.0)
    for k in range(1, 4):
        (y,) = grad(y, x, create_graph=True)
        assert value(y) == [pytest.approx(2.0**k * np.e, rel=1e-15)]


def test_dirty_tensors_must_be_returned() -> None:
    class Forgets(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Any:
            ctx.mark_dirty(x)
            return x * 1.0

    with pytest.raises(InPlaceError, match=r"Forgets.forward must return every input that it marks as dirty"):
        Forgets.apply(leaf(1.0) * 1.0)


def test_a_view_that_a_function_returns() -> None:
    class First(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Any:
            return x[0:1]

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Any:
            return ops.concatenate([g, 0.0 * g])

    x = leaf([1.0, 2.0])
    y = x * 1.0
    part = First.apply(y)
    assert pulled(part, x) == [[1.0, 0.0]]
    with pytest.raises(InPlaceError, match="a Function returned it"):
        part += 1.0
    y += 1.0
    with pytest.raises(InPlaceError, match="cannot follow: a Function returned it"):
        part * 2.0


# Conveniences.


def test_clone_view_t_and_detach_() -> None:
    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    y = x.clone()
    assert y.grad_fn.name == "CloneBackward"
    assert not np.shares_memory(y.data, x.data)
    assert x.view(4).tolist() == x.view((4,)).tolist() == [1.0, 2.0, 3.0, 4.0]
    with pytest.raises(GraphError, match="use reshape"):
        x.T.view(4)
    assert x.t().tolist() == [[1.0, 3.0], [2.0, 4.0]]
    with pytest.raises(GraphError, match="at most two axes"):
        x.view(1, 2, 2).t()
    with pytest.raises(InPlaceError, match="a view cannot be detached in place"):
        y[0].detach_()
    assert y.detach_() is y
    assert (y.is_leaf, y.requires_grad) == (True, False)
    assert (x * 1.0).requires_grad_().grad_fn is not None


def test_a_leaf_frozen_after_the_forward_gets_no_gradient() -> None:
    x, w = leaf(2.0), leaf(3.0)
    y = x * w
    w.requires_grad_(False)
    y.backward()
    assert (value(x.grad), w.grad) == (3.0, None)


# Any program.

WRITES: list[Callable[[Any, Any], Any]] = [
    lambda a, b: a.mul_(ops.sin(b.sum())),
    lambda a, b: a.sin_(),
    lambda a, b: a[0].add_(ops.cos(b.sum())),
    lambda a, b: a.T[-1].tanh_(),
    lambda a, b: a.__setitem__(0, b.sum() / 3.0),
    lambda a, b: a.__setitem__((..., [0]), ops.cos(a[..., 1:2].clone())),
    lambda a, b: a[1].mul_(a[0, 0].clone()),
    lambda a, b: a.copy_(ops.cos(a.clone()) * b.mean()),
]
programs = st.lists(st.tuples(st.integers(0, len(WRITES) - 1), st.integers(0, 2), st.integers(0, 2)), max_size=8)


def run_program(program: list[tuple[int, int, int]], leaves: list[Tensor]) -> Tensor:
    values = [x * 1.0 for x in leaves]
    values.append(values[0].T)  # a view of the first
    total = Tensor(0.0)
    for write, i, j in program:
        a, b = values[i], values[j].clone()
        WRITES[write](a, b)
        total = total + ops.sin(values[2].clone()).sum()
    return total + sum((ops.sin(v.clone()).sum() * (k + 1.0) for k, v in enumerate(values)), start=Tensor(0.0))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(programs, st.integers(0, 2**32 - 1))
def test_any_program(program: list[tuple[int, int, int]], seed: int) -> None:
    rng = np.random.default_rng(seed)
    base, vs = ([rng.uniform(-1.5, 1.5, s) for s in [(3, 3), (2, 3)]] for _ in range(2))
    leaves = [leaf(x) for x in base]
    run_program(program, leaves).backward()
    claimed = sum(np.sum(x.grad.data * v) for x, v in zip(leaves, vs, strict=True) if x.grad is not None)
    numeric = slope(lambda t: run_program(program, [Tensor(x + t * v) for x, v in zip(base, vs, strict=True)]).data, 0.0, 1.0)
    assert abs(claimed - numeric) <= 1e-8 * (1.0 + abs(numeric))
