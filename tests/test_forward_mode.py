"""Forward mode, from the same rules: values in closed form, structure, complex numbers, and rules that cannot be transposed."""

from __future__ import annotations

import numpy as np
import pytest

from gradcheck_cli import Function, GradcheckError, Tensor, checkpoint, grad, hessian, hvp, jvp, no_grad, ops, vjp

X = np.array([0.3, -1.2, 0.7])
T = np.array([1.0, -2.0, 0.5])


class Cube(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 3 * g * x**2


class OnArrays(Cube):
    """The right numbers, but nothing that could be transposed."""

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return Tensor(3 * g.detach().numpy() * x.detach().numpy() ** 2)


def close(a, b):
    return np.allclose(a.data, b, rtol=1e-14, atol=1e-15)


def test_closed_forms():
    y, t = jvp(lambda x: ops.sin(x) * x, X, T)
    assert close(y, np.sin(X) * X)
    assert close(t, (np.cos(X) * X + np.sin(X)) * T)
    assert not y.requires_grad
    assert not t.requires_grad
    A, b, dA, db = np.outer(X, T) + np.eye(3), X, np.outer(T, X), T
    _, t = jvp(ops.solve, (A, b), (dA, db))
    assert close(t, np.linalg.solve(A, db - dA @ np.linalg.solve(A, b)))


def test_custom_rules_are_transposed():
    assert close(jvp(Cube.apply, X, T)[1], 3 * X**2 * T)

    class Wrong(Cube):
        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 5 * g * x

    assert close(jvp(Wrong.apply, X, T)[1], 5 * X * T), "it is the rule that is asked, right or wrong"


def test_a_rule_that_is_not_recorded_is_an_error():
    with pytest.raises(GradcheckError, match="cannot be transposed, as it was not recorded"):
        jvp(OnArrays.apply, X, T)
    with pytest.raises(GradcheckError, match="cannot be transposed"):
        jvp(lambda x: OnArrays.apply(x) + ops.sin(x), X, T)


def test_several_inputs_and_outputs():
    def f(x, n, y):
        return x * y, ops.argmax(x), ops.sum(y), Tensor(5.0)

    outputs, tangents = jvp(f, (X, np.array([1, 2]), T), (T, None, X))
    assert [y.shape for y in outputs] == [(3,), (), (), ()]
    assert close(tangents[0], T * T + X * X)
    assert tangents[1] is None
    assert close(tangents[2], X.sum())
    assert close(tangents[3], 0.0)
    assert close(jvp(f, (X, np.array([1, 2]), T), (T, None, None))[1][0], T * T)


@pytest.mark.parametrize("x", [np.array(1.5), np.zeros((0, 2)), np.zeros((2, 0, 3)), np.float32([1.5, 2.0])])
def test_shapes_and_dtypes(x):
    y, t = jvp(lambda x: x * x, x, np.ones(x.shape))
    assert (t.shape, t.dtype, y.dtype) == (x.shape, x.dtype, x.dtype)
    assert np.array_equal(t.data, 2 * x)
    assert jvp(ops.sum, x, np.ones(x.shape))[1].shape == ()


def test_broadcasting():
    _, t = jvp(lambda x, b: x + b, (np.ones((2, 3)), X), (np.zeros((2, 3)), T))
    assert close(t, np.stack([T, T]))


def test_complex_numbers():
    z, d = np.array([1 + 2j, -0.5j]), np.array([1j, 2.0 - 1j])
    assert close(jvp(lambda z: z**2 * ops.exp(z), z, d)[1], (2 * z + z**2) * np.exp(z) * d)
    assert close(jvp(ops.conj, z, d)[1], np.conj(d))
    assert close(jvp(ops.abs, z, d)[1], np.real(np.conj(z) * d) / np.abs(z))
    assert close(jvp(ops.real, z, d)[1], np.real(d))
    assert close(jvp(lambda x: x * (2 + 1j), X, T)[1], T * (2 + 1j))
    with pytest.raises(GradcheckError, match="must be real"):
        jvp(ops.sin, X, 1j * T)


def test_mistakes_are_said():
    with pytest.raises(GradcheckError, match=r"tangent of input 0 must have its shape \(3,\), but has shape \(2,\)"):
        jvp(ops.sin, X, T[:2])
    with pytest.raises(GradcheckError, match="2 primals need 2 tangents, 1 were given"):
        jvp(ops.multiply, (X, X), (T,))


def test_derivatives_of_tangents():
    x = Tensor(X, requires_grad=True)
    _, t = jvp(lambda x: ops.sin(x) * x, x, T)
    (second,) = grad(t.sum(), x)
    assert close(second, (2 * np.cos(X) - X * np.sin(X)) * T)
    with no_grad():
        assert not jvp(ops.sin, x, T)[1].requires_grad


def test_tangents_of_tangents_and_of_gradients():
    assert close(jvp(lambda x: jvp(ops.exp, x, T)[1], X, T)[1], np.exp(X) * T * T)

    def f(x):
        return ops.sum(ops.exp(x) * x[::-1])

    H = np.diag(np.exp(X) * X[::-1]) + np.fliplr(np.diag(np.exp(X))) + np.fliplr(np.diag(np.exp(X))).T
    assert close(jvp(lambda x: vjp(f, x, create_graph=True)[1], X, T)[1], H @ T)
    assert close(hvp(f, X, T)[1], H @ T)
    assert close(hessian(f, X), H)


def test_through_checkpoints_and_in_place_steps():
    def f(x):
        y = ops.sin(x)
        y *= x
        y[0] += 1.0
        return y

    expected = (np.cos(X) * X + np.sin(X)) * T
    assert close(jvp(f, X, T)[1], expected)
    assert close(jvp(lambda x: checkpoint(f, x), X, T)[1], expected)


def test_the_two_modes_agree():
    """<v, J u> = <J' v, u>, of a function with most of what the engine has."""

    def f(x, W):
        h = ops.tanh(x @ W)
        return ops.softmax(h, axis=-1) * ops.cumsum(h, axis=0), ops.logsumexp(h)

    rng = np.random.default_rng(0)
    x, W = rng.standard_normal((4, 3)), rng.standard_normal((3, 5))
    u = rng.standard_normal((4, 3)), rng.standard_normal((3, 5))
    v = rng.standard_normal((4, 5)), rng.standard_normal(())
    _, Ju = jvp(f, (x, W), u)
    _, Jv = vjp(f, (x, W), v)
    ahead, back = (sum(np.sum(a.data * b) for a, b in zip(p, q, strict=True)) for p, q in ((Ju, v), (Jv, u)))
    assert abs(ahead - back) <= 1e-14 * (abs(ahead) + abs(back))
    assert abs(ahead - back * (1 + 1e-10)) > 1e-14 * (abs(ahead) + abs(back))
