"""Version counters: how often an array's memory has been modified in place, when, and by which lines.

As in PyTorch, a tensor, its views and what `detach` gave share one counter, and backward refuses saved values that were
modified since. But no tensor carries a counter: the counter belongs to the *memory*, and is made when that memory is first
modified. A node notes only the time at which it saved its values, on a clock that ticks with every modification; so
recording an operation costs next to nothing, and backward looks at a saved value only if the clock has moved.
"""

from __future__ import annotations

import threading
import weakref
from array import array as numbers
from bisect import bisect_right
from collections import deque
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from gradcheck_cli.errors import InPlaceError

if TYPE_CHECKING:
    from gradcheck_cli.engine.lines import Line

Array: TypeAlias = "np.ndarray[Any, Any]"


class _Clock:
    __slots__ = ("time",)

    def __init__(self) -> None:
        self.time = 0


CLOCK = _Clock()
_LOCK = threading.Lock()


class History:
    """The modifications of one piece of memory."""

    LONGEST = 4096
    """So many times are kept; what was saved before them is still found to be modified."""

    def __init__(self, memory: Array) -> None:
        key = id(memory)
        self._alive = weakref.ref(memory, lambda _: _HISTORIES.pop(key, None))
        self.version = 0
        self.times = numbers("q")
        self.lines: deque[tuple[int, Line | None]] = deque(maxlen=8)

    def add(self, time: int, line: Line | None) -> None:
        """Note a modification."""
        self.version += 1
        self.times.append(time)
        self.lines.append((time, line))
        if len(self.times) > 2 * self.LONGEST:
            del self.times[: -self.LONGEST]

    def version_at(self, time: int) -> int:
        """The version as it was at that time."""
        return self.version - (len(self.times) - bisect_right(self.times, time))

    def line_after(self, time: int) -> Line | None:
        """The first line known to have modified the memory after that time."""
        return next((line for when, line in self.lines if when > time), None)


_HISTORIES: dict[int, History] = {}


def memory_of(array: Array) -> Array:
    """The array that owns the memory which this one shows."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def modified(array: Array) -> None:
    """Note that the caller's statement has just modified this array's memory."""
    from gradcheck_cli.engine.lines import calling_line

    memory, line = memory_of(array), calling_line()
    with _LOCK:
        CLOCK.time += 1
        history = _HISTORIES.get(id(memory))
        if history is None:
            history = _HISTORIES[id(memory)] = History(memory)
        history.add(CLOCK.time, line)


def version_of(array: Array) -> int:
    """How often the memory behind `array` has been modified in place."""
    history = _HISTORIES.get(id(memory_of(array)))
    return history.version if history else 0


def check_unmodified(user: str, name: str, array: Array, time: int) -> None:
    """Raise InPlaceError if `array`, which `user` saved under `name` at that time, has been modified since."""
    history = _HISTORIES.get(id(memory_of(array)))
    if history is None or history.version_at(time) == history.version:
        return
    line = history.line_after(time)
    raise InPlaceError(
        f"a value that {user} saved for backward has been modified in place: {name!r}, {array.dtype} of shape {array.shape}, "
        f"is at version {history.version}, expected version {history.version_at(time)}"
        + (f"\n  modified at {line}" if line else "")
        + "\n  hint: write the operation out of place (y = y + 1, not y += 1), or modify a clone() of the tensor"
    )
