"""Special functions. SciPy computes them where it is installed; `erf`, `erfc` and `gammaln` do without it."""

from __future__ import annotations

import math
from collections.abc import Callable
from math import pi, sqrt
from typing import Any

import numpy as np

from gradcheck_cli.engine.domains import away_from, between, positive, unit
from gradcheck_cli.engine.ops.define import elementwise
from gradcheck_cli.engine.ops.elementwise import exp, sign, square, where
from gradcheck_cli.errors import MissingExtraError


def _special(name: str, without: Callable[[float], float] | None = None) -> Callable[..., Any]:
    """SciPy's function of this name, imported when first called; `without` SciPy a scalar function, per entry."""

    def forward(x: Any, **first: int) -> Any:
        try:
            import scipy.special
        except ImportError:
            if without is None:
                raise MissingExtraError(f"{name}() needs SciPy: pip install 'gradcheck-cli[special]'") from None
            x = np.asarray(x)
            return np.asarray(np.frompyfunc(without, 1, 1)(x), x.dtype if x.dtype.kind == "f" else np.float64)
        y = getattr(scipy.special, name)(*first.values(), x)
        return y.astype(x.dtype) if getattr(x, "dtype", y.dtype).kind == "f" else y  # polygamma widens float32

    return forward


_erfcx = _special("erfcx")


def _lgamma(x: float) -> float:
    """math.lgamma, with SciPy's values at the poles and infinities."""
    return math.inf if x in (math.inf, -math.inf) or (x <= 0 and x == math.floor(x)) else math.lgamma(x)


erf = elementwise(
    "erf(x)", x=lambda g, x: g * (2.0 / sqrt(pi) * exp(-x * x)), forward=_special("erf", math.erf), exact="erf(x)"
)
erfc = elementwise(
    "erfc(x)", x=lambda g, x: -g * (2.0 / sqrt(pi) * exp(-x * x)), forward=_special("erfc", math.erfc), exact="erfc(x)"
)
erfinv = elementwise(
    "erfinv(x)",
    x=lambda g, y: g * (0.5 * sqrt(pi) * exp(y * y)),
    forward=_special("erfinv"),
    at=unit,
    exact="erfinv(x)",
)
gammaln = elementwise(
    "gammaln(x)", x=lambda g, x: g * digamma(x), forward=_special("gammaln", _lgamma), at=positive, exact="loggamma(x)"
)
digamma = elementwise(
    "digamma(x)", x=lambda g, x: g * polygamma(1, x), forward=_special("digamma"), at=positive, exact="digamma(x)"
)
polygamma = elementwise(
    "polygamma(n, x)",
    x=lambda g, n, x: g * polygamma(n + 1, x),
    forward=_special("polygamma"),
    at=positive,
    calls=("1, (3,)", "2, (2, 2)", "0, ()"),
    exact="polygamma(n, x)",
)


def _slope_of_pdf_over_cdf(g: Any, x: Any, y: Any) -> Any:
    """-y (x + y), the slope of y = phi(x) / Phi(x).

    Far to the left the sum cancels; there its asymptotic series in 1/x^2, whose first term left out is 1e-17 below -40.
    """
    far = x < -40.0
    w = 1.0 / square(where(far, x, -40.0))
    series: Any = 0.0
    for c in (-1435330.0, 89782.0, -6354.0, 518.0, -50.0, 6.0, -1.0, 1.0):
        series = series * w + c
    near, y = where(far, 0.0, x), where(far, 0.0, y)
    return -g * where(far, series, y * (near + y))


# The slope of log_ndtr. As exp(-x^2/2 - log_ndtr(x)) it would lose its digits to the left.
pdf_over_cdf = elementwise(
    "_pdf_over_cdf(x)",
    x=_slope_of_pdf_over_cdf,
    forward=lambda x: math.sqrt(2.0 / pi) / _erfcx(x * -math.sqrt(0.5)),
    at=between(-3.0, 3.0),
    exact="npdf(x) / ncdf(x)",
)
log_ndtr = elementwise(
    "log_ndtr(x)",
    x=lambda g, x: g * pdf_over_cdf(x),
    forward=_special("log_ndtr"),
    at=between(-3.0, 3.0),
    exact="log(ncdf(x))",
)
i0e = elementwise(
    "i0e(x)",
    x=lambda g, x, y: g * (i1e(x) - sign(x) * y),
    forward=_special("i0e"),
    at=away_from(0),
    exact="besseli(0, x) * exp(-fabs(x))",
)
# At 0 the quotient i1e(x)/x is 1/2.
i1e = elementwise(
    "i1e(x)",
    x=lambda g, x, y: g * (i0e(x) - sign(x) * y - where(x == 0, 0.5, y / where(x == 0, 1.0, x))),
    forward=_special("i1e"),
    at=away_from(0),
    exact="besseli(1, x) * exp(-fabs(x))",
)
