"""Gradient modes: whether operations on tensors build the graph. One switch per thread, as in PyTorch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial, wraps
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


class _Switch:
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
        from inspect import isgeneratorfunction

        enabled = self._enabled

        @wraps(function)
        def inner(*args: Any, **kwargs: Any) -> Any:
            with _Switch(enabled):
                return function(*args, **kwargs)

        @wraps(function)
        def resumed(*args: Any, **kwargs: Any) -> Any:
            return (yield from _resumed(function(*args, **kwargs), enabled))

        return resumed if isgeneratorfunction(function) else inner


def _resumed(generator: Generator[Any, Any, Any], enabled: bool) -> Generator[Any, Any, Any]:
    """The generator, whose body runs in this mode, while between its steps that of whoever asks for them is in force."""
    step = partial(generator.send, None)
    try:
        while True:
            with _Switch(enabled):
                value = step()
            try:
                step = partial(generator.send, (yield value))
            except GeneratorExit:
                with _Switch(enabled):
                    generator.close()
                raise
            except BaseException as error:
                step = partial(generator.throw, error)
    except StopIteration as end:
        return end.value


class set_grad_enabled(_Switch):  # noqa: N801 (PyTorch's name)
    """Switches recording on or off as soon as it is called; what is called so also is a context manager or a decorator.

    `with` switches back at the end to what was in force before the call; a decorator does so at once, and switches in
    the function only.
    """

    def __init__(self, enabled: bool) -> None:
        super().__init__(bool(enabled))
        self._at_first = MODE.enabled
        MODE.enabled = self._enabled

    def __enter__(self) -> None:
        self._before.append(self._at_first)
        MODE.enabled = self._enabled

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function` in this mode; outside of it what was in force before."""
        MODE.enabled = self._at_first
        return super().__call__(function)


@contextmanager
def held(state: threading.local, name: str, value: Any) -> Iterator[None]:
    """Inside, a thread's state has this value; afterwards the one that it had."""
    before = getattr(state, name)
    setattr(state, name, value)
    try:
        yield
    finally:
        setattr(state, name, before)


def without_rules() -> AbstractContextManager[None]:
    """Inside, a `Function` or a spec's function with a rule is recorded by what its forward does."""
    return held(MODE, "rules", False)


class _Fixed(_Switch):
    """A switch that knows its position: `@no_grad` is as good as `@no_grad()`."""

    position: bool

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        """The switch, or a function that was given decorated with it."""
        return super().__new__(cls) if function is None else cls()(function)

    def __init__(self, function: Callable[..., Any] | None = None) -> None:
        super().__init__(self.position)


class no_grad(_Fixed):  # noqa: N801 (PyTorch's name)
    """Inside, no graph is built: results do not require grad."""

    position = False


class enable_grad(_Fixed):  # noqa: N801 (PyTorch's name)
    """Inside, the graph is built again, also within `no_grad`."""

    position = True
