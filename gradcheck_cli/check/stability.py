"""Whether a rule is its own noise: what it claims at inputs that differ by a rounding.

A right formula may lose digits: the inverse of a matrix of condition 1e12 is good to four of them, whoever differentiates it.
Such a claim is not wrong, it is undecided. What a rounding makes of it shows at inputs a rounding away, and when the rule is
asked in other units: the softmax's y (g - sum(y g)) has no digit left where y is nearly one, wherever the inputs are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradcheck_cli.check.claimed import Outputs, claimed_jacobians
from gradcheck_cli.check.comparison import Judged
from gradcheck_cli.check.coordinates import Coordinates, wide
from gradcheck_cli.check.problem import Problem, Pulled
from gradcheck_cli.check.verdict import FAILING, Verdict, among, zero_times_infinity
from gradcheck_cli.errors import GradcheckError, RuleError

Array = np.ndarray[Any, Any]
SMALL = 1e-2
"""Larger relative errors are no rounding of any use, unless the entry is nothing else: where one is wrong by more, nothing is
excused."""
SHAKES = (1.0, -1.0)
"""Signs of the two changes of the inputs by one rounding each, entry by entry in alternation."""
UNITS = (1.1, 0.7, 1.37, 0.57)
"""Factors of the cotangent, or tangent, that change how everything is rounded. They do not change what a linear rule claims."""
NARROW = 1e-6
"""To this part of an entry a rule that is asked in double precision must be right, for its single precision to be excused."""
MARGIN = 8
"""An error within so many times the largest change of the claim is undecided: two samples of a rounding error miss its largest
value by a few times."""


Claim = Callable[[Problem, float], Array]
"""The claimed Jacobian (coordinates, outputs) of a problem, asked in a unit."""


def excuse_unstable(judged: Judged, claim: Claim, problem: Problem, rounding: Callable[[int], Any] = lambda row: 0.0) -> Judged:
    """The verdicts, with accusations withdrawn where the claim is its own noise, MARGIN max |a' - a|, a' as in `changes_of`:

    |a - D| <= noise and |a - D| <= SMALL max(|a|, |D|);    or max(|a|, |D|) <= the noise of its row in other units, and
                                                            <= MARGIN times its own: no digit is left

    `rounding` tells up to what size an entry of a row may be noise altogether, for which it is worth asking.
    """
    wrong = among(judged.verdict, FAILING)
    if not wrong.any():
        return judged
    with np.errstate(all="ignore"):
        error = np.abs(judged.claimed - judged.numeric)
        size = np.maximum(np.abs(judged.claimed), np.abs(judged.numeric))
        small = error <= SMALL * size
        large = wrong & ~small
        if large.any():
            likely = size <= rounding(_row_of_largest(size, large))
            if not np.all(likely[large]):
                return judged
        try:
            wobble, in_units = (MARGIN * changes for changes in changes_of(claim, problem, judged.claimed))
        except RuleError:  # where a rule breaks its contract, nothing is known of its rounding
            return judged
        no_digit = (size <= MARGIN * in_units) & (size <= np.max(in_units, axis=0))  # a single sample may be small by chance
        excused = wrong & ((small & (error <= wobble)) | no_digit)
    if not excused.any():
        return judged
    verdict = np.where(excused, Verdict.NOISE, judged.verdict).astype(np.int8)
    return judged._replace(verdict=verdict, bound=np.where(excused, np.fmax(judged.bound, wobble), judged.bound))


def _row_of_largest(size: Array, chosen: Array) -> int:
    """The row of the largest of the chosen entries, (coordinates, rows)."""
    place = np.argmax(np.where(chosen, size, -1.0))
    return int(place) % int(size.shape[1])


def excuse_narrow(judged: Judged, problem: Problem, outputs: Outputs, coordinates: Coordinates, i: int) -> Judged:
    """The verdicts of a single precision input, with accusations withdrawn where the rule, asked in double precision, is right:
    then what is wrong is its own rounding, as that of 1 - tanh(x)^2 is for large x.
    """
    wrong = among(judged.verdict, FAILING)
    if not wrong.any():
        return judged

    def pullback(arrays: Sequence[Array]) -> Pulled:
        pulled = problem.pullback(arrays)
        return pulled._replace(vjp=_of_any_dtype(pulled.vjp, problem.differentiable_inputs()))

    wider = widened(problem)._replace(pullback=pullback)
    arrays = [x.value for x in wider.inputs]
    try:
        found = [np.asarray(y) for y in problem.primal(*arrays)]
        pulled = wider.pullback(arrays)
        double = Outputs(outputs.names, found, pulled.differentiable)
        a = backward_claim(double, coordinates, i)(wider, 1.0)
    except (GradcheckError, ArithmeticError, ValueError, TypeError):
        return judged
    return excuse_if_right(judged, a)


def _of_any_dtype(
    vjp: Callable[[Sequence[Array]], Sequence[Array | None]], places: Sequence[int]
) -> Callable[[Sequence[Array]], Sequence[Array | None]]:
    """A pullback that lets a rule give gradients of single precision, whatever it is given."""

    def pull(cotangents: Sequence[Array]) -> Sequence[Array | None]:
        try:
            return vjp(cotangents)
        except RuleError as error:
            if error.kind != "dtype" or not error.gradients:
                raise
            return [None if g is None else np.asarray(g, np.float64) for g in (error.gradients[i] for i in places)]

    return pull


def widened(problem: Problem) -> Problem:
    """The problem at the same inputs in double precision."""
    return problem._replace(inputs=tuple(x._replace(value=wide(x.value)) for x in problem.inputs))


def excuse_infinite_tangents(judged: Judged) -> Judged:
    """A zero tangent times an infinite slope is NaN, which is the edge's: of outputs with an infinite slope that stands."""
    excused = zero_times_infinity(*judged, axis=0)
    return judged._replace(verdict=np.where(excused, Verdict.EDGE, judged.verdict).astype(np.int8))


def excuse_if_right(judged: Judged, a: Array) -> Judged:
    """The verdicts, with accusations withdrawn where `a`, what the rule claims in double precision, is right."""
    if a.shape != judged.claimed.shape:
        return judged
    wrong = among(judged.verdict, FAILING)
    with np.errstate(all="ignore"):
        right = wrong & (np.abs(a - judged.numeric) <= NARROW * np.abs(judged.numeric) + judged.bound)
        bound = np.where(right, np.fmax(judged.bound, np.abs(judged.claimed - judged.numeric)), judged.bound)
    return judged._replace(verdict=np.where(right, Verdict.NOISE, judged.verdict).astype(np.int8), bound=bound)


def changes_of(claim: Claim, problem: Problem, claimed: Array) -> tuple[Array, Array]:
    """How much a claim moves, entry by entry, when the inputs move by a rounding or it is asked in other units; and by the
    latter alone, which crosses no kink.
    """
    others = [claim(_shaken(problem, sign), 1.0) for sign in SHAKES], [claim(problem, unit) for unit in UNITS]
    shaken, in_units = (np.max([np.abs(a - claimed) for a in some], axis=0) for some in others)
    return np.maximum(shaken, in_units), in_units


def _shaken(problem: Problem, sign: float) -> Problem:
    """The problem at inputs a rounding away."""
    inputs = [x._replace(value=nudged(x.value, sign)) if x.requires_grad else x for x in problem.inputs]
    return problem._replace(inputs=tuple(inputs))


def backward_claim(outputs: Outputs, coordinates: Coordinates, i: int) -> Claim:
    """The Jacobian for input `i` that a problem's backward rule claims."""

    def claim(problem: Problem, unit: float) -> Array:
        pulled = problem.pullback([x.value for x in problem.inputs])

        def vjp(cotangents: Sequence[Array]) -> Sequence[Array | None]:
            found = pulled.vjp([np.multiply(g, unit, dtype=g.dtype) for g in cotangents])
            return [None if g is None else g / unit for g in found]

        asked = pulled if unit == 1 else pulled._replace(vjp=vjp)
        claimed = claimed_jacobians(problem, asked, outputs, {i: coordinates})
        if claimed.findings:
            raise RuleError("raised", claimed.findings[0].message)
        return claimed.jacobians[i].T if i in claimed.jacobians else np.zeros((coordinates.size, outputs.size))

    return claim


def unsteadiness(problem: Problem, outputs: Outputs, cotangent: Array) -> list[float]:
    """For each input that requires grad MARGIN max |vjp(x (1 +- EPS)) - vjp(x)|: what rounding may make of its gradient.

    Infinite where the rule gives no gradient at one of these points, or none that is finite.
    """
    given = outputs.cotangents(cotangent)
    points = [problem, *(_shaken(problem, sign) for sign in SHAKES)]
    base, *others = [point.pullback([x.value for x in point.inputs]).vjp(given) for point in points]
    return _largest_changes(base, others)


def noise_in_units(problem: Problem, outputs: Outputs, cotangent: Array) -> list[float]:
    """The same of MARGIN max |vjp(x, u g) / u - vjp(x, g)|, u other units."""
    given = outputs.cotangents(cotangent)
    vjp = problem.pullback([x.value for x in problem.inputs]).vjp
    others = [[None if g is None else g / u for g in vjp([np.multiply(g, u, dtype=g.dtype) for g in given])] for u in UNITS]
    return _largest_changes(vjp(given), others)


def _largest_changes(base: Sequence[Array | None], others: Sequence[Sequence[Array | None]]) -> list[float]:
    found = []
    for one, *there in zip(base, *others, strict=True):
        with np.errstate(all="ignore"):
            changes = [np.inf if g is None or one is None else np.max(np.abs(g - one), initial=0.0) for g in there]
        found.append(MARGIN * float(np.nan_to_num(np.max(changes), nan=np.inf, posinf=np.inf)))
    return found


def nudged(x: Array, sign: float) -> Array:
    """The next number up or down, in alternation; of a matrix symmetric entries alike."""
    if x.dtype.kind == "c":
        return (nudged(x.real, sign) + 1j * nudged(x.imag, sign)).astype(x.dtype)
    signs = np.indices(x.shape).sum(axis=0) % 2 * 2 - 1 if x.ndim else np.array(1)
    moved: Array = np.nextafter(x, np.where(sign * signs > 0, np.inf, -np.inf).astype(x.dtype))
    return moved
