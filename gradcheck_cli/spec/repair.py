"""From a rule that was found wrong to the one edit of its text that mends it, where there is one.

An edit is named only if the edited rule passes the check of its inputs in every case of the function, by the same differences.
How many edits are tried depends on the sizes of the arrays, never on a clock: the same run says the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from gradcheck_cli.check.check import check
from gradcheck_cli.check.diagnosis.cause import Change, Diagnosis
from gradcheck_cli.check.findings import Finding
from gradcheck_cli.check.problem import Problem
from gradcheck_cli.check.recheck import remembering
from gradcheck_cli.check.result import CheckResult
from gradcheck_cli.errors import GradcheckError, SpecError
from gradcheck_cli.spec.additions import FIRST, LATER, additions
from gradcheck_cli.spec.build import points_of, problem_at, with_rules
from gradcheck_cli.spec.edits import Edit, edits
from gradcheck_cli.spec.language.program import metered
from gradcheck_cli.spec.model import Case, FunctionSpec, SpecFile
from gradcheck_cli.spec.rule_texts import Recompiler, RuleText, name_groups, rule_texts
from gradcheck_cli.spec.screen import Screen

Array = np.ndarray[Any, Any]
BACKWARD, FORWARD = frozenset({"GC201", "GC102", "GC104", "GC106", "GC110"}), frozenset({"GC203"})
"""The findings that edits of the backward rule, and of the jvp rule, are looked for."""
CORRUPTING = ("sign", "transpose", "swapped name", "output for input", "mean for sum", "dropped factor", "factor")
"""Of the edits that corrupt a rule those that may mend one."""
NAMES = frozenset({"swapped name", "output for input"})
"""Kinds that put another name in: of these each says something else."""
ORDER = ("sign", "transpose", *FIRST, *CORRUPTING[2:], *LATER)
"""Of two edits that say the same the kind that comes first is named."""
EDITS = (600, 1000)
"""Edits tried at most, of the likely ones and of the others, which are tried if no likely one is found;"""
WORK = 6e6
"""fewer where this many numbers of inputs and outputs have been worked on."""
CHECKS = 12
"""Edits that pass the screen and are checked at most. If more pass it, none is named."""
LARGE = 20_000
"""Jacobian entries from which on that check is by random projections, not entry by entry."""
ALTERNATIVES = 3
"""If more edits mend a rule than this, none of them says where the mistake is."""
SHARE = 0.5
"""What the search may take, of what a check may (`limits.CHECK_ELEMENTS`)."""
COARSE = 1e-4
"""With a larger `rtol` a check says too little of what an edit mends."""


class Wrong(NamedTuple):
    """Where a rule was found wrong."""

    problem: Problem
    """The very problem that was checked."""
    file: SpecFile
    function: FunctionSpec
    case: Case
    overrides: Mapping[str, Any]


def mended(result: CheckResult, wrong: Wrong) -> CheckResult:
    """The result, with the edits that mend the rule named in its findings. It stands, whatever becomes of the search."""
    settings = wrong.problem.settings
    if wrong.problem.surrogate or settings.eps is not None or settings.tolerances()[0] > COARSE:
        return result
    try:
        with metered(SHARE):
            return _with_edits(result, wrong)
    except SpecError:  # the trials together take more than they may
        return result
    except Exception as error:
        message = f"looking for an edit that mends the rule ended with {type(error).__name__}: {error}"
        return replace(result, findings=(*result.findings, Finding("GC604", message, wrong.problem.location)))


def _with_edits(result: CheckResult, wrong: Wrong) -> CheckResult:
    said: dict[tuple[bool, str], tuple[Diagnosis, ...]] = {}
    for codes in (BACKWARD, FORWARD):
        forward = codes is FORWARD
        for named, names in _groups(result, wrong, codes):
            if not said.keys() >= {(forward, name) for name in named}:
                found = _said(_Search(wrong, names, result, forward).edits())
                said |= {(forward, name): found for name in named} if found else {}
    findings = []
    for f in result.findings:
        known = said.pop((f.code in FORWARD, f.input_name), ()) if f.code in BACKWARD | FORWARD else ()
        findings.append(f._replace(diagnosis=(*known, *f.diagnosis)))
    return replace(result, findings=tuple(findings))


def _groups(result: CheckResult, wrong: Wrong, codes: frozenset[str]) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """The findings' input names that one edit is to mend together, and the inputs that it is to make right."""
    names = tuple(dict.fromkeys(f.input_name for f in result.findings if f.code in codes))
    every = tuple(x.name for x in wrong.problem.inputs if x.requires_grad)
    one_text = codes is FORWARD or wrong.function.backward is None or wrong.function.backward.block is not None
    if one_text and len(names) > 1:
        yield names, every if "" in names else names
    yield from (((name,), (name,) if name else every) for name in names)


def _said(found: list[Edit]) -> tuple[Diagnosis, ...]:
    if not 1 <= len(found) <= ALTERNATIVES:
        return ()
    first, *others = found
    message = f"changing {first} mends the rule" + "".join(f"; so does changing {other}" for other in others)
    return (Diagnosis("edit", message, tuple(Change(e.location, e.before, e.after) for e in found)),)


class _Candidate(NamedTuple):
    edit: Edit
    function: FunctionSpec


class _Search:
    """The edits that mend the gradients of some inputs."""

    def __init__(self, wrong: Wrong, names: tuple[str, ...], result: CheckResult, forward: bool) -> None:
        self.wrong, self.names, self.forward = wrong, names, forward
        self.failing = {f.input_name for f in result.findings if f.verdict == "fail"} - {*names, ""}
        """What may stay wrong."""
        self.problem = remembering(_small(wrong.problem, result.entries))
        self.screen = Screen(self.problem, names, result.inputs, forward)
        self.recompiler = Recompiler(wrong.file, wrong.function)
        self._elsewhere: list[tuple[Case, Problem]] | None = None

    def edits(self) -> list[Edit]:
        """Those that mend it, without those that only repeat another one at a part or at the whole of it."""
        size = sum(x.value.size for x in self.problem.inputs) + self.screen.size
        likely, others = (int(min(most, WORK // (1 + size))) for most in EDITS)
        with np.errstate(all="ignore"):
            return self._mending(self._likely(), likely) or self._mending(self._others(), others)

    def _mending(self, tried: Iterator[tuple[RuleText, Edit]], most: int) -> list[Edit]:
        candidates = (c for rule, edit in islice(tried, most) if (c := self._candidate(rule, edit)) is not None)
        near = [c for c in candidates if self._is_near(c)]
        if len(near) > CHECKS:
            return []
        good = [c.edit for c in near if self._passes(c)]
        good.sort(key=lambda e: (ORDER.index(e.kind), e.span[0] - e.span[1]))
        found: list[Edit] = []
        for edit in good:
            if not any(_same(edit, other) for other in found):
                found.append(edit)
        return sorted(found, key=lambda e: e.span)

    def _texts(self) -> Iterator[RuleText]:
        for rule in rule_texts(self.wrong.function):
            if rule.form == "jvp" if self.forward else rule.form == "block" or rule.name in self.names:
                yield rule

    def _likely(self) -> Iterator[tuple[RuleText, Edit]]:
        for rule in self._texts():
            groups = name_groups(self.wrong.function, rule)
            yield from ((rule, edit) for edit in edits(rule, groups, CORRUPTING, swaps=None))
            yield from ((rule, edit) for edit in additions(rule, groups, later=False))

    def _others(self) -> Iterator[tuple[RuleText, Edit]]:
        texts = [(rule, name_groups(self.wrong.function, rule)) for rule in self._texts()]
        every = [(rule, edit) for rule, groups in texts for edit in additions(rule, groups, later=True)]
        yield from sorted(every, key=lambda pair: ORDER.index(pair[1].kind))

    def _candidate(self, rule: RuleText, edit: Edit) -> _Candidate | None:
        changed = self.recompiler.with_text(rule, edit.text)
        return None if changed is None else _Candidate(edit, changed)

    def _at(self, candidate: _Candidate, problem: Problem, case: Case) -> Problem:
        return with_rules(problem, self.wrong.file, candidate.function, case)

    def _is_near(self, candidate: _Candidate) -> bool:
        """Whether the differences at the point, and at others, say about the same."""
        case = self.wrong.case
        if not self.screen.passes(self._at(candidate, self.problem, case)):
            return False
        return all(s.passes(self._at(candidate, s.problem, case)) for s in self.screen.elsewhere())

    def _passes(self, candidate: _Candidate) -> bool:
        """Whether the inputs are right in every case, and no other is wrong that was not."""
        points = [(self.wrong.case, self.problem), *self._cases()]
        return all(self._is_right(self._at(candidate, problem, case)) for case, problem in points)

    def _cases(self) -> list[tuple[Case, Problem]]:
        """The function's other cases, at all their points."""
        if self._elsewhere is None:
            cases = [case for case in self.wrong.function.cases if case.expect.verdict != "fail"]
            points = ((case, problem) for case in cases for problem in self._points(case))
            self._elsewhere = [(case, remembering(_small(p, _entries(p)))) for case, p in points if not self._is_known(case, p)]
        return self._elsewhere

    def _points(self, case: Case) -> Iterator[Problem]:
        wrong = self.wrong
        for point in range(points_of(case, wrong.overrides)):
            try:
                yield problem_at(wrong.file, wrong.function, case, wrong.overrides, point)
            except GradcheckError:  # the check of this case says it
                return

    def _is_known(self, case: Case, problem: Problem) -> bool:
        """Whether this is the problem that was found wrong, once more."""
        pairs = zip(problem.inputs, self.problem.inputs, strict=True)
        return case.name == self.wrong.case.name and all(np.array_equal(x.value, y.value) for x, y in pairs)

    def _is_right(self, problem: Problem) -> bool:
        try:
            result = check(problem, explain=False)
        except GradcheckError:
            return False
        failing = {f.input_name for f in result.findings if f.verdict in ("fail", "error")}
        passed = {x.name for x in result.inputs if x.verdict == "pass"}
        passed |= {x.name for x in problem.inputs if not x.requires_grad}
        return passed >= set(self.names) and failing <= self.failing


def _small(problem: Problem, entries: int) -> Problem:
    """The problem, judged along a few directions where it is large."""
    return replace(problem, settings=problem.settings._replace(mode="projected")) if entries > LARGE else problem


def _entries(problem: Problem) -> int:
    outputs = problem.primal(*[x.value for x in problem.inputs])
    return sum(np.size(y) for y in outputs) * sum(x.value.size for x in problem.inputs if x.requires_grad)


def _same(one: Edit, two: Edit) -> bool:
    """Whether of two edits that mend a rule one need not be said: it changes a part or the whole of what the other does."""
    if not NAMES.isdisjoint((one.kind, two.kind)):
        return False
    return one.span[0] < two.span[1] and two.span[0] < one.span[1]
