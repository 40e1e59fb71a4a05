"""Arrays as vectors of real numbers: the directions along which an input is moved, and an output is read.

A complex entry counts as two coordinates, its real and its imaginary part. With a `structure` only the directions that keep
it are coordinates: of a symmetric matrix the lower triangle, each entry moved together with its mirror image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
WIDER = {np.dtype(np.float32): np.dtype(np.float64), np.dtype(np.complex64): np.dtype(np.complex128)}

SHORT = 2**12
"""Of arrays that depend on their size only, those up to this one are kept."""
EACH_OUTPUT = "each output"
"""What the rule is asked about entries that are looked at one by one."""


class Coordinates:
    """The real coordinates of one input at its value `x`."""

    rows: Any = EACH_OUTPUT
    """What the rows of the Jacobian are; the very same object where they are the same."""
    complete = True
    """Whether the questions tell the whole Jacobian."""
    scales: Array | None = None
    """As `scale_of` found them."""
    unit: Any = 1.0
    """What derivatives count per, (coordinates, outputs) or a number."""
    single = True
    """Whether a number is one entry, and no combination of several."""

    def __init__(self, value: Array, structure: str = "", bounds: tuple[float, float] | None = None) -> None:
        self.value = value
        self.complex = value.dtype.kind == "c"
        self.flat = as_real(value)
        """All real numbers of the array."""
        self.bounds = bounds
        self.first = np.arange(self.flat.size)
        """For each coordinate the number that is moved,"""
        self.second = self.first
        """and the one that is moved with it (itself, where there is none)."""
        if structure:
            self._keep(structure)

    def _keep(self, structure: str) -> None:
        """Leave the lower triangle's coordinates only, and pair them with their mirror images if symmetric."""
        parts = 2 if self.complex else 1
        numbers = np.arange(self.flat.size).reshape(*self.value.shape, parts)
        lower = np.tril(np.ones(self.value.shape[-2:], bool))
        self.first = numbers[..., lower, :].ravel()
        mirrored = np.swapaxes(numbers, -2, -3)[..., lower, :].ravel()
        self.second = mirrored if structure == "symmetric" else self.first

    @property
    def outside(self) -> int:
        """For each output the coordinates that do not move it, and have no entry for it."""
        return 0

    @property
    def size(self) -> int:
        """Number of coordinates."""
        return len(self.first)

    @property
    def every(self) -> int:
        """Number of all coordinates of the input."""
        return self.size

    @cached_property
    def whole(self) -> bool:
        """Whether every number of the array is a coordinate of its own, in order."""
        return self.first is self.second and in_order(self.first, self.flat.size)

    @property
    def x(self) -> Array:
        """The coordinates' values."""
        values: Array = self.flat if self.whole else self.flat[self.first]
        return values

    def row(self, k: int) -> int | None:
        """The number of the output that row `k` of the Jacobian is; None where it is a combination of several."""
        return k

    def lines(self, outputs: int) -> int:
        """Number of rows of the Jacobian."""
        return outputs

    def described(self, outputs: int) -> str:
        """What is looked at, in words."""
        return f"every entry of {self.size * outputs}"

    def look(self, values: Array) -> Array:
        """The rows' values, along the last axis, from the outputs'."""
        return values

    def place(self, j: int, row: int) -> tuple[tuple[int, ...], str]:
        """The entry of the array, and its part, whose derivative stands at `j` of a row."""
        return self.index(j), self.part(j)

    def entries(self, judged: tuple[Array, ...]) -> tuple[Array, ...]:
        """Claimed, numeric, bound and verdict of the entries, each (coordinates, outputs), per unit of the input."""
        return judged

    def repacked(self, wanted: Array) -> Any:
        """Fewer groups that have the wanted entries: single coordinates have none."""
        return None

    def watching(self, outputs: Array) -> Coordinates:
        """The same as some of the outputs show them."""
        return self

    def stored(self, entries: Array, outside: float) -> Array:
        """Entries as the array that is kept; `outside` is what those are that are not among them."""
        return entries

    def own_sizes(self, columns: Array) -> Array:
        """|x_j|, the smallest that is not zero of what is moved together."""
        found: Array = np.abs(self.x[columns])
        return found

    def sizes(self, columns: Array) -> Array:
        """|x| of some coordinates, (k, 1) or (k, outputs)."""
        found: Array = np.abs(self.x[columns])[:, None]
        return found

    @property
    def largest(self) -> float:
        """max |x|."""
        return float(np.max(np.abs(self.x), initial=0.0))

    def position(self, columns: Array, outputs: Array) -> Array:
        """Where the point lies along the coordinate that an output depends on, for each pair."""
        found: Array = self.x[columns]
        return found

    @property
    def asked(self) -> Any:
        """What the rule is asked; coordinates with the same (the very same object) share the pullbacks."""
        return EACH_OUTPUT

    def questions(self, outputs: int, room: int) -> Iterator[Array]:
        """Cotangents whose gradients together are the Jacobian, (room, outputs) at a time: one for each output."""
        return ones_at(np.arange(outputs)[:, None], outputs, room)

    def note(self, jacobian: Array, numbers: Array, gradients: Array) -> None:
        """Write the answers, (k, *shape), to the questions of these numbers into the Jacobian, (outputs, coordinates)."""
        jacobian[numbers] = self.project(gradients)

    def combined(self, weights: Array, jacobian: Array) -> Array:
        """The derivatives, as `project` gives them, of the outputs' weighted sum."""
        found: Array = weights @ jacobian
        return found

    def index(self, j: int) -> tuple[int, ...]:
        """The entry of the array that coordinate `j` belongs to."""
        entry = int(self.first[j]) // (2 if self.complex else 1)
        return tuple(int(i) for i in np.unravel_index(entry, self.value.shape)) if self.value.ndim else ()

    def part(self, j: int) -> str:
        """`re` or `im` of a complex entry, else ''."""
        return ("re", "im")[int(self.first[j]) % 2] if self.complex else ""

    @property
    def projected_scale(self) -> Array:
        """The scale of what each number of `project` belongs to."""
        return scale_of(self)

    def project(self, gradients: Array) -> Array:
        """Gradients, stacked along a leading axis, as derivatives along the coordinates: (k, *shape) -> (k, size)."""
        flat = as_real(gradients).reshape(len(gradients), self.flat.size)
        if self.first is self.second:
            return (flat if self.whole else flat[:, self.first]) + 0.0  # no negative zeros
        partner = np.where(self.first != self.second, flat[:, self.second], 0.0)
        along: Array = flat[:, self.first] + partner
        return along

    def tangent(self, direction: Array) -> Array:
        """The array that moves every coordinate by its share of `direction`."""
        flat = np.zeros_like(self.flat)
        flat[self.first] = direction
        flat[self.second] = direction
        array: Array = self.arrays(flat[None])[0]
        return array

    def moved(self, columns: Array, steps: Array) -> tuple[Array, Array, Array]:
        """Copies of the array, each with one coordinate moved: the copies, the distances really gone, and which copies
        lie outside the bounds (those are not moved).
        """
        copies = np.repeat(self.flat[None], len(columns), axis=0)
        rows, first = np.arange(len(columns)), self.first[columns]
        target = self.flat[first] + steps
        outside = np.zeros(len(columns), bool)
        if self.bounds is not None:
            outside = (target < self.bounds[0]) | (target > self.bounds[1])
            target = np.where(outside, self.flat[first], target)
        copies[rows, first] = target
        copies[rows, self.second[columns]] = target
        return self.arrays(copies), copies[rows, first] - self.flat[first], outside

    def together(self, steps: Array) -> tuple[Array, Array, Array]:
        """Copies of the array, each moved along all coordinates by (k, size) steps: the copies, the distances really gone,
        and which copies lie outside the bounds (those are not moved).
        """
        target: Array = self.x + steps
        outside: Array = np.zeros(len(steps), bool)
        if self.bounds is not None:
            outside = np.any((target < self.bounds[0]) | (target > self.bounds[1]), axis=1)
            target[outside] = self.x
        return self._at(target), target - self.x, outside

    def displaced(self, steps: Array) -> Array:
        """Copies of the array, each moved along all coordinates: (k, size) -> (k, *shape)."""
        target = self.x + steps
        if self.bounds is not None:
            target = np.clip(target, *self.bounds)
        return self._at(target)

    def _at(self, target: Array) -> Array:
        """Copies of the array with other coordinates, (k, size)."""
        copies = target
        if not self.whole:
            copies = np.repeat(self.flat[None], len(target), axis=0)
            copies[:, self.first] = target
            copies[:, self.second] = target
        return self.arrays(copies)

    def arrays(self, flat: Array) -> Array:
        """Rows of real numbers as arrays of the input's shape."""
        if self.complex:
            flat = np.ascontiguousarray(flat).view(np.complex128)
        return flat.reshape(len(flat), *self.value.shape)


def ones_at(places: Array, size: int, room: int) -> Iterator[Array]:
    """Vectors that are 1 at the places of a row, (k, places), and 0 elsewhere: (room, size) at a time."""
    for some in (places[k : k + room] for k in range(0, len(places), room)):
        vectors = np.zeros((len(some), size))
        np.put_along_axis(vectors, some, 1.0, axis=1)
        yield vectors


def in_order(numbers: Array, size: int) -> bool:
    """Whether these are the numbers from zero to the size, each at its place."""
    return len(numbers) == size and np.array_equal(numbers, np.arange(size))


def kept(function: Callable[..., Array]) -> Callable[..., Array]:
    """A function that makes the same array for the same size: short ones are kept. Nobody may write into them."""

    def made(size: int, *rest: Any) -> Array:
        found = function(size, *rest)
        found.setflags(write=False)
        return found

    known = lru_cache(maxsize=16)(made)
    return lambda size, *rest: known(size, *rest) if size <= SHORT else made(size, *rest)


@kept
def golden(size: int) -> Array:
    """Numbers between 0 and 1, spread evenly, none equal to another: multiples of the golden ratio."""
    return fraction((np.arange(size) + 1) * 0.6180339887498949)


def fraction(x: Array) -> Array:
    """What is left of positive numbers without their whole part."""
    found: Array = x - np.floor(x)
    return found


def scale_of(coordinates: Coordinates) -> Array:
    """s_j = 2^floor(log2 max(|x_j|, max|x|/128)), or 1 where all of x is 0."""
    if coordinates.scales is None:
        size = np.abs(coordinates.x)
        size[~np.isfinite(size)] = 0.0
        floor = np.maximum(size, size.max(initial=0.0) / 128)
        floor[floor == 0] = 1.0
        coordinates.scales = np.exp2(np.floor(np.log2(floor)))
    return coordinates.scales


def wide(value: Array) -> Array:
    """Single precision as double: a forward is looked at in double precision wherever it lets itself be."""
    return value.astype(WIDER.get(value.dtype, value.dtype), copy=False)


def as_real(array: Array) -> Array:
    """All numbers of an array as float64, flat; a complex entry as its two parts beside each other."""
    if array.dtype.kind == "c":
        return np.ascontiguousarray(array, dtype=np.complex128).view(np.float64).ravel()
    return np.asarray(array, dtype=np.float64).ravel()
