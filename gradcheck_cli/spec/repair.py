"""From a rule that was found wrong to the one edit of its text that mends it, where there is one.

An edit is named only if the edited rule passes the check of its inputs in every case of the function, by the same differences.
How many edits are tried depends on the sizes of the arrays, never on a clock: the same run says the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from heapq import merge
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
from gradcheck_cli.spec.build import Functions, SpecFunction, points_of, problem_at, with_rules
from gradcheck_cli.spec.edits import Edit, edits
from gradcheck_cli.spec.language.program import metered
from gradcheck_cli.spec.model import Case, FunctionSpec, SpecFile
from gradcheck_cli.spec.rule_texts import Recompiler, name_groups, rule_texts
from gradcheck_cli.spec.screen import Screen
from gradcheck_cli.spec.trials import Pieces, Trial

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
STATEMENTS = 40_000
"""Statements that it may translate and run, a few 10 us each. If it needs more, no edit is named."""
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
        with metered(SHARE, STATEMENTS):
            return _with_edits(result, wrong)
    except SpecError:  # the trials together take more than they may
        return result
    except Exception as error:
        message = f"looking for an edit that mends the rule ended with {type(error).__name__}: {error}"
        return result._replace(findings=(*result.findings, Finding("GC604", message, wrong.problem.location)))


def _with_edits(result: CheckResult, wrong: Wrong) -> CheckResult:
    said: dict[tuple[bool, str], tuple[Diagnosis, ...]] = {}
    for codes in (BACKWARD, FORWARD):
        forward = codes is FORWARD
        trials = _Trials(wrong, result, forward)
        for named, names in _groups(result, wrong, codes):
            if not said.keys() >= {(forward, name) for name in named}:
                found = _said(_Search(trials, names).edits())
                said |= {(forward, name): found for name in named} if found else {}
    findings = []
    for f in result.findings:
        known = said.pop((f.code in FORWARD, f.input_name), ()) if f.code in BACKWARD | FORWARD else ()
        findings.append(f._replace(diagnosis=(*known, *f.diagnosis)))
    return result._replace(findings=tuple(findings))


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


class _Trials:
    """The edited texts of a function's rules, and what was found out about each; the searches of a check share them."""

    def __init__(self, wrong: Wrong, result: CheckResult, forward: bool) -> None:
        self.wrong, self.result, self.forward = wrong, result, forward
        self._judged: dict[tuple[str, str, int], tuple[set[str], set[str]]] = {}

    @cached_property
    def problem(self) -> Problem:
        """The problem that was found wrong."""
        return remembering(_small(self.wrong.problem, self.result.entries))

    @cached_property
    def recompiler(self) -> Recompiler:
        """Makes whole functions of edited texts."""
        return Recompiler(self.wrong.file, self.wrong.function)

    @cached_property
    def pieces(self) -> list[Pieces]:
        """The texts that are edited."""
        texts = [rule for rule in rule_texts(self.wrong.function) if (rule.form == "jvp") == self.forward]
        return [Pieces(rule, self.recompiler.scope(rule)) for rule in texts]

    @cached_property
    def screen(self) -> Screen:
        """What the differences say of them."""
        wrong = self.wrong
        function = SpecFunction(wrong.function, Functions(wrong.file), wrong.case.constants)
        return Screen(self.problem, function, self.pieces, self.result.inputs, self.forward)

    def _points(self) -> Iterator[tuple[Case, Problem]]:
        """Where an edit is checked: here, and at all points of the function's other cases."""
        yield self.wrong.case, self.problem
        yield from self._elsewhere

    @cached_property
    def _elsewhere(self) -> list[tuple[Case, Problem]]:
        cases = [case for case in self.wrong.function.cases if case.expect.verdict != "fail"]
        others = ((case, problem) for case in cases for problem in self._drawn(case) if not self._is_known(case, problem))
        return [(case, remembering(_small(problem, _entries(problem)))) for case, problem in others]

    def _drawn(self, case: Case) -> Iterator[Problem]:
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

    def near(self, trial: Trial, names: Sequence[str]) -> bool:
        """Whether the differences at the point, and at others, say about the same."""
        return self.screen.passes(trial, names) and all(s.passes(trial, names) for s in self.screen.elsewhere())

    def judged(self, trial: Trial) -> Iterator[tuple[set[str], set[str]]]:
        """At each point the inputs that are right, and those that are wrong."""
        function = self.recompiler.with_text(trial.pieces.rule, trial.edit.text)
        if function is None:
            yield set(), set()
            return
        for k, (case, problem) in enumerate(self._points()):
            key = trial.pieces.rule.name, trial.edit.text, k
            if key not in self._judged:
                self._judged[key] = _judged(with_rules(problem, self.wrong.file, function, case))
            yield self._judged[key]


class _Search:
    """The edits that mend the gradients of some inputs."""

    def __init__(self, trials: _Trials, names: tuple[str, ...]) -> None:
        self.trials, self.names = trials, names
        self.failing = {f.input_name for f in trials.result.findings if f.verdict == "fail"} - {*names, ""}
        """What may stay wrong."""
        self.pieces = [p for p in trials.pieces if not p.rule.name or p.rule.name in names]

    def edits(self) -> list[Edit]:
        """Those that mend it, without those that only repeat another one at a part or at the whole of it."""
        size = sum(x.value.size for x in self.trials.problem.inputs) + self.trials.screen.size
        likely, others = (int(min(most, WORK // (1 + size))) for most in EDITS)
        with np.errstate(all="ignore"):
            return self._mending(self._likely(), likely) or self._mending(self._others(), others)

    def _mending(self, tried: Iterator[Trial], most: int) -> list[Edit]:
        near = [trial for trial in islice(tried, most) if self.trials.near(trial, self.names)]
        if len(near) > CHECKS:
            return []
        good = [trial.edit for trial in near if self._passes(trial)]
        good.sort(key=lambda e: (ORDER.index(e.kind), e.span[0] - e.span[1]))
        found: list[Edit] = []
        for edit in good:
            if not any(_same(edit, other) for other in found):
                found.append(edit)
        return sorted(found, key=lambda e: e.span)

    def _likely(self) -> Iterator[Trial]:
        for pieces in self.pieces:
            groups = name_groups(self.trials.wrong.function, pieces.rule)
            yield from (Trial(pieces, edit) for edit in edits(pieces.rule, groups, CORRUPTING, swaps=None))
            yield from (Trial(pieces, edit) for edit in additions(pieces.rule, groups, later=False))

    def _others(self) -> Iterator[Trial]:
        return merge(*map(self._later, self.pieces), key=lambda trial: ORDER.index(trial.edit.kind))

    def _later(self, pieces: Pieces) -> Iterator[Trial]:
        groups = name_groups(self.trials.wrong.function, pieces.rule)
        return (Trial(pieces, edit) for edit in additions(pieces.rule, groups, later=True))

    def _passes(self, trial: Trial) -> bool:
        """Whether the inputs are right in every case, and no other is wrong that was not."""
        return all(right >= set(self.names) and wrong <= self.failing for right, wrong in self.trials.judged(trial))


def _judged(problem: Problem) -> tuple[set[str], set[str]]:
    """The inputs that pass a check, and those that fail it; none where it cannot be made."""
    try:
        result = check(problem, explain=False)
    except GradcheckError:
        return set(), set()
    passed = {x.name for x in result.inputs if x.verdict == "pass"}
    passed |= {x.name for x in problem.inputs if not x.requires_grad}
    return passed, {f.input_name for f in result.findings if f.verdict in ("fail", "error")}


def _small(problem: Problem, entries: int) -> Problem:
    """The problem, judged along a few directions where it is large."""
    return problem._replace(settings=problem.settings._replace(mode="projected")) if entries > LARGE else problem


def _entries(problem: Problem) -> int:
    outputs = problem.primal(*[x.value for x in problem.inputs])
    return sum(np.size(y) for y in outputs) * sum(x.value.size for x in problem.inputs if x.requires_grad)


def _same(one: Edit, two: Edit) -> bool:
    """Whether of two edits that mend a rule one need not be said: it changes a part or the whole of what the other does."""
    if not NAMES.isdisjoint((one.kind, two.kind)):
        return False
    return one.span[0] < two.span[1] and two.span[0] < one.span[1]
