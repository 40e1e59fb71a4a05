"""The specs that come with the project: all pass, and every corrupted copy of a rule is found wrong."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from documents import ROOT

from gradcheck_cli.check.result import CheckResult
from gradcheck_cli.planning import Planned
from gradcheck_cli.run import run_one, run_specs
from gradcheck_cli.selection import Selection
from gradcheck_cli.spec.loader import load
from gradcheck_cli.spec.model import Case, Expectation, FunctionSpec, SpecFile

SPECS = ROOT / "specs"
FILES = sorted(SPECS.glob("*.yaml"))
MISTAKES = sorted((SPECS / "mistakes").glob("*.yaml"))


@cache
def loaded(path: Path) -> SpecFile:
    return load(str(path))


def functions() -> Iterator[tuple[SpecFile, FunctionSpec]]:
    return ((loaded(path), f) for path in FILES for f in loaded(path).functions.values())


# The files as they are.


def test_all_pass() -> None:
    report = run_specs([str(SPECS)])
    assert [c.name for c in report.checks if c.verdict != "pass"] == []
    assert not report.mistakes
    assert report.exit_code == 0
    for check in report.checks:
        compared = [x for x in check.inputs if x.checked]
        right_by_values = not check.expected.startswith("fail") and all(f.code != "GC601" for f in check.findings)
        assert compared or not right_by_values, check.name
        assert all(x.checked == x.entries or check.function == "projected_check" for x in compared), check.name


def test_there_are_many_and_each_says_what_it_is() -> None:
    found = [f for _, f in functions()]
    assert len([f for f in found if f.backward]) >= 40
    assert sum(len(f.cases) > 1 for f in found) >= 10
    unsaid = [f.name for path in [*FILES, *MISTAKES] for f in loaded(path).functions.values() if not (f.doc and f.source)]
    assert unsaid == []


# The mistakes.


@pytest.mark.parametrize("name", [f"{p.stem}:{f}" for p in MISTAKES for f in loaded(p).functions])
def test_mistake_is_found_as_the_file_says(name: str) -> None:
    stem, _, function = name.partition(":")
    file = loaded(SPECS / "mistakes" / f"{stem}.yaml")
    spec = file.functions[function]
    for case in spec.cases:
        assert case.expect.verdict == "fail"
        assert case.expect.code, "the file names the finding"
        result = checked(file, spec, case._replace(expect=Expectation()))
        assert result.verdict == "fail"
        assert case.expect.code in {f.code for f in result.findings}


# The tester tested: see also test_selftest.py.


def checked(file: SpecFile, function: FunctionSpec, case: Case) -> CheckResult:
    result = run_one(Planned(file, function, case), {}, explain=False)
    assert isinstance(result, CheckResult), result
    return result


def test_surrogates_are_free_in_their_values_only(tmp_path) -> None:
    found = [(path, f) for path in FILES for f in loaded(path).functions.values() if f.surrogate]
    assert [f.name for _, f in found] == ["straight_through_round", "gradient_reversal"]
    for path, f in found:
        (program,) = f.backward.programs.values()
        text = program.text.value
        lines = path.read_text().replace(f"x: {text}\n", "x: RULE\n")
        for changed, codes in [(f"2 * ({text})", []), (f"sum({text})", ["GC102"]), (f"abs({text})", ["GC110"])]:
            spec = tmp_path / "changed.yaml"
            spec.write_text(lines.replace("x: RULE", f"x: {changed}"))
            (result,) = run_specs([str(spec)], Selection(function=f.name, case="default")).checks
            assert [x.code for x in result.findings if x.verdict == "fail"] == codes
            assert result.verdict == ("fail" if codes else "pass")


def test_corrupted_file_fails_as_a_run(tmp_path) -> None:
    text = (SPECS / "tutorial.yaml").read_text()
    changed = tmp_path / "changed.yaml"
    changed.write_text(text.replace("x: grad * (2 * a * x + b)", "x: grad * (2 * a * x - b)"))
    report = run_specs([str(changed)])
    assert report.exit_code == 1
    wrong = [c for c in report.checks if c.verdict == "fail"]
    assert {c.function for c in wrong} == {"quadratic"}
    assert all(f.input_name == "x" and f.location.line == 11 for c in wrong for f in c.findings)
