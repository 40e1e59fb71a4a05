"""A second witness: the complex step, where the forward is made of analytic operations only.

For an analytic f, f(x + i h e_j) = f(x) + i h df/dx_j + O(h^2), so that the imaginary part over h is the slope without any
cancellation, at h as small as one likes. Of abs, of comparisons' results, of a real part it is simply wrong. So the forward is
run on arrays that refuse every operation which is not known to be analytic; then there is no witness. It may settle an open
entry, or stop an accusation; it never accuses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from warnings import catch_warnings, simplefilter

import numpy as np

from gradcheck_cli.check.coordinates import Coordinates
from gradcheck_cli.errors import GradcheckError

Array = np.ndarray[Any, Any]
STEP = 2.0**-120
"""In units of the input's scale: squares of it vanish, and products with ordinary numbers do not underflow."""
ANALYTIC = frozenset(
    [
        "add",
        "subtract",
        "multiply",
        "divide",
        "negative",
        "positive",
        "power",
        "float_power",
        "square",
        "sqrt",
        "reciprocal",
        "exp",
        "exp2",
        "expm1",
        "log",
        "log2",
        "log10",
        "log1p",
        "sin",
        "cos",
        "tan",
        "arcsin",
        "arccos",
        "arctan",
        "sinh",
        "cosh",
        "tanh",
        "arcsinh",
        "arccosh",
        "arctanh",
        "matmul",
        "erf",
        "erfc",
        "vecdot",
    ]
)
"""Ufuncs, by name."""
COMPARING = frozenset(["less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "isnan", "isfinite"])
"""Ufuncs that choose a branch: they see the real parts."""
CHOOSING = frozenset(["maximum", "minimum", "fmax", "fmin"])
"""Ufuncs that compare the real part first, as NumPy does for complex numbers."""
FUNCTIONS = frozenset(
    [
        "sum",
        "prod",
        "mean",
        "cumsum",
        "cumprod",
        "max",
        "amax",
        "min",
        "amin",
        "where",
        "concatenate",
        "stack",
        "reshape",
        "ravel",
        "transpose",
        "swapaxes",
        "moveaxis",
        "expand_dims",
        "squeeze",
        "broadcast_to",
        "tile",
        "repeat",
        "roll",
        "flip",
        "pad",
        "take",
        "take_along_axis",
        "diagonal",
        "trace",
        "diag",
        "tril",
        "triu",
        "dot",
        "inner",
        "outer",
        "tensordot",
        "einsum",
        "kron",
        "cross",
        "split",
        "atleast_1d",
        "copy",
        "shape",
        "ndim",
        "size",
        "zeros_like",
        "ones_like",
        "full_like",
        "empty_like",
        "inv",
        "solve",
        "det",
        "argmax",
        "argmin",
        "linalg.inv",
    ]
)
"""Functions of arrays, by name."""
REFUSED = (
    np.exceptions.ComplexWarning,
    GradcheckError,
    TypeError,
    ValueError,
    ArithmeticError,
    np.linalg.LinAlgError,
    AttributeError,
    IndexError,
)


class NotAnalyticError(TypeError):
    """An operation that is not known to be analytic was asked for."""


class Analytic(np.ndarray[Any, Any]):
    """A complex array that lets itself be used in analytic operations only."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **kwargs: Any) -> Any:
        name = ufunc.__name__
        if out is not None:
            raise NotAnalyticError(f"{name} with out=")
        if any(isinstance(x, np.ndarray) and x.dtype.kind == "c" and not _is_guarded(x) for x in inputs):
            raise NotAnalyticError(f"{name} of what has lost its type")
        plain = [_plain(x) for x in inputs]
        if name in COMPARING:
            return getattr(ufunc, method)(*[np.real(x) for x in plain], **kwargs)
        if name not in ANALYTIC and name not in CHOOSING:
            raise NotAnalyticError(name)
        return _wrapped(getattr(ufunc, method)(*plain, **kwargs))

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function.__name__ not in FUNCTIONS:
            raise NotAnalyticError(function.__name__)
        return _wrapped(function(*_plain(args), **_plain(kwargs)))

    @property  # type: ignore[misc]  # read-only on purpose: there is nothing to set
    def real(self) -> Any:
        """Not analytic."""
        raise NotAnalyticError("real")

    @property  # type: ignore[misc]  # read-only on purpose
    def imag(self) -> Any:
        """Not analytic."""
        raise NotAnalyticError("imag")

    def conj(self) -> Any:
        """Not analytic."""
        raise NotAnalyticError("conj")

    conjugate = conj

    def astype(self, *args: Any, **kwargs: Any) -> Any:
        """Not analytic."""
        raise NotAnalyticError("astype")


def _plain(value: Any) -> Any:
    if isinstance(value, Analytic):
        return value.view(np.ndarray)
    if isinstance(value, list | tuple):
        return type(value)(map(_plain, value))
    return {k: _plain(v) for k, v in value.items()} if isinstance(value, dict) else value


def _wrapped(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(map(_wrapped, value))
    array = np.asarray(value)
    return array.view(Analytic).copy() if array.dtype.kind == "c" else value


def _is_guarded(y: Any) -> bool:
    """Whether nothing but guarded operations made `y`: it is analytic, or a view of what is (`np.asarray` makes one), which is
    why these arrays own their numbers.
    """
    return isinstance(y, Analytic) or isinstance(getattr(y, "base", None), Analytic)


def complex_step(
    primal: Callable[..., Sequence[Any]],
    arrays: Sequence[Array],
    position: int,
    kept: Sequence[int],
    coordinates: Coordinates,
    scale: Array,
) -> Callable[[Array], Array] | None:
    """A function from columns to slopes, (columns, outputs), NaN where there is no witness; None for complex problems."""
    if coordinates.complex or any(a.dtype.kind == "c" for a in arrays):
        return None

    def slopes(columns: Array) -> Array:
        rows = [_one(primal, arrays, position, kept, coordinates, int(j), STEP * scale[j]) for j in columns]
        width = max((len(r) for r in rows), default=0)
        if not width:
            return np.empty((len(rows), 0))
        return coordinates.look(np.array([r if len(r) == width else np.full(width, np.nan) for r in rows]))

    return slopes


def _one(
    primal: Callable[..., Sequence[Any]],
    arrays: Sequence[Array],
    position: int,
    kept: Sequence[int],
    coordinates: Coordinates,
    j: int,
    h: float,
) -> Array:
    direction = np.zeros(coordinates.size)
    direction[j] = h
    moved = np.asarray(arrays[position] + 1j * coordinates.tangent(direction)).view(Analytic).copy()
    try:
        with np.errstate(all="ignore"), catch_warnings():
            simplefilter("error", np.exceptions.ComplexWarning)
            found = primal(*[moved if k == position else np.array(a) for k, a in enumerate(arrays)])
        parts = [found[k] for k in kept]
    except REFUSED:
        return np.zeros(0)
    return np.concatenate([np.zeros(0), *(_slope(y, h) for y in parts)])


def _slope(y: Any, h: float) -> Array:
    """What an output says; nothing where `np.asarray` took its type away half way, and with it all that it guards."""
    said = _is_guarded(y) and not isinstance(y, np.ma.MaskedArray)
    return np.imag(_plain(y)).ravel() / h if said else np.full(np.size(y), np.nan)
