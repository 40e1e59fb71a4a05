"""Following sources through the ops: on which of their entries a result may depend, and whether it is linear in them.

What is told holds wherever the sources are moved, as a function whose way depends on its values cannot be traced.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck_cli.engine.operators import Lifted, lifted_among

if TYPE_CHECKING:
    from gradcheck_cli.engine.op import Op

Array = np.ndarray[Any, Any]
Aligned = dict[int, frozenset[tuple[int, int]]]
"""For each source that a value depends on, by number, pairs (axis, axis of the source): along these, entries depend on entries
of the same index only."""
ORDINARY = 1e100
"""What is larger, or smaller than its reciprocal, may overflow or lose digits where a source is another."""


class Trace:
    """One run of a function on sources."""

    widest = 1
    """The most entries of a value on the way."""
    shape_used = measured = False
    """Whether a value's shape was used, by the function or around it; and whether a spec's text asked for it. Another size may
    then give other values."""


class Traced(Lifted):
    """An array, and what is known of its dependence on the sources."""

    __slots__ = ("aligned", "linear", "trace")

    def __init__(self, array: Array, aligned: Aligned, linear: bool, trace: Trace | None = None) -> None:
        super().__init__(array)
        self.aligned, self.linear, self.trace = aligned, linear, trace or Trace()
        """`linear`: in all sources together, in double precision, and far from the ends of its range."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The array's shape."""
        self.trace.shape_used = True
        shape: tuple[int, ...] = self.array.shape
        return shape

    def apply(self, op: Op, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
        """Run `op`, and say what its result depends on. Raises TypeError where a parameter depends on the sources."""
        if lifted_among(params.values()) is not None:
            raise TypeError(f"{op} depends on a parameter that is traced")
        arrays = [x.array if type(x) is Traced else x for x in inputs]
        y = op.forward(*arrays, **params)
        parts = [np.asarray(part) for part in (y if isinstance(y, tuple | list) else (y,))]
        axes = op.family.dependence(op, [np.shape(a) for a in arrays], params, [part.shape for part in parts])
        moving = [k for k, x in enumerate(inputs) if type(x) is Traced]
        linear = all(inputs[k].linear for k in moving) and op.is_linear(arrays, moving)
        aligned = _joined([_through(axes[k], inputs[k].aligned) for k in moving])
        trace = inputs[moving[0]].trace
        trace.widest = max(trace.widest, *(part.size for part in parts))
        found = tuple([Traced(part, aligned, linear and part.dtype.char in "dD" and ordinary(part), trace) for part in parts])
        return found if isinstance(y, tuple | list) else found[0]

    def measured(self) -> None:
        """Note that a size was asked for."""
        self.trace.measured = True


def source(array: Array, number: int, trace: Trace | None = None) -> Traced:
    """An array as the source of that number."""
    return Traced(array, {number: frozenset((k, k) for k in range(array.ndim))}, array.dtype.char in "dD", trace)


def traced(function: Callable[..., Any], arrays: Sequence[Array], moving: Sequence[bool]) -> list[Traced] | None:
    """The outputs of a function of arrays, of which the flagged ones are sources, numbered by position; None where it cannot be
    followed.
    """
    trace = Trace()
    sources = [source(np.asarray(a), k, trace) if m else a for k, (a, m) in enumerate(zip(arrays, moving, strict=True))]
    try:
        found = function(*sources)
    except Exception:  # what does not take traced values may raise anything
        return None
    return [as_traced(y, trace) for y in (found if isinstance(found, tuple | list) else (found,))]


def as_traced(value: Any, trace: Trace | None = None) -> Traced:
    """A result; one that is no traced value depends on no source, and is linear in them if it is zero."""
    return value if type(value) is Traced else Traced(np.asarray(value), {}, not np.any(value), trace)


def ordinary(array: Array) -> bool:
    """Whether sums and multiples of such numbers are rounded only: nothing underflows, overflows, or has few digits."""
    if not array.size:
        return True
    size = np.abs(array)
    if not size.max() < ORDINARY:
        return False
    return bool(size.min() > 1 / ORDINARY) or bool(np.all((size == 0) | (size > 1 / ORDINARY)))


def _through(axes: Sequence[tuple[int, int]], aligned: Aligned) -> Aligned:
    """The alignment of a result with the sources of one of its inputs."""
    return {s: frozenset((o, t) for o, i in axes for j, t in pairs if i == j) for s, pairs in aligned.items()}


def _joined(parts: Sequence[Aligned]) -> Aligned:
    """What holds of a result that depends on sources in several ways."""
    joined = dict(parts[0])
    for part in parts[1:]:
        for s, pairs in part.items():
            joined[s] = joined[s] & pairs if s in joined else pairs
    return joined
