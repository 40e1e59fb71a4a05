"""The cases of `verdicts.py`: functions, and the points and scales at which they are checked.

`ordinary` cases are operations as networks use them, at unit scale; the others are chosen to be hard for differences.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import exact
import numpy as np


class Case(NamedTuple):
    name: str
    function: Callable[[Any], Any]
    draw: Callable[[Any], np.ndarray]
    ordinary: bool = False


def normal(*shape: int, scale: float = 1.0, shift: float = 0.0) -> Callable[[Any], np.ndarray]:
    return lambda rng: shift + scale * rng.normal(size=shape)


def uniform(low: float, high: float, *shape: int) -> Callable[[Any], np.ndarray]:
    return lambda rng: rng.uniform(low, high, shape)


def logarithmic(low: float, high: float, *shape: int) -> Callable[[Any], np.ndarray]:
    return lambda rng: 10 ** rng.uniform(low, high, shape)


def away(*shape: int, by: float = 0.1) -> Callable[[Any], np.ndarray]:
    def draw(rng: Any) -> np.ndarray:
        x = rng.normal(size=shape)
        return np.where(np.abs(x) < by, np.copysign(by + np.abs(x), x), x)

    return draw


def regular(n: int, cond: float = 10.0) -> Callable[[Any], np.ndarray]:
    def draw(rng: Any) -> np.ndarray:
        u, v = (np.linalg.qr(rng.normal(size=(n, n)))[0] for _ in range(2))
        return u @ np.diag(np.geomspace(1, 1 / cond, n)) @ v

    return draw


def definite(n: int, cond: float = 10.0) -> Callable[[Any], np.ndarray]:
    def draw(rng: Any) -> np.ndarray:
        u = np.linalg.qr(rng.normal(size=(n, n)))[0]
        a = u @ np.diag(np.geomspace(1, 1 / cond, n)) @ u.T
        return (a + a.T) / 2

    return draw


def softmax(x: Any) -> Any:
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def logsumexp(x: Any) -> Any:
    top = np.max(x)
    return np.atleast_1d(np.log(np.sum(np.exp(x - top))) + top)


def log_softmax(x: Any) -> Any:
    z = x - np.max(x, axis=-1, keepdims=True)
    return z - np.log(np.sum(np.exp(z), axis=-1, keepdims=True))


def layer_norm(x: Any) -> Any:
    c = x - np.sum(x, axis=-1, keepdims=True) / x.shape[-1]
    return c / np.sqrt(np.sum(c * c, axis=-1, keepdims=True) / x.shape[-1] + 1e-5)


def sigmoid(x: Any) -> Any:
    with np.errstate(over="ignore"):
        return 1.0 / (1.0 + np.exp(-x))


def gelu(x: Any) -> Any:
    return 0.5 * x * (1.0 + exact.erf(x / np.sqrt(2.0)))


def gelu_tanh(x: Any) -> Any:
    return 0.5 * x * (1.0 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x * x * x)))


def softplus(x: Any) -> Any:
    return np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0.0)


FIXED = np.random.default_rng(12345)
W = FIXED.normal(size=(4, 5))
V = FIXED.normal(size=(5, 3))
B = FIXED.normal(size=5)
T = FIXED.normal(size=(3, 4))


def attention(x: Any) -> Any:
    s = x @ x.T / 2.0
    return softmax(s) @ x


def ordinary() -> Iterator[Case]:
    elementwise: dict[str, tuple[Any, Any]] = {
        "exp": (np.exp, normal(5)),
        "expm1": (np.expm1, normal(5)),
        "log": (np.log, uniform(0.3, 3, 5)),
        "log1p": (np.log1p, uniform(-0.5, 3, 5)),
        "sqrt": (np.sqrt, uniform(0.3, 3, 5)),
        "cbrt": (np.cbrt, away(5)),
        "sin": (np.sin, away(5)),
        "cos": (np.cos, away(5)),
        "tan": (np.tan, uniform(-1.2, 1.2, 5)),
        "arcsin": (np.arcsin, uniform(-0.9, 0.9, 5)),
        "arctan": (np.arctan, normal(5)),
        "sinh": (np.sinh, away(5)),
        "cosh": (np.cosh, away(5)),
        "tanh": (np.tanh, uniform(-3, 3, 5)),
        "arcsinh": (np.arcsinh, normal(5)),
        "sigmoid": (sigmoid, normal(5)),
        "softplus": (softplus, away(5)),
        "gelu": (gelu, uniform(-2, 2, 5)),
        "gelu_tanh": (gelu_tanh, uniform(-2, 2, 5)),
        "silu": (lambda x: x * sigmoid(x), uniform(-1, 3, 5)),
        "erf": (exact.erf, uniform(-2, 2, 5)),
        "gammaln": (exact.gammaln, uniform(2, 5, 5)),
        "square": (lambda x: x * x, away(5)),
        "cube": (lambda x: x**3, away(5)),
        "reciprocal": (lambda x: 1.0 / x, away(5, by=0.3)),
        "power": (lambda x: x**1.7, uniform(0.3, 3, 5)),
        "relu": (lambda x: np.maximum(x, 0.0), away(5)),
        "leaky_relu": (lambda x: np.maximum(x, 0.1 * x), away(5)),
        "abs": (np.abs, away(5)),
        "softsign": (lambda x: x / (1.0 + np.abs(x)), away(5)),
        "mish": (lambda x: x * np.tanh(softplus(x)), uniform(0.2, 3, 5)),
        "affine": (lambda x: 3.0 * x + 1.0, normal(5)),
        "polynomial": (lambda x: ((2.0 * x + 1.0) * x - 3.0) * x + 1.0, uniform(1, 3, 5)),
    }
    for name, (f, draw) in elementwise.items():
        yield Case(name, f, draw, True)
    yield Case("sum", lambda x: np.atleast_1d(np.sum(x)), normal(6), True)
    yield Case("mean", lambda x: np.atleast_1d(np.sum(x) / 6), normal(6), True)
    yield Case("sum_of_squares", lambda x: np.atleast_1d(np.sum(x * x)), away(6), True)
    yield Case("variance", lambda x: np.atleast_1d(np.sum((x - np.sum(x) / 6) ** 2) / 6), normal(6), True)
    yield Case("product", lambda x: np.atleast_1d(np.prod(x)), away(5), True)
    yield Case("norm", lambda x: np.atleast_1d(np.sqrt(np.sum(x * x))), away(5), True)
    yield Case("max", lambda x: np.atleast_1d(np.max(x)), lambda rng: rng.permutation(6) + rng.uniform(0, 0.5, 6), True)
    yield Case("softmax", softmax, normal(2, 4), True)
    yield Case("log_softmax", log_softmax, normal(2, 4), True)
    yield Case("logsumexp", logsumexp, normal(6), True)
    yield Case("layer_norm", layer_norm, normal(2, 5), True)
    yield Case("cumsum", np.cumsum, normal(6), True)
    yield Case("cumprod", np.cumprod, uniform(0.5, 2, 6), True)
    yield Case("matmul", lambda x: x @ W, normal(3, 4), True)
    yield Case("linear_tanh", lambda x: np.tanh(x @ W + B), normal(2, 4, scale=0.5), True)
    yield Case("two_layers", lambda x: np.tanh(x @ W + B) @ V, normal(2, 4, scale=0.5), True)
    yield Case("mse", lambda x: np.atleast_1d(np.sum((x - T) ** 2) / 12), normal(3, 4), True)
    yield Case("cross_entropy", lambda x: np.atleast_1d(-np.sum(log_softmax(x)[:, 1]) / 3), normal(3, 4), True)
    yield Case("inverse", exact.inv, regular(3), True)
    yield Case("solve", lambda x: exact.solve(x, T[:, 0]), regular(3), True)
    yield Case("det", lambda x: np.atleast_1d(exact.det(x)), regular(3), True)
    yield Case("logdet", lambda x: np.atleast_1d(exact.logdet(x)), regular(3), True)
    yield Case("attention", attention, normal(3, 4), True)
    yield Case("rms_norm", lambda x: x / np.sqrt(np.sum(x * x) / 5 + 1e-5), away(5), True)
    yield Case("stencil", lambda x: x[2:] - 2.0 * x[1:-1] * x[:-2], normal(7), True)


def scaled() -> Iterator[Case]:
    """The same functions far from unit scale."""
    for s in (1e-8, 1e-4, 1e4, 1e8):
        yield Case(f"sin(x/{s:g})", lambda x, s=s: np.sin(x / s), normal(4, scale=s))
        yield Case(f"square at {s:g}", lambda x: x * x, normal(4, scale=s))
        yield Case(f"sqrt at {s:g}", np.sqrt, lambda rng, s=s: s * rng.uniform(0.3, 3, 4))
        yield Case(f"log at {s:g}", np.log, lambda rng, s=s: s * rng.uniform(0.3, 3, 4))
        yield Case(f"reciprocal at {s:g}", lambda x: 1.0 / x, lambda rng, s=s: s * rng.uniform(0.3, 3, 4))
        yield Case(f"norm at {s:g}", lambda x: np.atleast_1d(np.sqrt(np.sum(x * x))), normal(4, scale=s))
        yield Case(f"tanh times {s:g}", lambda x, s=s: s * np.tanh(x), uniform(-2, 2, 4))
        yield Case(f"softmax times {s:g}", lambda x, s=s: s * softmax(x), normal(4))
        yield Case(f"exp plus {s:g}", lambda x, s=s: np.exp(x) + s, normal(4))
        yield Case(f"sin plus {s:g}", lambda x, s=s: np.sin(x) + s, away(4))
        yield Case(f"layer_norm at {s:g}", layer_norm, normal(5, scale=s))
        yield Case(f"arctan at {s:g}", np.arctan, normal(4, scale=s))
    for k in (10, 1e3, 1e5):
        yield Case(f"sin({k:g} x)", lambda x, k=k: np.sin(k * x), normal(4))
        yield Case(f"tanh({k:g} x) near 0", lambda x, k=k: np.tanh(k * x), lambda rng, k=k: rng.normal(size=4) / k)


def hard() -> Iterator[Case]:
    """Where differences have trouble of their own."""
    yield Case("tanh tails", np.tanh, uniform(4, 18, 4))
    yield Case("sigmoid tails", sigmoid, uniform(-40, 30, 4))
    yield Case("sigmoid left tail", sigmoid, uniform(-600, -40, 4))
    yield Case("gelu left tail", gelu, uniform(-8.0, -3, 4))
    yield Case("gelu at -8.2", gelu, lambda rng: -8.2 + 0.05 * rng.uniform(-1, 1, 2))
    yield Case("gelu_tanh tail", gelu_tanh, uniform(-6, -3, 4))
    yield Case("erf tails", exact.erf, uniform(2.5, 5, 4))
    yield Case("softplus tails", softplus, uniform(-35, 35, 4))
    yield Case("softmax spread", softmax, normal(5, scale=10))
    yield Case("log_softmax spread", log_softmax, normal(5, scale=10))
    yield Case("logsumexp spread", logsumexp, normal(6, scale=20))
    yield Case("logsumexp large", logsumexp, normal(6, scale=1, shift=1e3))
    yield Case("reciprocal near 0", lambda x: 1.0 / x, logarithmic(-10, -5, 4))
    yield Case("log near 0", np.log, logarithmic(-12, -6, 4))
    yield Case("sqrt near 0", np.sqrt, logarithmic(-14, -6, 4))
    yield Case("mixed magnitudes", lambda x: np.sin(x), logarithmic(-6, 2, 6))
    yield Case("columns apart", lambda x: np.atleast_1d(x[0] * 1e8 + x[1] + x[2] * 1e-8), normal(3))
    yield Case("rows apart", lambda x: np.array([1e10, 1.0, 1e-10]) * np.sum(np.sin(x)), normal(3))
    yield Case("linear", lambda x: x @ W, normal(4, scale=1e3))
    yield Case("linear decades", lambda x: np.atleast_1d(np.sum(x * 10.0 ** np.arange(-4, 4))), normal(8))
    yield Case("cancellation", lambda x: (1.0 - np.cos(x)) / (x * x), uniform(0.01, 0.3, 4))
    yield Case("difference of squares", lambda x: (x + 1e4) ** 2 - x * x, normal(4))
    yield Case("critical point", lambda x: (x - 1.0) ** 2 + 3.0, lambda rng: np.array([1.0, 1.5, 2.0]))
    yield Case("inflection", lambda x: (x - 1.0) ** 3, lambda rng: np.array([1.0, 1.2, 2.0]))
    yield Case("near critical", lambda x: np.cos(x), logarithmic(-6, -2, 4))
    yield Case("steep and flat", lambda x: np.exp(-1e4 * x * x) + x, uniform(-0.05, 0.05, 4))
    yield Case("x + 1e-9 sin(1e6 x)", lambda x: x + 1e-9 * np.sin(1e6 * x), normal(4))
    yield Case("relu near 0", lambda x: np.maximum(x, 0.0), lambda rng: np.array([1e-6, -1e-6, 1e-3, -1e-9]))
    yield Case("abs near 0", np.abs, lambda rng: np.array([1e-5, -1e-7, 0.3, -2e-3]))
    yield Case("relu(x - 150)", lambda x: np.maximum(x - 150.0, 0.0), lambda rng: np.array([0.0, 1.0, 149.0, 151.0]))
    yield Case("piecewise", lambda x: np.where(x > 1.0, x * x, 2.0 * x - 1.0), uniform(0.5, 1.5, 4))
    yield Case("inverse cond 1e4", exact.inv, regular(3, 1e4))
    yield Case("inverse cond 1e6", exact.inv, regular(3, 1e6))
    yield Case("solve cond 1e6", lambda x: exact.solve(x, T[:, 0]), regular(3, 1e6))
    yield Case("logdet cond 1e6", lambda x: np.atleast_1d(exact.logdet(x)), regular(3, 1e6))
    yield Case("cholesky", exact.cholesky, definite(3))
    yield Case("cholesky cond 1e4", exact.cholesky, definite(3, 1e4))
    yield Case("deep tanh", lambda x: _deep(x), normal(4, scale=0.5))
    yield Case("power 20", lambda x: x**20, uniform(0.2, 2, 4))
    yield Case("exp large", np.exp, uniform(-50, 50, 4))
    yield Case("exp(exp)", lambda x: np.exp(np.exp(x)), uniform(-2, 3, 4))
    yield Case("variance far from 0", lambda x: np.atleast_1d(np.sum((x - np.sum(x) / 6) ** 2)), normal(6, shift=1e4))
    yield Case("layer_norm far from 0", layer_norm, normal(5, shift=1e3))
    yield Case("cumprod spread", np.cumprod, logarithmic(-3, 3, 5))
    yield Case("logistic map", lambda x: _logistic(x), uniform(0.1, 0.9, 3))
    yield Case("lennard jones", lambda r: 4.0 * (r**-12 - r**-6), uniform(0.9, 3, 4))
    yield Case("planck", lambda x: x**3 / np.expm1(x), logarithmic(-2, 1.3, 4))
    yield Case("zero at zero", lambda x: x * x * np.sin(x), lambda rng: np.array([0.0, 1.0, -2.0]))
    yield Case("all zero", lambda x: np.sin(x) + x * x, lambda rng: np.zeros(3))


def _deep(x: Any) -> Any:
    for k in range(20):
        x = np.tanh(1.5 * x + 0.1 * k)
    return x


def _logistic(x: Any) -> Any:
    for _ in range(12):
        x = 3.7 * x * (1.0 - x)
    return x


def all_cases() -> list[Case]:
    return [*ordinary(), *scaled(), *hard()]
