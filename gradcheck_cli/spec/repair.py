"""From a rule that was found wrong to the one edit of its text that mends it, where there is one.

An edit is named only if the edited rule passes the check of its input in every case of the function, by the same differences.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from gradcheck_cli.check.check import check
from gradcheck_cli.check.claimed import Outputs
from gradcheck_cli.check.contract import dense_cotangent
from gradcheck_cli.check.coordinates import Coordinates
from gradcheck_cli.check.diagnosis.cause import Diagnosis
from gradcheck_cli.check.problem import Input, Problem
from gradcheck_cli.check.recheck import remembering
from gradcheck_cli.check.result import CheckResult, InputResult
from gradcheck_cli.check.verdict import KINKS
from gradcheck_cli.errors import GradcheckError
from gradcheck_cli.spec.build import problems, with_rules
from gradcheck_cli.spec.edits import SUMMED, Edit, edits
from gradcheck_cli.spec.model import Case, FunctionSpec, SpecFile
from gradcheck_cli.spec.rule_texts import Recompiler, RuleText, name_groups, rule_texts

Array = np.ndarray[Any, Any]
CODES = ("GC201", "GC102")
"""The findings that edits are looked for."""
KINDS = ("sign", "transpose", SUMMED, "swapped name", "output for input", "mean for sum", "dropped factor", "factor")
"""What may mend a rule; of two edits that say the same the kind that comes first is named."""
MOST_EDITS = 400
MOST_SECONDS = 1.0
ALTERNATIVES = 3
"""If more edits mend a rule than this, none of them says where the mistake is."""
SCREEN = 1e-4
"""How near a candidate's gradient for one dense cotangent has to come to the differences before it is checked in full."""


class Wrong(NamedTuple):
    """Where a rule was found wrong."""

    problem: Problem
    """The very problem that was checked."""
    file: SpecFile
    function: FunctionSpec
    case: Case
    overrides: Mapping[str, Any]


def mended(result: CheckResult, wrong: Wrong) -> CheckResult:
    """The result, with the edits that mend the rule named in its findings."""
    names = tuple(dict.fromkeys(f.input_name for f in result.findings if f.code in CODES and f.input_name))
    failing = {f.input_name for f in result.findings if f.verdict == "fail"}
    deadline = time.perf_counter() + MOST_SECONDS
    said: dict[str, tuple[Diagnosis, ...]] = {}
    rule = wrong.function.backward
    together = [names] if rule is not None and rule.block is not None and len(names) > 1 else []
    for group in (*together, *((name,) for name in names)):
        if not said.keys() >= set(group):
            found = _said(_Search(wrong, group, result.inputs, failing, deadline).edits())
            said |= dict.fromkeys(group, found) if found else {}
    findings = []
    for f in result.findings:
        known = said.pop(f.input_name, ()) if f.code in CODES else ()
        findings.append(f._replace(diagnosis=(*known, *f.diagnosis)))
    return replace(result, findings=tuple(findings))


def _said(found: list[Edit]) -> tuple[Diagnosis, ...]:
    if not 1 <= len(found) <= ALTERNATIVES:
        return ()
    first, *others = found
    message = f"changing {first} mends the rule" + "".join(f"; so does changing {other}" for other in others)
    return (Diagnosis("edit", message),)


class _Candidate(NamedTuple):
    edit: Edit
    function: FunctionSpec


class _Search:
    """The edits that mend the gradients of some inputs."""

    def __init__(
        self, wrong: Wrong, names: tuple[str, ...], judged: Sequence[InputResult], failing: set[str], deadline: float
    ) -> None:
        self.wrong, self.names, self.deadline = wrong, names, deadline
        self.judged = {x.name: x for x in judged}
        self.failing = failing - set(names)
        """What may stay wrong."""
        self.problem = remembering(wrong.problem)

    def edits(self) -> list[Edit]:
        """Those that mend it, without those that only repeat another one at a part or at the whole of it."""
        with np.errstate(all="ignore"):
            near = [c for c in self._candidates() if self._is_near(c)]
            good = [c.edit for c in near if self._passes(c)]
        if time.perf_counter() > self.deadline:
            return []
        good.sort(key=lambda e: (KINDS.index(e.kind), e.span[0] - e.span[1]))
        found: list[Edit] = []
        for edit in good:
            if not any(_overlap(edit.span, other.span) for other in found):
                found.append(edit)
        return sorted(found, key=lambda e: e.span)

    def _texts(self) -> Iterator[RuleText]:
        for rule in rule_texts(self.wrong.function):
            if rule.form == "block" or (rule.form == "entry" and rule.name in self.names):
                yield rule

    def _candidates(self) -> Iterator[_Candidate]:
        recompiler = Recompiler(self.wrong.file, self.wrong.function)
        for rule in self._texts():
            groups = name_groups(self.wrong.function, rule)
            for edit in islice(edits(rule, groups, KINDS, swaps=None), MOST_EDITS):
                if time.perf_counter() > self.deadline:
                    return
                changed = recompiler.with_text(rule, edit.text)
                if changed is not None:
                    yield _Candidate(edit, changed)

    def _is_near(self, candidate: _Candidate) -> bool:
        """Whether the rule runs, and its gradient for one cotangent is about that of the differences."""
        problem = with_rules(self.problem, self.wrong.file, candidate.function, self.wrong.case)
        try:
            pulled = problem.pullback([x.value for x in problem.inputs])
            outputs = Outputs(problem.outputs, pulled.outputs, pulled.differentiable)
            v = dense_cotangent(outputs.size)
            gradients = pulled.vjp(outputs.cotangents(v))
        except GradcheckError:
            return False
        named = zip((problem.inputs[i] for i in problem.differentiable_inputs()), gradients, strict=True)
        return all(g is not None and self._agrees(x, np.asarray(g), v) for x, g in named if x.name in self.names)

    def _agrees(self, x: Input, g: Array, v: Array) -> bool:
        judged = self.judged.get(x.name)
        if judged is None or judged.numeric.shape[0] != len(v):
            return True
        return _near(Coordinates(x.value, x.structure).project(g[None])[0], v, judged)

    def _passes(self, candidate: _Candidate) -> bool:
        """Whether the inputs are right in every case, and no other is wrong that was not."""
        if not self._is_right(with_rules(self.problem, self.wrong.file, candidate.function, self.wrong.case)):
            return False
        others = [case for case in self.wrong.function.cases if case.expect.verdict != "fail"]
        for case in others:
            for make in problems(self.wrong.file, candidate.function, case, self.wrong.overrides):
                if time.perf_counter() > self.deadline or not self._is_right(make()):
                    return False
        return True

    def _is_right(self, problem: Problem) -> bool:
        result = check(problem, explain=False)
        failing = {f.input_name for f in result.findings if f.verdict in ("fail", "error")}
        passed = {x.name for x in result.inputs if x.verdict == "pass"} | {
            x.name for x in problem.inputs if not x.requires_grad
        }
        return passed >= set(self.names) and failing <= self.failing


def _near(gradient: Array, v: Array, judged: InputResult) -> bool:
    """Whether a gradient is about v' J, where J is known and smooth."""
    smooth = np.isfinite(judged.numeric) & ~np.isin(judged.verdicts, KINKS)
    columns = smooth.all(axis=0)
    J = judged.numeric[:, columns]
    scale = np.max(np.abs(v) @ np.abs(J), initial=0.0)
    return bool(np.all(np.abs(gradient[columns] - v @ J) <= SCREEN * scale))


def _overlap(one: tuple[int, int], two: tuple[int, int]) -> bool:
    return one[0] < two[1] and two[0] < one[1]
