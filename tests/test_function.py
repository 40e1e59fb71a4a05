"""`Function`: hand-written rules as nodes of the graph, and the contract that they have to keep."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

from gradcheck_cli.engine import Function, Tensor, grad, graph_stats, no_grad, ops
from gradcheck_cli.engine.function import CustomNode
from gradcheck_cli.errors import GraphError, Location, RuleError


def leaf(data: Any) -> Tensor:
    return Tensor(np.asarray(data, dtype=float), requires_grad=True)


def value(t: Tensor | None) -> Any:
    assert t is not None
    return t.tolist()


class ReLU(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Any:
        ctx.save_for_backward(x)
        return ops.maximum(x, 0.0)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        (x,) = ctx.saved_tensors
        return g * (x > 0)


class Quadratic(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, a: Tensor, b: Tensor, c: Tensor) -> Any:
        ctx.save_for_backward(x, a, b)
        return a * x**2 + b * x + c

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        x, a, b = ctx.saved_tensors
        return g * (2 * a * x + b), g * x**2, g * x, g


class Cube(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Any:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        (x,) = ctx.saved_tensors
        return 3 * g * x**2


def test_scenario_5_relu() -> None:
    x = leaf([-1.0, 2.0, 0.5])
    y = ReLU.apply(x)
    assert y.tolist() == [0.0, 2.0, 0.5]
    assert y.grad_fn.name == "ReLUBackward"
    assert y.grad_fn.is_custom
    y.backward(np.ones(3))
    assert value(x.grad) == [0.0, 1.0, 1.0]


def test_scenario_6_quadratic() -> None:
    inputs = [leaf(v) for v in (3.0, 2.0, 1.0, 4.0)]
    y = Quadratic.apply(*inputs)
    assert y.item() == 25.0
    stats = graph_stats([y])
    assert (stats.nodes, stats.custom, stats.leaves, stats.saved_bytes) == (5, 1, 4, 24)
    assert stats.ops == {"Quadratic": 1}
    y.backward()
    assert [value(x.grad) for x in inputs] == [13.0, 9.0, 3.0, 1.0]


def test_the_rule_itself_can_be_differentiated() -> None:
    x = leaf(2.0)
    y, found = Cube.apply(x), []
    for _ in range(3):
        (y,) = grad(y, x, create_graph=True)
        found.append(value(y))
    assert found == [12.0, 12.0, 6.0]


def test_the_rule_gets_the_outputs_dtype() -> None:
    x = Tensor(np.array([2.0, 3.0], np.float32), requires_grad=True)
    for cotangent in (np.ones(2), [1, 1], Tensor([1.0, 1.0])):
        for create_graph in (False, True):
            (found,) = grad(Cube.apply(x), x, [cotangent], create_graph=create_graph)
            assert found is not None
            assert (found.dtype, found.tolist()) == (np.float32, [12.0, 27.0])


def test_a_saved_output_leads_back_through_the_function() -> None:
    class Exp(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Any:
            y = ops.exp(x)
            ctx.save_for_backward(y)
            return y

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Any:
            (y,) = ctx.saved_tensors
            return g * y

    x = leaf(0.5)
    y = Exp.apply(x * 2.0)
    for k in range(1, 4):
        (y,) = grad(y, x, create_graph=True)
        assert value(y) == pytest.approx(2.0**k * np.e, rel=1e-15)


def test_nothing_is_recorded_where_nothing_requires_grad() -> None:
    seen = []

    class Watch(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, y: Any) -> Any:
            seen.append(ctx.needs_input_grad)
            return x * y

    assert not Watch.apply(Tensor(1.0), 2.0).requires_grad
    with no_grad():
        assert Watch.apply(leaf(1.0), 2.0).grad_fn is None
    assert Watch.apply(leaf(1.0), leaf(2.0)).requires_grad
    assert seen == [(False, False), (True, False), (True, True)]


def test_other_arguments_and_several_outputs() -> None:
    class Powers(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, n: int, flag: str) -> Any:
            ctx.save_for_backward(x)
            ctx.n, ctx.flag = n, flag
            return x**n, x * n, ops.argmax(x)

        @staticmethod
        def backward(ctx: Any, g1: Tensor, g2: Tensor, g3: Tensor) -> Any:
            (x,) = ctx.saved_tensors
            assert ctx.flag == "plain"
            assert g3.tolist() == 0
            return g1 * (ctx.n * x ** (ctx.n - 1)) + g2 * ctx.n, None, None

    x = leaf([1.0, 2.0])
    power, multiple, largest = Powers.apply(x, 3, "plain")
    assert (largest.item(), largest.requires_grad) == (1, False)
    assert value(grad(power, x, np.ones(2), retain_graph=True)[0]) == [3.0, 12.0]
    assert value(grad(multiple, x, np.ones(2), retain_graph=True)[0]) == [3.0, 3.0]
    assert value(grad([power, multiple], x, [np.ones(2), np.ones(2)])[0]) == [6.0, 15.0]


def test_an_input_that_is_returned_as_it_is() -> None:
    class Reversal(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Any:
            ctx.save_for_backward(x)
            return x

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Any:
            (x,) = ctx.saved_tensors
            return -g * x

    x = leaf(3.0)
    y = Reversal.apply(x)
    assert y is not x
    assert not y.is_leaf
    (first,) = grad(y, x, create_graph=True)
    assert value(first) == -3.0
    assert first is not None
    assert value(grad(first, x)[0]) == -1.0  # x is an input: the rule is not run again for it


def test_mark_non_differentiable() -> None:
    class WithMask(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Any:
            mask = ops.astype(x > 0, "float64")
            ctx.mark_non_differentiable(mask)
            return x * mask, mask

        @staticmethod
        def backward(ctx: Any, g: Tensor, g_mask: Tensor) -> Any:
            assert g_mask.tolist() == [0.0, 0.0]
            return g * 5.0

    x = leaf([1.0, -1.0])
    y, mask = WithMask.apply(x)
    assert y.requires_grad
    assert not mask.requires_grad
    (y * mask).sum().backward()
    assert value(x.grad) == [5.0, 0.0]


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("materialize", [False, True])
def test_outputs_that_nothing_depends_on(materialize: bool, create_graph: bool) -> None:
    seen: list[Any] = []

    class Pair(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Any:
            ctx.set_materialize_grads(materialize)
            return x * 2.0, ops.stack([x, x])

        @staticmethod
        def backward(ctx: Any, g: Tensor | None, g_pair: Tensor | None) -> Any:
            seen.append([None if part is None else part.tolist() for part in (g, g_pair)])
            return None if g is None else g * 2.0

    x = leaf(1.0)
    first, second = Pair.apply(x)
    assert value(grad(first, x, create_graph=create_graph, retain_graph=True)[0]) == 2.0
    (found,) = grad(second.sum(), x, create_graph=create_graph, allow_unused=True)
    assert (found is None) == (not materialize)
    assert seen == ([[1.0, [0.0, 0.0]], [0.0, [1.0, 1.0]]] if materialize else [[1.0, None], [None, [1.0, 1.0]]])


def test_saved_tensors_after_the_graph_is_freed() -> None:
    contexts: list[Any] = []

    class Keep(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Any:
            contexts.append(ctx)
            ctx.save_for_backward(x, None)
            return x * 1.0

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Any:
            assert ctx.saved_tensors[1] is None
            return g

    y = Keep.apply(leaf(1.0))
    assert contexts[0].saved_tensors[0].item() == 1.0
    y.backward()
    with pytest.raises(GraphError, match="retain_graph=True"):
        _ = contexts[0].saved_tensors
    with pytest.raises(GraphError, match="retain_graph=True"):
        y.backward()
    Keep.apply(leaf(1.0))
    with pytest.raises(GraphError, match="nothing uses the graph"):
        _ = contexts[1].saved_tensors


def test_a_graph_with_functions_is_freed_at_once() -> None:
    gc.disable()
    try:
        x = leaf(1.0)
        y = Cube.apply(x)
        of_x, of_node = weakref.ref(x), weakref.ref(y.grad_fn)
        del x, y
        assert of_x() is None
        assert of_node() is None
    finally:
        gc.enable()


def test_backward_frees_what_the_rule_holds() -> None:
    gc.disable()
    try:
        big = Tensor(np.ones(1000))
        array = weakref.ref(big.data)

        class Scale(Function):
            @staticmethod
            def forward(ctx: Any, x: Tensor, by: Tensor) -> Any:
                ctx.save_for_backward(by)
                return x * by

            @staticmethod
            def backward(ctx: Any, g: Tensor) -> Any:
                return (g * ctx.saved_tensors[0]).sum(), None

        y = Scale.apply(leaf(2.0), big)
        del big
        assert graph_stats([y]).saved_bytes == 8000
        y.backward(np.ones(1000))
        assert graph_stats([y]).saved_bytes == 0
        assert array() is None
    finally:
        gc.enable()


# The contract.


def with_rule(rule: Any) -> type[Function]:
    """A function of two inputs, x + y, with this backward."""

    class Sum(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, y: Tensor) -> Any:
            return x + y

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Any:
            return rule(g)

    return Sum


def wrongly(g: Tensor) -> Any:
    raise ZeroDivisionError("by nothing")


BROKEN: list[tuple[Any, str, str, str]] = [
    (lambda g: g, "", "count", "must return 2 gradients, one per input, but returned 1"),
    (lambda g: (g, g.sum(0), g), "", "count", "must return 2 gradients, one per input, but returned 3"),
    (lambda g: (g, g), "input 1", "shape", r"must have the input's shape \(3,\), but has shape \(2, 3\)"),
    (lambda g: (g[0], g.sum(0)), "input 0", "shape", r"must have the input's shape \(2, 3\), but has shape \(3,\)"),
    (lambda g: (g, 0.0), "input 1", "shape", r"must have the input's shape \(3,\), but has shape \(\)"),
    (lambda g: (g, g.sum(0).astype("float32")), "input 1", "dtype", "must have the input's dtype float64, but has float32"),
    (lambda g: (g, g.sum(0) * 1j), "input 1", "dtype", "must have the input's dtype float64, but has complex128"),
    (lambda g: (g, np.ones(3, bool)), "input 1", "dtype", "must have the input's dtype float64, but has bool"),
    (lambda g: (g, "nothing"), "input 1", "dtype", "must be an array, but is a str"),
    (lambda g: (g, [1.0, 2.0, 3.0]), "input 1", "dtype", "must be an array, but is a list"),
    (wrongly, "", "raised", "the rule raised ZeroDivisionError: by nothing"),
]


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize(("rule", "input_name", "kind", "message"), BROKEN)
def test_broken_rules_are_reported_not_repaired(
    rule: Any, input_name: str, kind: str, message: str, create_graph: bool
) -> None:
    x, y = leaf(np.ones((2, 3))), leaf(np.ones(3))
    out = with_rule(rule).apply(x, y)
    with pytest.raises(RuleError, match=message) as caught:
        out.backward(np.ones((2, 3)), create_graph=create_graph)
    assert (caught.value.kind, caught.value.rule, caught.value.input_name) == (kind, "SumBackward", input_name)
    assert str(caught.value).startswith("SumBackward")


def test_rules_that_keep_the_contract() -> None:
    x, y = leaf(1.0), leaf(2.0)
    for rule in (lambda g: (g, 3.0), lambda g: [g, 3], lambda g: (g.data, np.float64(3.0)), lambda g: (g, np.array(3.0))):
        for create_graph in (False, True):
            found = grad(with_rule(rule).apply(x, y), [x, y], create_graph=create_graph)
            assert [value(gx) for gx in found] == [1.0, 3.0]
    assert grad(with_rule(lambda g: (None, g)).apply(x, y), [x, y], allow_unused=True)[0] is None
    out = with_rule(lambda g: (g, "never looked at")).apply(x, Tensor(2.0))
    assert value(grad(out, x)[0]) == 1.0
    z = Tensor(1.0 + 1.0j, requires_grad=True)
    assert value(grad(with_rule(lambda g: (g, 2.0j)).apply(z, z), z, [1.0])[0]) == 1.0 + 2.0j


@pytest.mark.parametrize("number", [True, 1j])
def test_numbers_of_another_kind(number: Any) -> None:
    out = with_rule(lambda g: (g, number)).apply(leaf(1.0), leaf(2.0))
    with pytest.raises(RuleError, match="must have the input's dtype float64"):
        out.backward()


def test_one_result_may_serve_two_inputs() -> None:
    x, y = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    with_rule(lambda g: (g, g)).apply(x, y).backward(np.ones(2))
    assert x.grad is not None
    assert y.grad is not None
    assert not np.shares_memory(x.grad.data, y.grad.data)


def test_forward_must_return_tensors() -> None:
    class Wrong(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Any:
            return x.data

    with pytest.raises(RuleError, match=r"Wrong.forward must return tensors, not ndarray"):
        Wrong.apply(leaf(1.0))
    with pytest.raises(TypeError, match="needs a static method forward"):
        Function.apply(leaf(1.0))


def test_only_tensors_are_saved() -> None:
    class Saves(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Any:
            ctx.save_for_backward(x, 1.0)

    with pytest.raises(TypeError, match="save_for_backward keeps tensors, not float; set an attribute on ctx"):
        Saves.apply(leaf(1.0))


def test_an_engine_error_inside_a_rule_keeps_its_kind() -> None:
    def rule(g: Tensor) -> Any:
        return grad(g, g)

    with pytest.raises(GraphError, match="does not require grad"):
        with_rule(rule).apply(leaf(1.0), leaf(2.0)).backward()


def test_a_rule_of_a_spec_names_its_input_and_place() -> None:
    x = leaf([1.0, 2.0])
    place, entry = Location("a.yaml", 3, 1), Location("a.yaml", 5, 9)
    node = CustomNode(
        "scale",
        [x],
        [x.data],
        lambda grads, create_graph: [grads[0][:1]],
        input_names=["x"],
        location=place,
        locations={"x": entry},
    )
    with pytest.raises(RuleError, match=r"^scale for 'x': .*shape \(2,\), but has shape \(1,\)") as caught:
        Tensor._wrap(x.data, node).backward(np.ones(2))
    assert (caught.value.input_name, caught.value.location) == ("x", entry)
