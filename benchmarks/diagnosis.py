"""How often the right cause is named, and how often a wrong one: `python benchmarks/diagnosis.py [--of-each N] [-v]`.

Every rule of specs/ is corrupted in three ways: its gradients (diagnosis_jacobians.py), its gradients as the self-test does it,
and its text as the self-test does it. Mutants that are found wrong are counted, at the first case that finds them so; those of
a text go through `run_one`, which also looks for the edit that mends them. Each statement about a mutant is

- *right* if it names the fault: an edit after which the rule agrees with the right one to 1e-11 at up to a dozen other points
  (for an edit with alternatives all of them), or a cause that `RIGHT` has for the kind of mutant and that is true;
- *true* if it is another statement that holds: one about numbers is true if it is made again, of the same input, at half or
  more of (up to four) other points at which the mutant is found wrong; counts and thresholds may differ;
- *wrong* otherwise: an edit that mends the rule at the inputs of the check only, and what is not said again elsewhere.

Printed for each kind: the mutants, how many of them have a right statement, have it first, have none at all, have a wrong one.
With -v every mutant without a right statement first, and every one with a wrong one.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import diagnosis_jacobians as jacobians
import numpy as np

from gradcheck_cli.check.check import check
from gradcheck_cli.check.diagnosis.cause import Diagnosis
from gradcheck_cli.check.problem import Problem
from gradcheck_cli.check.result import CheckResult
from gradcheck_cli.errors import GradcheckError
from gradcheck_cli.planning import Planned, plan
from gradcheck_cli.run import run_one
from gradcheck_cli.selection import Selection
from gradcheck_cli.selftest.reasons import Equality
from gradcheck_cli.selftest.result import EQUIVALENT
from gradcheck_cli.selftest.specs import _stands
from gradcheck_cli.selftest.trial import Mutant, Stand, changed_gradients
from gradcheck_cli.spec.additions import additions
from gradcheck_cli.spec.build import with_rules
from gradcheck_cli.spec.edits import Edit, edits
from gradcheck_cli.spec.model import FunctionSpec
from gradcheck_cli.spec.repair import CORRUPTING
from gradcheck_cli.spec.rule_texts import Recompiler, RuleText, name_groups, rule_texts

SPECS = Path(__file__).parent.parent / "specs"
RIGHT = {
    "sign": {"sign", "missing_term"},
    "factor": {"factor", "missing_term"},
    "transpose": {"transposed"},
    "swap": {"swapped"},
    "missing sum": {"missing_sum", "broadcast"},
    "mean for sum": {"mean_for_sum", "factor"},
    "single entry": {"single_entry"},
    "nonlinear": {"nonlinear"},
}
OTHERS = {
    "dropped term": {"missing_term"},
    "dropped factor": {"factor", "missing_factor", "nonlinear"},
    "output for input": {"out_for_input", "input_for_out"},
    "rolled": {"permuted"},
    "zeroed row": {"zero", "single_entry"},
    "NaN": {"single_entry"},
}
"""The same for kinds of which the issue asks no share."""
"""For each kind of mutant the causes that name it, if they are true. Where a part of a rule has the wrong sign or factor, the
whole is off by a term. A mean for a sum is a factor; over an axis of size 2 no number tells which."""
ALIASES = {
    "negative": "sign", "relative error": "factor", "transposed": "transpose", "swapped name": "swap",
    "dropped sum": "missing sum", "relative error of one entry": "single entry", "slice for sum": "missing sum",
}  # fmt: skip
"""The self-test's words for these kinds."""
FAMILIES = ("jacobian", "gradient", "text")
"""Changes of the gradients of this benchmark's own, the self-test's, and the self-test's changes of the text."""
POINTS = 4
"""Other points at which a statement about numbers is asked for again."""


class Subject(NamedTuple):
    """One function with a rule that is right."""

    planned: Planned
    stands: list[Stand]
    equality: Equality


class Trial(NamedTuple):
    """One mutant, and how it is run."""

    family: str
    kind: str
    name: str
    subject: Subject
    make: Callable[[Problem, Stand], Problem]
    changed: FunctionSpec | None = None
    """The function with the changed text, where it is the text that was changed."""


class Outcome(NamedTuple):
    """What was said of a mutant, and what each statement is worth: `right`, `true` or `wrong`."""

    trial: Trial
    said: tuple[tuple[str, Diagnosis], ...]
    worth: tuple[str, ...]


def subjects(of: str = "") -> Iterator[Subject]:
    """Every function of specs/ whose rule passes, with its cases."""
    planned, _ = plan([str(p) for p in sorted(SPECS.glob("*.yaml")) if of in p.stem], Selection())
    by_function: dict[tuple[str, str], list[Planned]] = {}
    for item in planned:
        if item.case.expect.verdict == "pass" and item.function.backward is not None and not item.function.surrogate:
            by_function.setdefault((item.file.path, item.function.name), []).append(item)
    for items in by_function.values():
        stands = [s for item in items for s in _stands(item.file, item.function, item.case, {})]
        yield Subject(items[0], stands, Equality(stands))


# The mutants.


def trials(subject: Subject) -> Iterator[Trial]:
    """All mutants of one function."""
    name = f"{Path(subject.planned.file.path).stem}:{subject.planned.function.name}"
    for stand in subject.stands:
        for m in jacobians.mutants(stand.problem):
            only = subject._replace(stands=[stand])
            what = f"{name} {m.input} {m.what}"
            yield Trial("jacobian", _kind(m.kind), what, only, lambda p, s, m=m: jacobians.mutated(p, m.rule))
    for c in (candidate.build() for candidate in changed_gradients(subject.stands)):
        assert c is not None
        yield Trial("gradient", _kind(c.kind), f"{name} {c.before} {c.after}", subject, c.make)
    file, function = subject.planned.file, subject.planned.function
    recompiler = Recompiler(file, function)
    for rule in rule_texts(function):
        for edit in edits(rule, name_groups(function, rule)) if rule.form != "jvp" else ():
            changed = recompiler.with_text(rule, edit.text)
            if changed is not None:
                yield Trial("text", _kind(edit.kind), f"{name} {edit}", subject, _of_text(subject, changed), changed)


def _kind(kind: str) -> str:
    return ALIASES.get(kind, kind)


def _of_text(subject: Subject, changed: FunctionSpec) -> Callable[[Problem, Stand], Problem]:
    return lambda problem, stand: with_rules(problem, subject.planned.file, changed, stand.subject)


def some(found: Sequence[Trial], of_each: int | None) -> Iterator[Trial]:
    """Of each family and kind about so many, spread over the whole."""
    counts = Counter((t.family, t.kind) for t in found)
    seen: Counter[tuple[str, str]] = Counter()
    for t in found:
        key = (t.family, t.kind)
        if of_each is None or seen[key] % max(1, -(-counts[key] // of_each)) == 0:
            yield t
        seen[key] += 1


# What is said of them.


def outcomes(found: Sequence[Trial]) -> Iterator[Outcome]:
    """What is said of every mutant that is found wrong."""
    for trial in found:
        with np.errstate(all="ignore"):
            result = _failing(trial)
            if result is not None:
                said = tuple(_said(result))
                yield Outcome(trial, said, tuple(_worth(trial, name, d) for name, d in said))


def _failing(trial: Trial) -> CheckResult | None:
    """The first check that finds the mutant wrong."""
    for stand in trial.subject.stands:
        if trial.changed is None:
            result = check(trial.make(stand.problem, stand))
        else:
            result = run_one(Planned(trial.subject.planned.file, trial.changed, stand.subject), {})
        if result.verdict == "fail":
            return result
    return None


def _said(result: CheckResult) -> Iterator[tuple[str, Diagnosis]]:
    for f in result.findings:
        yield from ((f.input_name, d) for d in f.diagnosis)


def _worth(trial: Trial, name: str, d: Diagnosis) -> str:
    if d.cause == "edit":
        return "right" if all(_mends(trial, rule, e) for rule, e in _edits_named(trial, d)) else "wrong"
    if not _is_true(trial, name, d):
        return "wrong"
    return "right" if d.cause in {**RIGHT, **OTHERS}.get(trial.kind, set()) else "true"


def _edits_named(trial: Trial, d: Diagnosis) -> list[tuple[RuleText, Edit]]:
    assert trial.changed is not None
    named = [tuple(change) for change in d.edits]
    found: list[tuple[RuleText, Edit]] = []
    for rule in rule_texts(trial.changed):
        groups = name_groups(trial.changed, rule)
        every = [*edits(rule, groups, CORRUPTING, swaps=None), *additions(rule, groups, False), *additions(rule, groups, True)]
        found += [(rule, e) for e in every if (e.location, e.before, e.after) in named]
    assert found, d
    return found


def _mends(trial: Trial, rule: RuleText, edit: Edit) -> bool:
    """Whether the edited mutant is the right rule at other points, too."""
    subject = trial.subject
    assert trial.changed is not None
    function = Recompiler(subject.planned.file, trial.changed).with_text(rule, edit.text)
    assert function is not None
    again = Mutant("", None, "", "", _of_text(subject, function))
    return subject.equality.elsewhere(again)[0] == EQUIVALENT


def _is_true(trial: Trial, name: str, d: Diagnosis) -> bool:
    """Whether the same is said at other points."""
    tried = again = 0
    for stand, problem in trial.subject.equality.points():
        if stand not in trial.subject.stands or tried == POINTS:
            continue
        try:
            result = check(trial.make(problem, stand))
        except GradcheckError:
            continue
        if result.verdict == "fail" and any(f.input_name == name and f.verdict == "fail" for f in result.findings):
            tried += 1
            again += (name, _gist(d)) in [(n, _gist(other)) for n, other in _said(result)]
    return again > 0 and 2 * again >= tried


def _gist(d: Diagnosis) -> str:
    """The statement without what may differ from point to point: counts and thresholds."""
    text = re.sub(r"(on )?\d+ of \d+ entr(y|ies)|all \d+ entries|in all \d+|\(\d+ entries of", "", d.message)
    if d.cause in ("region", "axis_factor", "float32") or d.message.startswith("off by one factor"):
        text = re.sub(r"-?\d[\d.e+-]*", "", text)
    return f"{d.cause}: {text}"


# The table.


class Tally(NamedTuple):
    mutants: int
    named: int
    first: int
    silent: int
    wrong: int


def tally(found: Sequence[Outcome]) -> Tally:
    return Tally(
        len(found),
        sum("right" in o.worth for o in found),
        sum(o.worth[:1] == ("right",) for o in found),
        sum(not o.said for o in found),
        sum("wrong" in o.worth for o in found),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-v", "--verbose", action="store_true")
    parser.add_argument("--of-each", type=int, help="mutants of each kind and family, about")
    parser.add_argument("--family", choices=FAMILIES)
    parser.add_argument("--file", default="", help="part of a file's name")
    arguments = parser.parse_args()
    every = [t for s in subjects(arguments.file) for t in trials(s) if arguments.family in (None, t.family)]
    found = list(outcomes(list(some(every, arguments.of_each))))
    for o in found if arguments.verbose else ():
        if o.worth[:1] != ("right",) or "wrong" in o.worth:
            said = (f"\n    {worth} {n}: {d.cause}: {d.message}" for worth, (n, d) in zip(o.worth, o.said, strict=True))
            print(o.trial.family, o.trial.kind, o.trial.name, *said)
    for family in FAMILIES:
        _table(family, [o for o in found if o.trial.family == family])
    _table("self-test", [o for o in found if o.trial.family != "jacobian"])
    return 0


def _table(family: str, found: Sequence[Outcome]) -> None:
    if not found:
        return
    print(f"{family:<16} {'mutants':>8} {'named':>8} {'first':>8} {'silent':>8} {'wrong':>8}")
    kinds = dict.fromkeys(o.trial.kind for o in found)
    for kind in [*(k for k in RIGHT if k in kinds), *(k for k in kinds if k not in RIGHT)]:
        _row(f"  {kind}", tally([o for o in found if o.trial.kind == kind]))
    _row("  these kinds", tally([o for o in found if o.trial.kind in RIGHT]))
    _row("  all", tally(found))


def _row(title: str, t: Tally) -> None:
    shares = "".join(f"{n / max(t.mutants, 1):9.1%}" for n in t[1:])
    print(f"{title:<16} {t.mutants:>8}{shares}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
