"""Ops that move, repeat and join entries."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck_cli.engine.families import _shape
from gradcheck_cli.engine.ops.define import composite, joining, movement, scattering, summing_to
from gradcheck_cli.engine.ops.elementwise import mul


def _gather(x: Any, table: Any) -> Any:
    """The entries that `table` names, counted from 1; 0 names a zero."""
    return np.concatenate([np.zeros(1, x.dtype), np.ravel(x)])[table]


def _scatter(values: Any, table: Any, shape: Any) -> Any:
    """The transpose of `_gather`: each value is added at the place that `table` names."""
    flat = np.zeros(int(np.prod(shape)) + 1, np.asarray(values).dtype)
    np.add.at(flat, np.ravel(table), np.ravel(values))  # NumPy is much faster along one axis
    return flat[1:].reshape(shape)


gather = movement(
    "_gather(x, table)",
    x=lambda g, x_shape, table: scatter(g, table, x_shape),
    forward=_gather,
    calls=("(4,), [1, 0, 4, 4]",),
)
scatter = scattering(
    "_scatter(values, table, shape)",
    values=lambda g, table: gather(g, table),
    forward=_scatter,
    calls=("(4,), [1, 0, 3, 3], (2, 2)",),
    linear="together",
)

reshape = movement(
    "reshape(a, shape)",
    a=lambda g, a_shape: reshape(g, a_shape),
    forward=lambda a, shape: np.reshape(a, shape),
    calls=("(6,), (2, 3)", "(2, 3), -1", "(2, 3), (3, -1)", "(), (1, 1)", "(0, 3), (3, 0)"),
)
ravel = movement("ravel(a)", a=lambda g, a_shape: reshape(g, a_shape), calls=("(2, 3)", "()"))
transpose = movement(
    "transpose(a, axes=None)",
    a=lambda g, axes: transpose(g, None if axes is None else tuple(int(k) for k in np.argsort(np.mod(axes, len(axes))))),
    calls=("(2, 3)", "(2, 3, 4), (2, 0, 1)", "(2, 3, 1), (-1, 0, 1)", "()"),
)
swapaxes = movement(
    "swapaxes(a, axis1, axis2)",
    a=lambda g, axis1, axis2: swapaxes(g, axis1, axis2),
    calls=("(2, 3), 0, 1", "(2, 3, 4), -1, 0"),
)
moveaxis = movement(
    "moveaxis(a, source, destination)",
    a=lambda g, source, destination: moveaxis(g, destination, source),
    calls=("(2, 3, 4), 0, -1", "(2, 3, 4), (0, 1), (2, 0)"),
)
expand_dims = movement(
    "expand_dims(a, axis)", a=lambda g, a_shape: reshape(g, a_shape), calls=("(3,), 0", "(2, 3), -1", "(2,), (0, 2)")
)
squeeze = movement(
    "squeeze(a, axis=None)",
    a=lambda g, a_shape: reshape(g, a_shape),
    calls=("(1, 3, 1)", "(1, 3, 1), axis=0", "(1, 3, 1), axis=(0, -1)"),
)
broadcast_to = movement(
    "broadcast_to(array, shape)",
    array=lambda g, array_shape: sum_to(g, array_shape),
    calls=("(3,), (2, 3)", "(2, 1), (2, 3)", "(), (2, 2)", "(1, 3), (0, 2, 3)"),
)


def _sum_to(x: Any, shape: Any) -> Any:
    """Sum over the axes that broadcasting an array of `shape` to x's shape would have repeated."""
    shape = _shape(shape)
    x = np.asanyarray(x)
    lead = x.ndim - len(shape)
    if lead < 0 or any(n not in (1, x.shape[lead + i]) for i, n in enumerate(shape)):
        raise ValueError(f"sum_to: shape {x.shape} is not a broadcast of {shape}")
    ones = tuple(lead + i for i, n in enumerate(shape) if n == 1 and x.shape[lead + i] != 1)
    return np.sum(x, axis=(*range(lead), *ones), keepdims=False).reshape(shape)


sum_to = summing_to(
    "sum_to(x, shape)",
    x=lambda g, x_shape: broadcast_to(g, x_shape),
    forward=_sum_to,
    calls=("(2, 3), (3,)", "(2, 3), (2, 1)", "(2, 3), ()", "(4, 2, 3), (1, 3)", "(2, 3), (2, 3)", "(0, 3), (3,)"),
    linear="together",
)
flip = movement("flip(m, axis=None)", m=lambda g, axis: flip(g, axis), calls=("(3,)", "(2, 3), axis=0", "(2, 3), axis=(0, 1)"))


def _negative(shift: Any) -> Any:
    return tuple(-s for s in shift) if isinstance(shift, tuple | list) else -shift


roll = movement(
    "roll(a, shift, axis=None)",
    a=lambda g, shift, axis: roll(g, _negative(shift), axis),
    calls=("(4,), 1", "(2, 3), 2", "(2, 3), -1, axis=1", "(2, 3), (1, 2), axis=(0, 1)"),
)
tile = movement("tile(A, reps)", "A", calls=("(3,), 2", "(2, 1), (2, 3)", "(2,), (3, 1)"))
repeat = movement("repeat(a, repeats, axis=None)", "a", calls=("(3,), 2", "(2, 3), 2, axis=1", "(3,), [1, 0, 2]", "(2, 2), 2"))


def _pad(array: Any, pad_width: Any, mode: Any = "constant", constant_values: Any = 0) -> Any:
    if mode == "constant":
        return np.pad(array, pad_width, "constant", constant_values=constant_values)
    if mode not in ("edge", "reflect", "symmetric", "wrap"):
        raise ValueError(f"pad(): mode must be constant, edge, reflect, symmetric or wrap, not {mode!r}")
    return np.pad(array, pad_width, mode)


_pad_zeros = movement(
    "_pad(array, pad_width, mode='constant')", "array", forward=_pad, calls=("(3,), 1", "(2, 3), ((1, 0), (0, 2))")
)
pad = composite(
    "pad(array, pad_width, mode='constant', constant_values=0)",
    "array",
    lambda array, pad_width, mode, constant_values: (
        _pad_zeros(array, pad_width, mode)
        if mode != "constant" or np.all(np.equal(constant_values, 0))
        else _pad_zeros(array, pad_width)
        + _pad(np.zeros(np.shape(array), getattr(array, "dtype", float)), pad_width, mode, constant_values)
    ),
    calls=(
        "(3,), 1",
        "(2, 3), ((1, 0), (0, 2))",
        "(3,), 2, 'reflect'",
        "(3,), (1, 2), 'edge'",
        "(3,), 1, constant_values=2.0",
    ),
)
# NumPy makes a matrix of equal rows of a vector before it takes a triangle.
tril = movement(
    "tril(m, k=0)", m=lambda g, k, m_shape: sum_to(tril(g, k), m_shape), calls=("(3, 3)", "(2, 3), -1", "(2, 2, 3), 1", "(3,)")
)
triu = movement(
    "triu(m, k=0)", m=lambda g, k, m_shape: sum_to(triu(g, k), m_shape), calls=("(3, 3)", "(3, 2), 1", "(2, 3, 3), -1", "(3,)")
)
diag = movement("diag(v, k=0)", "v", calls=("(3,)", "(2,), -1", "(3, 3)", "(2, 3), 1"))
diagonal = movement(
    "diagonal(a, offset=0, axis1=0, axis2=1)",
    "a",
    calls=("(3, 3)", "(2, 3), 1", "(2, 3, 3), 0, 1, 2", "(3, 2, 3), -1, 0, 2"),
)
split = movement(
    "split(ary, indices_or_sections, axis=0)",
    "ary",
    outputs=0,
    calls=("(6,), 3", "(5, 2), [1, 3]", "(2, 4), 2, axis=1", "(4,), [3, 1]"),
)


def _slice_of(g: Any, i: int, xs_shapes: Any, axis: Any) -> Any:
    """The part of a concatenation's cotangent that belongs to input `i`."""
    if axis is None:
        sizes = [int(np.prod(s)) for s in xs_shapes]
        start = sum(sizes[:i])
        return reshape(g[start : start + sizes[i]], xs_shapes[i])
    axis = axis % len(xs_shapes[i])
    start = sum(s[axis] for s in xs_shapes[:i])
    return g[(slice(None),) * axis + (slice(start, start + xs_shapes[i][axis]),)]


concatenate = joining(
    "concatenate([*xs], axis=0)",
    xs=_slice_of,
    forward=lambda *xs, axis: np.concatenate(xs, axis=axis),
    calls=("[(3,), (2,)]", "[(2, 3), (2, 1)], axis=1", "[(2, 2), (3,)], axis=None", "[(1, 2), (3, 2)], axis=-2"),
)
stack = joining(
    "stack([*xs], axis=0)",
    xs=lambda g, i, y_shapes, axis: g[(slice(None),) * (axis % len(y_shapes[0])) + (i,)],
    forward=lambda *xs, axis: np.stack(xs, axis=axis),
    calls=("[(3,), (3,)]", "[(), (), ()]", "[(2, 3), (2, 3)], axis=-1"),
)
outer = composite(
    "outer(a, b)",
    "a b",
    lambda a, b: mul(reshape(a, (-1, 1)), reshape(b, (1, -1))),
    calls=("(3,), (2,)", "(2, 2), (3,)", "(), (2,)"),
)


def _kron(a: Any, b: Any) -> Any:
    """Axes of `a` and `b` interleaved, multiplied, and merged in pairs."""
    shape_a, shape_b = np.shape(a), np.shape(b)
    n = max(len(shape_a), len(shape_b))
    shape_a, shape_b = (1,) * (n - len(shape_a)) + shape_a, (1,) * (n - len(shape_b)) + shape_b
    left = reshape(a, tuple(k for s in shape_a for k in (s, 1)))
    right = reshape(b, tuple(k for s in shape_b for k in (1, s)))
    return reshape(left * right, tuple(i * j for i, j in zip(shape_a, shape_b, strict=True)))


kron = composite("kron(a, b)", "a b", _kron, calls=("(2,), (3,)", "(2, 3), (2, 2)", "(2,), (2, 2)"))
