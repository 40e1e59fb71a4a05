"""Ops along axes: sums and their kin, softmax, scans, sorting."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck_cli.engine.domains import away_from, distinct
from gradcheck_cli.engine.families import _axes
from gradcheck_cli.engine.operators import Operand
from gradcheck_cli.engine.ops.define import along, composite, lookup, reduction, rescaling
from gradcheck_cli.engine.ops.elementwise import abs, exp, sign, where
from gradcheck_cli.engine.ops.shape import broadcast_to, concatenate, diagonal, flip, ravel, reshape, scatter, stack

KEEPING = ("()", "(4,)", "(2, 3), axis=0", "(2, 3)", "(2, 3, 2), axis=(0, -1)", "(2, 3), axis=1, keepdims=True")


def kept(g: Any, shape: Any, axis: Any) -> Any:
    """A reduction's result or cotangent, with its reduced axes put back as axes of length 1."""
    gone = _axes(axis, len(shape))
    return reshape(g, tuple(1 if a in gone else n for a, n in enumerate(shape)))


def _count(shape: Any, axis: Any) -> int:
    """How many entries go into one result."""
    return int(np.prod([shape[a] for a in _axes(axis, len(shape))]))


sum = reduction(
    "sum(a, axis=None, keepdims=False)",
    a=lambda g, a_shape, axis: broadcast_to(kept(g, a_shape, axis), a_shape),
    calls=(*KEEPING, "(0, 3), axis=0"),
    linear="together",
)
mean = reduction(
    "mean(a, axis=None, keepdims=False)",
    a=lambda g, a_shape, axis: broadcast_to(kept(g, a_shape, axis) / _count(a_shape, axis), a_shape),
    calls=KEEPING,
    linear="together",
)


def _before(x: Any) -> Any:
    """For each entry the product of those before it along the last axis."""
    ones = np.ones((*np.shape(x)[:-1], 1), x.dtype)
    return concatenate([ones, cumprod(x[..., :-1], -1)], -1)


def _others_product(x: Any) -> Any:
    """For each entry the product of the others along the last axis, also where some are zero."""
    return _before(x) * flip(_before(flip(x, -1)), -1)


def _prod_rule(g: Any, y: Any, a: Any, a_shape: Any, axis: Any) -> Any:
    """G y/a; where an entry is zero (or the product underflows), g times the product of the others."""
    g, y = kept(g, a_shape, axis), kept(y, a_shape, axis)
    if np.all(_data(y) != 0):
        return g * (y / a)
    if axis is None:
        return g * reshape(_others_product(ravel(a)), a_shape)
    gone = _axes(axis, len(a_shape))
    order = [k for k in range(len(a_shape)) if k not in gone] + list(gone)
    moved = a.transpose(tuple(order))
    flat = reshape(moved, (*np.shape(moved)[: len(a_shape) - len(gone)], -1))
    others = reshape(_others_product(flat), np.shape(moved))
    return g * others.transpose(tuple(int(k) for k in np.argsort(order)))


def _data(x: Any) -> Any:
    """The array of a tensor (a rule gets tensors where it is itself differentiated), or the array itself."""
    return x.data if isinstance(x, Operand) else np.asarray(x)


prod = reduction("prod(a, axis=None, keepdims=False)", a=_prod_rule, at=away_from(0), calls=KEEPING)


def _extreme_rule(g: Any, y: Any, a: Any, a_shape: Any, axis: Any) -> Any:
    """The cotangent goes to the extreme entries, shared evenly where several are equal."""
    hit = (a == kept(y, a_shape, axis)) * 1.0
    return kept(g, a_shape, axis) * hit / sum(hit, axis, True)


max = reduction("max(a, axis=None, keepdims=False)", a=_extreme_rule, at=distinct, calls=KEEPING)
min = reduction("min(a, axis=None, keepdims=False)", a=_extreme_rule, at=distinct, calls=KEEPING)
var = reduction(
    "var(a, axis=None, ddof=0, keepdims=False)",
    a=lambda g, a, a_shape, axis, ddof: (
        kept(g, a_shape, axis) * (a - mean(a, axis, True)) * (2.0 / (_count(a_shape, axis) - ddof))
    ),
    calls=(*KEEPING, "(5,), ddof=1"),
    holomorphic=False,
)


def _std_rule(g: Any, y: Any, a: Any, a_shape: Any, axis: Any, ddof: Any) -> Any:
    """G (a - mean) / ((n - ddof) y); zero where the deviation is, as in PyTorch."""
    y = kept(y, a_shape, axis)
    slope = (a - mean(a, axis, True)) / ((_count(a_shape, axis) - ddof) * where(y == 0, 1.0, y))
    return kept(g, a_shape, axis) * slope


std = reduction(
    "std(a, axis=None, ddof=0, keepdims=False)",
    a=_std_rule,
    calls=("(4,)", "(2, 3), axis=0", "(2, 3)", "(2, 3), axis=1, keepdims=True", "(5,), ddof=1"),
    holomorphic=False,
)


def _top(a: Any, axis: Any) -> Any:
    """The largest (real part of an) entry of each slice; 0 where that is infinite.

    Of a subclass of arrays the whole entry: those of the complex step have no real part to ask for, and need none.
    """
    top = np.max(np.real(a) if type(a) is np.ndarray else a, axis=axis, keepdims=True)
    return np.where(np.isfinite(top), top, 0.0)


def _logsumexp(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Log sum exp(a), the largest entry taken out first; of nothing, or of -inf alone, -inf."""
    if np.size(a) == 0:
        with np.errstate(divide="ignore"):
            return np.log(np.sum(np.exp(a), axis=axis, keepdims=keepdims))
    top = _top(a, axis)
    with np.errstate(divide="ignore"):
        y = np.log(np.sum(np.exp(a - top), axis=axis, keepdims=True)) + top
    return y if keepdims else np.squeeze(y, axis=_axes(axis, np.ndim(a)))


def _softmax_of(a: Any, y: Any) -> Any:
    return exp(a - where(y == -np.inf, 0.0, y))


logsumexp = reduction(
    "logsumexp(a, axis=None, keepdims=False)",
    a=lambda g, y, a, a_shape, axis: kept(g, a_shape, axis) * _softmax_of(a, kept(y, a_shape, axis)),
    forward=_logsumexp,
    calls=KEEPING,
)
any = reduction("any(a, axis=None, keepdims=False)", a=None, calls=KEEPING)
all = reduction("all(a, axis=None, keepdims=False)", a=None, calls=KEEPING)
argmax = reduction("argmax(a, axis=None)", a=None, at=distinct, calls=("(4,)", "(2, 3)", "(2, 3), axis=1"))
argmin = reduction("argmin(a, axis=None)", a=None, at=distinct, calls=("(4,)", "(2, 3)", "(2, 3), axis=0"))

# Norms.


def _vector_norm(x: Any, ord: float = 2, axis: Any = None, keepdims: bool = False) -> Any:
    """(sum |x|^ord)^(1/ord) over any number of axes; for ord inf (-inf) the largest (smallest) |x|, for 0 the nonzeros."""
    size = np.abs(x)
    if np.isinf(ord):
        return (np.max if ord > 0 else np.min)(size, axis=axis, keepdims=keepdims)
    if ord == 0:
        return np.sum(size != 0, axis=axis, keepdims=keepdims).astype(size.dtype)
    if ord == 1:
        return np.sum(size, axis=axis, keepdims=keepdims)
    if ord == 2:
        return np.sqrt(np.sum(size * size, axis=axis, keepdims=keepdims))
    return np.sum(size**ord, axis=axis, keepdims=keepdims) ** (1.0 / ord)


def _norm_rule(g: Any, y: Any, x: Any, x_shape: Any, ord: float, axis: Any) -> Any:
    """G sign(x) (|x|/y)^(ord-1); zero where the norm is."""
    g, y = kept(g, x_shape, axis), kept(y, x_shape, axis)
    if np.isinf(ord):
        hit = (abs(x) == y) * 1.0
        return g * sign(x) * hit / sum(hit, axis, True)
    if ord in (0, 1):
        return g * sign(x) * ord
    y = where(y == 0, 1.0, y)
    return g * (x / y) if ord == 2 else g * sign(x) * (abs(x) / y) ** (ord - 1)


vector_norm = reduction(
    "_vector_norm(x, ord=2, axis=None, keepdims=False)",
    x=_norm_rule,
    forward=_vector_norm,
    at=distinct,
    calls=(*KEEPING[1:], "(2, 3), 1", "(4,), 3", "(2, 3), 1e999, axis=1", "(3,), 1.5"),
    holomorphic=False,
)


def _norm(x: Any, ord: Any, axis: Any, keepdims: bool) -> Any:
    """numpy.linalg.norm: a vector norm over one axis (or everything), a matrix norm over two."""
    ndim = len(np.shape(x))
    matrix = (isinstance(axis, tuple) and len(axis) == 2) or (axis is None and ndim == 2 and ord is not None)
    if ord in (None, "fro") and (matrix or ord is None):
        return vector_norm(x, 2, axis, keepdims)
    if not matrix:
        if not isinstance(ord, int | float):
            raise ValueError(f"norm(): ord={ord!r} is a matrix norm, but one axis is given")
        return vector_norm(x, ord, axis, keepdims)
    return _matrix_norm(x, ord, axis or (0, 1), keepdims)


def _matrix_norm(x: Any, ord: Any, axis: tuple[int, int], keepdims: bool) -> Any:
    """Largest (smallest, for a negative ord) column sum (1), row sum (inf) or singular value (2); `nuc`: their sum."""
    row, column = _axes(axis, len(np.shape(x)))
    shape = tuple(1 if a in (row, column) else n for a, n in enumerate(np.shape(x)))
    if ord in (1, -1, np.inf, -np.inf):
        first, second = (row, column) if np.isfinite(ord) else (column, row)
        y = (max if ord > 0 else min)(sum(abs(x), first, True), second, True)
    elif ord in (2, -2, "nuc"):
        from gradcheck_cli.engine.ops.linear_algebra import svd
        from gradcheck_cli.engine.ops.shape import moveaxis

        _, s, _ = svd(moveaxis(x, (row, column), (-2, -1)), full_matrices=False)
        y = sum(s, -1) if ord == "nuc" else (max if ord > 0 else min)(s, -1)
    else:
        raise ValueError(f"norm(): ord={ord!r} is no matrix norm")
    left = tuple(n for a, n in enumerate(np.shape(x)) if a not in (row, column))
    return reshape(y, shape if keepdims else left)


norm = composite(
    "norm(x, ord=None, axis=None, keepdims=False)",
    "x",
    _norm,
    at=distinct,
    calls=(
        "(4,)",
        "(2, 3)",
        "(2, 3), 'fro'",
        "(2, 3), 1",
        "(2, 3), 2",
        "(2, 3), 'nuc'",
        "(4,), 3",
        "(2, 3), axis=1",
        "(2, 3), 1, axis=0, keepdims=True",
    ),
)

# Slice to slice.


def _softmax(a: Any, axis: Any = -1) -> Any:
    if np.size(a) == 0:
        return np.exp(a)
    e = np.exp(a - np.max(a, axis=axis, keepdims=True))  # of complex numbers the one with the largest real part
    return e / np.sum(e, axis=axis, keepdims=True)


softmax = rescaling(
    "softmax(a, axis=-1)",
    a=lambda g, y, axis: y * (g - sum(g * y, axis, True)),
    forward=_softmax,
)


def _log_softmax(a: Any, axis: Any = -1) -> Any:
    """A - logsumexp(a), the largest entry taken out of both first, so that large entries cost no digits."""
    a = a - _top(a, axis) if np.size(a) else a
    return a - _logsumexp(a, axis, True)


log_softmax = rescaling("log_softmax(a, axis=-1)", a=lambda g, y, axis: g - exp(y) * sum(g, axis, True), forward=_log_softmax)


def _cumsum_back(g: Any, shape: Any, axis: Any) -> Any:
    """Sums of what comes after."""
    if axis is None:
        return reshape(flip(cumsum(flip(g))), shape)
    return reshape(flip(cumsum(flip(g, axis), axis), axis), shape)


cumsum = along(
    "cumsum(a, axis=None)",
    a=lambda g, a_shape, axis: _cumsum_back(g, a_shape, axis),
    calls=("(4,)", "(2, 3), axis=0", "(2, 3), axis=-1", "(2, 2)", "(0,)", "(), axis=0"),
    linear="together",
)


def _cumprod_rule(g: Any, y: Any, a: Any, a_shape: Any, axis: Any) -> Any:
    """sum_{k>=i} g_k y_k / a_i; where some entry is zero, without dividing: (a_1 .. a_i-1) (g_i + a_i+1 (g_i+1 + ..))."""
    if np.all(_data(y) != 0):
        return _cumsum_back(g * y, a_shape, axis) / a
    flat = ravel(a) if axis is None else a.swapaxes(axis, -1)
    g = g if axis is None else g.swapaxes(axis, -1)
    after = [g[..., -1]]
    for i in range(np.shape(flat)[-1] - 1, 0, -1):
        after.append(g[..., i - 1] + flat[..., i] * after[-1])
    gx = _before(flat) * stack(after[::-1], -1)
    return reshape(gx, a_shape) if axis is None else gx.swapaxes(axis, -1)


cumprod = along(
    "cumprod(a, axis=None)",
    a=_cumprod_rule,
    at=away_from(0),
    calls=("(4,)", "(2, 3), axis=0", "(2, 3), axis=-1", "(2, 2)"),
)


def _cummax(a: Any, axis: Any = None) -> Any:
    return np.maximum.accumulate(np.ravel(a) if axis is None else a, axis=axis or 0)


def _cummax_rule(g: Any, y: Any, a: Any, a_shape: Any, axis: Any) -> Any:
    """Each cotangent goes to the entry that was the largest so far; of equal ones to the first."""
    x, axis = (_data(a), axis % len(a_shape)) if axis is not None else (np.ravel(_data(a)), 0)
    place = np.arange(x.shape[axis]).reshape([-1 if k == axis else 1 for k in range(x.ndim)])
    before = np.where(place == 0, -np.inf, np.roll(_data(y), 1, axis))
    winner = np.maximum.accumulate(np.where(x > before, place, 0), axis=axis)
    table = np.take_along_axis(np.arange(1, 1 + x.size).reshape(x.shape), winner, axis)
    return scatter(g, table, a_shape)


cummax = along(
    "cummax(a, axis=None)",
    a=_cummax_rule,
    forward=_cummax,
    at=distinct,
    calls=("(5,)", "(2, 3), axis=1", "(3, 2), axis=0", "(2, 2)"),
)


def _sort_rule(g: Any, a: Any, a_shape: Any, axis: Any) -> Any:
    """Back to where each entry stood: the inverse of the sorting permutation."""
    from gradcheck_cli.engine.ops.indexing import take_along_axis

    if axis is None:
        return reshape(g[np.argsort(np.argsort(_data(a), axis=None, kind="stable"))], a_shape)
    order = np.argsort(_data(a), axis=axis, kind="stable")
    return take_along_axis(g, np.argsort(order, axis=axis), axis)


def _stable(function: Any) -> Any:
    return lambda a, axis=-1: function(a, axis=axis, kind="stable")


ORDERING = ("(5,)", "(2, 3)", "(3, 2), axis=0", "(2, 2), axis=None")
sort = along("sort(a, axis=-1)", a=_sort_rule, forward=_stable(lambda a, **k: np.sort(a, **k)), at=distinct, calls=ORDERING)
argsort = along("argsort(a, axis=-1)", a=None, forward=_stable(lambda a, **k: np.argsort(a, **k)), at=distinct, calls=ORDERING)
searchsorted = lookup(
    "searchsorted(a, v, side='left')",
    a=None,
    v=None,
    forward=lambda a, v, side: np.searchsorted(a, v, side=side),
    at=(lambda rng, shape: np.sort(distinct(rng, shape)), distinct),
    calls=("(5,), (3,)",),
)
trace = composite(
    "trace(a, offset=0, axis1=0, axis2=1)",
    "a",
    lambda a, offset, axis1, axis2: sum(diagonal(a, offset, axis1, axis2), -1),
    calls=("(3, 3)", "(2, 3), 1", "(2, 3, 3), 0, 1, 2"),
)
