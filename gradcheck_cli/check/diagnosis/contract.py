"""What is wrong where there is no Jacobian to compare: gradients of the wrong shape, and rules that are not linear."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, permutations
from typing import Any

import numpy as np

from gradcheck_cli.check.claimed import Outputs
from gradcheck_cli.check.coordinates import Coordinates, as_real, scale_of
from gradcheck_cli.check.dense import dense_cotangent, dense_tangent
from gradcheck_cli.check.diagnosis.cause import Diagnosis
from gradcheck_cli.check.diagnosis.elsewhere import directional
from gradcheck_cli.check.problem import Problem, Pulled
from gradcheck_cli.errors import RuleError

Array = np.ndarray[Any, Any]
STEP = 2.0**-11
"""Of the differences by which a mended gradient is tried, relative to the input: their error is about 1e-12."""
NEAR = 1e-8
"""To what part of the sum of its terms the directional derivative must be met."""

Mending = tuple[str, str, Array]
"""Cause, words, and the gradient as it would be with the right shape."""


def wrong_shape(problem: Problem, pulled: Pulled, outputs: Outputs, name: str) -> Iterator[Diagnosis]:
    """Which change of a gradient's shape also makes it right along a direction."""
    v = dense_cotangent(outputs.size)
    returned = _returned(pulled, outputs, v)
    if len(returned) != len(problem.inputs):
        return
    i = next((k for k, x in enumerate(problem.inputs) if x.name == name), None)
    if i is None or returned[i] is None or problem.inputs[i].value.dtype.kind != "f":
        return
    for cause, words, mended in _mendings(problem, outputs, i, returned):
        if _right_along_a_direction(problem, outputs, i, v, mended):
            yield Diagnosis(cause, words)
            return


def _returned(pulled: Pulled, outputs: Outputs, v: Array) -> Sequence[Any]:
    """The gradients as the rule gives them, of whatever shape."""
    try:
        pulled.vjp(outputs.cotangents(v))
    except RuleError as error:
        return [None if g is None else np.asarray(getattr(g, "data", g)) for g in error.gradients]
    return ()


def _mendings(problem: Problem, outputs: Outputs, i: int, returned: Sequence[Any]) -> Iterator[Mending]:
    x, g = problem.inputs[i], returned[i]
    wanted = x.value.shape
    for j, other in enumerate(problem.inputs):
        if j != i and returned[j] is not None and returned[j].shape == wanted and g.shape == other.value.shape:
            yield "swapped", f"the gradients of {x.name} and {other.name} are swapped: each has the other's shape", returned[j]
    for axes in _summed_axes(g.shape, wanted):
        shown = f"axis {axes[0]}" if len(axes) == 1 else f"axes {', '.join(map(str, axes))}"
        from_out = any(outputs.arrays[k].shape == g.shape for k in outputs.kept)
        why = f"the forward broadcasts {x.name} from {wanted} to {g.shape}; " if from_out else ""
        mended = np.sum(g, axis=axes).reshape(wanted)
        yield (
            "missing_sum",
            f"the gradient has to be summed: {why}sum over {shown} gives the input's shape and the right value",
            mended,
        )
    if g.ndim == len(wanted):
        for order in permutations(range(g.ndim)):
            if g.ndim <= 4 and g.transpose(order).shape == wanted:
                yield "transposed", f"the gradient of {x.name} is transposed: its transpose is right", g.transpose(order)
    if g.size == x.value.size:
        yield (
            "reshaped",
            f"the gradient of {x.name} has to be reshaped from {g.shape} to {wanted}: then it is right",
            g.reshape(wanted),
        )
    for spread in _spreads(g, wanted):
        yield "broadcast", f"the gradient of {x.name} has to be broadcast from {g.shape} to {wanted}: then it is right", spread


def _summed_axes(found: tuple[int, ...], wanted: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Sets of axes that have to be summed over to get from one shape to the other; those of broadcasting first."""
    if len(found) > 6 or len(found) < len(wanted):
        return
    padded = (1,) * (len(found) - len(wanted)) + wanted
    usual = tuple(a for a, (n, w) in enumerate(zip(found, padded, strict=True)) if n != w or a < len(found) - len(wanted))
    if all(padded[a] == 1 for a in usual) and usual:
        yield usual
    for count in range(1, len(found) + 1):
        for axes in combinations(range(len(found)), count):
            left = tuple(n for a, n in enumerate(found) if a not in axes)
            if axes != usual and left == tuple(n for n in wanted if n != 1 or wanted == left):
                yield axes


def _spreads(g: Array, wanted: tuple[int, ...]) -> Iterator[Array]:
    """The gradient repeated along axes that it lacks, or has with size 1."""
    if g.ndim > len(wanted) or len(wanted) > 6:
        return
    for axes in combinations(range(len(wanted)), len(wanted) - g.ndim):
        expanded = np.expand_dims(g, axes)
        if all(n in (1, w) for n, w in zip(expanded.shape, wanted, strict=True)):
            yield np.broadcast_to(expanded, wanted)


def _right_along_a_direction(problem: Problem, outputs: Outputs, i: int, v: Array, mended: Array) -> bool:
    x = problem.inputs[i]
    coordinates = Coordinates(x.value, x.structure)
    if not mended.size:
        return False
    direction = dense_tangent(coordinates.size) * scale_of(coordinates)
    tangents: list[Any] = [None] * len(problem.inputs)
    tangents[i] = coordinates.tangent(direction)
    try:
        slope = float(v @ directional(problem, outputs.kept, tangents, STEP))
    except Exception:  # the forward need not be defined around the point
        return False
    parts = coordinates.project(np.asarray(mended, x.value.dtype)[None])[0] * direction
    return abs(float(np.sum(parts)) - slope) <= NEAR * float(np.sum(np.abs(parts))) and bool(np.any(parts != 0))


def nonlinear(problem: Problem, pulled: Pulled, outputs: Outputs, name: str) -> Iterator[Diagnosis]:
    """What the rule does to its cotangent, from how it answers to multiples of one."""
    places = [problem.inputs[i].name for i in problem.differentiable_inputs()]
    if name not in places:
        return
    g = dense_cotangent(outputs.size)

    def answer(factor: float) -> Array | None:
        found = pulled.vjp(outputs.cotangents(factor * g))[places.index(name)]
        return None if found is None else as_real(np.asarray(found))

    try:
        with np.errstate(all="ignore"):
            answers = {c: answer(c) for c in (1.0, -1.0, 2.0, -2.0, 0.0, 2.0**-20, 2.0**-21, -(2.0**-20))}
    except RuleError:
        return
    if all(a is not None and np.isfinite(a).all() for a in answers.values()):
        words = _behaviour({c: a for c, a in answers.items() if a is not None})
        if words:
            yield Diagnosis("nonlinear", words)


def _behaviour(r: dict[float, Array]) -> str:
    one, minus, two, nothing, tiny = r[1.0], r[-1.0], r[2.0], r[0.0], r[2.0**-20]
    if not np.any(one):
        return ""
    if _same(one, minus) and _same(one, two):
        return "the gradient does not change with its cotangent: `grad` is not used, or only its being zero"
    if np.any(nothing):
        linear = _same(two - nothing, 2 * (one - nothing)) and _same(minus - nothing, nothing - one)
        return "a term is not multiplied by `grad`: it is there for a zero cotangent too" if linear else ""
    for power in (2, 3, 4):
        if _same(two, 2**power * one) and _same(minus, (-1) ** power * one):
            effect = f"twice the cotangent gives {2**power} times the gradient, as grad**{power} does"
            return f"the cotangent enters as a power: {effect}"
    if _same(two, one) and _same(minus, -one):
        return "only the sign of the cotangent counts, or it is normalised: twice the cotangent gives the same gradient"
    if _same(two, 2 * one) and _same(minus, one):
        return "the sign of the cotangent is lost: its negative gives the same gradient, as abs(grad) does"
    second, first = (two - 2 * one) / 2, (4 * one - two) / 2
    if _same(minus, second - first) and _same(r[-2.0], 4 * second - 2 * first) and np.any(second):
        return "a part of the gradient grows with the square of the cotangent, as a term with grad**2 does"
    if _same(two, 2 * one) and _same(r[-2.0], 2 * minus):
        return "the cotangent's positive and negative entries are treated differently, as relu(grad) or where(grad > 0, ...) do"
    small = _same(tiny, 2 * r[2.0**-21]) and _same(r[-(2.0**-20)], -tiny) and np.any(tiny)
    if small and np.all(np.abs(one) <= np.abs(tiny) * 2.0**20 * (1 + 1e-9)):
        return "large cotangents are limited: small ones give gradients in proportion, as clip(grad, ...) does"
    return ""


def _same(a: Array, b: Array) -> bool:
    return bool(np.all(np.abs(a - b) <= 1e-12 * np.max(np.abs(b), initial=0.0)))
