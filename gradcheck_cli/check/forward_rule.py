"""A forward rule (`jvp`), judged by the same differences, and against the backward rule without any."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from gradcheck_cli.check.claimed import Outputs
from gradcheck_cli.check.contract import dense_cotangent, dense_tangent
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
    rows = [_tangents(problem, {i: coordinates.tangent(e)}, outputs) for e in np.eye(coordinates.size)]
    return np.array(rows).reshape(coordinates.size, outputs.size)


def _tangents(problem: Problem, tangents: dict[int, Array], outputs: Outputs) -> Array:
    """The outputs' tangents, as coordinates, for tangents of some inputs; those of the others are zero."""
    assert problem.pushforward is not None
    given = [
        tangents[k].astype(x.value.dtype) if k in tangents else np.zeros(x.value.shape, x.value.dtype)
        for k, x in enumerate(problem.inputs)
        if x.requires_grad
    ]
    return outputs_as_real(problem.pushforward([x.value for x in problem.inputs], given), outputs.kept)


def forward_findings(
    problem: Problem, i: int, forward: Judged, backward: Array, outputs: Outputs, coordinates: Coordinates, allowed: float
) -> Iterator[Finding]:
    """A mismatch with the differences; a rule that is not linear; and <v, J u> by the jvp rule against <J' v, u> by the
    backward rule.

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
    u, v = dense_tangent(coordinates.size), dense_cotangent(outputs.size)
    crooked = _not_linear(problem, i, columns, outputs, allowed)
    if crooked and not wrong.any():
        yield Finding("GC203", f"the forward rule for {name!r} is not linear in the tangents: {crooked}", place, name)
    with np.errstate(all="ignore"):
        one, two = u @ columns @ v, u @ backward @ v
        size = np.abs(u) @ np.maximum(np.abs(columns), np.abs(backward)) @ np.abs(v)
    if not abs(one - two) <= allowed * size and np.isfinite(one - two):
        message = f"<v, J u> = {one:.9g} by the forward rule, <J' v, u> = {two:.9g} by the backward rule ({name!r})"
        yield Finding("GC204", message, place, name)


def _not_linear(problem: Problem, i: int, columns: Array, outputs: Outputs, allowed: float) -> str:
    """What a dense tangent of input `i`, beside those of the inputs before it, adds to theirs; '' where that is J u."""
    spaces = {k: Coordinates(x.value, x.structure) for k, x in enumerate(problem.inputs[: i + 1]) if x.requires_grad}
    dense = {k: 2 * dense_cotangent(space.size) for k, space in spaces.items()}
    every = {k: spaces[k].tangent(u) for k, u in dense.items()}
    both = _tangents(problem, every, outputs)
    before = _tangents(problem, {k: t for k, t in every.items() if k != i}, outputs)
    with np.errstate(all="ignore"):
        added, expected = both - before, dense[i] @ columns
        size = np.abs(dense[i]) @ np.abs(columns) + np.abs(both) + np.abs(before)
        wrong = np.abs(added - expected) > allowed * np.max(np.where(np.isfinite(size), size, 0.0), initial=0.0)
    if not wrong.any():
        return ""
    k = int(np.argmax(wrong))
    return f"for all of them at once it gives {added[k]:.9g} where one by one they add up to {expected[k]:.9g}"
