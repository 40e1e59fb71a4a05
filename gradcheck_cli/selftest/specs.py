"""The self-test of spec files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any

from gradcheck_cli.check.problem import Input
from gradcheck_cli.errors import GradcheckError, Mistake, SpecError
from gradcheck_cli.options import settings_from
from gradcheck_cli.planning import Planned, plan
from gradcheck_cli.selection import Selection
from gradcheck_cli.selftest.result import FunctionResult, SelftestReport, Watch
from gradcheck_cli.selftest.trial import Candidate, Mutant, Stand, changed_gradients, sampled, trial
from gradcheck_cli.spec.build import points_of, problem_at, with_rules
from gradcheck_cli.spec.edits import Edit, edits
from gradcheck_cli.spec.model import Case, FunctionSpec, SpecFile
from gradcheck_cli.spec.rule_texts import Recompiler, RuleText, name_groups, rule_texts

OTHER_SEEDS = 1_000_000
"""From here on inputs are drawn at which survivors are compared."""


def selftest_specs(
    paths: Sequence[str],
    selection: Selection | None = None,
    options: Mapping[str, Any] | None = None,
    *,
    base: Mapping[str, Any] | None = None,
    most: int | None = None,
    watch: Watch | None = None,
) -> SelftestReport:
    """Corrupt every rule of the files; with `most` only so many times for each function, in as many ways as that allows."""
    overrides = {n: v for n, v in (options or {}).items() if v is not None}
    settings_from(overrides)
    planned, mistakes = plan(paths, selection or Selection(), base)
    by_function: dict[tuple[str, str], list[Planned]] = {}
    for item in planned:
        by_function.setdefault((item.file.path, item.function.name), []).append(item)
    one = partial(_function, overrides=overrides, mistakes=mistakes, most=most)
    found = (f for items in by_function.values() if (f := one(items)) is not None)
    functions = tuple(found if watch is None else watch(found, len(by_function)))
    return SelftestReport(functions, tuple(mistakes))


def _function(
    items: list[Planned], overrides: Mapping[str, Any], mistakes: list[Mistake], most: int | None
) -> FunctionResult | None:
    """One function; None where its inputs cannot be had, which is reported."""
    file, function = items[0].file, items[0].function
    result = FunctionResult(file.path, function.location, function.name, Counter(), Counter())
    cases = [item.case for item in items if item.case.expect.verdict != "fail"]
    skipped = _no_trial(function, cases)
    if skipped:
        return result._replace(skipped=skipped)
    try:
        stands = [stand for case in cases for stand in _stands(file, function, case, overrides)]
    except SpecError as error:
        mistakes += error.mistakes
        return None
    except GradcheckError as error:
        return result._replace(skipped=f"the forward cannot be run: {error}", verdict="error")
    verdict = min((s.result.verdict for s in stands), key=("error", "fail", "inconclusive", "pass").index)
    if verdict in ("fail", "error"):
        return result._replace(skipped="the rule does not pass as it is: gradcheck run says why", verdict=verdict)
    tally = trial(stands, sampled(chain(_edited(file, function), changed_gradients(stands)), most, function.name))
    return result._replace(tried=tally.tried, killed=tally.killed, survivors=tally.survivors, verdict=verdict)


def _no_trial(function: FunctionSpec, cases: list[Case]) -> str:
    """Why a function is not tried."""
    if function.surrogate:
        return "a surrogate: its values are free"
    if function.backward is None and function.jvp is None:
        return "no rule of its own"
    return "" if cases else "documented as wrong"


def _stands(file: SpecFile, function: FunctionSpec, case: Case, overrides: Mapping[str, Any]) -> Iterator[Stand]:
    def redraw(number: int) -> tuple[Input, ...]:
        return problem_at(file, function, case, {**overrides, "seed": OTHER_SEEDS + number}).inputs

    for point in range(points_of(case, overrides)):
        yield Stand(problem_at(file, function, case, overrides, point), case, redraw)


def _edited(file: SpecFile, function: FunctionSpec) -> Iterator[Candidate]:
    """The rule's text, changed; a change that gives no valid rule is none."""
    recompiler = Recompiler(file, function)
    for rule in rule_texts(function):
        for edit in edits(rule, name_groups(function, rule)):

            def build(rule: RuleText = rule, edit: Edit = edit) -> Mutant | None:
                changed = recompiler.with_text(rule, edit.text)
                if changed is None:
                    return None
                make = lambda problem, stand: with_rules(problem, file, changed, stand.subject)  # noqa: E731
                return Mutant(edit.kind, edit.location, edit.before, edit.after, make)

            yield Candidate(edit.kind, build)
