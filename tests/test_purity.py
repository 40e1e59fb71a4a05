"""Rules that keep state, write where they should not, or care for memory layouts are named; honest ones of any style pass."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gradcheck_cli import Function, Tensor, ops, verify
from gradcheck_cli.check.result import CheckResult

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 4))
Y = RNG.normal(size=(3, 4)) + 2
W = RNG.normal(size=(4, 5))


def checked(forward: Callable[..., Any], rule: Callable[..., Any], *inputs: Any) -> CheckResult:
    (found,) = verify(forward, [np.array(x) for x in inputs or (X,)], backward=rule).checks
    return found


def faults(result: CheckResult) -> list[str]:
    return [f.code for f in result.findings if f.verdict in ("fail", "error")]


def named(result: CheckResult, code: str, name: str = "x") -> bool:
    """Whether the only fault is this one, at this input."""
    found = [(f.code, f.input_name) for f in result.findings if f.verdict in ("fail", "error")]
    return result.verdict == "fail" and found == [(code, name)]


# GC111: not the same answer twice.


def accumulating() -> Callable[..., Any]:
    total = np.zeros_like(X)

    def rule(g, x):
        total[...] += g * np.cos(x)
        return total.copy()

    return rule


def counting() -> Callable[..., Any]:
    calls = []

    def rule(g, x):
        calls.append(1)
        return g * np.cos(x) * (1 + 1e-9 * len(calls))

    return rule


def dropping_out() -> Callable[..., Any]:
    rng = np.random.default_rng(1)
    return lambda g, x: g * np.cos(x) * (rng.random(x.shape) < 0.9)


def alternating() -> Callable[..., Any]:
    turn = [1.0]

    def rule(g, x):
        turn[0] = -turn[0]
        return turn[0] * g * np.cos(x)

    return rule


@pytest.mark.parametrize("make", [accumulating, counting, dropping_out, alternating])
def test_state_and_chance_are_named(make: Callable[[], Callable[..., Any]]) -> None:
    result = checked(np.sin, make())
    assert named(result, "GC111")
    assert "second call" in result.findings[0].message


def test_last_call_of_the_forward_is_named() -> None:
    last: dict[str, Any] = {}

    def forward(x, y):
        last["y"] = np.array(y)
        return x * y

    result = checked(forward, lambda g, x, y: (g * last["y"], g * x), X, Y)
    assert named(result, "GC111")
    assert "another point" in result.findings[0].message


def test_forward_that_is_random_or_writes_is_an_error() -> None:
    rng = np.random.default_rng(2)
    assert faults(checked(lambda x: x + rng.random(), lambda g, x: g)) == ["GC502"]

    def doubling(x):
        x *= 2
        return x

    assert faults(checked(doubling, lambda g, x: 2 * g)) == ["GC503"]


# GC112: memory layouts.


def linear(g, x):
    """As C code would that was given a pointer: the numbers behind the first one."""
    there = np.lib.stride_tricks.as_strided(g, (g.size,), (g.itemsize,))
    return there.reshape(g.shape) * np.cos(x)


def in_order_k(g, x):
    return g.ravel(order="K").reshape(x.shape) * np.cos(x)


def in_order_a(g, x):
    return g.reshape(-1, order="A").reshape(x.shape) * np.cos(x)


def behind_the_base(g, x):
    whole = g if g.base is None else g.base
    return whole.ravel(order="K")[: g.size].reshape(g.shape) * np.cos(x)


def if_contiguous(g, x):
    return g * np.cos(x) if g.flags.c_contiguous else g


def by_strides(g, x):
    return g * np.cos(x) * (1 if min(g.strides) > 0 else 2)


@pytest.mark.parametrize("rule", [linear, in_order_k, in_order_a, behind_the_base, if_contiguous, by_strides])
def test_layouts_are_named(rule: Callable[..., Any]) -> None:
    result = checked(np.sin, rule)
    assert named(result, "GC112")


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (lambda g: not g.flags.c_contiguous and g.flags.f_contiguous, "in Fortran order"),
        (lambda g: g.strides == (64, 16), "a view with gaps"),
        (lambda g: g.strides[-1] < 0, "a reversed view"),
        (lambda g: g.strides == (0, 0), "one number, broadcast"),
    ],
)
def test_layout_is_said(broken: Callable[[Any], bool], words: str) -> None:
    result = checked(np.sin, lambda g, x: g * np.cos(x) * (2 if broken(g) else 1))
    assert named(result, "GC112")
    assert words in result.findings[0].message


def test_storage_read_of_a_vector_is_named() -> None:
    assert named(checked(np.sin, linear, X[0]), "GC112")


# GC113: writing into the cotangent.


def scales_it(g, x):
    g *= np.cos(x)
    return g


def zeroes_it(g, x):
    made = g * np.cos(x)
    g[...] = 0
    return made


def clips_it(g, x):
    np.clip(g, -1, 1, out=g)
    return g * np.cos(x)


def writes_an_entry(g, x):
    made = g * np.cos(x)
    g[0, 0] += 1
    return made


def reshapes_it(g, x):
    g.shape = (-1,)
    return (g * np.cos(x).ravel()).reshape(x.shape)


def writes_and_restores(g, x):
    g *= 2
    made = g * np.cos(x) / 2
    g /= 2
    return made


@pytest.mark.parametrize("rule", [scales_it, zeroes_it, clips_it, writes_an_entry, reshapes_it, writes_and_restores])
def test_writing_into_the_cotangent_is_named(rule: Callable[..., Any]) -> None:
    assert faults(checked(np.sin, rule)) == ["GC113"]


def test_writing_into_one_of_two_cotangents_is_named() -> None:
    def rule(g, h, x, y):
        made = g * y + h, g * x + h
        h.fill(0)
        return made

    assert faults(checked(lambda x, y: (x * y, x + y), rule, X, Y)) == ["GC113"]


# GC114: writing into inputs.


def moves_x(g, x, y):
    made = g * y, g * x
    x += 1e-9
    return made


def sorts_y(g, x, y):
    made = g * y, g * x
    y.sort(axis=-1)
    return made


def nan_in_y(g, x, y):
    made = g * y, g * x
    y[0, 0] = np.nan
    return made


@pytest.mark.parametrize(("rule", "name"), [(moves_x, "x"), (sorts_y, "y"), (nan_in_y, "y")])
def test_writing_into_inputs_is_named(rule: Callable[..., Any], name: str) -> None:
    assert named(checked(lambda x, y: x * y, rule, X, Y), "GC114", name)


def test_writing_into_an_input_without_gradient_is_named() -> None:
    def rule(g, x, k):
        k += 1
        return g * np.cos(x)

    assert named(checked(lambda x, k: np.sin(x), rule, X, np.arange(4)), "GC114", "k")


def test_callers_arrays_are_left_alone() -> None:
    x, y = np.array(X), np.array(Y)
    for rule in (moves_x, sorts_y, nan_in_y):
        verify(lambda x, y: x * y, [x, y], backward=rule)
        assert np.array_equal(x, X)
        assert np.array_equal(y, Y)


def test_random_state_is_left_alone() -> None:
    np.random.seed(5)  # noqa: NPY002 - the global state is what this is about
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    verify(np.sin, [X], backward=lambda g, x: g * np.cos(x))
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002


# GC115: views of inputs.


def test_gradients_that_are_views_of_inputs_are_named() -> None:
    def half_square(x):
        return np.sum(x * x) / 2

    def itself(g, x):
        return x if g == 1 else g * x

    def a_view(g, x):
        return x.reshape(-1).reshape(x.shape) if g == 1 else g * x

    def other(g, x, y):
        return y if g == 1 else g * y, g * x

    assert named(checked(half_square, itself), "GC115")
    assert named(checked(half_square, a_view), "GC115")
    assert named(checked(lambda x, y: np.sum(x * y), other, X, Y), "GC115")
    assert faults(checked(half_square, lambda g, x: x.copy() if g == 1 else g * x)) == []


# GC116: the point is not followed.


def test_what_was_kept_is_named() -> None:
    kept: dict[str, Any] = {}

    def once(g, x):
        return g * kept.setdefault("slope", np.cos(x))

    slope = np.cos(X)
    assert faults(checked(np.sin, once)) == ["GC116"]
    # Right at this point, and at no other: nothing tells it from a Jacobian that was computed beforehand.
    for result in (
        checked(np.sin, lambda g, x: g * slope),
        checked(lambda x: x * x, lambda g, x: g * 2 * X[0, 0], X[0, 0]),
    ):
        assert result.verdict == "pass"
        assert "GC606" in {f.code for f in result.findings}
    assert named(checked(np.abs, lambda g, x: 0 * g, np.zeros(2)), "GC116")


def test_shape_as_key_of_a_cache_is_named() -> None:
    kept: dict[Any, Any] = {}

    def rule(g, x):
        if x.shape not in kept:
            kept[x.shape] = np.cos(x)
        return g * kept[x.shape]

    assert faults(checked(np.sin, rule)) == ["GC116"]


def test_constant_slopes_may_stay() -> None:
    step = np.array([0.5, -0.5, 3.0])
    assert faults(checked(lambda x: x @ W, lambda g, x: g @ W.T)) == []
    assert faults(checked(lambda x: np.maximum(x, 0), lambda g, x: g * (x > 0), step)) == []
    assert faults(checked(np.abs, lambda g, x: g * np.sign(x), step)) == []
    assert faults(checked(np.floor, lambda g, x: 0 * g, np.array([0.3, -2.6]))) == []
    assert faults(checked(np.sort, lambda g, x: g[np.argsort(np.argsort(x))], step)) == []
    assert faults(checked(np.max, lambda g, x: g * (np.arange(3) == np.argmax(x)), np.array([1.0, 1.0, 0.0]))) == []


# GC117: precision lost.


def narrowed(a: Any) -> Any:
    return np.asarray(a).astype(np.float32)


def in_a_narrow_buffer(g, x):
    made = np.zeros(x.shape, np.float32)
    made[...] = g * np.cos(x)
    return made.astype(float)


@pytest.mark.parametrize(
    "rule",
    [
        lambda g, x: (narrowed(g) * np.cos(x)).astype(float),
        lambda g, x: narrowed(g * np.cos(x)).astype(float),
        in_a_narrow_buffer,
        lambda g, x: narrowed(3 * g).astype(float) / 3 * np.cos(x),
    ],
)
def test_lost_precision_is_named(rule: Callable[..., Any]) -> None:
    assert named(checked(np.sin, rule), "GC117")


def test_lost_precision_of_a_product_is_named() -> None:
    assert named(checked(lambda x: x @ W, lambda g, x: (narrowed(g) @ narrowed(W).T).astype(float)), "GC117")


# Functions of tensors.


class Product(Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return x * y

    @staticmethod
    def backward(ctx, g):
        x, y = ctx.saved_tensors
        return g * y, g * x


class Zeroing(Product):
    @staticmethod
    def backward(ctx, g):
        x, y = ctx.saved_tensors
        made = g * y, g * x
        g.data[...] = 0
        return made


class Moving(Product):
    @staticmethod
    def backward(ctx, g):
        x, y = ctx.saved_tensors
        made = g * y, g * x
        y.data[...] += 1
        return made


class Remembering(Product):
    seen: list[Any] = []  # noqa: RUF012 - the mistake in question

    @staticmethod
    def forward(ctx, x, y):
        Remembering.seen.append(y)
        return Product.forward(ctx, x, y)

    @staticmethod
    def backward(ctx, g):
        x, _ = ctx.saved_tensors
        return g * Remembering.seen[-1], g * x


@pytest.mark.parametrize(
    ("function", "code"), [(Product, []), (Zeroing, ["GC113"]), (Moving, ["GC114"]), (Remembering, ["GC111"])]
)
def test_functions_of_tensors(function: type[Function], code: list[str]) -> None:
    (result,) = verify(function, [Tensor(X, requires_grad=True), Tensor(Y, requires_grad=True)]).checks
    assert faults(result) == code


def test_operations_of_the_engine_pass() -> None:
    def two_layers(x, w):
        return ops.tanh(x @ w).sum(axis=0)

    (result,) = verify(two_layers, [Tensor(X, requires_grad=True), Tensor(W, requires_grad=True)]).checks
    assert result.verdict == "pass"


# Right rules in many styles.


class Memoised:
    """As compiled code does: a kernel per shape and dtype, made at the first call."""

    def __init__(self) -> None:
        self.kernels: dict[Any, Callable[..., Any]] = {}

    def __call__(self, g: Any, x: Any) -> Any:
        key = (x.shape, x.dtype)
        if key not in self.kernels:
            self.kernels[key] = lambda g, x: g * np.cos(x)
        return self.kernels[key](g, x)


@functools.lru_cache(maxsize=2)
def slope_of(data: bytes, shape: tuple[int, ...]) -> Any:
    return np.cos(np.frombuffer(data).reshape(shape))


def in_a_copy(g, x):
    g = np.array(g)
    g *= np.cos(x)
    return g


def in_a_buffer(g, x):
    made = np.empty_like(x)
    np.multiply(g, np.cos(x), out=made)
    return made


def entry_by_entry(g, x):
    made = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        made[place] = g[place] * np.cos(x[place])
    return made


def contiguous_first(g, x):
    flat = np.ascontiguousarray(g).view(np.float64).ravel()
    return (flat * np.cos(x).ravel()).reshape(x.shape)


def with_a_copy_of_x(g, x):
    x = x.copy()
    np.cos(x, out=x)
    return g * x


def in_fortran_order(g, x):
    flat = g.reshape(-1, order="F") * np.cos(x).reshape(-1, order="F")
    return flat.reshape(x.shape, order="F")


def as_a_list(g, x):
    return np.array([[a * np.cos(b) for a, b in zip(r, s, strict=True)] for r, s in zip(g.tolist(), x.tolist(), strict=True)])


def matmul_rule(g, x, w):
    return g @ w.T, x.T @ g


def einsum_rule(g, x, w):
    return np.einsum("ij,kj->ik", g, w), np.einsum("ki,kj->ij", x, g)


def tensordot_rule(g, x, w):
    return np.tensordot(g, w, axes=(1, 1)), np.tensordot(x, g, axes=(0, 0))


def convolved(x):
    return np.convolve(x, [1.0, -2.0, 0.5], mode="valid")


SOLVED = RNG.normal(size=(4, 4)) + 4 * np.eye(4)

HONEST: dict[str, tuple[Callable[..., Any], Callable[..., Any], tuple[Any, ...]]] = {
    "identity": (lambda x: x + 1, lambda g, x: g, (X,)),
    "identity of two": (lambda x, y: x + y, lambda g, x, y: (g, g), (X, Y)),
    "transposed view": (lambda x: x.T, lambda g, x: g.T, (X,)),
    "reversed view": (lambda x: x[::-1], lambda g, x: g[::-1], (X,)),
    "reversed view of both axes": (lambda x: x[::-1, ::-1] * 1, lambda g, x: g[::-1, ::-1], (X,)),
    "broadcast scalar": (np.sum, lambda g, x: np.broadcast_to(g, x.shape), (X,)),
    "broadcast row": (lambda x: x.sum(axis=0), lambda g, x: np.broadcast_to(g, x.shape), (X,)),
    "broadcast column": (lambda x: x.mean(axis=1, keepdims=True), lambda g, x: np.broadcast_to(g / 4, x.shape), (X,)),
    "reshaped view": (lambda x: x.reshape(2, 6), lambda g, x: g.reshape(x.shape), (X,)),
    "raveled in Fortran order": (lambda x: x.ravel(order="F"), lambda g, x: g.reshape(x.shape, order="F"), (X,)),
    "swapped axes": (lambda x: np.swapaxes(x[None], 0, 2), lambda g, x: np.swapaxes(g, 0, 2)[0], (X,)),
    "slice of it": (lambda x: np.pad(x, 1), lambda g, x: g[1:-1, 1:-1], (X,)),
    "diagonal": (np.diag, lambda g, x: np.diagonal(g), (X[0],)),
    "triangle": (np.tril, lambda g, x: np.tril(g), (X,)),
    "einsum": (lambda x, w: x @ w, einsum_rule, (X, W)),
    "tensordot": (lambda x, w: x @ w, tensordot_rule, (X, W)),
    "matmul": (lambda x, w: x @ w, matmul_rule, (X, W)),
    "matmul of transposes": (lambda x, w: (w.T @ x.T).T, matmul_rule, (X, W)),
    "large matmul": (lambda x: x @ W, lambda g, x: g @ W.T, (RNG.normal(size=(40, 4)),)),
    "solve": (lambda b: np.linalg.solve(SOLVED, b), lambda g, b: np.linalg.solve(SOLVED.T, g), (X.T,)),
    "convolution": (convolved, lambda g, x: np.convolve(g, [0.5, -2.0, 1.0], mode="full"), (RNG.normal(size=7),)),
    "gather": (lambda x: x[[0, 2, 2]], lambda g, x: np.stack([g[0], 0 * g[0], g[1] + g[2]]), (X,)),
    "scatter": (lambda x: x[[0, 2, 2]], lambda g, x: _scattered(g, x), (X,)),
    "cumulative sum": (np.cumsum, lambda g, x: np.cumsum(g[::-1])[::-1], (X[0],)),
    "in Fortran order": (np.sin, in_fortran_order, (X,)),
    "Fortran result": (np.sin, lambda g, x: np.asfortranarray(g * np.cos(x)), (X,)),
    "in a copy": (np.sin, in_a_copy, (X,)),
    "in a buffer": (np.sin, in_a_buffer, (X,)),
    "in a copy of the input": (np.sin, with_a_copy_of_x, (X,)),
    "contiguous first": (np.sin, contiguous_first, (X,)),
    "entry by entry": (np.sin, entry_by_entry, (X,)),
    "lists": (np.sin, as_a_list, (X,)),
    "iterator": (
        np.sin,
        lambda g, x: np.array([a * np.cos(b) for a, b in zip(g.flat, x.flat, strict=True)]).reshape(x.shape),
        (X,),
    ),
    "cached by input": (np.sin, lambda g, x: g * slope_of(x.tobytes(), x.shape), (X,)),
    "memoised kernels": (np.sin, Memoised(), (X,)),
    "from the output": (np.exp, lambda grad, out: grad * out, (X,)),
    "scalar": (lambda x: x * x, lambda g, x: 2 * g * x, (1.5,)),
    "scalar, as a Python number": (lambda x: x * x, lambda g, x: float(2 * g * x), (1.5,)),
    "by name": (lambda x, y: x * y, lambda grad, y, x: {"y": grad * x, "x": grad * y}, (X, Y)),
    "None where it has no influence": (lambda x, y: np.sin(x), lambda g, x, y: (g * np.cos(x), None), (X, Y)),
    "float32": (np.sin, lambda g, x: g * np.cos(x), (X.astype(np.float32),)),
    "complex": (lambda z: z * z, lambda g, z: 2 * g * np.conj(z), (X + 1j * Y,)),
    "overflowing on the way": (np.tanh, lambda g, x: g / np.cosh(x) ** 2, (np.array([0.3, -0.8]),)),
}


def _scattered(g, x):
    made = np.zeros_like(x)
    np.add.at(made, [0, 2, 2], g)
    return made


@pytest.mark.parametrize("name", HONEST)
def test_honest_rule_is_not_flagged(name: str) -> None:
    forward, rule, inputs = HONEST[name]
    result = checked(forward, rule, *inputs)
    assert faults(result) == []
    assert result.verdict == "pass"


def test_gradients_that_cancel_for_equal_cotangents_are_the_same():
    """A layer norm's rows add up to zero: for equal cotangents only rounding is left, and that depends on the layout."""
    for seed in range(20):
        x = np.random.default_rng(seed).standard_normal(7) + 100.0
        c = x - x.mean()
        r = 1 / np.sqrt((c * c).mean())
        J = r * (np.eye(7) - 1 / 7 - np.outer(c, c) * r * r / 7)

        def forward(x):
            c = x - np.mean(x)
            return c / np.sqrt(np.mean(c * c))

        assert verify(forward, [x], backward=lambda g, x, J=J: g @ J).checks[0].verdict == "pass"


def test_a_lost_conjugate_of_a_linear_map_is_a_mismatch():
    """It shows in the antisymmetric part of the Jacobian only, which v' J u does not have for u = v."""
    z = np.array([0.7 - 0.9j, 1.2 + 1.5j])
    result = verify(lambda z: z * (2 + 1j), [z], backward=lambda g, z: g * (2 + 1j)).checks[0]
    assert faults(result) == ["GC201"]


def test_a_rule_that_is_a_little_wrong_for_a_linear_function_was_not_kept():
    result = checked(lambda x: x @ W, lambda g, x: g @ W.T * (1 + 1e-5))
    assert faults(result) == ["GC201"]
