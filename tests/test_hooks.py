"""Hooks, retained gradients, backward to chosen inputs, and anomaly mode; as in PyTorch 2.13, where the values are from."""

from __future__ import annotations

import inspect
import re
import threading
import traceback
import weakref
from typing import Any

import numpy as np
import pytest

from gradcheck_cli import detect_anomaly, set_detect_anomaly
from gradcheck_cli.engine import Function, Tensor, grad, is_anomaly_enabled, no_grad, ops
from gradcheck_cli.errors import AnomalyError, GraphError, RuleError


def leaf(data: Any) -> Tensor:
    return Tensor(np.asarray(data, dtype=float), requires_grad=True)


def value(t: Tensor | None) -> Any:
    assert t is not None
    return t.tolist()


# Hooks of tensors.


def test_scenario_17_a_hook_sees_and_replaces() -> None:
    x, seen = leaf([1.0, 2.0]), []
    y = x * 2.0
    y.register_hook(lambda g: seen.append(g.tolist()))
    y.register_hook(lambda g: g * 10.0)
    y.register_hook(lambda g: seen.append(g.tolist()))
    (y * y).sum().backward()
    assert seen == [[4.0, 8.0], [40.0, 80.0]]
    assert value(x.grad) == [80.0, 160.0]


def test_hooks_of_a_leaf() -> None:
    x, seen = leaf([1.0, 2.0]), []
    x.register_hook(lambda g: seen.append(1) or g * 2.0)  # type: ignore[func-returns-value]
    x.register_hook(lambda g: seen.append(2) or g + 1.0)  # type: ignore[func-returns-value]
    x.register_post_accumulate_grad_hook(lambda t: seen.append(t.grad.tolist()))
    assert value(grad((x * x).sum(), x)[0]) == [5.0, 9.0]
    (x * x).sum().backward()
    assert seen == [1, 2, 1, 2, [5.0, 9.0]]
    assert value(x.grad) == [5.0, 9.0]
    (x * x + x).sum().backward()  # one gradient arrives, although x is used thrice
    assert seen[5:] == [1, 2, [12.0, 20.0]]


def test_hooks_stay_with_the_leaf() -> None:
    x, seen = leaf(1.0), []
    x.register_hook(seen.append)
    for _ in range(3):
        (x * 2.0).backward()  # each time a new node
    assert len(seen) == 3


def test_a_handle_removes() -> None:
    x, seen = leaf(1.0), []
    y = x * 2.0
    first = y.register_hook(lambda g: seen.append("first"))
    y.register_hook(lambda g: seen.append("second"))
    with x.register_hook(lambda g: seen.append("leaf")):
        y.backward(retain_graph=True)
    first.remove()
    first.remove()
    y.backward()
    assert seen == ["first", "second", "leaf", "second"]


def test_a_hook_that_removes_itself() -> None:
    x, seen = leaf(1.0), []
    handle = x.register_hook(lambda g: (seen.append(g), handle.remove())[1])
    for _ in range(2):
        (x * 2.0).backward()
    assert len(seen) == 1


def test_hooks_and_create_graph() -> None:
    x, seen = leaf(3.0), []
    y = x**2
    y.register_hook(lambda g: seen.append(g.requires_grad) or g * y)  # type: ignore[func-returns-value]
    (g,) = grad(y * 2.0, x, create_graph=True)  # 2 x^2 * 2x
    assert value(g) == 108.0
    assert g is not None
    # d/dx 2 y 2x = 4 y + (4x through the hook again: 4x y) 2x
    assert value(grad(g, x)[0]) == 36.0 + 12.0 * 9.0 * 6.0
    assert seen[0] is False


def test_hooks_record_nothing_without_create_graph() -> None:
    x, seen = leaf(3.0), []
    x.register_hook(lambda g: seen.append((x * g).requires_grad))
    (x * x).backward()
    assert seen == [False]


def test_hooks_of_a_tensor_that_is_modified_later() -> None:
    x, seen = leaf([1.0, 2.0]), []
    y = x * 2.0
    y.register_hook(lambda g: seen.append(("before", g.tolist())))
    y.mul_(3.0)
    y.register_hook(lambda g: seen.append(("after", g.tolist())))
    y.retain_grad()
    y.mul_(5.0)
    assert y.retains_grad
    y.sum().backward()
    assert seen == [("after", [5.0, 5.0]), ("before", [15.0, 15.0])]
    assert value(y.grad) == [1.0, 1.0]


def test_hooks_of_views() -> None:
    x, seen = leaf([1.0, 2.0]), []
    y = x * 1.0
    y.register_hook(lambda g: seen.append(("base", g.tolist())))
    view = y[0:1]
    view.register_hook(lambda g: seen.append(("view", g.tolist())))
    view.retain_grad()
    view.mul_(3.0)
    (y * np.array([5.0, 7.0])).sum().backward(retain_graph=True)
    assert seen == [("base", [15.0, 7.0])]  # the view as it was is not used
    assert (view.grad, view.retains_grad) == (None, True)
    (view * 5.0).sum().backward()
    assert value(view.grad) == [5.0]


def test_a_retained_gradient_is_that_of_the_new_value() -> None:
    x = leaf([1.0, 2.0])
    y = x * 1.0
    view = y[0:1]
    view.retain_grad()
    view += view  # reads what it was
    (y.sum() + 5.0 * view.sum()).backward()
    assert (value(view.grad), value(x.grad)) == ([5.0], [12.0, 1.0])


def test_hooks_of_a_view_between() -> None:
    x, seen = leaf([[1.0, 2.0]]), []
    y = x * 1.0
    row = y[0]
    row.register_hook(seen.append)
    row[1:].mul_(3.0)
    y.sum().backward()
    assert (seen, value(x.grad)) == ([], [[1.0, 3.0]])


def test_hooks_run_only_where_gradients_are_wanted() -> None:
    x, w, seen = leaf(2.0), leaf(5.0), []
    w.register_hook(seen.append)
    inner = w * 1.0
    inner.register_hook(seen.append)
    assert value(grad(x * inner, x)[0]) == 5.0
    assert seen == []
    one, two = ops.split(leaf([1.0, 2.0]) * 1.0, 2)
    two.register_hook(seen.append)
    one.sum().backward()
    assert seen == []  # nothing arrives at the second part


def test_hooks_that_break_the_contract() -> None:
    replacement: list[Any] = [None]

    def wrong(g: Any) -> Any:
        return replacement[0]

    x = leaf([1.0, 2.0])
    y = x * 1.0
    y.register_hook(wrong)
    cases: list[tuple[Any, str]] = [
        (Tensor([1.0]), r"hook 'wrong' must keep the gradient's shape \(2,\), but returned \(1,\)"),
        (Tensor(np.ones(2, np.float32)), "hook 'wrong' must keep the gradient's dtype float64, but returned float32"),
        (5, "hook 'wrong' must return a tensor or None, but returned int"),
    ]
    for returned, message in cases:
        replacement[0] = returned
        with pytest.raises(GraphError, match=message):
            y.sum().backward(retain_graph=True)
    replacement[0] = np.array([3.0, 4.0])
    y.sum().backward()
    assert value(x.grad) == [3.0, 4.0]


def test_where_hooks_cannot_be() -> None:
    fixed, x = Tensor([1.0]), leaf([1.0])
    with pytest.raises(GraphError, match="cannot register a hook on a tensor that does not require grad"):
        fixed.register_hook(print)
    with pytest.raises(GraphError, match="can't retain the grad"):
        fixed.retain_grad()
    for t in (fixed, x * 2.0):
        with pytest.raises(GraphError, match="post accumulate grad hooks need a leaf"):
            t.register_post_accumulate_grad_hook(print)


def test_a_hooks_own_error_keeps_its_traceback() -> None:
    def broken(g: Tensor) -> None:
        raise KeyError("mine")

    x = leaf(1.0)
    x.register_hook(broken)
    with pytest.raises(KeyError, match="mine") as found:
        (x * x).backward()
    assert traceback.extract_tb(found.value.__traceback__)[-1].name == "broken"


# Hooks of nodes.


def test_hooks_of_nodes() -> None:
    x, seen = leaf([1.0, 2.0]), []
    y = x * 3.0
    y.register_hook(lambda g: seen.append("tensor"))
    y.grad_fn.register_prehook(lambda gy: (seen.append(("pre", *map(value, gy))), tuple(2.0 * g for g in gy))[1])
    y.grad_fn.register_hook(lambda gx, gy: seen.append(("post", *map(value, (*gx, *gy)))))
    handle = y.grad_fn.register_hook(lambda gx, gy: tuple(g + 1.0 for g in gx))
    y.sum().backward(retain_graph=True)
    assert seen == ["tensor", ("pre", [1.0, 1.0]), ("post", [6.0, 6.0], [2.0, 2.0])]
    assert value(x.grad) == [7.0, 7.0]
    handle.remove()
    y.grad_fn.register_hook(lambda gx, gy: ())
    with pytest.raises(GraphError, match="must return 1 gradients or None, but returned 0"):
        y.sum().backward()


# Retained gradients, and chosen inputs.


def test_retain_grad() -> None:
    x = leaf([1.0, 2.0])
    y = x * 2.0
    assert not y.retains_grad
    y.retain_grad()
    z = (y * y).sum()
    z.backward(retain_graph=True)
    assert value(y.grad) == [4.0, 8.0]
    z.backward()
    assert value(y.grad) == [8.0, 16.0]
    x.retain_grad()  # a leaf does anyway
    assert not x.retains_grad
    dropped = x * 1.0
    dropped.retain_grad()
    gone, total = weakref.ref(dropped), dropped.sum()
    del dropped
    assert gone() is None
    total.backward()


def test_backward_to_chosen_inputs() -> None:
    x, w = leaf([1.0, 2.0]), leaf(3.0)
    y = x * 2.0
    z = (y * y * w).sum()
    z.backward(inputs=[x], retain_graph=True)
    assert (value(x.grad), w.grad) == ([24.0, 48.0], None)
    z.backward(inputs=y, retain_graph=True)
    assert (value(x.grad), value(y.grad), y.retains_grad) == ([24.0, 48.0], [12.0, 24.0], True)
    other = leaf(1.0)
    z.backward(inputs=[other, w])
    assert (other.grad, value(w.grad)) == (None, 20.0)
    with pytest.raises(GraphError, match=r"inputs of backward\(\) must not be empty"):
        z.backward(inputs=[])
    with pytest.raises(GraphError, match="does not require grad"):
        z.backward(inputs=[Tensor(1.0)])


def test_grad_is_reset_as_users_reset_it() -> None:
    x = leaf([1.0, 2.0])
    x.sum().backward()
    first = x.grad
    assert first is not None
    first.zero_()
    x.sum().backward()
    assert value(first) == [1.0, 1.0]
    x.grad = None
    x.sum().backward()
    assert x.grad is not first
    assert value(x.grad) == [1.0, 1.0]


# Anomaly mode.


def here() -> int:
    frame = inspect.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return frame.f_back.f_lineno


@pytest.mark.filterwarnings("ignore:invalid value")
def test_anomaly_mode_names_the_forward_line() -> None:
    x = leaf([1.0, 0.0])
    with detect_anomaly():
        assert is_anomaly_enabled()
        y = ops.sqrt(x * 1.0)
        line = here() - 1
        z = (y * 0.0).sum()
        with pytest.raises(AnomalyError) as found:
            z.backward()
    assert not is_anomaly_enabled()
    expected = f"SqrtBackward gave NaN as the gradient of its input 0\n  the node was made at {__file__}:{line}: "
    assert str(found.value) == expected + "y = ops.sqrt(x * 1.0)"
    unmarked = (ops.sqrt(x) * 0.0).sum()
    with detect_anomaly(), pytest.raises(AnomalyError, match="made before anomaly mode was switched on"):
        unmarked.backward()
    (ops.sqrt(x) * 0.0).sum().backward()
    assert np.isnan(value(x.grad)[1])


def test_anomaly_mode_is_set_until_it_is_unset() -> None:
    set_detect_anomaly(True)
    try:
        assert is_anomaly_enabled()
        seen: list[bool] = []
        thread = threading.Thread(target=lambda: seen.append(is_anomaly_enabled()))
        thread.start()
        thread.join()
        assert seen == [True]
        with set_detect_anomaly(False):
            assert not is_anomaly_enabled()
        assert is_anomaly_enabled()
    finally:
        set_detect_anomaly(False)
    x = leaf(0.0)
    with detect_anomaly(check_nan=False):
        (ops.sqrt(x) * 0.0).backward()
    assert np.isnan(value(x.grad))


def test_anomaly_mode_and_in_place_operations() -> None:
    x = leaf([0.0, 1.0])
    with detect_anomaly():
        y = x * 1.0
        y[0].sqrt_()
        line = here() - 1
        z = y * 0.0
        with pytest.raises(AnomalyError, match=rf"SqrtBackward gave NaN.*\n.*test_hooks.py:{line}: y\[0\].sqrt_\(\)"):
            z.sum().backward()


class Broken(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Any:
        return x * 1.0

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        raise ZeroDivisionError("mine")


def test_a_rules_own_error_says_where_it_was_made() -> None:
    x = leaf(1.0)
    with detect_anomaly():
        y = Broken.apply(x)
        line = here() - 1
    with pytest.raises(RuleError, match="the rule raised ZeroDivisionError: mine") as plain:
        Broken.apply(x).backward()
    cause = plain.value.__cause__
    assert isinstance(cause, ZeroDivisionError)
    assert traceback.extract_tb(cause.__traceback__)[-1].name == "backward"
    with detect_anomaly(), pytest.raises(RuleError) as found:
        y.backward()
    (note,) = found.value.__notes__
    assert re.fullmatch(rf"in backward of BrokenBackward, made at .*test_hooks.py:{line}: y = Broken.apply\(x\)", note)


def test_anomaly_mode_finds_nothing_where_nothing_is() -> None:
    x = leaf([1.0, 2.0])
    with detect_anomaly():
        y = (ops.exp(x) * x).sum()
        y.backward()
        with no_grad():
            x -= 0.1 * x.grad
    np.testing.assert_allclose(value(x.grad), [2 * np.e, 3 * np.e**2])
