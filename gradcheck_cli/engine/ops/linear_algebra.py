"""Linear algebra. Rules follow Giles 2008, Murray 2016 (cholesky), Townsend 2016 (svd) and Walter & Lehmann 2018 (qr).

Functions that read one triangle of a matrix only (cholesky, eigh: the lower one, as in NumPy) have their gradient
there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck_cli.engine.domains import invertible, positive_definite, real
from gradcheck_cli.engine.ops.define import composite, contraction, matrix_product, stacked
from gradcheck_cli.engine.ops.elementwise import conj, imag, reciprocal, where
from gradcheck_cli.engine.ops.reductions import _data, _others_product, sum
from gradcheck_cli.engine.ops.shape import (
    broadcast_to,
    concatenate,
    expand_dims,
    moveaxis,
    ravel,
    reshape,
    roll,
    squeeze,
    sum_to,
    tril,
    triu,
)
from gradcheck_cli.errors import GraphError

PRODUCTS = (
    "(2, 3), (3, 4)",
    "(3,), (3,)",
    "(2, 3), (3,)",
    "(3,), (3, 2)",
    "(2, 2, 3), (3, 2)",
    "(2, 1, 2, 3), (3, 3, 2)",
)
SQUARE = ("(3, 3)", "(2, 3, 3)", "(1, 1)", "(0, 0)")


def mT(x: Any) -> Any:  # noqa: N802 (NumPy's name)
    """The last two axes swapped."""
    return x.swapaxes(-1, -2)


def mH(x: Any) -> Any:  # noqa: N802 (NumPy's name)
    """The last two axes swapped, conjugated."""
    return conj(mT(x))


def _as_matrices(g: Any, a: Any, b: Any) -> tuple[Any, Any, Any]:
    """The cotangent and the factors of a matmul as matrices: a vector on the left is a row, on the right a column."""
    if b.ndim == 1:
        b, g = expand_dims(b, -1), expand_dims(g, -1)
    if a.ndim == 1:
        a, g = expand_dims(a, 0), expand_dims(g, -2)
    return g, a, b


def _matmul_left(g: Any, x1: Any, x2: Any) -> Any:
    g, a, b = _as_matrices(g, x1, x2)
    gx = g @ mT(b)
    return sum_to(gx, np.shape(a)).reshape(np.shape(x1)) if x1.ndim == 1 else gx


def _matmul_right(g: Any, x1: Any, x2: Any) -> Any:
    g, a, b = _as_matrices(g, x1, x2)
    gx = mT(a) @ g
    return sum_to(gx, np.shape(b)).reshape(np.shape(x2)) if x2.ndim == 1 else gx


matmul = matrix_product("matmul(x1, x2)", x1=_matmul_left, x2=_matmul_right, calls=PRODUCTS)

# Products that are written with others.


def explicit_subscripts(subscripts: str, shapes: Any) -> tuple[list[str], str]:
    """Subscripts of every operand and of the output, with the ellipsis spelt out in letters that are free."""
    left, arrow, out = subscripts.replace(" ", "").partition("->")
    operands = left.split(",")
    if len(operands) != len(shapes):
        raise ValueError(f"einsum(): {len(operands)} operands in {subscripts!r}, {len(shapes)} given")
    spare = [c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" if c not in subscripts]
    dots = [len(s) - len(o.replace("...", "")) if "..." in o else 0 for o, s in zip(operands, shapes, strict=True)]
    most = max([0, *dots])
    if not arrow:
        letters = "".join(operands).replace(".", "")
        out = "..." * (most > 0) + "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    filled = [o.replace("...", "".join(spare[most - n : most])) for o, n in zip(operands, dots, strict=True)]
    for o, s in zip(filled, shapes, strict=True):
        if len(o) != len(s):
            raise ValueError(f"einsum(): subscripts {o!r} do not fit an operand of shape {tuple(s)}")
    return filled, out.replace("...", "".join(spare[:most]))


def _einsum_rule(g: Any, i: int, operands: Any, operands_shapes: Any, subscripts: str) -> Any:
    """The cotangent contracted with all other operands.

    Axes that only this operand has are repeated, and a letter that it has twice is spread over the diagonal.
    """
    letters, out = explicit_subscripts(subscripts, operands_shapes)
    shape, mine = operands_shapes[i], letters[i]
    once = "".join(dict.fromkeys(mine))
    others = [k for k in range(len(letters)) if k != i]
    known = out + "".join(letters[k] for k in others)
    reached = "".join(c for c in once if c in known)
    sources = ",".join([out, *(letters[k] for k in others)])
    gx = einsum(f"{sources}->{reached}", g, *(operands[k] for k in others))
    size = dict(zip(mine, shape, strict=True))
    gx = reshape(gx, tuple(np.shape(gx)[reached.index(c)] if c in reached else 1 for c in once))
    gx = broadcast_to(
        sum_to(gx, tuple(1 if size[c] == 1 else n for c, n in zip(once, np.shape(gx), strict=True))),
        tuple(size[c] for c in once),
    )
    while len(once) < len(mine):
        k = next(k for k, c in enumerate(mine) if c in mine[:k])
        fresh = next(c for c in "zyxwvutsrqponmlkjihgfedcbaZYXWVUTSRQPONMLKJIHGFEDCBA" if c not in mine + once)
        gx = einsum(f"{once},{mine[k]}{fresh}->{once}{fresh}", gx, np.eye(shape[k]))
        mine, once = mine[:k] + fresh + mine[k + 1 :], once + fresh
    return einsum(f"{once}->{mine}", gx) if once != mine else gx


def _einsum(*operands: Any, subscripts: str) -> Any:
    y = np.einsum(subscripts, *operands)
    return y if getattr(y, "base", None) is None else y.copy()  # a diagonal, say: NumPy gives a view of the operand


einsum = contraction(
    "einsum(subscripts, *operands)",
    operands=_einsum_rule,
    forward=_einsum,
    calls=(
        "'ij,jk->ik', (2, 3), (3, 2)",
        "'ij->', (2, 3)",
        "'ii->i', (3, 3)",
        "'ii', (3, 3)",
        "'...i,i->...', (2, 2, 3), (3,)",
        "'ij,ij->j', (2, 3), (2, 3)",
        "'ij,ij->ij', (1, 3), (2, 3)",
        "'bi,ij,bj->b', (2, 3), (3, 2), (2, 2)",
        "'ij', (3, 2)",
        "'ij,jk', (1, 2), (2, 3)",
        "'i,j->ij', (2,), (3,)",
        "'iij,k->jk', (2, 2, 3), (2,)",
    ),
)


def _tensordot(a: Any, b: Any, axes: Any) -> Any:
    """The axes to be summed are brought together, and a matrix product does the rest."""
    ndim_a, ndim_b = len(np.shape(a)), len(np.shape(b))
    if isinstance(axes, int):
        axes = (tuple(range(ndim_a - axes, ndim_a)), tuple(range(axes)))
    of_a, of_b = (tuple(x) if isinstance(x, tuple | list) else (x,) for x in axes)
    of_a, of_b = tuple(k % ndim_a for k in of_a), tuple(k % ndim_b for k in of_b)
    if [np.shape(a)[k] for k in of_a] != [np.shape(b)[k] for k in of_b]:
        raise ValueError(f"tensordot(): axes {of_a} of {np.shape(a)} and {of_b} of {np.shape(b)} have different lengths")
    free_a = [k for k in range(ndim_a) if k not in of_a]
    free_b = [k for k in range(ndim_b) if k not in of_b]
    n = int(np.prod([np.shape(a)[k] for k in of_a]))
    rows, columns = [np.shape(a)[k] for k in free_a], [np.shape(b)[k] for k in free_b]
    left = reshape(a.transpose((*free_a, *of_a)), (int(np.prod(rows)), n))
    right = reshape(b.transpose((*of_b, *free_b)), (n, int(np.prod(columns))))
    return reshape(left @ right, (*rows, *columns))


tensordot = composite(
    "tensordot(a, b, axes=2)",
    "a b",
    _tensordot,
    calls=("(2, 3, 4), (3, 4, 2)", "(2, 3), (3, 2), 1", "(2, 3), (2, 4), ([0], [0])", "(2,), (3,), 0"),
)


def _dot(a: Any, b: Any) -> Any:
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return a * b
    return a @ b if np.ndim(b) <= 2 else tensordot(a, b, ((-1,), (-2,)))


dot = composite(
    "dot(a, b)", "a b", _dot, calls=("(3,), (3,)", "(2, 3), (3, 2)", "(), (3,)", "(2, 3), (3,)", "(2, 3), (2, 3, 2)")
)
vdot = composite("vdot(a, b)", "a b", lambda a, b: sum(conj(ravel(a)) * ravel(b)), calls=("(3,), (3,)", "(2, 3), (2, 3)"))
inner = composite(
    "inner(a, b)",
    "a b",
    lambda a, b: a * b if np.ndim(a) == 0 or np.ndim(b) == 0 else tensordot(a, b, ((-1,), (-1,))),
    calls=("(3,), (3,)", "(2, 3), (4, 3)", "(), (2,)"),
)


def _cross(a: Any, b: Any, axis: int) -> Any:
    """A x b along an axis of length 3, by rolling; the other axes broadcast."""
    if np.shape(a)[axis] != 3 or np.shape(b)[axis] != 3:
        raise ValueError(f"cross(): axis {axis} must have length 3, shapes are {np.shape(a)} and {np.shape(b)}")
    a, b = moveaxis(a, axis, -1), moveaxis(b, axis, -1)
    return moveaxis(roll(a, -1, -1) * roll(b, -2, -1) - roll(a, -2, -1) * roll(b, -1, -1), -1, axis)


cross = composite("cross(a, b, axis=-1)", "a b", _cross, calls=("(3,), (3,)", "(2, 3), (3,)", "(3, 2), (3,), axis=0"))

# Inverses and determinants.
inv = stacked("inv(a)", a=lambda g, y: -mT(y) @ g @ mT(y), at=invertible, calls=SQUARE)


def _pinv_rule(g: Any, y: Any, a: Any) -> Any:
    """Golub & Pereyra 1973, transposed; holds where the rank does not change."""
    yh, gh = mH(y), mH(g)
    left = np.eye(np.shape(a)[-2]) - a @ y
    right = np.eye(np.shape(a)[-1]) - y @ a
    return -yh @ g @ yh + yh @ y @ gh @ right + left @ gh @ y @ yh


pinv = stacked("pinv(a)", a=_pinv_rule, at=invertible, calls=("(3, 2)", "(2, 3)", "(3, 3)", "(2, 3, 2)"), holomorphic=False)


def _solve(a: Any, b: Any) -> Any:
    return np.linalg.solve(a, b[..., None])[..., 0] if np.ndim(b) == 1 else np.linalg.solve(a, b)


def _solve_matrix(g: Any, a: Any, y: Any, b_shape: Any) -> Any:
    """-(a^-T g) y^T."""
    if len(b_shape) == 1:
        g, y = expand_dims(g, -1), expand_dims(y, -1)
    return -(solve(mT(a), g) @ mT(y))


def _solve_right(g: Any, a: Any, b_shape: Any) -> Any:
    if len(b_shape) == 1:
        return sum_to(squeeze(solve(mT(a), expand_dims(g, -1)), -1), b_shape)
    return solve(mT(a), g)


SYSTEMS = ("(3, 3), (3, 2)", "(3, 3), (3,)", "(2, 3, 3), (3, 2)", "(3, 3), (2, 3, 1)", "(2, 3, 3), (3,)")
solve = stacked(
    "solve(a, b)", a=_solve_matrix, b=_solve_right, forward=_solve, at=(invertible, real), calls=SYSTEMS, linear="b"
)


def _det_rule(g: Any, y: Any, a: Any) -> Any:
    """G det(a) a^-T; at a singular matrix the cofactors, from the singular values."""
    g = expand_dims(g, (-2, -1))
    if np.all(_data(y) != 0):
        return g * expand_dims(y, (-2, -1)) * mT(inv(a))
    u, s, vh = svd(a, full_matrices=False)
    orientation = expand_dims(det(u) * det(vh), (-2, -1))
    return g * orientation * conj((u * expand_dims(_others_product(s), -2)) @ vh)


det = stacked("det(a)", a=_det_rule, at=invertible, calls=SQUARE)
logdet = stacked(
    "logdet(a)",
    a=lambda g, a: expand_dims(g, (-2, -1)) * mH(inv(a)),
    forward=lambda a: np.linalg.slogdet(a)[1],
    at=invertible,
    calls=SQUARE,
    holomorphic=False,
)


def _slogdet_rule(g: Any, y: Any, a: Any) -> Any:
    """Log |det| moves with Re tr(a^-1 da); a complex determinant's sign s turns by i s Im tr(a^-1 da), a real one's not."""
    (g_sign, slope), (turning, _) = g, y
    if g_sign is not None and np.iscomplexobj(_data(turning)):
        slope = (0.0 if slope is None else slope) - 1j * imag(conj(g_sign) * turning)
    return np.zeros(np.shape(a)) if slope is None else expand_dims(slope, (-2, -1)) * mH(inv(a))


slogdet = stacked(
    "slogdet(a)",
    a=_slogdet_rule,
    forward=lambda a: tuple(np.linalg.slogdet(a)),
    at=invertible,
    calls=SQUARE,
    outputs=2,
    holomorphic=False,
)

# Factorisations.


def _lower_once(s: Any) -> Any:
    """The gradient of a function of the lower triangle, which stands for both: s + s^H below, s on the diagonal."""
    n = np.shape(s)[-1]
    return tril(s + mH(s)) * (1.0 - 0.5 * np.eye(n))


def _cholesky_rule(g: Any, y: Any) -> Any:
    """S = L^-H Phi(L^H g) L^-1, where Phi keeps the lower triangle and half of the diagonal."""
    n = np.shape(y)[-1]
    phi = tril(mH(y) @ g) * (1.0 - 0.5 * np.eye(n))
    return _lower_once(solve(mH(y), mH(solve(mH(y), mH(phi)))))


cholesky = stacked(
    "cholesky(a)", a=_cholesky_rule, at=positive_definite, calls=("(3, 3)", "(2, 3, 3)", "(1, 1)"), holomorphic=False
)


def _solve_triangular(a: Any, b: Any, trans: int, lower: bool, unit_diagonal: bool) -> Any:
    """The other triangle (and, with unit_diagonal, the diagonal) is not read."""
    n = np.shape(a)[-1]
    a = (tril if lower else triu)(a, (-1 if lower else 1) * int(unit_diagonal))
    a = a + np.eye(n, dtype=a.dtype) if unit_diagonal else a
    if trans not in (0, 1, 2, "N", "T", "C"):
        raise ValueError(f"solve_triangular(): trans must be 0, 1 or 2, not {trans!r}")
    return solve(a if trans in (0, "N") else mT(a) if trans in (1, "T") else mH(a), b)


solve_triangular = composite(
    "solve_triangular(a, b, trans=0, lower=False, unit_diagonal=False)",
    "a b",
    _solve_triangular,
    at=(invertible, real),
    calls=(
        "(3, 3), (3, 2)",
        "(3, 3), (3,), lower=True",
        "(2, 3, 3), (3, 1), trans=1",
        "(3, 3), (3,), lower=True, unit_diagonal=True",
    ),
)


def _inverse_differences(s: Any, square: bool = False) -> Any:
    """F[i, j] = 1/(s_j - s_i) (of the squares: factored, so that nothing cancels), 0 on the diagonal."""
    n = np.shape(s)[-1]
    row, column = expand_dims(s, -2), expand_dims(s, -1)
    gap = (row - column) * (row + column) if square else row - column
    eye = np.eye(n, dtype=bool)
    return where(eye, 0.0, reciprocal(where(eye, 1.0, gap)))


def _eigh_rule(g: Any, y: Any) -> Any:
    """V (diag(g_w) + F * (V^H g_V)) V^H, on the lower triangle."""
    (g_w, g_v), (w, v) = g, y
    middle: Any = 0.0
    if g_w is not None:
        middle = middle + expand_dims(g_w, -2) * np.eye(np.shape(w)[-1])
    if g_v is not None:
        middle = middle + _inverse_differences(w) * (mH(v) @ g_v)
    return _lower_once(v @ middle @ mH(v))


eigh = stacked(
    "eigh(a)",
    a=_eigh_rule,
    forward=lambda a: tuple(np.linalg.eigh(a)),
    at=positive_definite,
    calls=("(3, 3)", "(2, 3, 3)", "(1, 1)"),
    outputs=2,
    holomorphic=False,
)
eigvalsh = composite("eigvalsh(a)", "a", lambda a: eigh(a)[0], at=positive_definite, calls=("(3, 3)", "(2, 3, 3)"))


def _economic(part: Any, k: int, axis: int, name: str) -> Any:
    """The first k columns (or rows); nothing is known of how the others turn, so they must not be used."""
    index = (..., slice(k, None)) if axis == -1 else (..., slice(k, None), slice(None))
    rest = part[index]
    if np.any(getattr(rest, "data", rest) if not isinstance(rest, np.ndarray) else rest):
        raise GraphError(
            f"svd(): the singular vectors beyond the smaller side ({name}) have no derivative; use full_matrices=False"
        )
    return part[(..., slice(None, k))] if axis == -1 else part[(..., slice(None, k), slice(None))]


def _svd_rule(g: Any, y: Any, a_shape: Any) -> Any:
    """U [ (F*(U^H gU - gU^H U)) S + diag(gs) + S (F*(V^H gV - gV^H V)) ] V^H, and what leaves the two spaces."""
    (g_u, g_s, g_vh), (u, s, vh) = g, y
    k = min(a_shape[-2:])
    if np.shape(u)[-1] > k:
        g_u, u = None if g_u is None else _economic(g_u, k, -1, "u"), u[(..., slice(None, k))]
    if np.shape(vh)[-2] > k:
        g_vh = None if g_vh is None else _economic(g_vh, k, -2, "vh")
        vh = vh[(..., slice(None, k), slice(None))]
    row, column, f = expand_dims(s, -2), expand_dims(s, -1), _inverse_differences(s, square=True)
    middle: Any = 0.0 if g_s is None else expand_dims(g_s, -2) * np.eye(k)
    outside: Any = 0.0
    if g_u is not None:
        turn = mH(u) @ g_u
        middle = middle + f * (turn - mH(turn)) * row
        if np.iscomplexobj(_data(u)):  # u and v turn together; as v's phase is held, u's has to move
            middle = middle + np.eye(k) * (turn - mH(turn)) / (2.0 * row)
        if a_shape[-2] > k:
            outside = outside + ((g_u - u @ turn) / row) @ vh
    if g_vh is not None:
        turn = vh @ mH(g_vh)
        middle = middle + column * (f * (turn - mH(turn)))
        if a_shape[-1] > k:
            outside = outside + (u / row) @ (g_vh - mH(turn) @ vh)
    return u @ middle @ vh + outside


svd = stacked(
    "svd(a, full_matrices=True)",
    a=_svd_rule,
    forward=lambda a, full_matrices: tuple(np.linalg.svd(a, full_matrices=full_matrices)),
    at=invertible,
    calls=("(3, 3)", "(3, 2), full_matrices=False", "(2, 3), full_matrices=False", "(2, 3, 2), full_matrices=False"),
    outputs=3,
    holomorphic=False,
)


def _qr_rule(g: Any, y: Any, a: Any, a_shape: Any) -> Any:
    """[gQ + Q copyltu(R gR^H - gQ^H Q)] R^-H; of a wide matrix the square part so, the rest through R = Q^H A."""
    (g_q, g_r), (q, r) = g, y
    m, n = a_shape[-2:]
    if m >= n:
        return _qr_tall(g_q, g_r, q, r)
    left, right = (..., slice(None, m)), (..., slice(m, None))
    g_r = np.zeros(np.shape(r)) if g_r is None else g_r
    g_square = a[right] @ mH(g_r[right])
    g_square = g_square if g_q is None else g_q + g_square
    return concatenate([_qr_tall(g_square, g_r[left], q, r[left]), q @ g_r[right]], -1)


def _qr_tall(g_q: Any, g_r: Any, q: Any, r: Any) -> Any:
    middle: Any = 0.0
    if g_r is not None:
        middle = middle + r @ mH(g_r)
    if g_q is not None:
        middle = middle - mH(g_q) @ q
    half = tril(middle) * (1.0 - 0.5 * np.eye(np.shape(r)[-1]))
    inner_part = q @ (half + mH(half))  # the diagonal's real part: R's diagonal stays real
    total = inner_part if g_q is None else g_q + inner_part
    return mH(solve(r, mH(total)))


qr = stacked(
    "qr(a)",
    a=_qr_rule,
    forward=lambda a: tuple(np.linalg.qr(a)),
    at=invertible,
    calls=("(3, 3)", "(3, 2)", "(2, 3)", "(2, 3, 2)"),
    outputs=2,
    holomorphic=False,
)
