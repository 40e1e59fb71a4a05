"""What every pullback must do whatever the function is: be linear in its cotangent. No differences are involved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradcheck_cli.check.claimed import Claimed, Outputs, asked, broken
from gradcheck_cli.check.coordinates import EACH_OUTPUT, WIDER, Coordinates, as_real
from gradcheck_cli.check.dense import dense_cotangent
from gradcheck_cli.check.findings import Finding
from gradcheck_cli.check.problem import Problem, Pulled
from gradcheck_cli.check.sums import ADDITIVITY, ROUNDED, Sums
from gradcheck_cli.engine.tracing import ordinary
from gradcheck_cli.errors import RuleError

Array = np.ndarray[Any, Any]
FACTORS = (-1.0, -2.0, 2.0**10, 2.0**-20)
"""Scaling by these commutes with every rounding, so the comparison needs no tolerance; but FAR_DIGITS for the last, as numbers
may underflow on the way."""
FAR_FACTORS = (2.0**40, 2.0**-34)
"""So far a rule that clips, or takes small numbers for zero, gives itself away; compared where numbers are `ordinary`, to
FAR_DIGITS, as what underflows on the way loses digits."""
FAR_DIGITS = 1e-3


def check_linearity(
    problem: Problem, pulled: Pulled, outputs: Outputs, coordinates: dict[int, Coordinates], claimed: Claimed
) -> list[Finding]:
    """vjp(c g) = c vjp(g) bit for bit, vjp(0) = 0, and vjp(g) equals the combination of the one-hot rows; so does that of ones,
    which a rule may treat as special.

    Where the rule was not asked for those, vjp(g) = vjp(a) + vjp(b) for g in two parts, the one holding a single output.
    """
    g, ones = outputs.rounded(dense_cotangent(outputs.size)), np.ones(outputs.size)
    split = any(c.asked != EACH_OUTPUT for c in coordinates.values())
    sums = Sums(problem, pulled, outputs, coordinates, claimed, split)
    try:
        base, nothing, flat, *scaled = asked(pulled, outputs, [g, 0 * g, ones, *(c * g for c in (*FACTORS, *FAR_FACTORS))])
        # What is said of the dense cotangent alone, and not beside others, is held against the rows.
        added = [(g, sums.of(g)), (ones, sums.of(ones, flat))]
    except RuleError as error:
        return [broken(error, problem)]
    found = []
    for k, i in enumerate(problem.differentiable_inputs()):
        if i not in coordinates:
            continue
        near, far = [s[k] for s in scaled[: len(FACTORS)]], [s[k] for s in scaled[len(FACTORS) :]]
        message = broken_scaling(base[k], near) or nonzero(nothing[k])
        clipped = "" if message else broken_scaling(base[k], far, factors=FAR_FACTORS, digits=FAR_DIGITS)
        if clipped and _ordinary(problem, outputs, base[k]):
            message = clipped
        off = (sums.off(v, here, i, number) for v, here in added for number in range(len(here[i])))
        message = message or next(filter(None, off), "")
        if message:
            name = problem.inputs[i].name
            code = "GC117" if message.startswith(ROUNDED) else "GC110"
            fault = "" if code == "GC117" else " is not linear in the cotangent"
            found.append(
                Finding(
                    code,
                    f"the gradient of {name!r}{fault}: {message}",
                    problem.inputs[i].location or problem.location,
                    name,
                )
            )
    return found


def adds_up(
    problem: Problem,
    pulled: Pulled,
    outputs: Outputs,
    coordinates: dict[int, Coordinates],
    claimed: Claimed,
    gradients: Sequence[Any],
) -> bool:
    """Whether the gradients for the dense cotangent are the sums that they must be; False where the rule cannot be asked.

    What is known to be linear need be asked no more than that.
    """
    split = not all(c.complete for c in coordinates.values())  # else the rows say enough
    sums = Sums(problem, pulled, outputs, coordinates, claimed, split)
    try:
        found = sums.of(dense_cotangent(outputs.size), gradients)
    except RuleError:
        return False
    every = [one for of_input in found.values() for one in of_input]
    return all(np.all(one.error <= ADDITIVITY["float64"] * np.max(one.size, initial=0.0)) for one in every)


def _ordinary(problem: Problem, outputs: Outputs, gradient: Any) -> bool:
    """Whether all that is known is in double precision, and neither huge nor tiny."""
    known = [x.value for x in problem.inputs] + [outputs.arrays[k] for k in outputs.kept]
    if gradient is None or any(a.dtype in WIDER for a in known):
        return False
    return all(ordinary(as_real(np.asarray(a))) for a in (*known, gradient))


def broken_scaling(
    base: Any,
    scaled: list[Any],
    what: str = "cotangent",
    factors: tuple[float, ...] = FACTORS,
    digits: float = 4 * 2.0**-52,
) -> str:
    """What a rule makes of its argument times each of the factors, where that is not the factor times `base`; else ''."""
    for factor, other in zip(factors, scaled, strict=True):
        if (base is None) != (other is None):
            return f"scaled by {factor:g} the {what} gives a gradient, and unscaled none (or the reverse)"
        if base is None:
            continue
        a, b = as_real(np.asarray(base)) * factor, as_real(np.asarray(other))
        if (a == b).all():
            continue
        # An entry near the smallest numbers loses digits when it is scaled down, and so do squares on the way to it; one near
        # the largest overflows.
        kind = np.asarray(other).dtype
        small, large = (1e-145, 1e300) if kind not in WIDER else (1e-18, 1e37)
        normal = ((np.abs(b) > small) | (np.abs(a) > small)) & ~(np.abs(a) > large)
        exact = digits if abs(factor) > 1 / 2 else max(digits, FAR_DIGITS)  # what underflows on the way is no mistake
        wrong = normal & ~((np.abs(a - b) <= exact * np.abs(a)) | (np.isnan(a) & np.isnan(b)) | (a == b))
        if wrong.any():
            k = int(np.flatnonzero(wrong)[0])
            return f"the {what} times {factor:g} gives {b[k]:.6g} in an entry, not {factor:g} x {a[k] / factor:.6g}"
    return ""


def nonzero(gradient: Any, what: str = "cotangent") -> str:
    """What a rule makes of a zero argument, where that is not zero; else ''."""
    if gradient is None:
        return ""
    flat = as_real(np.asarray(gradient))
    # 0 * inf and 0 * nan are not the rule's doing.
    wrong = np.isfinite(flat) & (flat != 0)
    return f"a zero {what} gives {flat[wrong][0]:.6g}" if wrong.any() else ""
