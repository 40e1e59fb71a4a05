"""What a rule that is Python code must not do: keep state, write into what it is given, or care how memory is laid out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from gradcheck_cli.check.claimed import Outputs, broken
from gradcheck_cli.check.contract import dense_cotangent
from gradcheck_cli.check.coordinates import as_real
from gradcheck_cli.check.findings import Finding
from gradcheck_cli.check.problem import Problem, Pulled
from gradcheck_cli.errors import RuleError

Array = np.ndarray[Any, Any]
Gradients = Sequence[Array | None]
ALIKE = 1e-10
"""Another layout may add up in another order; right rules differ by a few roundings then."""


def check_purity(problem: Problem, pulled: Pulled, outputs: Outputs) -> list[Finding]:
    """Ask the rule the same question again, in other layouts, and between other calls. The first breach ends it."""
    v = dense_cotangent(outputs.size)
    try:
        before = [np.array(x) for x in pulled.inputs]
        given = outputs.cotangents(v)
        base = _copies(pulled.vjp(given))
        found = (
            _written(problem, given, outputs.cotangents(v))
            or _inputs_changed(problem, pulled, before)
            or _repeated(problem, pulled, outputs, v, base)
            or _layouts(problem, pulled, outputs, v, base)
            or _between_calls(problem, pulled, outputs, v, base)
        )
    except RuleError as error:
        found = broken(error, problem)
    return [found] if found else []


def _finding(problem: Problem, code: str, message: str, name: str = "") -> Finding:
    return Finding(code, message, problem.location, name)


def _copies(gradients: Gradients) -> list[Array | None]:
    return [None if g is None else np.array(g) for g in gradients]


def _written(problem: Problem, given: Sequence[Array], fresh: Sequence[Array]) -> Finding | None:
    if all(np.array_equal(a, b) for a, b in zip(given, fresh, strict=True)):
        return None
    return _finding(problem, "GC113", "after a call of the rule its cotangent held other values")


def _inputs_changed(problem: Problem, pulled: Pulled, before: Sequence[Array]) -> Finding | None:
    for x, a, b in zip(problem.inputs, pulled.inputs, before, strict=True):
        if not np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"):
            return _finding(problem, "GC114", f"after a call of the rule the input {x.name!r} held other values", x.name)
    return None


def _repeated(problem: Problem, pulled: Pulled, outputs: Outputs, v: Array, base: Gradients) -> Finding | None:
    name = _different(problem, base, pulled.vjp(outputs.cotangents(v)), exact=True)
    if name is None:
        return None
    return _finding(problem, "GC111", f"a second call with the same cotangent gave another gradient of {name!r}", name)


def _layouts(problem: Problem, pulled: Pulled, outputs: Outputs, v: Array, base: Gradients) -> Finding | None:
    for layout, changed in _laid_out(outputs.cotangents(v)):
        try:
            name = _different(problem, base, pulled.vjp(changed))
        except RuleError as error:
            if "read-only" in str(error):
                return _finding(problem, "GC113", f"the rule writes into its cotangent: {error}")
            raise
        if name is not None:
            return _finding(problem, "GC112", f"a cotangent that is {layout} gave another gradient of {name!r}", name)
    constant = outputs.cotangents(np.full(outputs.size, 0.75))
    plain = _copies(pulled.vjp([np.array(g) for g in constant]))
    spread = [np.broadcast_to(g.flat[0], g.shape) if g.size else g for g in constant]
    name = _different(problem, plain, pulled.vjp(spread))
    if name is None:
        return None
    return _finding(problem, "GC112", f"a cotangent that is one number, broadcast, gave another gradient of {name!r}", name)


def _laid_out(cotangents: Sequence[Array]) -> Iterator[tuple[str, list[Array]]]:
    """The same numbers in other memory layouts."""
    yield "in Fortran order", [np.array(g, order="F") for g in cotangents]
    yield "a view with gaps", [_gaps(g) for g in cotangents]
    yield "a reversed view", [_reversed(np.array(_reversed(g), order="C")) for g in cotangents]
    frozen = [np.array(g) for g in cotangents]
    for g in frozen:
        g.setflags(write=False)
    yield "read-only", frozen


def _reversed(g: Array) -> Array:
    return g[(slice(None, None, -1),) * g.ndim]


def _gaps(g: Array) -> Array:
    """`g` as every other number of a larger array, with other numbers between."""
    if not g.ndim:
        return g
    wide = np.full((*g.shape[:-1], 2 * g.shape[-1]), 7.25, g.dtype)
    wide[..., ::2] = g
    return wide[..., ::2]


def _between_calls(problem: Problem, pulled: Pulled, outputs: Outputs, v: Array, base: Gradients) -> Finding | None:
    """Use the function at another point, and ask the first question again."""
    if _used_elsewhere(problem, outputs, v) is None:
        return None
    name = _different(problem, base, pulled.vjp(outputs.cotangents(v)), exact=True)
    if name is None:
        return None
    message = f"after the function was used at another point, the gradient of {name!r} at this one is another"
    return _finding(problem, "GC111", message, name)


def _used_elsewhere(problem: Problem, outputs: Outputs, v: Array) -> tuple[list[Array], Gradients] | None:
    """Another point and the rule's gradients there; None where the function is not defined."""
    other = [_elsewhere(x.value) if x.requires_grad else np.array(x.value) for x in problem.inputs]
    try:
        return other, problem.pullback(other).vjp(outputs.cotangents(v))
    except Exception:  # whatever a user's code raises where it is not defined
        return None


def check_elsewhere(problem: Problem, pulled: Pulled, outputs: Outputs) -> list[Finding]:
    """Whether the rule heeds where it is: a gradient that is the same elsewhere, where the slope is not, was kept or made up.

    This also tells a rule that happens to be right at a kink, such as zero for abs at 0, from one that is right.
    """
    v = dense_cotangent(outputs.size)
    try:
        base = _copies(pulled.vjp(outputs.cotangents(v)))
    except RuleError as error:
        return [broken(error, problem)]
    found = _used_elsewhere(problem, outputs, v)
    if found is None:
        return []
    other, second = found
    for k, i in enumerate(problem.differentiable_inputs()):
        g, first = second[k], base[k]
        if g is None or first is None or not np.array_equal(g, first):
            continue
        if _slope_moved(problem, outputs, i, other, v, first):
            name = problem.inputs[i].name
            message = f"a few percent away the rule gives the very same gradient of {name!r}, but the slope is another there"
            return [_finding(problem, "GC116", message, name)]
    return []


def _slope_moved(problem: Problem, outputs: Outputs, i: int, other: list[Array], v: Array, g: Array) -> bool:
    """Whether v' df along a direction at the other point is clearly not <g, u>: to a thousandth, at two steps."""
    u = dense_cotangent(g.size).reshape(g.shape).astype(g.dtype)
    claimed = float(as_real(g) @ as_real(u))

    def value(t: float) -> float:
        arrays = [np.array(a) for a in other]
        arrays[i] = arrays[i] + t * u
        found = problem.primal(*arrays)
        return float(v @ np.concatenate([as_real(np.asarray(found[k])) for k in outputs.kept]))

    scale = max(float(np.max(np.abs(other[i]), initial=0.0)), 1e-3)
    try:
        with np.errstate(all="ignore"):
            slopes = [(value(h * scale) - value(-h * scale)) / (2 * h * scale) for h in (1e-4, 1e-5)]
    except Exception:  # not defined there
        return False
    size = max(abs(claimed), *map(abs, slopes))
    return abs(slopes[0] - slopes[1]) <= 1e-4 * size and min(abs(s - claimed) for s in slopes) > 1e-3 * size


def _elsewhere(x: Array) -> Array:
    """A point a few percent away, entry by entry by another amount."""
    golden = np.modf((np.arange(x.size) + 1) * 0.6180339887498949)[0].reshape(x.shape)
    moved: Array = (x * (1.0 + 0.03 + 0.04 * golden) + np.where(x == 0, 0.01, 0.0)).astype(x.dtype)
    return moved


def _different(problem: Problem, one: Gradients, other: Gradients, exact: bool = False) -> str | None:
    """The name of the first input whose gradients are not the same (but for rounding, unless `exact`)."""
    for i, a, b in zip(problem.differentiable_inputs(), one, other, strict=True):
        if a is None and b is None:
            continue
        name = problem.inputs[i].name
        if a is None or b is None:
            return name
        if np.array_equal(a, b, equal_nan=True):
            continue
        with np.errstate(all="ignore"):
            size = np.nanmax(np.abs(a), initial=0.0) + np.nanmax(np.abs(b), initial=0.0)
            unit = 1e-4 if a.dtype == np.float32 else ALIKE
            close = np.abs(a - b) <= (4 * 2.0**-52 if exact and unit == ALIKE else unit) * size
        if not np.all(close | (np.isnan(a) & np.isnan(b))):
            return name
    return None
