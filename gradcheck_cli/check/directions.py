"""Projected mode: a few random directions in place of all coordinates, where a full Jacobian would be too large.

K tangents u and K cotangents v give the K x K numbers v' J u, which are judged as entries of a small Jacobian. The entries of u
are s_j times +-U(0.5, 1.5), never +-1 alone: with equal sizes, errors in pairs cancel half of the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from gradcheck_cli.check.coordinates import Coordinates

Array = np.ndarray[Any, Any]
DIRECTIONS = 4
"""K: a single wrong entry that stands out of the noise is missed by none of them."""


def draw(rng: Any, rows: int, size: int) -> Array:
    """Rows of +-U(0.5, 1.5)."""
    found: Array = rng.uniform(0.5, 1.5, (rows, size)) * rng.choice([-1.0, 1.0], (rows, size))
    return found


def power(rtol: float) -> str:
    """What a projected check sees, in words."""
    return (
        f"{DIRECTIONS} x {DIRECTIONS} numbers v'Ju stand for all entries: an error is seen where it changes one of them "
        f"by more than {rtol:g} of it"
    )


class Directions(Coordinates):
    """Some directions of an input as its coordinates; all of them start at 0. `rows` stand for the outputs."""

    rows: Array
    complete = False

    def __init__(self, base: Coordinates, scale: Array, rows: Array, rng: Any) -> None:
        self.base, self.value, self.complex = base, base.value, base.complex
        self.rows = rows
        self.vectors = draw(rng, DIRECTIONS, base.size) * scale
        self.bounds, self.flat = base.bounds, base.flat

    @property
    def size(self) -> int:
        """Number of directions."""
        return len(self.vectors)

    @property
    def x(self) -> Array:
        """Where the point lies along each direction."""
        return np.zeros(self.size)

    def index(self, j: int) -> tuple[int, ...]:
        """The direction's number."""
        return (j,)

    def part(self, j: int) -> str:
        """A direction has no parts."""
        return ""

    @property
    def asked(self) -> Any:
        """The combinations of outputs."""
        return "combinations"

    def questions(self, outputs: int) -> Iterator[Array]:
        """The combinations of outputs."""
        yield from self.rows

    def project(self, gradients: Array) -> Array:
        """Directional derivatives: (k, *shape) -> (k, directions)."""
        along: Array = self.base.project(gradients) @ self.vectors.T
        return along

    def moved(self, columns: Array, steps: Array) -> tuple[Array, Array, Array]:
        """Copies of the input, each moved along one direction."""
        copies, _, outside = self.base.together(self.vectors[columns] * steps[:, None])
        return copies, np.asarray(steps, float), outside

    def together(self, steps: Array) -> tuple[Array, Array, Array]:
        """Copies of the input, each moved along all directions."""
        copies, _, outside = self.base.together(steps @ self.vectors)
        return copies, steps, outside

    def displaced(self, steps: Array) -> Array:
        """Copies of the input, moved by combinations of the directions."""
        return self.base.displaced(steps @ self.vectors)

    def tangent(self, direction: Array) -> Array:
        """The array that a combination of the directions is."""
        return self.base.tangent(direction @ self.vectors)


def projected(evaluate: Callable[[Array], Array], rows: Array) -> Callable[[Array], Array]:
    """The forward with its outputs combined by `rows`: (copies, outputs) -> (copies, len(rows))."""
    return lambda copies: evaluate(copies) @ rows.T
