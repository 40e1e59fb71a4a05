"""Values that differences must not move: what `stop_gradient` let through at the base point."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np


class _Frozen(threading.local):
    """Off, `stop_gradient` is the identity; recording, it keeps its values; replaying, it hands them out in order."""

    def __init__(self) -> None:
        self.recorded: list[Any] | None = None
        self.position = -1

    def value(self, x: Any) -> Any:
        """What stop_gradient(x) gives now."""
        if self.recorded is None:
            return np.asarray(x)
        if self.position < 0:
            self.recorded.append(np.array(x))
            return x
        self.position += 1
        # A batch of copies gets the base point's value in every copy.
        return np.broadcast_to(self.recorded[self.position - 1], np.shape(x))


FROZEN = _Frozen()


def freeze(function: Callable[..., Any], *base: Any) -> Callable[..., Any]:
    """`function` with every `stop_gradient` inside it held at the value it has at `base`.

    The function has to reach its `stop_gradient` calls in the same order at every point. Returns `function`
    itself when it has none, so that nothing is paid for it.
    """
    recorded = _run(function, base, [], -1)[1]
    if not recorded:
        return function
    return lambda *arrays: _run(function, arrays, recorded, 0)[0]


def _run(function: Callable[..., Any], arrays: Any, recorded: list[Any], position: int) -> tuple[Any, list[Any]]:
    before = FROZEN.recorded, FROZEN.position
    FROZEN.recorded, FROZEN.position = recorded, position
    try:
        return function(*arrays), recorded
    finally:
        FROZEN.recorded, FROZEN.position = before
