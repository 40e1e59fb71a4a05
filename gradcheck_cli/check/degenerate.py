"""Points at which wrong rules agree with right ones: zeros, ones, equal numbers, symmetric and square matrices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from gradcheck_cli.check.findings import Finding
from gradcheck_cli.check.problem import Input, Problem

Array = np.ndarray[Any, Any]


def degenerate(problem: Problem) -> list[Finding]:
    """A note for each input whose values or shape may hide an error."""
    inputs = [x for x in problem.inputs if x.requires_grad and x.value.size]
    notes = [(x.name, message) for x in inputs for message in _of_one(x, len(inputs))]
    notes += [(b.name, f"{a.name!r} and {b.name!r} are equal: swapping them changes nothing") for a, b in _equal_pairs(inputs)]
    square = [(x.name, f"{x.name!r} is square, and need not be") for x in inputs if _square(problem, x)]
    coded = [("GC602", notes), ("GC605", square)]
    return [Finding(code, message, problem.location, name) for code, found in coded for name, message in found]


def _of_one(x: Input, count: int) -> Iterator[str]:
    """What is special about the values of one input. A single 1 among other scalars is nothing special."""
    value, name = x.value, x.name
    if not np.any(value):
        yield f"{name!r} is all zeros: terms that are multiplied by it vanish"
    elif np.all(value == 1) and (value.size > 1 or count == 1):
        yield f"{name!r} is all ones: factors and powers of it change nothing"
    elif value.size > 1 and np.all(value == value.flat[0]):
        yield f"all entries of {name!r} are equal: rolling, sorting or transposing it changes nothing"
    elif not x.structure and _symmetric(value):
        yield f"{name!r} is symmetric: a forgotten transpose changes nothing (say `structure: symmetric` if it must be)"


def _symmetric(value: Array) -> bool:
    square = value.ndim >= 2 and value.shape[-1] == value.shape[-2] > 1
    return square and np.array_equal(value, np.swapaxes(value, -1, -2))


def _equal_pairs(inputs: list[Input]) -> Iterator[tuple[Input, Input]]:
    for k, a in enumerate(inputs):
        for b in inputs[k + 1 :]:
            if a.value.size > 1 and a.value.shape == b.value.shape and np.array_equal(a.value, b.value):
                yield a, b


def _square(problem: Problem, x: Input) -> bool:
    """Whether it is a square matrix where the forward would also take another shape."""
    value = x.value
    if value.ndim < 2 or value.shape[-1] != value.shape[-2] or value.shape[-1] < 2 or x.structure:
        return False
    longer = (np.concatenate([value, np.take(value, [0], axis)], axis) for axis in (-2, -1))
    return any(_runs(problem, [other if y is x else np.array(y.value) for y in problem.inputs]) for other in longer)


def _runs(problem: Problem, arrays: list[Array]) -> bool:
    try:
        with np.errstate(all="ignore"):
            problem.primal(*arrays)
    except Exception:  # whatever the forward raises: it needs the other shape
        return False
    return True
