"""Why a corrupted rule was not found wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck_cli.check.check import FLOAT32_RTOL, check
from gradcheck_cli.check.coordinates import WIDER, Coordinates
from gradcheck_cli.check.corruptions import gradients_at
from gradcheck_cli.check.dense import dense_cotangent
from gradcheck_cli.check.problem import Input, Problem, Settings
from gradcheck_cli.check.result import CheckResult, InputResult
from gradcheck_cli.check.verdict import KINKS, UNDECIDED
from gradcheck_cli.errors import GradcheckError
from gradcheck_cli.selftest import result as r
from gradcheck_cli.selftest.points import other_inputs

if TYPE_CHECKING:
    from gradcheck_cli.selftest.trial import Mutant, Stand

Array = np.ndarray[Any, Any]
ROUNDING = 64 * 2.0**-52
"""Gradients that differ by less, relative to the largest entry, are the same to rounding."""
ELSEWHERE = 1e-11
"""The same at other points, where conditioning is not known."""
POINTS = 4
"""Other points that a survivor is tried at, for each of the function's own."""


def why(mutant: Mutant, stands: Sequence[Stand], results: Sequence[CheckResult], equality: Equality) -> tuple[str, str]:
    """The reason, and a note."""
    found = {reason for stand, result in zip(stands, results, strict=True) for reason in _here(mutant, stand, result)}
    for reason in (r.UNEXPLAINED, r.RESOLUTION, r.KINK, r.TOLERANCE):
        if reason in found:
            return reason, ""
    return equality.elsewhere(mutant)


def _here(mutant: Mutant, stand: Stand, result: CheckResult) -> Iterator[str]:
    """How the mutant's gradients differ from the right ones at a point; nothing where they do not."""
    settings = stand.problem.settings
    narrow = {x.name for x in stand.problem.inputs if x.value.dtype in WIDER}
    judged = {x.name: x for x in result.inputs}
    for own in stand.result.inputs:
        other = judged[own.name]
        yield from _differences(own, other, settings, own.name.split(" ")[0] in narrow)
    if stand.problem.pushforward is not None:
        changed = mutant.make(stand.problem, stand)
        if not _same(_tangents(stand.problem), _tangents(changed), 2 * settings.tolerances()[0]):
            yield r.RESOLUTION if result.verdict == "inconclusive" else r.UNEXPLAINED
        elif not _same(_tangents(stand.problem), _tangents(changed), ROUNDING):
            yield r.TOLERANCE


def _differences(own: InputResult, other: InputResult, settings: Settings, narrow: bool) -> Iterator[str]:
    """A reason for every entry that differs."""
    a, b = own.claimed, other.claimed
    scale = np.max(np.abs(np.where(np.isfinite(a), a, 0.0)), initial=0.0)
    differs = ~((np.abs(a - b) <= ROUNDING * scale) | (np.isnan(a) & np.isnan(b)) | (a == b))
    rtol, atol = settings.tolerances()
    rtol = max(rtol, FLOAT32_RTOL) if narrow else rtol
    allowed = np.maximum(2 * rtol * np.maximum(np.abs(a), np.abs(b)), 2 * atol)
    undecided, kink = np.isin(other.verdicts, UNDECIDED), np.isin(other.verdicts, KINKS)
    close = np.abs(a - b) <= allowed
    for reason, members in (
        (r.RESOLUTION, undecided),
        (r.KINK, kink),
        (r.TOLERANCE, ~undecided & ~kink & close),
        (r.UNEXPLAINED, ~undecided & ~kink & ~close),
    ):
        if (differs & members).any():
            yield reason


class Equality:
    """Whether mutants that are right at a function's points are right at others, too."""

    def __init__(self, stands: Sequence[Stand]) -> None:
        self.stands = stands
        self._known: list[tuple[Stand, Problem]] | None = None

    def elsewhere(self, mutant: Mutant) -> tuple[str, str]:
        """`equivalent` or `hidden`, and a note."""
        for stand, problem in self.points():
            changed = mutant.make(problem, stand)
            try:
                same = _same(_projected(problem), _projected(changed), ELSEWHERE)
                if problem.pushforward is not None:
                    same &= _same(_tangents(problem), _tangents(changed), ELSEWHERE)
            except GradcheckError:
                same = False
            if not same:
                return r.HIDDEN, ""
        count = len(self.points())
        return r.EQUIVALENT, f"also at {count} other points" if count else "no other point could be tried"

    def points(self) -> list[tuple[Stand, Problem]]:
        """Other points of the same shapes, at which the function's own rule is right."""
        if self._known is None:
            self._known = [(s, p) for s in self.stands for p in self._around(s)]
        return self._known

    def _around(self, stand: Stand) -> list[Problem]:
        found: list[Problem] = []
        for inputs in other_inputs(stand.redraw):
            problem = _at(stand.problem, inputs)
            try:
                right = check(problem, explain=False).verdict in ("pass", "inconclusive")
            except GradcheckError:
                continue
            found += [problem] if right else []
            if len(found) == POINTS:
                break
        return found


def _at(problem: Problem, inputs: Sequence[Input]) -> Problem:
    return problem._replace(inputs=tuple(inputs), settings=problem.settings._replace(order=1))


def _same(one: Sequence[Array | None], two: Sequence[Array | None], rounding: float) -> bool:
    """Whether gradients are the same, relative to the largest number among them."""
    for a, b in zip(one, two, strict=True):
        if a is None or b is None:
            if a is not b:
                return False
            continue
        if np.shape(a) != np.shape(b):
            return False
        scale = np.max(np.abs(np.where(np.isfinite(a), a, 0.0)), initial=0.0)
        if not np.all((np.abs(a - b) <= rounding * scale) | (np.isnan(a) & np.isnan(b)) | (a == b)):
            return False
    return True


def _projected(problem: Problem) -> list[Array | None]:
    """The gradients for a dense cotangent, along the directions that an input's structure has."""
    inputs = [problem.inputs[i] for i in problem.differentiable_inputs()]
    gradients = zip(inputs, gradients_at(problem), strict=True)
    return [None if g is None else Coordinates(x.value, x.structure).project(g[None])[0] for x, g in gradients]


def _tangents(problem: Problem) -> list[Array]:
    """The outputs' tangents by the forward rule, for dense tangents of all inputs."""
    assert problem.pushforward is not None
    given = [dense_cotangent(x.value.size).reshape(x.value.shape) for x in problem.inputs if x.requires_grad]
    return [np.asarray(t) for t in problem.pushforward([x.value for x in problem.inputs], given)]
