"""Running a function of arrays on many copies at once, op by op, through the families' batching rules."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck_cli.engine.modes import held
from gradcheck_cli.engine.operators import Lifted, lifted_among

if TYPE_CHECKING:
    from gradcheck_cli.engine.op import Op


class Notes:
    """On a function that runs on many copies."""

    def __init__(self) -> None:
        self.looped: set[str] = set()
        """The names of the ops that ran copy by copy."""
        self.widest = 1
        """The most numbers that a result of an op has for each copy."""

    def see(self, result: Any) -> None:
        """Note the size of what an op gave."""
        for y in result if isinstance(result, tuple | list) else (result,):
            if y.size > self.widest:
                self.widest = max(self.widest, y.size // len(y))


class _Notes(threading.local):
    taken: Notes | None = None
    """Where somebody asks."""
    loose = False
    """Whether copies are `Loose`."""


NOTES = _Notes()


class Batched(Lifted):
    """An array whose leading axis counts copies; `shape` is that of one copy."""

    __slots__ = ()
    array: np.ndarray[Any, Any]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one copy."""
        shape: tuple[int, ...] = self.array.shape[1:]
        return shape

    def apply(self, op: Op, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
        """Run `op` on all copies; called by the op itself."""
        flags = [isinstance(x, Batched) for x in inputs]
        differ = bool(params) and lifted_among(params.values()) is not None
        if differ:
            y = _one_by_one(op, inputs, params, len(self.array))
        else:
            y = self._run(op, [x.array if b else x for x, b in zip(inputs, flags, strict=True)], flags, params)
        if NOTES.taken is not None:
            NOTES.taken.see(y)
        return tuple(map(type(self), y)) if isinstance(y, tuple | list) else type(self)(y)

    def _run(self, op: Op, inputs: Sequence[Any], flags: Sequence[bool], params: dict[str, Any]) -> Any:
        return op.family.batch(op, inputs, flags, params)


class Loose(Batched):
    """Copies of which nobody asks whether any two are rounded alike."""

    __slots__ = ()

    def _run(self, op: Op, inputs: Sequence[Any], flags: Sequence[bool], params: dict[str, Any]) -> Any:
        return op.family.batch_at_once(op, inputs, flags, params)


def note_loop(op: Op) -> None:
    """Say that an op runs copy by copy."""
    if NOTES.taken is not None:
        NOTES.taken.looped.add(op.name)


def noting(notes: Notes) -> AbstractContextManager[None]:
    """Inside, `notes` are taken."""
    return held(NOTES, "taken", notes)


def loosely() -> AbstractContextManager[None]:
    """Inside, nobody asks whether copies that are equal are rounded alike."""
    return held(NOTES, "loose", True)


def batched(function: Callable[..., Any], arrays: Sequence[Any], flags: Sequence[bool]) -> Any:
    """`function` on inputs of which the flagged ones carry a leading axis of copies; every result carries it too."""
    size = next(len(a) for a, b in zip(arrays, flags, strict=True) if b)
    kind = Loose if NOTES.loose else Batched
    result = function(*[kind(a) if b else a for a, b in zip(arrays, flags, strict=True)])
    if isinstance(result, tuple | list):
        return tuple(spread(part, size) for part in result)
    return spread(result, size)


def spread(value: Any, size: int) -> np.ndarray[Any, Any]:
    """A result's array of copies; one that no batched input reached is the same in every copy."""
    return value.array if isinstance(value, Batched) else np.broadcast_to(value, (size, *np.shape(value)))


def _copy(value: Any, k: int) -> Any:
    if isinstance(value, Batched):
        return value.array[k]
    return type(value)(_copy(v, k) for v in value) if isinstance(value, tuple | list) else value


def _one_by_one(op: Op, inputs: Sequence[Any], params: dict[str, Any], size: int) -> Any:
    """The fallback where a parameter (an index, say) differs between the copies."""
    note_loop(op)
    results = [op.forward(*[_copy(x, k) for x in inputs], **{n: _copy(v, k) for n, v in params.items()}) for k in range(size)]
    if isinstance(results[0], tuple | list):
        return tuple(np.stack(parts) for parts in zip(*results, strict=True))
    return np.stack(results)
