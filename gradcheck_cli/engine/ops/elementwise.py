"""Ops that work entry by entry."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradcheck_cli.engine.domains import away_from, between, booleans, distinct, positive, real, unit
from gradcheck_cli.engine.ops.define import composite, elementwise, zero

PAIRS = ("(), ()", "(3,), (3,)", "(2, 3), (3,)", "(2, 1), (1, 3)", "(), (2, 2)", "(0, 3), (3,)")
LN2, LN10 = math.log(2.0), math.log(10.0)

# Operators.
add = elementwise("add(x1, x2)", x1=lambda g: g, x2=lambda g: g, calls=PAIRS, exact="x1 + x2", linear="together")
sub = elementwise(
    "sub(x1, x2)", x1=lambda g: g, x2=lambda g: -g, forward="subtract", calls=PAIRS, exact="x1 - x2", linear="together"
)
mul = elementwise(
    "mul(x1, x2)",
    x1=lambda g, x2: g * x2,
    x2=lambda g, x1: g * x1,
    forward="multiply",
    calls=PAIRS,
    exact="x1 * x2",
    linear="each",
)
div = elementwise(
    "div(x1, x2)",
    x1=lambda g, x2: g / x2,
    x2=lambda g, x1, x2: -g * (x1 / x2 / x2),
    forward="divide",
    at=(real, away_from(0)),
    calls=PAIRS,
    exact="x1 / x2",
    linear="x1",
)
neg = elementwise("neg(x)", x=lambda g: -g, forward="negative", exact="-x", linear="together")
floordiv = elementwise(
    "floordiv(x1, x2)", x1=zero, x2=zero, forward="floor_divide", at=(between(0.1, 0.9), positive), calls=PAIRS
)
mod = elementwise(
    "mod(x1, x2)",
    x1=lambda g: g,
    x2=lambda g, x1, x2: -g * (x1 // x2),
    at=(between(3.1, 3.4), between(1.2, 1.4)),
    calls=PAIRS,
)
eq = elementwise("eq(x1, x2)", x1=None, x2=None, forward="equal", calls=PAIRS)
ne = elementwise("ne(x1, x2)", x1=None, x2=None, forward="not_equal", calls=PAIRS)
lt = elementwise("lt(x1, x2)", x1=None, x2=None, forward="less", calls=PAIRS)
le = elementwise("le(x1, x2)", x1=None, x2=None, forward="less_equal", calls=PAIRS)
gt = elementwise("gt(x1, x2)", x1=None, x2=None, forward="greater", calls=PAIRS)
ge = elementwise("ge(x1, x2)", x1=None, x2=None, forward="greater_equal", calls=PAIRS)
bit_and = elementwise("bit_and(x1, x2)", x1=None, x2=None, forward="bitwise_and", at=booleans, calls=PAIRS)
bit_or = elementwise("bit_or(x1, x2)", x1=None, x2=None, forward="bitwise_or", at=booleans, calls=PAIRS)
invert = elementwise("invert(x)", x=None, at=booleans)

# Choices.
where = elementwise(
    "where(condition, x, y)",
    condition=None,
    x=lambda g, condition: where(condition, g, 0.0),
    y=lambda g, condition: where(condition, 0.0, g),
    at=(booleans, real, real),
    calls=("(3,), (3,), (3,)", "(2, 1), (3,), ()", "(3,), (2, 3), (1, 3)"),
    linear="x y",
)


def _first_or_half(g: Any, first: Any, second: Any) -> Any:
    """The larger of two gets the cotangent; at a tie each gets half of it, as in PyTorch."""
    return g * ((first > second) + 0.5 * (first == second))


maximum = elementwise(
    "maximum(x1, x2)",
    x1=lambda g, x1, x2: _first_or_half(g, x1, x2),
    x2=lambda g, x1, x2: _first_or_half(g, x2, x1),
    calls=PAIRS,
)
minimum = elementwise(
    "minimum(x1, x2)",
    x1=lambda g, x1, x2: _first_or_half(g, x2, x1),
    x2=lambda g, x1, x2: _first_or_half(g, x1, x2),
    calls=PAIRS,
)


def _above(x: Any, bound: Any) -> Any:
    """Where `x` lies strictly above a bound; nowhere, where there is none."""
    return x != x if bound is None else x > bound


def _clip(a: Any, a_min: Any = None, a_max: Any = None) -> Any:
    a = a if a_min is None else np.maximum(a, a_min)
    return a if a_max is None else np.minimum(a, a_max)


def _below(x: Any, bound: Any) -> Any:
    return x != x if bound is None else x < bound


clip = elementwise(
    "clip(a, a_min=None, a_max=None)",
    a=lambda g, a, a_min, a_max: where(_below(a, a_min) | _above(a, a_max), 0.0, g),
    a_min=lambda g, a, a_min, a_max: where(_below(a, a_min) & (a_max is None or ~_above(a_min, a_max)), g, 0.0),
    a_max=lambda g, a, a_min, a_max: where(_above(a, a_max) | _above(a if a_min is None else a_min, a_max), g, 0.0),
    forward=_clip,
    at=(distinct, between(-0.6, -0.55), between(0.6, 0.65)),
    calls=("(6,), (), ()", "(2, 3), -0.5, 0.55", "(6,), None, (6,)", "(6,), (6,)"),
)
relu = elementwise("relu(x)", x=lambda g, y: where(y > 0, g, 0.0), forward=lambda x: np.maximum(x, 0), at=away_from(0))
heaviside = elementwise(
    "heaviside(x1, x2)", x1=zero, x2=lambda g, x1: where(x1 == 0, g, 0.0), at=(away_from(0), real), calls=PAIRS
)
logical_and = elementwise("logical_and(x1, x2)", x1=None, x2=None, at=booleans, calls=PAIRS)
logical_or = elementwise("logical_or(x1, x2)", x1=None, x2=None, at=booleans, calls=PAIRS)
logical_xor = elementwise("logical_xor(x1, x2)", x1=None, x2=None, at=booleans, calls=PAIRS)
logical_not = elementwise("logical_not(x)", x=None, at=booleans)
isnan = elementwise("isnan(x)", x=None)
isfinite = elementwise("isfinite(x)", x=None)


# Steps.
def _sign_rule(g: Any, y: Any, x: Any) -> Any:
    """Zero; for complex numbers x/|x| the part of g across x, over |x|."""
    if x.dtype.kind != "c":
        return zero(g)
    return where(x == 0, 0.0, (g - y * real_part(conj(y) * g)) / abs(where(x == 0, 1.0, x)))


sign = elementwise("sign(x)", x=_sign_rule, at=away_from(0), holomorphic=False)
floor = elementwise("floor(x)", x=zero, at=between(0.1, 0.9))
ceil = elementwise("ceil(x)", x=zero, at=between(0.1, 0.9))
round = elementwise("round(a, decimals=0)", a=zero, at=between(0.6, 0.9), calls=("(3,)", "(2, 3), decimals=0"))

# Complex parts; their rules are real-linear, and follow PyTorch's convention.
real_part = elementwise("real(x)", x=lambda g: g, holomorphic=False, linear="together")
imag = elementwise("imag(x)", x=lambda g: g * 1j, holomorphic=False, linear="together")
conj = elementwise("conj(x)", x=lambda g: conj(g), holomorphic=False, linear="together")
abs = elementwise("abs(x)", x=lambda g, x: g * sign(x), at=away_from(0), holomorphic=False, exact="fabs(x)")

# Powers and logarithms.
square = elementwise("square(x)", x=lambda g, x: g * (2.0 * x), exact="x**2")
sqrt = elementwise("sqrt(x)", x=lambda g, y: g * 0.5 / y, at=positive, exact="sqrt(x)")
cbrt = elementwise("cbrt(x)", x=lambda g, y: g / (3.0 * y * y), at=positive, exact="cbrt(x)")
reciprocal = elementwise("reciprocal(x)", x=lambda g, y: -g * y * y, at=away_from(0), exact="1/x")
exp = elementwise("exp(x)", x=lambda g, y: g * y, exact="exp(x)")
exp2 = elementwise("exp2(x)", x=lambda g, y: g * (LN2 * y), exact="2**x")
expm1 = elementwise("expm1(x)", x=lambda g, x: g * exp(x), exact="expm1(x)")
log = elementwise("log(x)", x=lambda g, x: g / x, at=positive, exact="log(x)")
log2 = elementwise("log2(x)", x=lambda g, x: g / (LN2 * x), at=positive, exact="log(x, 2)")
log10 = elementwise("log10(x)", x=lambda g, x: g / (LN10 * x), at=positive, exact="log10(x)")
log1p = elementwise("log1p(x)", x=lambda g, x: g / (1.0 + x), at=between(-0.5, 2.0), exact="log1p(x)")


def _power_base(g: Any, x1: Any, x2: Any) -> Any:
    """G x2 x1^(x2-1); zero at 0^0 and nan^0.

    Not where the exponent alone is zero: it has a slope there.
    """
    if isinstance(x2, int | float):
        return g * 0.0 if x2 == 0 else g * (x2 * x1 ** (x2 - 1))
    nothing = (x2 == 0) & ((x1 == 0) | (x1 != x1))
    return where(nothing, 0.0, g * (x2 * where(nothing, 1.0, x1) ** (x2 - 1.0)))


power = elementwise(
    "power(x1, x2)",
    x1=_power_base,
    x2=lambda g, y, x1, x2: g * where((x1 == 0) & (x2 >= 0), 0.0, y * log(where(x1 == 0, 1.0, x1))),
    forward=lambda x1, x2: x1**x2,
    at=(positive, real),
    calls=(*PAIRS, "(2, 3), 2", "(3,), -1.5", "(3,), 3.0"),
    exact="x1**x2",
)
hypot = elementwise(
    "hypot(x1, x2)",
    x1=lambda g, y, x1: g * (x1 / where(y == 0, 1.0, y)),
    x2=lambda g, y, x2: g * (x2 / where(y == 0, 1.0, y)),
    at=away_from(0),
    calls=PAIRS,
    exact="hypot(x1, x2)",
)
logaddexp = elementwise(
    "logaddexp(x1, x2)",
    x1=lambda g, x1, x2: g * sigmoid(x1 - x2),
    x2=lambda g, x1, x2: g * sigmoid(x2 - x1),
    calls=PAIRS,
    exact="log(exp(x1) + exp(x2))",
)


def _xlogy_of_y(g: Any, x1: Any, x2: Any) -> Any:
    """G x1/x2; zero where both are."""
    nothing = (x1 == 0) & (x2 == 0)
    return g * where(nothing, 0.0, x1 / where(nothing, 1.0, x2))


xlogy = elementwise(
    "xlogy(x1, x2)",
    x1=lambda g, x2: xlogy(g, x2),
    x2=_xlogy_of_y,
    forward=lambda x1, x2: np.where(
        (np.equal(x1, 0)) & ~np.isnan(x2), 0.0, np.multiply(x1, np.log(np.where(np.equal(x1, 0), 1.0, x2)))
    ),
    at=(real, positive),
    calls=PAIRS,
    exact="x1 * log(x2)",
    linear="x1",
)

# Trigonometric and hyperbolic functions.
sin = elementwise("sin(x)", x=lambda g, x: g * cos(x), exact="sin(x)")
cos = elementwise("cos(x)", x=lambda g, x: -g * sin(x), exact="cos(x)")
tan = elementwise("tan(x)", x=lambda g, y: g * (1.0 + y * y), at=between(-1.2, 1.2), exact="tan(x)")
# 1 - x^2, which keeps its digits near 1, and whose slope keeps them near 0.
one_minus_square = elementwise(
    "_one_minus_square(x)", x=lambda g, x: g * (-2.0 * x), forward=lambda x: (1.0 - x) * (1.0 + x), at=unit, exact="1 - x**2"
)
arcsin = elementwise("arcsin(x)", x=lambda g, x: g / sqrt(one_minus_square(x)), at=unit, exact="asin(x)")
arccos = elementwise("arccos(x)", x=lambda g, x: -g / sqrt(one_minus_square(x)), at=unit, exact="acos(x)")
arctan = elementwise("arctan(x)", x=lambda g, x: g / (1.0 + x * x), exact="atan(x)")


def _over_square(x: Any, r: Any) -> Any:
    """x / r^2, which neither overflows nor underflows before it must; zero at the origin, as in PyTorch."""
    r = where(r == 0, 1.0, r)
    return x / r / r


arctan2 = elementwise(
    "arctan2(x1, x2)",
    x1=lambda g, x1, x2: g * _over_square(x2, hypot(x1, x2)),
    x2=lambda g, x1, x2: -g * _over_square(x1, hypot(x1, x2)),
    at=away_from(0),
    calls=PAIRS,
    exact="atan2(x1, x2)",
)
sinh = elementwise("sinh(x)", x=lambda g, x: g * cosh(x), exact="sinh(x)")
cosh = elementwise("cosh(x)", x=lambda g, x: g * sinh(x), exact="cosh(x)")


def _decay(x: Any) -> Any:
    """The one of exp(x) and exp(-x) that is small."""
    return np.exp(np.where(x.real > 0, -x, x))


def _sech(x: Any) -> Any:
    """1 / cosh(x), which has no complex infinities in the tails."""
    if np.asarray(x).dtype.kind != "c":
        return 1.0 / np.cosh(x)
    far = np.abs(x.real) > 20.0
    return np.where(far, 2.0 * _decay(x), 1.0 / np.cosh(np.where(far, 0.0, x)))


# In the tails 1 - y*y would lose every digit, and the derivative of 1/cosh^2 be infinity times zero.
sech = elementwise("_sech(x)", x=lambda g, x, y: -g * (y * tanh(x)), forward=_sech, exact="sech(x)")
tanh = elementwise("tanh(x)", x=lambda g, x: g * square(sech(x)), exact="tanh(x)")


def _arcsinh_rule(g: Any, x: Any) -> Any:
    """G / sqrt(x^2 + 1)

    Of large real numbers too, whose squares overflow; NumPy's hypot knows no complex ones.
    """
    return g / (sqrt(x * x + 1.0) if x.dtype.kind == "c" else hypot(x, 1.0))


arcsinh = elementwise("arcsinh(x)", x=_arcsinh_rule, exact="asinh(x)")
# Two roots, because that of the product has the other sign where the real part is negative.
arccosh = elementwise("arccosh(x)", x=lambda g, x: g / (sqrt(x - 1.0) * sqrt(x + 1.0)), at=between(1.2, 3.0), exact="acosh(x)")
arctanh = elementwise("arctanh(x)", x=lambda g, x: g / one_minus_square(x), at=unit, exact="atanh(x)")


def _sinc_slope(x: Any) -> Any:
    """d/dx sin(pi x)/(pi x) = pi s(pi x), s(t) = (cos t - sin(t)/t)/t.

    Below |t| = 1 the difference cancels; there the Taylor series, sum_k (-1)^(k+1) (2k+2) t^(2k+1) / (2k+3)!, whose
    first term left out (k = 9) is 1e-18 of the sum.
    """
    t = math.pi * x
    small = abs(t) < 1.0
    t2 = square(where(small, t, 0.0))
    series: Any = 0.0
    for k in range(8, -1, -1):
        series = series * t2 + (-1.0) ** (k + 1) * (2 * k + 2) / math.factorial(2 * k + 3)
    far = where(small, 1.0, t)
    return math.pi * where(small, series * t, (cos(far) - sin(far) / far) / far)


sinc = elementwise("sinc(x)", x=lambda g, x: g * _sinc_slope(x), at=away_from(0), exact="sincpi(x)")

# Activations.


def _sigmoid(x: Any) -> Any:
    if np.asarray(x).dtype.kind == "c":
        small = _decay(x)
        return np.where(x.real > 0, 1.0, small) / (1.0 + small)
    with np.errstate(over="ignore"):
        return 1.0 / (1.0 + np.exp(-x))


# y(1 - y), as one square, whose derivatives keep their digits at 0 and in the tails.
sigmoid = elementwise("sigmoid(x)", x=lambda g, x: g * square(0.5 * sech(0.5 * x)), forward=_sigmoid, exact="1 / (1 + exp(-x))")
softplus = elementwise(
    "softplus(x)", x=lambda g, x: g * sigmoid(x), forward=lambda x: np.logaddexp(0.0, x), exact="log1p(exp(x))"
)


def _astype(x: Any, dtype: str) -> Any:
    if not _is_number(dtype):
        raise TypeError(f"astype() makes numbers or booleans, not {dtype!r}")
    with np.errstate(invalid="ignore"):
        return np.asanyarray(x).astype(dtype)


def _is_number(dtype: Any) -> bool:
    try:
        return np.dtype(dtype).kind in "biufc"
    except Exception:  # NumPy reads some texts as Python
        return False


astype = elementwise("astype(x, dtype)", x=lambda g: g, forward=_astype, calls=("(3,), 'float64'",), linear="together")
zeros_like = elementwise("zeros_like(a)", a=None)
ones_like = elementwise("ones_like(a)", a=None)
full_like = composite(
    "full_like(a, fill_value)",
    "a fill_value",
    lambda a, fill_value: astype(zeros_like(a) + fill_value, zeros_like(a).dtype),
    calls=("(2, 3), ()", "(3,), 2.0"),
)
