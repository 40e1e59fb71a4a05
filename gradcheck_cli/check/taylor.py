"""The Taylor-remainder view: how the symmetric remainder of a claimed slope falls with the step.

R(h) = |v'(f(x + h u) - f(x - h u)) - 2 h <g, u>|, g = J'v the rule's gradient. Where the rule is right it falls with h^3 until
rounding stops it; where it is off by a relative error e it falls with h only, and R(h) / (2 h |<g, u>|) reads e off directly.
A picture, not a verdict.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from gradcheck_cli.check.dense import dense_cotangent, dense_tangent
from gradcheck_cli.check.differences import Differences

Array = np.ndarray[Any, Any]
EXPONENTS = tuple(range(-1, -27, -1))
"""Steps from half of the input's scale downwards."""


class Taylor(NamedTuple):
    """Remainders of one input."""

    h: tuple[float, ...]
    """Steps, in units of the input's scale, the largest first."""
    remainder: tuple[float, ...]
    relative: tuple[float, ...]
    """The remainder over the claimed change; its smallest value is about the rule's relative error, or rounding."""


def taylor(claimed: Array, d: Differences) -> Taylor:
    """The remainders for a claimed Jacobian, (input coordinates, outputs)."""
    u = dense_tangent(d.coordinates.size) * d.scale
    v = dense_cotangent(claimed.shape[1])
    slope = float(u @ claimed @ v)
    steps = np.array([2.0**e for e in EXPONENTS])
    with np.errstate(all="ignore"):
        up = d.evaluate(d.coordinates.displaced(steps[:, None] * u)) @ v
        down = d.evaluate(d.coordinates.displaced(-steps[:, None] * u)) @ v
        remainder = np.abs((up - down) - 2 * steps * slope)
        relative = remainder / np.abs(2 * steps * slope)
    d.evaluations += 2 * len(steps)
    return Taylor(tuple(map(float, steps)), tuple(map(float, remainder)), tuple(map(float, relative)))
