"""Gradient modes: whether operations on tensors build the graph. One switch per thread, as in PyTorch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any


class _Mode(threading.local):
    enabled = True
    made: Callable[[Any], None] | None = None
    """Inside a checkpointed segment: what is told of every node that is recorded."""

    rules = True
    """Whether hand-written rules are used; without, the forwards themselves are recorded, op by op."""


MODE = _Mode()


def is_grad_enabled() -> bool:
    """Whether operations on tensors that require grad are recorded now, in this thread."""
    return MODE.enabled


class set_grad_enabled:  # noqa: N801 (PyTorch's name)
    """Context manager and decorator that switches recording on or off, and back at the end."""

    def __init__(self, enabled: bool) -> None:
        self._enabled = enabled
        self._before: list[bool] = []

    def __enter__(self) -> None:
        self._before.append(MODE.enabled)
        MODE.enabled = self._enabled

    def __exit__(self, *_: Any) -> None:
        MODE.enabled = self._before.pop()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function` in this mode; with a manager of its own for every call, as calls may overlap in threads."""

        @wraps(function)
        def inner(*args: Any, **kwargs: Any) -> Any:
            with set_grad_enabled(self._enabled):
                return function(*args, **kwargs)

        return inner


@contextmanager
def without_rules() -> Iterator[None]:
    """Inside, a `Function` or a spec's function with a rule is recorded by what its forward does."""
    before, MODE.rules = MODE.rules, False
    try:
        yield
    finally:
        MODE.rules = before


class no_grad(set_grad_enabled):  # noqa: N801 (PyTorch's name)
    """Inside, no graph is built: results do not require grad."""

    def __init__(self) -> None:
        super().__init__(False)


class enable_grad(set_grad_enabled):  # noqa: N801 (PyTorch's name)
    """Inside, the graph is built again, also within `no_grad`."""

    def __init__(self) -> None:
        super().__init__(True)
