"""Projected mode: random combinations in place of all entries, where a full Jacobian would be too large.

The coordinates and the outputs are each cut into PARTS parts. A direction u moves all coordinates of one part, a cotangent v
combines all outputs of one part, and each number v' J u stands for a block of entries; every entry is in one of them. The
numbers in u are s_j times +-U(0.5, 1.5), those in v +-U(0.5, 1.5), never +-1 alone: with equal sizes, errors in pairs cancel
half of the time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from gradcheck_cli.check.coordinates import Coordinates, ones_at

Array = np.ndarray[Any, Any]
PARTS = 64
"""Parts into which coordinates and outputs are cut, at most."""
NUMBERS = 10**8
"""Fewer, if their copies would have more numbers than this."""
LARGEST = 3.0
"""Of random numbers of both signs, a sum of B is within so many sqrt(B) of them, 997 times in 1000."""
SMALLEST = 0.25
"""The least that an entry counts with in its block's number, beside others that count with 1 on average."""


class Combinations:
    """Weights of vectors of numbers, in parts: a number for each part is the weighted sum of its own."""

    def __init__(self, rng: Any, size: int, parts: int) -> None:
        self.weights: Array = rng.uniform(0.5, 1.5, size) * rng.choice([-1.0, 1.0], size)
        self.starts = np.arange(parts) * size // parts
        self.part_of = np.searchsorted(self.starts, np.arange(size), side="right") - 1

    def __len__(self) -> int:
        return len(self.starts)

    def of(self, values: Array) -> Array:
        """The sums, along the last axis."""
        sums: Array = np.add.reduceat(values * self.weights, self.starts, axis=-1)
        return sums

    def spread(self, steps: Array) -> Array:
        """A number for each part as the weighted numbers of its own, along the last axis."""
        spread: Array = steps[..., self.part_of] * self.weights
        return spread

    def members(self, part: int) -> Array:
        """The numbers of a part."""
        return np.flatnonzero(self.part_of == part)


def parts(size: int, other: int) -> int:
    """Into how many parts `size` coordinates or outputs are cut, beside `other` outputs or coordinates."""
    return max(1, min(size, PARTS, NUMBERS // (8 * (size + other))))


class Directions(Coordinates):
    """Combinations of an input's coordinates, and of the outputs. All directions start at 0."""

    rows: Combinations
    complete = single = False

    def __init__(self, base: Coordinates, scale: Array, rows: Combinations, rng: Any) -> None:
        self.base, self.value, self.complex = base, base.value, base.complex
        self.bounds, self.flat = base.bounds, base.flat
        self.rows = rows
        self.columns = Combinations(rng, base.size, parts(base.size, len(rows.weights)))
        self.columns.weights *= scale

    def block(self, j: int, k: int) -> Part:
        """The entries that one number stands for."""
        return Part(self.base, self.columns.members(j), self.rows.members(k))

    def power(self, rtol: float) -> str:
        """What is seen, in words.

        A block's number is off by more than rtol of it if one of its B entries, of the size of the others, is off by more than
        LARGEST / SMALLEST rtol sqrt(B).
        """
        many = self.base.size * len(self.rows.weights) / (len(self.columns) * len(self.rows))
        seen = LARGEST / SMALLEST * rtol * np.sqrt(many)
        return (
            f"{len(self.rows)} x {len(self.columns)} numbers v'Ju stand for blocks of {many:.0f} entries: a single wrong entry "
            f"of the size of the others is seen, 997 times in 1000, from a relative error of {seen:.0e} on"
        )

    @property
    def every(self) -> int:
        """Those that the directions combine."""
        return self.base.size

    @property
    def size(self) -> int:
        """Number of directions."""
        return len(self.columns)

    @property
    def x(self) -> Array:
        """Where the point lies along each direction."""
        return np.zeros(self.size)

    def place(self, j: int, row: int) -> tuple[tuple[int, ...], str]:
        """The direction's number."""
        return (j,), ""

    def row(self, k: int) -> int | None:
        """No output: a combination."""
        return None

    def lines(self, outputs: int) -> int:
        """Number of combinations of outputs."""
        return len(self.rows)

    def described(self, outputs: int) -> str:
        """How many numbers stand for how many entries."""
        return f"{len(self.columns)} x {len(self.rows)} random combinations of {self.base.size * outputs} entries"

    def look(self, values: Array) -> Array:
        """The combinations of outputs, along the last axis."""
        return self.rows.of(values)

    @property
    def asked(self) -> Any:
        """The combinations of outputs."""
        return self.rows

    def questions(self, outputs: int, room: int) -> Iterator[Array]:
        """The combinations of outputs."""
        parts = np.eye(len(self.rows))
        return (self.rows.spread(parts[k : k + room]) for k in range(0, len(parts), room))

    def project(self, gradients: Array) -> Array:
        """Directional derivatives: (k, *shape) -> (k, directions)."""
        return self.columns.of(self.base.project(gradients))

    def moved(self, columns: Array, steps: Array) -> tuple[Array, Array, Array]:
        """Copies of the input, each moved along one direction."""
        copies, _, outside = self.base.together(self.columns.spread(np.eye(self.size)[columns] * np.asarray(steps)[:, None]))
        return copies, np.asarray(steps, float), outside

    def together(self, steps: Array) -> tuple[Array, Array, Array]:
        """Copies of the input, each moved along all directions."""
        copies, _, outside = self.base.together(self.columns.spread(steps))
        return copies, steps, outside

    def displaced(self, steps: Array) -> Array:
        """Copies of the input, moved by combinations of the directions."""
        return self.base.displaced(self.columns.spread(steps))

    def tangent(self, direction: Array) -> Array:
        """The array that a combination of the directions is."""
        return self.base.tangent(self.columns.spread(direction))


class Part(Coordinates):
    """Some coordinates of an input, one by one, and some of the outputs."""

    complete = False

    def __init__(self, base: Coordinates, chosen: Array, seen: Array) -> None:
        super().__init__(base.value, bounds=base.bounds)
        self.base = base
        self.first, self.second = base.first[chosen], base.second[chosen]
        self.rows = self.seen = seen

    @property
    def every(self) -> int:
        """Those that are looked at, and the others."""
        return self.base.size

    @property
    def asked(self) -> Any:
        """Questions of its own."""
        return self

    def questions(self, outputs: int, room: int) -> Iterator[Array]:
        """The outputs that are seen."""
        return ones_at(self.seen[:, None], outputs, room)

    def row(self, k: int) -> int | None:
        """The output's number."""
        return int(self.seen[k])

    def lines(self, outputs: int) -> int:
        """Number of outputs that are seen."""
        return len(self.seen)

    def described(self, outputs: int) -> str:
        """How many coordinates and outputs."""
        return f"{self.size} coordinates and {len(self.seen)} of the outputs, entry by entry"

    def look(self, values: Array) -> Array:
        """The outputs that are seen, along the last axis."""
        return values[..., self.seen]
