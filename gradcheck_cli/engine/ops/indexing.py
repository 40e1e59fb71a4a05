"""Ops that pick entries by index, and put them back."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck_cli.engine.domains import integers
from gradcheck_cli.engine.ops.define import composite, lookup, movement, writing
from gradcheck_cli.engine.ops.elementwise import mul
from gradcheck_cli.engine.ops.shape import reshape, sum_to

index_get = movement(
    "index_get(x, index)",
    "x",
    forward=lambda x, index: x[index],
    calls=("(4,), 1", "(2, 3), (1, -1)", "(2, 3), (None, 0)", "(5,), [0, 2, 2]", "(2, 3), (..., [1, 1])"),
)


def _index_set(x: Any, v: Any, index: Any) -> Any:
    y = np.array(x, dtype=np.result_type(x, v) if hasattr(v, "dtype") else None)
    y[index] = v
    return y


def _add_at(x: Any, v: Any, index: Any) -> Any:
    y = np.array(x, dtype=np.result_type(x, v) if hasattr(v, "dtype") else None)
    np.add.at(y, index, v)
    return y


def _last_writers(shape: Any, index: Any) -> Any:
    """For each entry of `x[index]` whether it is the one that stays when an index comes more than once."""
    owner = np.zeros(shape, np.int64)
    own = np.arange(1, 1 + np.zeros(shape, bool)[index].size).reshape(np.shape(owner[index]))
    owner[index] = own
    return owner[index] == own


def _fitted(g: Any, shape: Any) -> Any:
    """`g` summed to the value's shape, which may have axes of length 1 in front of those that it fills."""
    more = max(len(shape) - len(np.shape(g)), 0)
    return reshape(sum_to(g, shape[more:]), shape)


SETTING = (
    "(4,), 1, ()",
    "(2, 3), 1, (3,)",
    "(2, 3), (..., 1), ()",
    "(4,), [0, 2], (2,)",
    "(4,), [1, 1, 3], (3,)",
    "(3,), [[0, 0], [-1, 0]], (2, 1)",
    "(2, 3), [True, False], ()",
    "(2, 3, 2), ([0, 0], ..., [1, 1]), (2, 1)",
    "(2, 3), (None, 1), (1, 3)",
)
index_set = writing(
    "index_set(x, index, v)",
    x=lambda g, index: index_set(g, index, 0.0),
    v=lambda g, index, x_shape, v_shape: _fitted(mul(g[index], _last_writers(x_shape, index)), v_shape),
    forward=_index_set,
    calls=(*SETTING, "(2, 3), 1, (1, 3)"),
    linear="together",
)
index_add = composite(
    "index_add(x, index, v)", "x v", lambda x, index, v: index_set(x, index, index_get(x, index) + v), calls=SETTING
)
add_at = writing(
    "add_at(x, index, v)",
    x=lambda g: g,
    v=lambda g, index, v_shape: sum_to(g[index], v_shape),
    forward=_add_at,
    calls=SETTING,
    linear="together",
)
take = movement(
    "take(a, indices, axis=None)",
    "a",
    calls=("(4,), [0, 2, 2]", "(2, 3), 1, axis=1", "(2, 3), [[0, 1], [1, 1]], axis=0", "(2, 3), 4"),
)
take_along_axis = movement(
    "take_along_axis(arr, indices, axis=-1)",
    "arr",
    forward=lambda arr, indices, axis: np.take_along_axis(arr, np.asarray(indices), axis),
    calls=("(2, 3), [[0], [2]], axis=1", "(3,), [2, 0, 0]", "(2, 3), [[1, 0, 1]], axis=0", "(4,), [3, 0], axis=None"),
)
one_hot = lookup(
    "one_hot(i, n)",
    i=None,
    forward=lambda i, n: (np.asarray(i)[..., None] == np.arange(n)).astype(np.float64),
    at=integers(0, 3),
    calls=("(4,), 3", "(2, 2), 3", "(), 3"),
)
