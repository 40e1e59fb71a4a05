"""The specs that come with the project: all pass, and every corrupted copy of a rule is found wrong."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache

import pytest
from spec_mutants import FILES, SPECS, Mutant, Rule, loaded, mutants, rules_of, spec_with

from gradcheck_cli.check.result import CheckResult
from gradcheck_cli.run import Planned, run_one, run_specs
from gradcheck_cli.spec.model import Case, Expectation, FunctionSpec, SpecFile

MISTAKES = sorted((SPECS / "mistakes").glob("*.yaml"))
OF_EACH = 1_000 if os.environ.get("GRADCHECK_ALL_MUTANTS") else 1
"""Corruptions of each kind that are tried on a rule; with the variable set all of them, which takes a minute."""

EQUIVALENT = {
    "linear_algebra:cholesky_factor:backward: negated 0 in k = inv(out)": "k enters twice, as k.T @ ... @ k",
    "linear_algebra:cholesky_of_lower_triangle:backward: negated 0 in k = inv(out)": "k enters twice, as k.T @ ... @ k",
    "linear_algebra:matrix_cube:backward: negated 0 in t = A.T": "each of the terms has the transpose twice",
    "normalisation:group_norm:backward: negated 0 in h = centred * rstd": "h enters twice, in h * mean(... * h)",
}
"""Corruptions that change nothing, and why."""


def functions() -> Iterator[tuple[SpecFile, FunctionSpec]]:
    return ((loaded(path), f) for path in FILES for f in loaded(path).functions.values())


@cache
def rules() -> dict[str, list[Rule]]:
    """The rules of each function that has one, by file and function."""
    found = {f"{path.stem}:{f.name}": list(rules_of(path, f)) for path in FILES for f in loaded(path).functions.values()}
    return {name: rules for name, rules in found.items() if rules}


def is_surrogate(name: str) -> bool:
    return any(f.surrogate and name == f"{file.path.split('/')[-1][:-5]}:{f.name}" for file, f in functions())


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


# The tester tested.


def checked(file: SpecFile, function: FunctionSpec, case: Case) -> CheckResult:
    result = run_one(Planned(file, function, case), {}, explain=False)
    assert isinstance(result, CheckResult), result
    return result


def verdict_of(mutant: Mutant) -> CheckResult:
    """The first check of the changed function that fails (small inputs are tried first), or the last one."""
    file = spec_with(mutant)
    function = file.functions[mutant.rule.function]
    for case in sorted(function.cases, key=lambda c: sum(x.size(c.constants) for x in c.inputs.values())):
        result = checked(file, function, case)
        if result.verdict == "fail":
            break
    return result


@pytest.mark.parametrize("name", [name for name in rules() if not is_surrogate(name)])
def test_corrupted_rule_is_found_wrong(name: str) -> None:
    for rule in rules()[name]:
        tried = [m for m in mutants(rule, OF_EACH) if m.name not in EQUIVALENT]
        assert any("negated" in m.what for m in tried), rule.name
        assert any("doubled" in m.what for m in tried), rule.name
        for mutant in tried:
            result = verdict_of(mutant)
            assert result.verdict == "fail", mutant.name
            assert any(f.verdict == "fail" for f in result.findings), mutant.name
            if rule.entry not in ("backward", "jvp"):
                assert rule.entry in {f.input_name for f in result.findings if f.verdict == "fail"}, mutant.name


@pytest.mark.parametrize("name", EQUIVALENT)
def test_list_of_equivalent_corruptions_is_no_longer_than_needed(name: str) -> None:
    file, function, _ = name.split(":", 2)
    found = {m.name: m for rule in rules()[f"{file}:{function}"] for m in mutants(rule)}
    assert verdict_of(found[name]).verdict == "pass"


def test_surrogates_are_free_in_their_values_only() -> None:
    names = [name for name in rules() if is_surrogate(name)]
    assert names == ["composite:straight_through_round", "composite:gradient_reversal"]
    for name in names:
        for rule in rules()[name]:
            assert all(verdict_of(m).verdict == "pass" for m in mutants(rule))
            for text, code in [(f"sum({rule.text})", "GC102"), (f"abs({rule.text})", "GC110")]:
                result = verdict_of(Mutant(rule, "contract", text))
                assert [f.code for f in result.findings if f.verdict == "fail"] == [code]
                assert result.verdict == "fail"


def test_corrupted_file_fails_as_a_run(tmp_path) -> None:
    text = (SPECS / "tutorial.yaml").read_text()
    changed = tmp_path / "changed.yaml"
    changed.write_text(text.replace("x: grad * (2 * a * x + b)", "x: grad * (2 * a * x - b)"))
    report = run_specs([str(changed)])
    assert report.exit_code == 1
    wrong = [c for c in report.checks if c.verdict == "fail"]
    assert {c.function for c in wrong} == {"quadratic"}
    assert all(f.input_name == "x" and f.location.line == 11 for c in wrong for f in c.findings)
