"""The fixed cotangent and tangent that rules are asked about as wholes."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck_cli.check.coordinates import fraction, kept

Array = np.ndarray[Any, Any]


def dense_cotangent(size: int) -> Array:
    """A fixed vector of entries of both signs between 0.5 and 1.5 in size, none equal to another."""
    return _dense(size, (5**0.5 - 1) / 2)


def dense_tangent(size: int) -> Array:
    """Another one. For u = v the pairing v' J u would not see the antisymmetric part of J: a transpose, a lost conjugate."""
    return _dense(size, 2**0.5 - 1)


@kept
def _dense(size: int, irrational: float) -> Array:
    spread = fraction((np.arange(size) + 1) * irrational)
    signs = np.where(fraction(spread * 5) < 0.5, -1.0, 1.0)
    vector: Array = signs * (0.5 + spread)
    return vector
