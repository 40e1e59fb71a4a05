"""Other inputs of the same shapes, for asking whether two rules agree by chance of the inputs or everywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from gradcheck_cli.check.coordinates import Coordinates
from gradcheck_cli.check.problem import Input

Array = np.ndarray[Any, Any]
TRIES = 3
Draw = Callable[[Any, Array], Array]
"""From a generator and the coordinates' values to other values."""


def other_inputs(redraw: Callable[[int], Sequence[Input]]) -> Iterator[tuple[Input, ...]]:
    """Inputs as other seeds would draw them, those written out moved a little, entries exchanged, and drawn from scratch."""
    for number in range(TRIES):
        for kind, draw in enumerate(DRAWS):
            rng = np.random.default_rng([number, kind])
            yield tuple(_moved(x, draw, rng) for x in redraw(1 + number))


def _moved(x: Input, draw: Draw, rng: Any) -> Input:
    """The input with other values, of its structure and within its bounds; integers and booleans stay."""
    if x.value.dtype.kind not in "fc" or not x.value.size:
        return x
    symmetric = x.value.ndim > 1 and x.value.shape[-1] == x.value.shape[-2] > 1
    symmetric = symmetric and np.array_equal(x.value, np.swapaxes(x.value, -1, -2))
    coordinates = Coordinates(x.value, x.structure or ("symmetric" if symmetric else ""), x.bounds)
    steps = draw(rng, coordinates.x) - coordinates.x
    return x._replace(value=coordinates.displaced(steps[None])[0].astype(x.value.dtype))


def _scale(values: Array) -> float:
    return float(np.sqrt(np.mean(values**2))) or 1.0


def _nudged(rng: Any, values: Array) -> Array:
    moved: Array = values * rng.uniform(0.9, 1.1, values.shape) + np.where(values == 0, 0.05 * _scale(values), 0.0)
    return moved


def _jittered(rng: Any, values: Array) -> Array:
    moved: Array = values * rng.uniform(0.5, 1.6, values.shape)
    return moved + np.where(values == 0, 0.5 * _scale(values) * rng.standard_normal(values.shape), 0.0)


def _exchanged(rng: Any, values: Array) -> Array:
    return _jittered(rng, rng.permutation(values))


def _drawn(rng: Any, values: Array) -> Array:
    drawn: Array = _scale(values) * 1.5 * rng.standard_normal(values.shape)
    return drawn


DRAWS: tuple[Draw, ...] = (_jittered, _drawn, _exchanged, _nudged)
"""From those that show most; the last one is for inputs that may hardly be moved."""
