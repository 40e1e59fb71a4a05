"""What a rule that is Python code must not do: keep state, write into what it is given, or care how memory is laid out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from gradcheck_cli.check.claimed import Outputs, broken
from gradcheck_cli.check.constant_rule import AFTER, BEFORE, used_at
from gradcheck_cli.check.coordinates import WIDER
from gradcheck_cli.check.dense import dense_cotangent
from gradcheck_cli.check.findings import Finding
from gradcheck_cli.check.problem import Problem, Pulled
from gradcheck_cli.check.sums import FLOOR, unit_of
from gradcheck_cli.errors import RuleError

Array = np.ndarray[Any, Any]
Gradients = Sequence[Array | None]
ALIKE = 1e-10
"""Another layout may add up in another order; right rules differ by a few roundings then."""


class Answers(NamedTuple):
    """What a rule said early in a check, to be asked for again late in it: gradients for the dense cotangent."""

    before: Gradients | None
    """At the point at which it was used first,"""
    here: Gradients
    """at the point of the check,"""
    after: Gradients | None
    """and at another one. None where the function is not defined."""


def check_purity(
    problem: Problem, pulled: Pulled, outputs: Outputs, before: Gradients | None
) -> tuple[list[Finding], Answers | None]:
    """Ask the rule the same question again, in other layouts, and between other calls. The first breach ends it.

    `before` are its gradients at the point at which it was used first. Gives the answers if there is no breach.
    """
    v = dense_cotangent(outputs.size)
    try:
        base = _copies(pulled.vjp(outputs.cotangents(v)))
        found = _repeated(problem, pulled, outputs, v, base) or _layouts(problem, pulled, outputs, v, base)
        if found:
            return [found], None
        elsewhere = used_at(problem, outputs, v, AFTER)
        found = None if elsewhere is None else _between_calls(problem, pulled, outputs, v, base)
        return ([found], None) if found else ([], Answers(before, base, elsewhere and _copies(elsewhere[1])))
    except RuleError as error:
        return [broken(error, problem)], None


def check_answers(problem: Problem, pulled: Pulled, outputs: Outputs, answers: Answers) -> list[Finding]:
    """A finding if the rule now says something else than early in the check: some of its calls go wrong."""
    v = dense_cotangent(outputs.size)
    try:
        before, after = (used_at(problem, outputs, v, way) for way in (BEFORE, AFTER))
        late = [before and before[1], pulled.vjp(outputs.cotangents(v)), after and after[1]]
    except RuleError as error:
        return [broken(error, problem)]
    for early, again in zip(answers, late, strict=True):
        if early is None or again is None:
            continue
        name = _different(problem, early, again, exact=True)
        if name is not None:
            message = f"asked again at the end of the check, the rule gave another gradient of {name!r}"
            return [_finding(problem, "GC111", message, name)]
    return []


def _finding(problem: Problem, code: str, message: str, name: str = "") -> Finding:
    return Finding(code, message, problem.location, name)


def _copies(gradients: Gradients) -> list[Array | None]:
    return [None if g is None else np.array(g) for g in gradients]


def _repeated(problem: Problem, pulled: Pulled, outputs: Outputs, v: Array, base: Gradients) -> Finding | None:
    name = _different(problem, base, pulled.vjp(outputs.cotangents(v)), exact=True)
    if name is None:
        return None
    return _finding(problem, "GC111", f"a second call with the same cotangent gave another gradient of {name!r}", name)


def _layouts(problem: Problem, pulled: Pulled, outputs: Outputs, v: Array, base: Gradients) -> Finding | None:
    lost = _lost(problem, outputs, v)
    for layout, changed in _laid_out(outputs.cotangents(v)):
        found = _same_in(layout, changed, problem, pulled, base, lost)
        if found:
            return found
    constant = outputs.cotangents(np.full(outputs.size, 0.75))
    plain = _copies(pulled.vjp([np.array(g) for g in constant]))
    spread = [np.broadcast_to(g.flat[0], g.shape) if g.size else g for g in constant]
    # Equal cotangents may cancel, and leave rounding only: differences are measured by the dense one's gradients as well.
    return _same_in("one number, broadcast", spread, problem, pulled, plain, lost, base)


def _same_in(
    layout: str,
    cotangents: Sequence[Array],
    problem: Problem,
    pulled: Pulled,
    base: Gradients,
    lost: dict[int, float],
    sizes: Gradients | None = None,
) -> Finding | None:
    """A finding if a layout matters. Where the same one gives now this and now that, it does not."""
    try:
        found = _copies(pulled.vjp(cotangents))
    except RuleError as error:
        if "read-only" in str(error) and not all(g.flags.writeable for g in cotangents):
            return _finding(problem, "GC113", f"the rule writes into its cotangent: {error}")
        raise
    name = _different(problem, base, found, sizes=sizes, lost=lost)
    if name is None:
        return None
    again, plain = pulled.vjp(cotangents), pulled.vjp([np.array(g, order="C") for g in cotangents])
    if _different(problem, found, again, exact=True) or _different(problem, base, plain, sizes=sizes, lost=lost):
        return _finding(problem, "GC111", f"calls with the same cotangent gave different gradients of {name!r}", name)
    return _finding(problem, "GC112", f"a cotangent that is {layout} gave another gradient of {name!r}", name)


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
    """After the function was used at another point, ask the first question again."""
    name = _different(problem, base, pulled.vjp(outputs.cotangents(v)), exact=True)
    if name is None:
        return None
    message = f"after the function was used at another point, the gradient of {name!r} at this one is another"
    return _finding(problem, "GC111", message, name)


def _different(
    problem: Problem,
    one: Gradients,
    other: Gradients,
    exact: bool = False,
    sizes: Gradients | None = None,
    lost: dict[int, float] | None = None,
) -> str | None:
    """The name of the first input whose gradients are not the same (but for rounding, unless `exact`).

    The rounding is that of the largest entry, of `sizes` too where it is given.
    """
    for k, (i, a, b) in enumerate(zip(problem.differentiable_inputs(), one, other, strict=True)):
        if a is None and b is None:
            continue
        name = problem.inputs[i].name
        if a is None or b is None:
            return name
        if np.array_equal(a, b, equal_nan=True):
            continue
        with np.errstate(all="ignore"):
            measures = [c for c in (a, b, None if sizes is None else sizes[k]) if c is not None]
            size = sum(np.nanmax(np.abs(c), initial=0.0) for c in measures)
            unit = 1e-4 if a.dtype in WIDER else ALIKE
            close = np.abs(a - b) <= (4 * 2.0**-52 if exact and unit == ALIKE else unit) * size
            if lost is not None:
                close |= np.abs(a - b) <= lost[i]
        if not np.all(close | (np.isnan(a) & np.isnan(b))):
            return name
    return None


def _lost(problem: Problem, outputs: Outputs, v: Array) -> dict[int, float]:
    """What may be left, for each input, of larger numbers that cancelled on the way: FLOOR roundings of max |g| max(1, |f|)."""
    g, gf = outputs.sizes(v)
    largest = max(g.max(initial=0.0), gf.max(initial=0.0))
    return {i: FLOOR * unit_of(problem, outputs, i) * largest for i in problem.differentiable_inputs()}
