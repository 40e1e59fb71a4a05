"""A forward rule (`jvp`), judged by the same differences, and against the backward rule without any."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from gradcheck_cli.check.claimed import Outputs
from gradcheck_cli.check.contract import dense_cotangent
from gradcheck_cli.check.coordinates import Coordinates
from gradcheck_cli.check.differences import outputs_as_real
from gradcheck_cli.check.findings import Finding
from gradcheck_cli.check.jacobian import Judged
from gradcheck_cli.check.problem import Problem
from gradcheck_cli.check.summary import at
from gradcheck_cli.check.verdict import FAILING

Array = np.ndarray[Any, Any]


def forward_jacobian(problem: Problem, i: int, outputs: Outputs, coordinates: Coordinates) -> Array:
    """The jvp rule's Jacobian for input `i`, (input coordinates, outputs): one tangent per coordinate. Raises RuleError."""
    rows = [_tangents(problem, i, coordinates.tangent(e), outputs) for e in np.eye(coordinates.size)]
    return np.array(rows).reshape(coordinates.size, outputs.size)


def _tangents(problem: Problem, i: int, tangent: Array, outputs: Outputs) -> Array:
    """The outputs' tangents for a tangent of input `i` alone, as coordinates."""
    assert problem.pushforward is not None
    given = [
        tangent.astype(x.value.dtype) if k == i else np.zeros(x.value.shape, x.value.dtype)
        for k, x in enumerate(problem.inputs)
        if x.requires_grad
    ]
    return outputs_as_real(problem.pushforward([x.value for x in problem.inputs], given), outputs.kept)


def forward_findings(
    problem: Problem, i: int, forward: Judged, backward: Array, outputs: Outputs, coordinates: Coordinates, allowed: float
) -> Iterator[Finding]:
    """A mismatch with the differences; and <v, J u> by the jvp rule against <J' v, u> by the backward rule.

    `allowed` is the part of sum |u| |J| |v| that the two products may differ by.
    """
    place, name = problem.jvp_location or problem.location, problem.inputs[i].name
    columns = forward.claimed
    wrong = np.isin(forward.verdict, FAILING)
    if wrong.any():
        j, k = (int(n[0]) for n in np.nonzero(wrong))
        output, index = outputs.place(k)
        message = (
            f"the forward rule for {name!r} is wrong in {wrong.sum()} of {wrong.size} entries; d{output}{at(index)}/"
            f"d{name}{at(coordinates.index(j))}: jvp {columns[j, k]:.9g}, numeric {forward.numeric[j, k]:.9g}"
        )
        yield Finding("GC203", message, place, name)
    u, v = dense_cotangent(coordinates.size), dense_cotangent(outputs.size)
    with np.errstate(all="ignore"):
        one, two = u @ columns @ v, u @ backward @ v
        size = np.abs(u) @ np.maximum(np.abs(columns), np.abs(backward)) @ np.abs(v)
    if not abs(one - two) <= allowed * size and np.isfinite(one - two):
        message = f"<v, J u> = {one:.9g} by the forward rule, <J' v, u> = {two:.9g} by the backward rule ({name!r})"
        yield Finding("GC204", message, place, name)
