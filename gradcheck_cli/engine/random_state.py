"""Random generators that a function may draw from, and their states."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

FARTHEST = 1000
"""How many objects are looked at; the closest to the function come first."""

OPAQUE = (np.ndarray, np.generic, ModuleType, type, str, bytes, int, float, complex, type(None))
NOT_THE_USERS = ("gradcheck_cli.", "numpy.", "scipy.", "builtins.")


class RandomState:
    """The state of NumPy's global generator, and of the generators that some values lead to."""

    def __init__(self, *values: Any) -> None:
        self.generators = list(generators_in(values))
        self.kept = self.now()

    def now(self) -> list[Any]:
        """The states as they are."""
        return [np.random.get_state(), *map(_state, self.generators)]  # noqa: NPY002

    def exchange(self) -> list[Any]:
        """Go back to the kept state; the one that was left is returned."""
        left = self.now()
        self.restore(self.kept)
        return left

    def restore(self, states: list[Any]) -> None:
        """Go to a state that `now` gave."""
        np.random.set_state(states[0])  # noqa: NPY002
        for generator, state in zip(self.generators, states[1:], strict=True):
            if isinstance(generator, np.random.RandomState):
                generator.set_state(state)
            else:
                _bits(generator).state = state


def generators_in(values: Iterable[Any]) -> Iterator[Any]:
    """Generators among values, in containers, and in what functions and objects among them refer to."""
    seen: set[int] = set()
    waiting = deque(values)
    while waiting and len(seen) < FARTHEST:
        value = waiting.popleft()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, np.random.Generator | np.random.RandomState | np.random.BitGenerator):
            yield value
        else:
            waiting.extend(islice(_parts(value), FARTHEST))


def _parts(value: Any) -> Iterator[Any]:
    """What an object refers to."""
    if isinstance(value, OPAQUE):
        return
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, tuple | list | set | frozenset | deque):
        yield from value
    elif isinstance(value, partial):
        yield from (value.func, value.args, value.keywords)
    elif isinstance(value, MethodType):
        yield from (value.__self__, value.__func__)
    elif isinstance(value, FunctionType):
        if not f"{value.__module__}.".startswith(NOT_THE_USERS):
            yield from _parts_of_function(value)
    elif not f"{type(value).__module__}.".startswith(NOT_THE_USERS):
        yield type(value).__call__ if callable(value) else None
        yield from getattr(value, "__dict__", {}).values()


def _parts_of_function(function: FunctionType) -> Iterator[Any]:
    """What it closes over, its defaults, and the globals that it names."""
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    yield from function.__defaults__ or ()
    yield from (function.__kwdefaults__ or {}).values()
    yield from vars(function).values()
    for name in _names(function.__code__):
        yield function.__globals__.get(name)


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _state(generator: Any) -> Any:
    return generator.get_state() if isinstance(generator, np.random.RandomState) else _bits(generator).state


def _bits(generator: Any) -> Any:
    return generator.bit_generator if isinstance(generator, np.random.Generator) else generator
