"""The points where rules like to break: ties, zeros, singular matrices, repeated indices, infinities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from differences import agree, jacobian
from numpy.testing import assert_allclose, assert_array_equal

from gradcheck_cli.engine import Tensor, grad, ops
from gradcheck_cli.errors import GraphError

inf, nan = np.inf, np.nan


def gradient(f: Callable[..., Any], *inputs: Any, g: Any = None) -> Any:
    """The gradients of sum(g * f(inputs)); the only one by itself."""
    leaves = [Tensor(np.asarray(x, dtype=complex if np.iscomplexobj(x) else float), requires_grad=True) for x in inputs]
    y = f(*leaves)
    found = grad(y, leaves, np.ones(y.shape) if g is None else np.asarray(g, dtype=y.dtype), allow_unused=True)
    arrays = [None if gx is None else gx.data for gx in found]
    return arrays[0] if len(arrays) == 1 else arrays


def hessian(f: Callable[..., Any], x: Any) -> Any:
    """Second derivatives of a scalar f, row by row."""
    leaf = Tensor(x, requires_grad=True)
    (first,) = grad(f(leaf), leaf, create_graph=True)
    assert first is not None
    rows = [grad(first.ravel()[k], leaf, retain_graph=True, allow_unused=True)[0] for k in range(leaf.size)]
    return np.array([np.zeros(leaf.size) if r is None else r.data.ravel() for r in rows])


# Ties.


def test_two_equal_arguments_share_the_cotangent() -> None:
    for op in (ops.maximum, ops.minimum):
        first, second = gradient(op, [1.0, 2.0], [1.0, 5.0])
        assert first[0] == second[0] == 0.5
        assert first[1] + second[1] == 1.0


def test_equal_extremes_share_the_cotangent() -> None:
    assert_array_equal(gradient(ops.max, [1.0, 3.0, 3.0]), [0.0, 0.5, 0.5])
    assert_array_equal(gradient(lambda x: ops.min(x, axis=1), [[1.0, 1.0, 2.0], [0.0, 1.0, 2.0]]), [[0.5, 0.5, 0], [1, 0, 0]])
    assert_array_equal(gradient(lambda x: ops.norm(x, inf), [-2.0, 1.0, 2.0]), [-0.5, 0.0, 0.5])


def test_of_equal_entries_the_first_comes_first() -> None:
    x, g = [2.0, 1.0, 2.0, 1.0], [10.0, 20.0, 30.0, 40.0]
    assert ops.argmax(np.array(x)) == 0
    assert_array_equal(ops.argsort(np.array(x)), [1, 3, 0, 2])
    assert_array_equal(gradient(ops.sort, x, g=g), [30.0, 10.0, 40.0, 20.0])
    assert_array_equal(gradient(ops.cummax, x, g=g), [100.0, 0.0, 0.0, 0.0])


def test_kinks_have_a_value_between_the_slopes() -> None:
    assert gradient(ops.relu, 0.0) == 0.0
    assert gradient(ops.abs, 0.0) == 0.0
    assert gradient(ops.i0e, 0.0) == 0.0
    assert gradient(ops.sign, 0.0) == 0.0
    assert_array_equal(gradient(lambda x: ops.clip(x, -1.0, 1.0), [-1.0, 1.0, 2.0]), [1.0, 1.0, 0.0])
    assert gradient(ops.heaviside, 0.0, 0.5)[1] == 1.0


def test_clip_with_crossed_bounds_is_its_upper_bound() -> None:
    a, low, high = gradient(ops.clip, [0.0, 5.0], 3.0, 1.0)
    assert_array_equal(ops.clip(np.array([0.0, 5.0]), 3.0, 1.0), [1.0, 1.0])
    assert_array_equal(a, [0.0, 0.0])
    assert (low, high) == (0.0, 2.0)


# Zeros.


@pytest.mark.parametrize("x", [[0.0, 2.0, 3.0], [0.0, 2.0, 0.0], [0.0, 0.0, 0.0], [1e-200, 1e-200, 2.0]])
def test_products_with_zeros(x: list[float]) -> None:
    others = [x[1] * x[2], x[0] * x[2], x[0] * x[1]]
    assert_allclose(gradient(ops.prod, x), others, rtol=1e-15)
    pairs = [[0, x[2], x[1]], [x[2], 0, x[0]], [x[1], x[0], 0]]
    assert_allclose(hessian(ops.prod, x), pairs, rtol=1e-13)


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 1), (1, 0)])
def test_products_with_zeros_along_axes(axis: Any) -> None:
    x = np.array([[0.0, 2.0, 3.0], [4.0, 0.0, 0.0]])
    g = np.arange(1.0, 1.0 + np.size(np.prod(x, axis=axis))).reshape(np.shape(np.prod(x, axis=axis)))
    numeric = jacobian(lambda z: np.ravel(np.prod(z, axis=axis)), x) @ g.ravel()
    assert agree(gradient(lambda z: ops.prod(z, axis=axis), x, g=g), numeric.reshape(x.shape))


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_running_products_with_zeros(axis: int | None) -> None:
    x = np.array([[0.0, 2.0, 3.0, 5.0], [4.0, 0.0, 0.0, 1.0]])
    g = np.arange(1.0, 9.0).reshape(np.cumprod(x, axis=axis).shape)
    numeric = jacobian(lambda z: np.ravel(np.cumprod(z, axis=axis)), x) @ g.ravel()
    assert agree(gradient(lambda z: ops.cumprod(z, axis=axis), x, g=g), numeric.reshape(x.shape))
    second = jacobian(lambda z: gradient(lambda t: ops.cumprod(t, axis=axis), z, g=g).ravel(), x)
    assert agree(hessian(lambda t: (ops.cumprod(t, axis=axis) * g).sum(), x), second)


def test_powers_at_zero() -> None:
    assert_array_equal(gradient(ops.power, [0.0, 0.0, 0.0, 0.0], [0.0, 1.0, 2.0, 3.0])[0], [0.0, 1.0, 0.0, 0.0])
    assert_array_equal(gradient(ops.power, [0.0, 0.0], [0.0, 2.0])[1], [0.0, 0.0])
    for exponent, slope in ((0, 0.0), (1, 1.0), (2, 0.0), (0.0, 0.0), (1.0, 1.0)):
        assert gradient(lambda x, n=exponent: x**n, 0.0) == slope
    assert gradient(lambda x: x**3, -2.0) == 12.0
    assert gradient(lambda x: x**-1, -2.0) == -0.25
    assert_array_equal(hessian(lambda x: (x**2).sum(), [0.0, 3.0]), [[2.0, 0.0], [0.0, 2.0]])
    assert_array_equal(hessian(lambda x: (x**1).sum(), [0.0]), [[0.0]])


def test_mixed_derivatives_where_one_argument_is_zero() -> None:
    """A rule that is cut at a zero of its own must not lose the slope there."""
    assert_allclose(hessian(lambda v: ops.xlogy(v[0], v[1]), [0.0, 2.0]), [[0.0, 0.5], [0.5, 0.0]])
    assert_allclose(hessian(lambda v: v[0] ** v[1], [2.0, 0.0]), [[0.0, 0.5], [0.5, np.log(2.0) ** 2]])
    assert_allclose(hessian(lambda v: v[0] ** v[1], [0.0, 3.0]), [[0.0, 0.0], [0.0, 0.0]])
    assert np.all(np.isfinite(hessian(lambda v: v[0] ** v[1], [0.0, 0.0])))
    assert gradient(ops.power, nan, 0.0)[0] == 0.0
    assert gradient(lambda x: gradient_of_log_times(x, 2.0), 0.0) == 0.5


def gradient_of_log_times(x: Any, y: float) -> Any:
    """d/dy of x log y, still to be differentiated."""
    y = Tensor(y, requires_grad=True)
    return grad(ops.xlogy(x, y), y, create_graph=True)[0]


def test_lengths_and_deviations_of_nothing() -> None:
    assert_array_equal(gradient(ops.hypot, 0.0, 0.0), [0.0, 0.0])
    for order in (None, 1, 2, 3):
        assert_array_equal(gradient(lambda x, n=order: ops.norm(x, n), [0.0, 0.0]), [0.0, 0.0])
    assert_array_equal(gradient(ops.std, [2.0, 2.0, 2.0]), [0.0, 0.0, 0.0])


def test_the_angle_of_nothing() -> None:
    assert_array_equal(gradient(ops.arctan2, 0.0, 0.0), [0.0, 0.0])
    assert_allclose(gradient(ops.arctan2, 1e-200, 2e-200), [4e199, -2e199], rtol=1e-15)


def test_removable_singularities() -> None:
    assert gradient(ops.sinc, 0.0) == 0.0
    assert_allclose(hessian(ops.sinc, 0.0), [[-(np.pi**2) / 3]], rtol=1e-14)
    assert gradient(ops.i1e, 0.0) == 0.5
    assert_array_equal(gradient(ops.xlogy, [0.0, 0.0], [0.0, 2.0])[1], [0.0, 0.0])


# Infinities.


def test_large_arguments_neither_warn_nor_give_nan() -> None:
    big = [-1000.0, 1000.0]
    assert_array_equal(gradient(ops.sigmoid, big), [0.0, 0.0])
    assert_array_equal(gradient(ops.softplus, big), [0.0, 1.0])
    assert_array_equal(gradient(ops.tanh, big), [0.0, 0.0])
    assert_array_equal(gradient(lambda x: ops.softmax(x)[0], big), [0.0, 0.0])
    assert_array_equal(gradient(lambda x: ops.log_softmax(x)[0], big), [1.0, -1.0])
    assert_array_equal(gradient(ops.logsumexp, [-inf, 0.0]), [0.0, 1.0])
    assert_array_equal(gradient(ops.logsumexp, [-inf, -inf]), [0.0, 0.0])
    assert_array_equal(gradient(ops.logaddexp, 1000.0, -1000.0), [1.0, 0.0])


def test_large_entries_cost_no_digits() -> None:
    assert_allclose(ops.log_softmax(np.array([1e8, 1e8, 0.0])), [-np.log(2.0), -np.log(2.0), -1e8 - np.log(2.0)], rtol=1e-15)
    assert_array_equal(ops.log_softmax(np.array([-inf, 0.0])), [-inf, 0.0])
    assert ops.log_softmax(np.zeros((0, 3))).shape == (0, 3)


def test_what_where_leaves_out_gets_nothing() -> None:
    assert_array_equal(gradient(lambda x: ops.where(x > 0, 0.0, x), [nan, -1.0]), [1.0, 1.0])


# Singular matrices.


@pytest.mark.parametrize("rank", [0, 1, 2])
@pytest.mark.parametrize("kind", [float, complex])
def test_determinant_of_a_singular_matrix(rank: int, kind: type) -> None:
    rng = np.random.default_rng(rank)
    turn = np.exp(1j * rng.normal(size=3)) if kind is complex else np.ones(3)
    singular: Any = rng.normal(size=(3, rank)) @ rng.normal(size=(rank, 3)) * turn[:, None] * turn
    a = np.stack([singular, np.eye(3, dtype=kind), np.zeros((3, 3), kind)])
    cofactors = np.zeros_like(a)
    for k, i, j in np.ndindex(3, 3, 3):
        minor = np.delete(np.delete(a[k], i, 0), j, 1)
        cofactors[k, i, j] = (-1) ** (i + j) * (minor[0, 0] * minor[1, 1] - minor[0, 1] * minor[1, 0])
    assert_allclose(gradient(ops.det, a), cofactors.conj(), atol=1e-13)


def test_only_the_lower_triangle_is_read() -> None:
    a = np.array([[4.0, 99.0], [1.0, 3.0]])
    for f in (ops.cholesky, ops.eigvalsh, lambda x: ops.eigh(x)[1]):
        found = gradient(f, a, g=np.arange(1.0, 1.0 + np.size(f(a))).reshape(np.shape(f(a))))
        assert found[0, 1] == 0.0
        assert found[1, 0] != 0.0


def test_full_singular_vectors() -> None:
    a = np.arange(6.0).reshape(3, 2) + np.eye(3, 2)
    assert_allclose(gradient(lambda x: ops.svd(x)[1], a), gradient(lambda x: ops.svd(x, full_matrices=False)[1], a))
    assert gradient(lambda x: ops.svd(x)[0][:, :2], a).shape == (3, 2)
    with pytest.raises(GraphError, match="full_matrices=False"):
        gradient(lambda x: ops.svd(x)[0], a)


# Repeated indices.


def test_repeated_indices() -> None:
    x, v, g = [0.0, 0.0, 0.0], [5.0, 6.0, 7.0], [10.0, 20.0, 30.0]
    index = np.array([1, 1, 2])
    assert_array_equal(ops.index_set(np.array(x), index, np.array(v)), [0.0, 6.0, 7.0])
    of_x, of_v = gradient(lambda x, v: ops.index_set(x, index, v), x, v, g=g)
    assert_array_equal(of_x, [10.0, 0.0, 0.0])
    assert_array_equal(of_v, [0.0, 20.0, 30.0])
    of_x, of_v = gradient(lambda x, v: ops.add_at(x, index, v), x, v, g=g)
    assert_array_equal(of_x, g)
    assert_array_equal(of_v, [20.0, 20.0, 30.0])
    assert_array_equal(gradient(lambda x: x[index], x, g=g), [0.0, 30.0, 30.0])
    assert_array_equal(gradient(lambda x: ops.take(x, index), x, g=g), [0.0, 30.0, 30.0])
    assert_array_equal(gradient(lambda x: ops.take_along_axis(x, index), x, g=g), [0.0, 30.0, 30.0])


def test_a_value_that_is_repeated_by_setting_it() -> None:
    of_x, of_v = gradient(lambda x, v: ops.index_set(x, (slice(None), [0, 0]), v), np.zeros((2, 3)), 4.0)
    assert_array_equal(of_x, [[0.0, 1.0, 1.0], [0.0, 1.0, 1.0]])
    assert of_v == 2.0


@pytest.mark.parametrize(
    "index", [(slice(None, None, -1),), (Ellipsis, None), (np.array([True, False, True]),), ([[0], [2]], [1, -1])]
)
def test_indices_of_every_kind(index: Any) -> None:
    x = np.arange(9.0).reshape(3, 3)
    g = np.arange(1.0, 1.0 + x[index].size).reshape(x[index].shape)
    back = np.zeros((3, 3))
    np.add.at(back, index, g)
    assert_array_equal(gradient(lambda z: z[index], x, g=g), back)
