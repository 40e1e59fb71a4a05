"""Ops for what in-place operations write: copies, and arrays of which some entries are replaced."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck_cli.engine.ops.define import elementwise, view_writing
from gradcheck_cli.engine.ops.elementwise import zeros_like
from gradcheck_cli.engine.views import as_writable, follow


def _copy(x: Any, source: Any) -> Any:
    return np.broadcast_arrays(x, source)[1].astype(x.dtype)


copy = elementwise(
    "_copy(x, source)",
    x=lambda g: zeros_like(g),
    source=lambda g: g,
    forward=_copy,
    calls=("(2, 3), (3,)", "(3,), ()", "(3,), 2.0"),
)
clone = elementwise("_clone(x)", x=lambda g: g, forward="array")


def _copy_slices(x: Any, v: Any, steps: Any, axes: Any = None) -> Any:
    """`x`, with `v` in place of the view that `steps` make of it.

    `axes` are the axes of the memory that the steps were made on, outermost first: only with the same order of axes do
    they give a view, and no copy, again.
    """
    order = tuple(range(x.ndim)) if axes is None else axes
    y = np.empty([x.shape[k] for k in order], x.dtype).transpose(np.argsort(order))
    y[...] = x
    view = as_writable(follow(y, steps))
    assert not view.size or np.may_share_memory(view, y), "the steps must make a view"
    view[...] = v
    return y


copy_slices = view_writing(
    "_copy_slices(x, v, steps, axes=None)",
    x=lambda g, steps, axes: copy_slices(g, 0.0, steps, axes),
    v=lambda g, steps: follow(g, steps),
    forward=_copy_slices,
    calls=(
        "(2, 3), (3,), (('index_get', {'index': 1}),)",
        "(2, 3), (2, 3), (('transpose', {}), ('ravel', {}), ('reshape', {'shape': (2, 3)})), (1, 0)",
        "(3, 3), (3,), (('diagonal', {}),)",
        "(4,), (), (('reshape', {'shape': (2, 2)}), ('index_get', {'index': (1, 0, ...)}))",
    ),
    holomorphic=False,
)
