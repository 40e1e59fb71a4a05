"""Whether a rule heeds where it is: one that gives the same gradient where the slope is another was kept, or made up.

This tells a rule that happens to be right at special inputs (zero for abs at 0, 2 for x**2 at 1) from one that is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from gradcheck_cli.check.claimed import Outputs, broken
from gradcheck_cli.check.coordinates import Coordinates, as_real, golden, scale_of
from gradcheck_cli.check.dense import dense_cotangent, dense_tangent
from gradcheck_cli.check.differences import EPS
from gradcheck_cli.check.findings import Finding
from gradcheck_cli.check.problem import Input, Problem, Pulled
from gradcheck_cli.check.result import InputResult
from gradcheck_cli.errors import RuleError

Array = np.ndarray[Any, Any]
STEPS = (1e-4, 1e-5)
"""Relative to the input; with either the slope must be the same."""
BEFORE, AFTER = -1.0, 1.0
"""The ways to the point where a rule is used before the one that is judged, and to that where it is used after it."""
STEADY, APART = 1e-4, 1e-3
"""To what part of the slope the two must agree, and what must lie between them and the claim: far above the error of central
differences at these steps, and a factor of ten apart."""


def check_elsewhere(
    problem: Problem,
    pulled: Pulled,
    outputs: Outputs,
    results: Sequence[InputResult],
    known: Sequence[Array | None] = (),
) -> list[Finding]:
    """A finding for the first input whose gradient is bit for bit the same a few percent away, where the slope is another.

    At a kink, where many values would do, the rule is wrong for it. Where it is right at this point, the finding is a note.
    Where it is wrong, the finding says so only if it is the gradient of the point at which the rule was used before.
    `known`: the gradients for the dense cotangent, where the rule need not be asked for them any more.
    """
    v = dense_cotangent(outputs.size)
    try:
        base = [None if g is None else np.array(g) for g in known or pulled.vjp(outputs.cotangents(v))]
    except RuleError as error:
        return [broken(error, problem)]
    found = used_at(problem, outputs, v, AFTER)
    if found is None:
        return []
    other, there = found
    judged = {x.name: x for x in results}
    for i, g, here in zip(problem.differentiable_inputs(), there, base, strict=True):
        result = judged.get(problem.inputs[i].name)
        if g is None or here is None or result is None or not np.array_equal(g, here):
            continue
        code, message = _verdict(problem, outputs, i, other, v, here, result)
        if code:
            return [Finding(code, message, problem.inputs[i].location or problem.location, result.name)]
    return []


def _verdict(
    problem: Problem, outputs: Outputs, i: int, other: list[Array], v: Array, g: Array, result: InputResult
) -> tuple[str, str]:
    """The code, or none, and the message for a gradient that stays the same."""
    if result.wrong:
        here = _slope(problem, outputs, i, [np.array(x.value) for x in problem.inputs], v, g)
        if here is None or not here.is_another:  # a little wrong, for a function that is linear around here
            return "", ""
        before = _slope(problem, outputs, i, _point(problem, BEFORE), v, g)
        if problem.python and before is not None and before.is_claimed:
            return "GC116", f"the gradient of {result.name!r} is that of another point, where the rule was used before"
        return "", ""
    slope = _slope(problem, outputs, i, other, v, g)
    if slope is None or not slope.is_another:
        return "", ""
    message = f"a few percent away the rule gives the very same gradient of {result.name!r}, but the slope is another there"
    return ("GC116" if result.kinks else "GC606"), message


def use_before(problem: Problem) -> Sequence[Array | None] | None:
    """Use the function and its rule at another point first, so that what a rule keeps from its first call shows as wrong.

    Gives its gradients there for the dense cotangent; None where the function is not defined.
    """
    other = _point(problem, BEFORE)
    try:
        with np.errstate(all="ignore"):
            problem.primal(*map(np.array, other))
            pulled = problem.pullback(other)
            outputs = Outputs(problem.outputs, pulled.outputs, pulled.differentiable)
            return [None if g is None else np.array(g) for g in pulled.vjp(outputs.cotangents(dense_cotangent(outputs.size)))]
    except Exception:  # whatever a user's code raises where it is not defined
        return None


def used_at(problem: Problem, outputs: Outputs, v: Array, way: float) -> tuple[list[Array], Sequence[Array | None]] | None:
    """Another point, and the rule's gradients there for the cotangent `v`; None where the function is not defined."""
    other = _point(problem, way)
    try:
        return other, problem.pullback(other).vjp(outputs.cotangents(v))
    except Exception:  # whatever a user's code raises where it is not defined
        return None


def _point(problem: Problem, way: float) -> list[Array]:
    return [_moved(x, way) if x.requires_grad else np.array(x.value) for x in problem.inputs]


def _moved(x: Input, way: float) -> Array:
    """The input a few percent away, coordinate by coordinate by another amount; of its structure, and within its bounds."""
    coordinates = Coordinates(x.value, x.structure, x.bounds)
    at = coordinates.x
    size = at if at.all() else np.where(at == 0, scale_of(coordinates), at)
    steps = way * size * (0.03 + 0.04 * golden(coordinates.size))
    other: Array = coordinates.displaced(steps[None])[0].astype(x.value.dtype)
    return other


class _Slope(NamedTuple):
    """What the differences say along a direction, and the claim."""

    is_claimed: bool
    """|s - <g, u>| <= STEADY size for the slope s at both steps,"""
    is_another: bool
    """or |s - <g, u>| > APART size."""


def _slope(problem: Problem, outputs: Outputs, i: int, other: list[Array], v: Array, g: Array) -> _Slope | None:
    """Whether v' df along a direction u at the other point is <g, u>; None where it cannot be told.

    The two slopes must agree to STEADY size, and 64 EPS |v|'|f| / 2h, what rounding may make of them, be no more than that;
    size = max(|<g, u>|, |s1|, |s2|).
    """
    x = problem.inputs[i]
    coordinates = Coordinates(other[i], x.structure, x.bounds)
    direction = dense_tangent(coordinates.size)
    u = coordinates.tangent(direction).astype(x.value.dtype)
    claimed = float(coordinates.project(g[None])[0] @ direction)
    scale = max(float(np.max(np.abs(other[i]), initial=0.0)), 1e-3)

    def outputs_at(t: float) -> Array:
        arrays = [np.array(a) for a in other]
        arrays[i] = arrays[i] + t * u
        found = problem.primal(*arrays)
        return np.concatenate([np.zeros(0), *(as_real(np.asarray(found[k])) for k in outputs.kept)])

    try:
        with np.errstate(all="ignore"):
            slopes = [float(v @ (outputs_at(h * scale) - outputs_at(-h * scale))) / (2 * h * scale) for h in STEPS]
            rounding = 64 * EPS * float(np.abs(v) @ np.abs(outputs_at(0.0))) / (2 * min(STEPS) * scale)
    except Exception:  # not defined there
        return None
    size = max(abs(claimed), *map(abs, slopes))
    if not (abs(slopes[0] - slopes[1]) <= STEADY * size and rounding <= STEADY * size and size > 0):
        return None
    errors = [abs(s - claimed) for s in slopes]
    return _Slope(max(errors) <= STEADY * size, min(errors) > APART * size)
