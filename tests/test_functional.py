"""vjp, jacobian, hvp, hessian: structure and values as in torch.autograd.functional; higher orders; whether order 2 finds
what is wrong with a rule's own derivative.
"""

from __future__ import annotations

import numpy as np
import pytest

from gradcheck_cli import (
    Function,
    GradcheckError,
    Tensor,
    checkpoint,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    no_grad,
    ops,
    verify,
    vjp,
)

X = np.array([0.3, -1.2, 0.7])
T = np.array([1.0, -2.0, 0.5])


def close(a, b):
    return np.allclose(a.data, b, rtol=1e-14, atol=1e-15)


def test_jacobians():
    J = jacobian(lambda x: x**2, X)
    assert close(J, np.diag(2 * X))
    blocks = jacobian(lambda x, y: (x * y, ops.sum(x)), (X, T))
    assert [[b.shape for b in row] for row in blocks] == [[(3, 3), (3, 3)], [(3,), (3,)]]
    assert close(blocks[0][1], np.diag(X))
    assert close(blocks[1][1], np.zeros(3))
    assert jacobian(lambda x: ops.outer(x, x), X).shape == (3, 3, 3)
    assert jacobian(lambda x: x[:0], X).shape == (0, 3)


def test_vjp_and_hvp():
    y, g = vjp(lambda x, w: x * w, (X, T), np.ones(3))
    assert close(y, X * T)
    assert isinstance(g, tuple)
    assert close(g[0], T)
    assert close(g[1], X)
    value, h = hvp(lambda x, w: ops.sum(x**2 * w), (X, T), (T, X))
    assert close(value, np.sum(X**2 * T))
    assert close(h[0], 2 * T * T + 2 * X * X)
    assert close(h[1], 2 * X * T)
    assert close(hvp(ops.sum, X, T)[1], np.zeros(3)), "a linear function"
    with pytest.raises(GradcheckError, match="one real number"):
        hvp(ops.sin, X, T)


def test_hessians():
    H = hessian(lambda x: ops.sum(x**3), X)
    assert close(H, np.diag(6 * X))
    blocks = hessian(lambda x, w: ops.sum(x**2 * w), (X, T))
    assert close(blocks[0][0], np.diag(2 * T))
    assert close(blocks[0][1], np.diag(2 * X))
    assert close(blocks[1][1], np.zeros((3, 3)))
    assert np.array_equal(hessian(ops.sum, X).data, np.zeros((3, 3)))


def test_they_can_be_differentiated():
    x = Tensor(X, requires_grad=True)
    J = jacobian(lambda x: x**3, x, create_graph=True)
    (g,) = grad(ops.sum(J), x)
    assert close(g, 6 * X)
    H = hessian(lambda x: ops.sum(x**4), x, create_graph=True)
    (g,) = grad(ops.sum(H), x)
    assert close(g, 24 * X)


@pytest.mark.parametrize(
    ("inputs", "f", "structure"),
    [
        (X, lambda x: x**2, "J"),
        ((X,), lambda x: x**2, "(J)"),
        (X, lambda x: (x**2,), "(J)"),
        ((X,), lambda x: (x**2,), "((J))"),
        ((X, T), lambda x, w: x * w, "(JJ)"),
        ([X, T], lambda x, w: (x * w, x + w), "((JJ)(JJ))"),
    ],
)
def test_tuples_are_those_of_pytorch(inputs, f, structure):
    def shown(value):
        return f"({''.join(map(shown, value))})" if isinstance(value, tuple) else "J"

    assert shown(jacobian(f, inputs)) == structure


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: vjp(lambda x, w: (x, w), (X, T), X), "2 outputs need 2 cotangents, 1 were given"),
        (lambda: vjp(ops.sin, X, T[:2]), r"gradient has shape \(2,\)"),
        (lambda: vjp(ops.sin, X), "only for real scalar outputs"),
        (lambda: vjp(lambda x: x.data, X, T), "must return tensors, but returned a ndarray"),
        (lambda: hvp(lambda x, w: ops.sum(x * w), (X, T), T), "2 inputs need 2 vectors, 1 were given"),
        (lambda: hvp(lambda x: ops.sum(x**3), X, T[:2]), r"gradient has shape \(2,\)"),
        (lambda: hessian(ops.sin, X), "one real number"),
        (lambda: hessian(lambda z: ops.sum(z * z), X * 1j), "one real number"),
        (lambda: jacobian(lambda k: k, np.array([1, 2])), "only floating and complex tensors"),
    ],
)
def test_mistakes_are_said(call, message):
    with pytest.raises(GradcheckError, match=message):
        call()


def test_inputs_and_modes_are_left_alone():
    x = Tensor(X, requires_grad=True)
    with no_grad():
        J = jacobian(lambda x: x**2, x)
        value, h = hvp(lambda x: ops.sum(x**3), x, T)
    assert x.grad is None
    assert [t.requires_grad for t in (J, value, h)] == [False] * 3
    assert close(h, 6 * X * T)
    _, g = vjp(lambda x: x**2, x, Tensor(T, requires_grad=True))
    assert not g.requires_grad


def test_a_vjp_can_be_differentiated_by_its_cotangent():
    v = Tensor(T, requires_grad=True)
    _, g = vjp(lambda x: x**2, X, v, create_graph=True)
    (back,) = grad(ops.sum(g * X), v)
    assert close(back, 2 * X * X)


def test_complex_jacobians():
    """PyTorch's convention: rows are J' e, so of a holomorphic function the conjugate of f'."""
    z = np.array([1 + 2j, -0.5j])
    assert close(jacobian(lambda z: z**2, z), np.diag(np.conj(2 * z)))
    assert close(jacobian(ops.abs, z), np.diag(z / np.abs(z)))


def test_third_and_fourth_order():
    def f(x):
        return ops.sum(ops.sin(x) * ops.exp(x))

    x = Tensor(X, requires_grad=True)
    y, found = f(x), []
    for _ in range(4):
        (y,) = grad(ops.sum(y), x, create_graph=True)
        found.append(y.data)
    s, c, e = np.sin(X), np.cos(X), np.exp(X)
    for value, expected in zip(found, [e * (s + c), 2 * e * c, 2 * e * (c - s), -4 * e * s], strict=True):
        assert np.allclose(value, expected, rtol=1e-13, atol=1e-14)
    third = jacobian(lambda x: hessian(f, x, create_graph=True), X)
    assert third.shape == (3, 3, 3)
    assert np.allclose(third.data[[0, 1, 2], [0, 1, 2], [0, 1, 2]], 2 * e * (c - s), rtol=1e-13)
    assert np.count_nonzero(third.data) == 3
    forward = jvp(lambda x: jvp(lambda x: jvp(f, x, T)[1], x, T)[1], X, T)[1]
    assert np.allclose(forward.data, np.sum(2 * e * (c - s) * T**3), rtol=1e-13)


def test_hessians_of_matrices_and_of_custom_functions():
    """d2 log det A = -A^-T dA A^-T; and a Function's Hessian comes from its rule."""
    A = np.array([[2.0, 0.3], [0.1, 1.5]])
    H = hessian(lambda A: ops.log(ops.det(A)), A)
    B = np.linalg.inv(A)
    assert np.allclose(H.data, -np.einsum("li,jk->ijkl", B, B), rtol=1e-12)
    assert close(hessian(lambda x: ops.sum(Cube.apply(x)), X), np.diag(6 * X))


# Order 2: the derivative of the rule itself, by the inputs and by the cotangent.


class Cube(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 3 * g * x**2


class CubeRule(Function):
    """g, x -> 3 g x^2, with a rule of its own; `by_g` and `by_x` are factors that make it wrong."""

    by_g = by_x = 1.0

    @classmethod
    def forward(cls, ctx, g, x):
        ctx.save_for_backward(g, x)
        return 3 * g * x**2

    @classmethod
    def backward(cls, ctx, gg):
        g, x = ctx.saved_tensors
        return cls.by_g * gg * 3 * x**2, cls.by_x * gg * 6 * g * x


def with_rule(rule):
    """Cube, with `rule(ctx, g, x)` for its backward."""

    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return rule(ctx, g, x)

    return type("Other", (Cube,), {"backward": staticmethod(backward)})


def once(ctx, g, x):
    if g.requires_grad:
        raise NotImplementedError("once differentiable")
    return 3 * g * x**2


def silent(ctx, g, x):
    with no_grad():
        return 3 * g * x**2


def found(target, inputs=(X,)):
    (result,) = verify(target, list(inputs), order=2).checks
    return result.verdict, [(f.code, f.input_name, f.message) for f in result.findings if f.verdict == "fail"]


def test_order_two_passes_right_rules():
    assert found(Cube) == ("pass", [])
    assert found(with_rule(lambda ctx, g, x: CubeRule.apply(g, x))) == ("pass", [])
    assert found(lambda x, w: ops.tanh(x @ w), [np.ones((2, 3)) * 0.3, np.outer(X, [0.1, 0.2])]) == ("pass", [])
    assert found(lambda x: checkpoint(lambda y: ops.sin(y) * y, x)) == ("pass", [])
    assert found(lambda x: (Cube.apply(x), ops.sum(x), ops.argmax(x))) == ("pass", [])
    assert found(Cube, [np.zeros((0, 2))]) == ("pass", [])
    assert found(lambda z: ops.real(z * ops.conj(z)) + ops.abs(z) ** 3, [np.array([1 + 2j, 0.5 - 1j])])[1] == []


@pytest.mark.parametrize("size", [1e-6, -1e-5, 1e-2])
@pytest.mark.parametrize(("name", "wrong"), [("by_g", "grad"), ("by_x", "x")])
def test_order_two_finds_wrong_second_derivatives(name, wrong, size):
    rule = type("Rule", (CubeRule,), {name: 1 + size})
    verdict, findings = found(with_rule(lambda ctx, g, x: rule.apply(g, x)))
    assert verdict == "fail"
    assert {(code, name) for code, name, _ in findings} == {("GC205", wrong)}
    assert findings[0][2].startswith("second order: ")


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [
        (lambda ctx, g, x: Tensor(3 * g.data * x.data**2), {"x", "grad"}),
        (lambda ctx, g, x: g * Tensor(3 * x.data**2), {"x"}),
        (lambda ctx, g, x: 3 * g.detach() * x**2, {"grad"}),
        (lambda ctx, g, x: 3 * g * x * x.detach(), {"x"}),
        (silent, {"x", "grad"}),
    ],
)
def test_order_two_finds_what_a_rule_takes_for_constant(rule, wrong):
    verdict, findings = found(with_rule(rule))
    assert verdict == "fail"
    assert {(code, name) for code, name, _ in findings} == {("GC205", name) for name in wrong}


@pytest.mark.parametrize(
    ("rule", "code", "message"),
    [
        (once, "GC205", "NotImplementedError: once differentiable"),
        (lambda ctx, g, x: g * 3 * np.square(x.numpy()), "GC106", "can't call numpy() on a tensor that requires grad"),
        (lambda ctx, g, x: 3 * g * np.square(x), "GC106", "does not support ufuncs"),
    ],
)
def test_rules_that_cannot_be_differentiated_are_findings(rule, code, message):
    verdict, findings = found(with_rule(rule))
    assert verdict == "fail"
    assert [c for c, _, _ in findings] == [code]
    assert message in findings[0][2]


@pytest.mark.parametrize(
    ("rule", "inputs"),
    [
        ("3 * grad * stop_gradient(x)**2", {"x"}),
        ("3 * stop_gradient(grad) * x**2", {"grad"}),
        ("3 * grad * x * stop_gradient(x)", {"x"}),
        ("3 * grad * x**2", set()),
    ],
)
def test_order_two_in_specs(tmp_path, rule, inputs):
    path = tmp_path / "cube.yaml"
    path.write_text(
        "functions:\n  cube:\n    inputs: {x: [0.7, -1.1]}\n    forward: x**3\n    backward:\n"
        f"      x: {rule}\n    check: {{order: 2}}\n"
    )
    (result,) = verify(path).checks
    assert result.verdict == ("fail" if inputs else "pass")
    failing = [f for f in result.findings if f.verdict == "fail"]
    assert {(f.code, f.input_name) for f in failing} == {("GC205", name) for name in inputs}
    assert all(f.location.path == str(path) and f.location.line in (5, 6) for f in failing)
    assert {x.name for x in result.inputs} == {"x", "x (order 2)", "grad (order 2)"}
