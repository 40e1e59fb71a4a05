"""In-place operations: any elementwise op of the table, written into the tensor's own memory.

The operation is recorded as if it were out of place, and its node becomes the history of the tensor. If the tensor is a
view, its base gets a new history as well: the old one, with the view's entries replaced (PyTorch calls the node
CopySlices); the view, and all other views of that base, follow it (see `views`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck_cli.engine.modes import MODE
from gradcheck_cli.engine.node import Node
from gradcheck_cli.engine.op import Op, OpNode
from gradcheck_cli.engine.operators import TABLE
from gradcheck_cli.engine.tensor import Tensor
from gradcheck_cli.engine.versions import CLOCK, modified
from gradcheck_cli.engine.views import REASONS, View, as_writable, follow, overtake, own_index
from gradcheck_cli.errors import InPlaceError


def in_place(op: Op, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """`op(x, *args)`, written into `x`, which is returned.

    The result must have `x`'s shape, and a dtype that can be cast to `x`'s without changing its kind. Raises InPlaceError.
    """
    inputs, params = op.bind((x, *args), kwargs)
    requires_grad = MODE.enabled and any(type(t) is Tensor and t.requires_grad for t in inputs)
    check_history(x, requires_grad)
    target = writable(x)
    arrays = [t.data if type(t) is Tensor else t for t in inputs]
    y = op.forward(*arrays, **params)
    _check_result(op, x, y)
    node = _node(op, inputs, arrays, params, x) if requires_grad else None
    target[...] = y
    mark_modified(x, node)
    return x


def in_place_op(name: str) -> Op | None:
    """The op whose in-place form is called `name`: `exp` for `exp_`; None where there is none."""
    from gradcheck_cli.engine.ops import ALIASES

    op: Any = TABLE.get(ALIASES.get(name[:-1], name[:-1]))
    return op if isinstance(op, Op) and op.family.name == "elementwise" else None


def copy_into(x: Tensor, source: Any) -> Tensor:
    """Write `source`, broadcast and cast, into `x`. Raises InPlaceError for complex numbers that are to become real."""
    if not isinstance(source, Tensor):
        source = np.asarray(source)
    if source.dtype.kind == "c" and x.dtype.kind != "c":
        raise InPlaceError(f"complex numbers cannot be written into a tensor of dtype {x.dtype}; take real() of them")
    op: Any = TABLE["_copy"]
    return in_place(op, x, source)


def set_entries(x: Tensor, index: Any, value: Any) -> None:
    """`x[index] = value`: for integers and slices a copy into that view, else the op `index_set` in place."""
    if all(_is_basic(i) for i in (index if type(index) is tuple else (index,))):
        part = x[index]
        extra = np.ndim(value.data if isinstance(value, Tensor) else value) - part.ndim
        if extra > 0 and set(np.shape(value)[:extra]) == {1}:  # as NumPy and PyTorch allow
            value = (value if isinstance(value, Tensor) else np.asarray(value)).reshape(np.shape(value)[extra:])
        copy_into(part, value)
    else:
        op: Any = TABLE["index_set"]
        in_place(op, x, own_index(index), value)


def _is_basic(i: Any) -> bool:
    return i is None or i is ... or isinstance(i, slice) or (isinstance(i, int | np.integer) and not isinstance(i, bool))


def mark_modified(x: Tensor, node: Node | None, output_nr: int = 0) -> None:
    """Note that `x` has just been written to; `node`, unless it is None, is what made its new value."""
    modified(x.data)
    view = _view(x)
    base = x if view is None else view.base
    if node is not None:
        node.output_time = CLOCK.time
        if view is None:
            _set_history(x, node, output_nr)
        else:
            value = Tensor._wrap(x.data, node, output_nr)
            _set_history(base, _slices_node(base, value, view), 0)
    overtake(base)


def check_history(x: Tensor, requires_grad: bool) -> None:
    """Raise InPlaceError unless an operation on `x` may be recorded as its new history."""
    view = _view(x)
    if not MODE.enabled or not (requires_grad or (view is not None and view.base.requires_grad)):
        return
    if view is not None and view.origin:
        raise InPlaceError(f"this tensor is a view that cannot be modified in place here: {REASONS[view.origin]}")
    what = ""
    if view is not None and view.base.is_leaf and (x.requires_grad or view.base.requires_grad):
        what = "a view of a leaf tensor that requires grad"
    elif x.requires_grad and x.is_leaf:
        what = "a leaf tensor that requires grad"
    if what:
        raise InPlaceError(
            f"{what} cannot be modified in place: its history would be lost\n"
            "  hint: update parameters inside no_grad(), or work on a clone()"
        )


def writable(x: Tensor) -> np.ndarray[Any, Any]:
    """The array of `x` to write to. Raises InPlaceError where entries share memory, or memory cannot be written to."""
    array: np.ndarray[Any, Any] = x.data
    if array.size and any(step == 0 and n > 1 for step, n in zip(array.strides, array.shape, strict=True)):
        raise InPlaceError(
            f"a tensor of shape {x.shape} whose entries share memory (it was broadcast) cannot be modified in place\n"
            "  hint: clone() it first"
        )
    try:
        array = as_writable(array)
    except ValueError as error:
        raise InPlaceError("this tensor shows read-only memory; clone() it first") from error
    return array


def _check_result(op: Op, x: Tensor, y: Any) -> None:
    if np.shape(y) != x.shape:
        raise InPlaceError(f"{op.name}_: the result has shape {np.shape(y)}, but must have the tensor's shape {x.shape}")
    dtype = np.asarray(y).dtype
    if not np.can_cast(dtype, x.dtype, "same_kind"):
        raise InPlaceError(f"{op.name}_: a result of dtype {dtype} cannot be written into a tensor of dtype {x.dtype}")


def _node(op: Op, inputs: tuple[Any, ...], arrays: list[Any], params: dict[str, Any], x: Tensor) -> Node | None:
    """The node of the operation, which is yet to be written; None where nothing can be differentiated."""
    if x.dtype.kind not in "fc":
        return None
    wanted = tuple(i for i, t in enumerate(inputs) if type(t) is Tensor and t.requires_grad and op.rule(i))
    if not wanted:  # comparisons, say: the old value does not count any more
        return _node(TABLE["_copy"], (x, 0.0), [x.data, 0.0], {}, x) if x.requires_grad else None  # type: ignore[arg-type]
    if 0 in op.needs(wanted)[0]:
        arrays = [x.data.copy(), *arrays[1:]]
    view = _view(x)
    if view is not None and (view.above is not None or (x.grad_fn is not None and x.grad_fn.hooks)):
        # As in PyTorch, the way goes from the base, past hooks that were registered on the views as they were.
        inputs = (follow(view.base, view.steps), *inputs[1:])
    return OpNode(op, inputs, arrays, params, x.data, wanted)


def _slices_node(base: Tensor, value: Tensor, view: View) -> Node:
    """The history of `base` once `value` has been written to the view of it."""
    op: Any = TABLE["_copy_slices"]
    axes = tuple(int(k) for k in np.argsort([-abs(step) for step in base.data.strides], kind="stable"))
    wanted = (0, 1) if base.requires_grad else (1,)
    params = {"steps": view.steps, "axes": axes}
    return OpNode(op, (base, value), [base.data, value.data], params, base.data, wanted)


def _set_history(x: Tensor, node: Node, output_nr: int) -> None:
    """Make `node` what made `x`; a gradient that is to be retained is that of the new value."""
    retains = x.stop_retaining()
    x.grad_fn, x.output_nr, x._requires_grad = node, output_nr, True
    if retains:
        x.retain_grad()


def _view(x: Tensor) -> View | None:
    return x._extras.view if x._extras is not None else None
