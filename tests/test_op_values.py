"""Values of ops: against NumPy, SciPy and closed forms, and at the points where rules like to break."""

from __future__ import annotations

from typing import Any

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest
import scipy.linalg
import scipy.special
from op_cases import OPS, Case, as_tuple, cases, generator

from gradcheck_cli.engine import Tensor, grad, ops
from gradcheck_cli.engine.ops import ALIASES

LISTED = """
exp exp2 expm1 log log2 log10 log1p sqrt cbrt square reciprocal abs sign floor ceil round sin cos tan arcsin arccos arctan
sinc sinh cosh tanh arcsinh arccosh arctanh erf erfc erfinv gammaln digamma polygamma xlogy log_ndtr i0e sigmoid softplus
relu maximum minimum power arctan2 hypot logaddexp heaviside logical_and logical_or logical_xor logical_not where clip
real imag conj sum mean prod max min var std logsumexp softmax log_softmax cumsum cumprod cummax norm any all argmax
argmin argsort sort searchsorted isnan isfinite reshape ravel transpose swapaxes moveaxis expand_dims squeeze
broadcast_to sum_to concatenate stack split flip roll tile repeat pad tril triu diag diagonal trace outer kron take
take_along_axis add_at one_hot matmul dot vdot inner cross einsum tensordot inv pinv solve det logdet slogdet cholesky
solve_triangular eigh svd qr zeros ones full eye arange linspace zeros_like ones_like full_like astype stop_gradient
"""


@pytest.mark.parametrize("name", LISTED.split())
def test_the_table_has_every_function_of_the_spec_language(name: str) -> None:
    assert name in OPS or ALIASES[name] in OPS
    assert callable(getattr(ops, name))


def test_aliases_lead_into_the_table() -> None:
    assert set(ALIASES.values()) <= set(OPS)
    assert not set(ALIASES) & set(OPS)


# Same meaning, other defaults.
ADAPTED: dict[str, Any] = {
    "clip": lambda a, a_min=None, a_max=None: np.clip(a, a_min, a_max),
    "softmax": lambda a, axis=-1: scipy.special.softmax(a, axis),
    "log_softmax": lambda a, axis=-1: scipy.special.log_softmax(a, axis),
    "take_along_axis": lambda a, indices, axis=-1: np.take_along_axis(a, np.asarray(indices), axis),
    "bit_and": np.bitwise_and,
    "bit_or": np.bitwise_or,
    "add_at": lambda x, index, v: _updated(np.add.at, x, index, v),
    "index_get": lambda x, index: x[index],
    "index_set": lambda x, index, v: _updated(np.ndarray.__setitem__, x, index, v),
    "index_add": lambda x, index, v: _updated(lambda y, i, v: y.__setitem__(i, y[i] + v), x, index, v),
    "logdet": lambda a: np.linalg.slogdet(a)[1],
    "relu": lambda x: np.where(x > 0, x, 0.0),
    "softplus": lambda x: np.logaddexp(0.0, x),
    "stop_gradient": lambda x: x,
    "cummax": lambda a, axis=None: np.maximum.accumulate(a.ravel() if axis is None else a, axis or 0),
    "one_hot": lambda i, n: np.eye(n)[i],
    "sum_to": lambda x, shape: _summed_to(x, shape),
}


def _updated(update: Any, x: Any, index: Any, v: Any) -> Any:
    y = np.array(x)
    update(y, index, v)
    return y


def _summed_to(x: Any, shape: tuple[int, ...]) -> Any:
    """By its definition: the entry of each place to which broadcasting sends it."""
    y = np.zeros(shape)
    places = np.broadcast_to(np.arange(y.size).reshape(shape), x.shape)
    np.add.at(y.reshape(-1), places.ravel(), x.ravel())
    return y


def _reference(name: str) -> Any:
    places = (np, np.linalg, scipy.special, scipy.linalg)
    return ADAPTED.get(name) or next((getattr(place, name) for place in places if hasattr(place, name)), None)


@pytest.mark.parametrize("name", [n for n in [*OPS, *ALIASES] if n[0] != "_" and n not in ALIASES.values()] + ["sigmoid"])
def test_forward_is_numpys(name: str) -> None:
    """An op that has another name in NumPy is compared by that."""
    reference = _reference({"sigmoid": "expit"}.get(name, name))
    assert reference is not None
    for case in cases(ALIASES.get(name, name)):
        ours = as_tuple(case.op(*case.args, **case.kwargs))
        theirs = as_tuple(reference(*case.args, **case.kwargs))
        for mine, other in zip(ours, theirs, strict=True):
            assert np.shape(mine) == np.shape(other), case
            assert np.asarray(mine).dtype == np.asarray(other).dtype, case
            np.testing.assert_allclose(mine, other, rtol=1e-14, atol=1e-15, err_msg=str(case))


NEAR_A_BORDER = {
    "arcsin": [1 - 1e-9, -1 + 1e-9, 1e-12],
    "arccos": [1 - 1e-9, -1 + 1e-9],
    "arctanh": [1 - 1e-9, -1 + 1e-9],
    "arccosh": [1 + 1e-9, 1e6],
    "log1p": [-1 + 1e-9, 1e-12, 1e6],
    "log": [1e-9, 1e6],
    "sqrt": [1e-9, 1e6],
    "gammaln": [1e-6, 1e6],
    "erfinv": [1 - 1e-9, -1e-9],
    "log_ndtr": [-30.0, 8.0],
    "i0e": [-50.0, 1e-5, 50.0],
    "i1e": [-50.0, 1e-3, 50.0],
    "tan": [1.57],
    "sinc": [1e-9, 1 / np.pi, 0.31, 0.32, 15.4],
}


def _points(name: str) -> list[list[float]]:
    """Draws from the op's domain; where that is the whole line, far and near points too."""
    op, rng = OPS[name], generator(name, "closed form")
    text = ", ".join("()" for _ in op.inputs)
    points = [[float(x) for x in Case(op, _with_order(name, text), rng).arrays] for _ in range(4)]
    if op.at is None:
        points += [[s * x for x in points[0]] for s in (1e-9, 1e-3, 15.0)] + [[20.0] * len(op.inputs), [-20.0] * len(op.inputs)]
    return points + [[x] for x in NEAR_A_BORDER.get(name, ())]


def _with_order(name: str, text: str) -> str:
    return f"2, {text}" if name == "polygamma" else text


@pytest.mark.parametrize("name", [n for n, op in OPS.items() if op.exact])
def test_closed_form(name: str) -> None:
    """Value and derivative against mpmath, with digits enough for the flat tails: at 20 erf has a slope of 1e-174."""
    op = OPS[name]
    static = {p.name: 2 for p in op.signature if p.kind == "static"}
    code = compile(op.exact, name, "eval")

    def exact(*xs: Any) -> Any:
        return eval(code, {**vars(mpmath), **static}, dict(zip(op.inputs, xs, strict=True)))

    with mpmath.workdps(250 if name in ("erf", "erfc") else 40):
        for point in _points(name):
            leaves = [Tensor(x, requires_grad=True) for x in point]
            y = op(**static, **dict(zip(op.inputs, leaves, strict=True)))
            assert y.item() == pytest.approx(float(exact(*map(mpmath.mpf, point))), rel=1e-13, abs=1e-300), point
            for k, gx in enumerate(grad(y, leaves)):
                orders = tuple(int(j == k) for j in range(len(point)))
                slope = mpmath.diff(exact, tuple(map(mpmath.mpf, point)), orders)
                assert gx is not None
                assert gx.item() == pytest.approx(float(slope), rel=1e-12, abs=1e-300), (point, k)


NEAR_AND_FAR = [s * x for x in (1e-8, 0.3, 3.0, 30.0, 300.0, 700.0, 750.0, 1e5, 1e200) for s in (1.0, -1.0)]
SLOPES = {
    "arccos": "-1 / sqrt(1 - x**2)",
    "arccosh": "1 / sqrt(x**2 - 1)",
    "arcsin": "1 / sqrt(1 - x**2)",
    "arcsinh": "1 / sqrt(x**2 + 1)",
    "arctan": "1 / (1 + x**2)",
    "arctanh": "1 / (1 - x**2)",
    "cosh": "sinh(x)",
    "erf": "2 / sqrt(pi) * exp(-(x**2))",
    "erfc": "-2 / sqrt(pi) * exp(-(x**2))",
    "expm1": "exp(x)",
    "log1p": "1 / (1 + x)",
    "sigmoid": "sech(x / 2) ** 2 / 4",
    "sinh": "cosh(x)",
    "softplus": "1 / (1 + exp(-x))",
    "tanh": "sech(x) ** 2",
}


@pytest.mark.parametrize("name", SLOPES)
def test_higher_derivatives_keep_their_digits_and_do_not_overflow(name: str) -> None:
    """Derivatives of order 1, 2 and 3, as far as the function is finite; what is below 1e-300 may be zero."""
    op, code = OPS[name], compile(SLOPES[name], name, "eval")
    compared = 0
    for point in NEAR_AND_FAR:
        with np.errstate(all="ignore"):
            finite = np.isfinite(op(np.float64(point)))
        if finite:
            with mpmath.workdps(700):
                slopes = mpmath.taylor(lambda x: eval(code, vars(mpmath), {"x": x}), mpmath.mpf(point), 2)
            exact = [float(c * k) for c, k in zip(slopes, (1, 1, 2), strict=True)]
            assert derivatives(op, point) == pytest.approx(exact, rel=1e-12, abs=1e-300), point
            compared += 1
    assert compared >= 4


@pytest.mark.parametrize("point", [-1e200, -1e5, -750.0, -41.0, -39.0, -3.0, 0.0, 3.0, 30.0, 1e200])
def test_the_normal_distribution_far_to_the_left(point: float) -> None:
    """With y = phi / Phi the derivatives of log Phi are y, -y d and y d^2 - y (1 - y d), where d = x + y."""
    with mpmath.workdps(1000):
        x = mpmath.mpf(point)
        y = mpmath.npdf(x) / mpmath.ncdf(x) if abs(x) < 1e6 else -x + -1 / x if x < 0 else mpmath.mpf(0)
        d = x + y
        exact = [float(v) for v in (y, -y * d, y * d * d - y * (1 - y * d))]
    claimed = derivatives(OPS["log_ndtr"], point)
    assert claimed[:2] == pytest.approx(exact[:2], rel=1e-12, abs=1e-300)
    assert claimed[2] == pytest.approx(exact[2], rel=1e-12, abs=1e-9)


def test_complex_tails() -> None:
    """Neither NaN nor a wrong size where cosh overflows."""
    z = np.array([800.0 + 1.0j, -800.0 + 1.0j, 30.0 - 2.0j, -30.0 + 3.0j, 0.3 + 1.2j])
    for name in ("tanh", "sigmoid"):
        x = Tensor(z, requires_grad=True)
        (first,) = grad(OPS[name](x), x, np.ones_like(z), create_graph=True)
        assert first is not None
        (second,) = grad(first, x, np.ones_like(z))
        assert second is not None
        for k, at in enumerate(z):
            with mpmath.workdps(800):
                exact = mpmath.taylor(lambda t, name=name: eval(SLOPES[name], vars(mpmath), {"x": t}), mpmath.mpc(at), 1)
            assert first.data[k] == pytest.approx(np.conj(complex(exact[0])), rel=1e-12, abs=1e-300)
            assert second.data[k] == pytest.approx(np.conj(complex(exact[1])), rel=1e-12, abs=1e-300)


def derivatives(op: Any, point: float) -> list[float]:
    """The first three; zero once nothing depends on x any more."""
    x = Tensor(point, requires_grad=True)
    y, found = op(x), []
    for _ in range(3):
        (g,) = grad(y, x, create_graph=True, allow_unused=True) if y.requires_grad else (None,)
        y = Tensor(0.0) if g is None else g
        found.append(y.item())
    return found
