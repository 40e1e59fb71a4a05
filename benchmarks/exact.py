"""Exact Jacobians of NumPy code: the same forward is run on object arrays of dual numbers with 60-digit parts.

NumPy calls a method of the element for a ufunc on an object array (`np.exp(a)` calls `a[i].exp()`), so a forward that is
written with ufuncs, sums, products and matmul runs on `Dual` elements unchanged. What NumPy hands to LAPACK is written out
here for object arrays.
"""

from __future__ import annotations

from typing import Any

import mpmath as mp
import numpy as np

mp.mp.dps = 60


class Dual:
    """A number and its gradient, both in 60 digits."""

    __slots__ = ("g", "v")

    def __init__(self, v: Any, g: Any = None) -> None:
        self.v, self.g = mp.mpf(v), g

    def _chain(self, value: Any, slope: Any) -> Dual:
        return Dual(value, None if self.g is None else [slope * x for x in self.g])

    def __add__(self, o: Any) -> Dual:
        if isinstance(o, np.ndarray):
            return NotImplemented
        o = dual(o)
        return Dual(self.v + o.v, _combine(1, self.g, 1, o.g))

    __radd__ = __add__

    def __neg__(self) -> Dual:
        return self._chain(-self.v, -1)

    def __sub__(self, o: Any) -> Dual:
        if isinstance(o, np.ndarray):
            return NotImplemented
        return self + -dual(o)

    def __rsub__(self, o: Any) -> Dual:
        if isinstance(o, np.ndarray):
            return NotImplemented
        return dual(o) + -self

    def __mul__(self, o: Any) -> Dual:
        if isinstance(o, np.ndarray):
            return NotImplemented
        o = dual(o)
        return Dual(self.v * o.v, _combine(o.v, self.g, self.v, o.g))

    __rmul__ = __mul__

    def __truediv__(self, o: Any) -> Dual:
        if isinstance(o, np.ndarray):
            return NotImplemented
        return self * dual(o).reciprocal()

    def __rtruediv__(self, o: Any) -> Dual:
        if isinstance(o, np.ndarray):
            return NotImplemented
        return dual(o) * self.reciprocal()

    def reciprocal(self) -> Dual:
        return self._chain(1 / self.v, -1 / self.v**2)

    def __pow__(self, o: Any) -> Dual:
        if isinstance(o, Dual):
            return (self.log() * o).exp()
        o = mp.mpf(o)
        return self._chain(self.v**o, 0 if o == 0 else o * self.v ** (o - 1))

    def __abs__(self) -> Dual:
        return self._chain(abs(self.v), mp.sign(self.v))

    def __lt__(self, o: Any) -> bool:
        return bool(self.v < dual(o).v)

    def __gt__(self, o: Any) -> bool:
        return bool(self.v > dual(o).v)

    def __le__(self, o: Any) -> bool:
        return bool(self.v <= dual(o).v)

    def __ge__(self, o: Any) -> bool:
        return bool(self.v >= dual(o).v)

    def __eq__(self, o: Any) -> bool:
        return bool(self.v == dual(o).v)

    __hash__ = None  # type: ignore[assignment]

    def __float__(self) -> float:
        return float(self.v)

    def sqrt(self) -> Dual:
        return self**0.5

    def cbrt(self) -> Dual:
        root = mp.sign(self.v) * mp.cbrt(abs(self.v))
        return self._chain(root, 1 / (3 * root**2))

    def exp(self) -> Dual:
        y = mp.exp(self.v)
        return self._chain(y, y)

    def expm1(self) -> Dual:
        return self._chain(mp.expm1(self.v), mp.exp(self.v))

    def log(self) -> Dual:
        return self._chain(mp.log(self.v), 1 / self.v)

    def log1p(self) -> Dual:
        return self._chain(mp.log1p(self.v), 1 / (1 + self.v))

    def sin(self) -> Dual:
        return self._chain(mp.sin(self.v), mp.cos(self.v))

    def cos(self) -> Dual:
        return self._chain(mp.cos(self.v), -mp.sin(self.v))

    def tan(self) -> Dual:
        return self._chain(mp.tan(self.v), 1 + mp.tan(self.v) ** 2)

    def arcsin(self) -> Dual:
        return self._chain(mp.asin(self.v), 1 / mp.sqrt(1 - self.v**2))

    def arctan(self) -> Dual:
        return self._chain(mp.atan(self.v), 1 / (1 + self.v**2))

    def sinh(self) -> Dual:
        return self._chain(mp.sinh(self.v), mp.cosh(self.v))

    def cosh(self) -> Dual:
        return self._chain(mp.cosh(self.v), mp.sinh(self.v))

    def tanh(self) -> Dual:
        return self._chain(mp.tanh(self.v), mp.sech(self.v) ** 2)

    def arcsinh(self) -> Dual:
        return self._chain(mp.asinh(self.v), 1 / mp.sqrt(1 + self.v**2))

    def erf(self) -> Dual:
        return self._chain(mp.erf(self.v), 2 / mp.sqrt(mp.pi) * mp.exp(-(self.v**2)))

    def gammaln(self) -> Dual:
        return self._chain(mp.loggamma(self.v), mp.digamma(self.v))


def dual(x: Any) -> Dual:
    return x if isinstance(x, Dual) else Dual(x)


def _combine(a: Any, g: Any, b: Any, h: Any) -> Any:
    if g is None and h is None:
        return None
    if g is None:
        return [b * y for y in h]
    if h is None:
        return [a * x for x in g]
    return [a * x + b * y for x, y in zip(g, h, strict=True)]


def exact_jacobian(f: Any, x: np.ndarray) -> np.ndarray:
    """The Jacobian of f at x, (outputs, inputs), rounded to float64 once."""
    n = x.size
    duals = np.empty(x.shape, object)
    for k, value in enumerate(x.ravel()):
        duals.reshape(-1)[k] = Dual(float(value), [mp.mpf(int(j == k)) for j in range(n)])
    y = np.asarray(f(duals), dtype=object).ravel()
    return np.array([[float(g) for g in (dual(e).g or [0] * n)] for e in y]).reshape(len(y), n)


def erf(x: Any) -> Any:
    if x.dtype == object:
        return _each(x, Dual.erf)
    from scipy.special import erf as found

    return found(x)


def gammaln(x: Any) -> Any:
    if x.dtype == object:
        return _each(x, Dual.gammaln)
    from scipy.special import gammaln as found

    return found(x)


def _each(x: Any, method: Any) -> Any:
    out = np.empty(x.shape, object)
    for k, e in enumerate(x.ravel()):
        out.reshape(-1)[k] = method(e)
    return out


def solve(a: Any, b: Any) -> Any:
    """np.linalg.solve; for object arrays Gaussian elimination with pivoting."""
    if a.dtype != object and b.dtype != object:
        return np.linalg.solve(a, b)
    n = a.shape[0]
    m = np.concatenate([a.astype(object), b.reshape(n, -1).astype(object)], axis=1)
    for k in range(n):
        pivot = max(range(k, n), key=lambda i: abs(dual(m[i, k]).v))
        m[[k, pivot]] = m[[pivot, k]]
        m[k] = m[k] / m[k, k]
        for i in range(n):
            if i != k:
                m[i] = m[i] - m[i, k] * m[k]
    return m[:, n:].reshape(b.shape)


def inv(a: Any) -> Any:
    return np.linalg.inv(a) if a.dtype != object else solve(a, np.eye(len(a)))


def det(a: Any) -> Any:
    if a.dtype != object:
        return np.linalg.det(a)
    m, total = a.copy(), Dual(1)
    for k in range(len(a)):
        pivot = max(range(k, len(a)), key=lambda i: abs(dual(m[i, k]).v))
        if pivot != k:
            m[[k, pivot]] = m[[pivot, k]]
            total = -total
        total = total * m[k, k]
        for i in range(k + 1, len(a)):
            m[i] = m[i] - m[i, k] / m[k, k] * m[k]
    return total


def logdet(a: Any) -> Any:
    return np.linalg.slogdet(a)[1] if a.dtype != object else abs(det(a)).log()


def cholesky(a: Any) -> Any:
    if a.dtype != object:
        return np.linalg.cholesky(a)
    n = len(a)
    low = np.full((n, n), Dual(0), object)
    for i in range(n):
        for j in range(i + 1):
            rest = a[i, j] - sum((low[i, k] * low[j, k] for k in range(j)), Dual(0))
            low[i, j] = rest.sqrt() if i == j else rest / low[j, j]
    return low
