"""Arrays as vectors of real numbers: the directions along which an input is moved, and an output is read.

A complex entry counts as two coordinates, its real and its imaginary part. With a `structure` only the directions that keep
it are coordinates: of a symmetric matrix the lower triangle, each entry moved together with its mirror image.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
WIDER = {np.dtype(np.float32): np.dtype(np.float64), np.dtype(np.complex64): np.dtype(np.complex128)}


class Coordinates:
    """The real coordinates of one input at its value `x`."""

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
    def size(self) -> int:
        """Number of coordinates."""
        return len(self.first)

    @property
    def x(self) -> Array:
        """The coordinates' values."""
        values: Array = self.flat[self.first]
        return values

    def index(self, j: int) -> tuple[int, ...]:
        """The entry of the array that coordinate `j` belongs to."""
        entry = int(self.first[j]) // (2 if self.complex else 1)
        return tuple(int(i) for i in np.unravel_index(entry, self.value.shape)) if self.value.ndim else ()

    def part(self, j: int) -> str:
        """`re` or `im` of a complex entry, else ''."""
        return ("re", "im")[int(self.first[j]) % 2] if self.complex else ""

    def project(self, gradients: Array) -> Array:
        """Gradients, stacked along a leading axis, as derivatives along the coordinates: (k, *shape) -> (k, size)."""
        flat = as_real(gradients).reshape(len(gradients), self.flat.size)
        partner = np.where(self.first != self.second, flat[:, self.second], 0.0)
        along: Array = flat[:, self.first] + partner
        return along

    def tangent(self, direction: Array) -> Array:
        """The array that moves every coordinate by its share of `direction`."""
        flat = np.zeros_like(self.flat)
        flat[self.first] = direction
        flat[self.second] = direction
        array: Array = self._array(flat[None])[0]
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
        return self._array(copies), copies[rows, first] - self.flat[first], outside

    def together(self, steps: Array) -> tuple[Array, Array, Array]:
        """Copies of the array, each moved along all coordinates by (k, size) steps: the copies, the distances really gone,
        and which copies lie outside the bounds (those are not moved).
        """
        target: Array = self.x + steps
        outside: Array = np.zeros(len(steps), bool)
        if self.bounds is not None:
            outside = np.any((target < self.bounds[0]) | (target > self.bounds[1]), axis=1)
            target[outside] = self.x
        copies = np.repeat(self.flat[None], len(steps), axis=0)
        copies[:, self.first] = target
        copies[:, self.second] = target
        return self._array(copies), target - self.x, outside

    def displaced(self, steps: Array) -> Array:
        """Copies of the array, each moved along all coordinates: (k, size) -> (k, *shape)."""
        copies = np.repeat(self.flat[None], len(steps), axis=0)
        target = self.flat[self.first] + steps
        if self.bounds is not None:
            target = np.clip(target, *self.bounds)
        copies[:, self.first] = target
        copies[:, self.second] = target
        return self._array(copies)

    def _array(self, flat: Array) -> Array:
        """Rows of real numbers as arrays of the input's shape."""
        if self.complex:
            flat = np.ascontiguousarray(flat).view(np.complex128)
        return flat.reshape(len(flat), *self.value.shape)


def wide(value: Array) -> Array:
    """Single precision as double: a forward is looked at in double precision wherever it lets itself be."""
    return value.astype(WIDER.get(value.dtype, value.dtype), copy=False)


def as_real(array: Array) -> Array:
    """All numbers of an array as float64, flat; a complex entry as its two parts beside each other."""
    if array.dtype.kind == "c":
        return np.ascontiguousarray(array, dtype=np.complex128).view(np.float64).ravel()
    return np.asarray(array, dtype=np.float64).ravel()
