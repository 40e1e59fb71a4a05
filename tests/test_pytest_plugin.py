"""The pytest plugin: what it collects, how it names it, what it says, and what it costs where there is no spec."""

from __future__ import annotations

import os
import re
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from pkgutil import walk_packages
from xml.etree import ElementTree

import numpy as np
import pytest

import gradcheck_cli

pytestmark = pytest.mark.slow

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parent.parent
PLUGIN = () if entry_points(group="pytest11", name="gradcheck") else ("-p", "gradcheck_cli.pytest_plugin")
"""An environment may have been made before there was an entry point."""
NO_HYPOTHESIS = ("-p", "no:hypothesispytest")
"""Importing it takes a new process as long as the rest of such a run."""

RULES = """\
functions:
  fine:
    inputs: {x: 1.5}
    forward: sin(x)
    backward:
      x: grad * cos(x)
    cases:
      larger: {inputs: {x: [0.3, 2.5]}}
  wrong:
    inputs: {x: [0.3, 0.8]}
    forward: sin(x)
    backward:
      x: grad * cos(2 * x)
  known:
    inputs: {x: 2.0}
    forward: sin(x)
    backward: {x: grad}
    expect: fail GC201
"""
RIGHT = RULES.partition("  wrong:")[0]
OPEN = """\
functions:
  undecided:
    inputs: {x: [-1.0, 2.0]}
    forward: log(x)
    backward: {x: grad / x}
"""
INVALID = """\
functions:
  misspelt:
    inputs: {x: 1.0}
    forward: sinn(x)
"""
ASSERTIONS = """
import pytest
from gradcheck_cli import verify

@pytest.fixture
def report():
    return verify(lambda x: x * x, [[1.5, 2.0]], backward=lambda grad, x: grad * x, name="square")

def test_truth(report):
    assert report

def test_ok(report):
    assert report.ok

def test_call():
    assert verify(lambda x: x * x, [[1.5, 2.0]], backward=lambda grad, x: grad * x, name="square").ok

def test_words(report):
    assert report.ok, "my own words"

def test_message(report):
    assert report.ok, report

def test_raises(report):
    report.raise_if_failed()

def test_other(report):
    raise ValueError("something else")
"""


@pytest.fixture(scope="module")
def everything_imported():
    """pytester forgets what a run in this process imports, and NumPy cannot be imported twice; Hypothesis, which its plugin
    imports at the end of a run, can be, and takes half a second each time.
    """
    import_module("hypothesis")
    for module in walk_packages(gradcheck_cli.__path__, "gradcheck_cli."):
        if not module.name.endswith(".__main__"):
            import_module(module.name)


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.delenv("CI", raising=False)


@pytest.fixture
def project(everything_imported, pytester):
    """A folder, and `run_in_process(*arguments)` to run pytest in it."""
    pytester.run_in_process = lambda *arguments: pytester.runpytest_inprocess(*PLUGIN, *arguments)
    return pytester


def write(folder: Path, **texts: str) -> None:
    """Spec files by stem."""
    folder.mkdir(parents=True, exist_ok=True)
    for stem, text in texts.items():
        (folder / f"{stem}.gradcheck.yaml").write_text(text)


def test_each_case_is_a_test(project):
    write(project.path, rules=RULES)
    result = project.run_in_process("-v")
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(
        [
            "rules.gradcheck.yaml::fine[[]default[]] PASSED*",
            "rules.gradcheck.yaml::fine[[]larger[]] PASSED*",
            "rules.gradcheck.yaml::wrong[[]default[]] FAILED*",
            "rules.gradcheck.yaml::known[[]default[]] PASSED*",
        ]
    )


def test_failure_is_the_report_without_a_traceback(project):
    write(project.path / "specs", rules=RULES)
    result = project.run_in_process()
    result.stdout.fnmatch_lines(
        [
            "*_ wrong[[]default[]] _*",
            "FAIL  specs/rules.gradcheck.yaml:9  wrong  2 of 4 entries wrong",
            "*Jacobian mismatches of x (2 of 4 entries, worst first)",
            "  x[[]1[]]   out[[]1[]] *",
            "  GC201 Jacobian mismatch  specs/rules.gradcheck.yaml:13:10",
            "    likely cause: changing `2 * x` to `x`*",
            "  repeat: gradcheck run specs/rules.gradcheck.yaml -k 'wrong[[]default[]]' --seed 0",
            "FAILED specs/rules.gradcheck.yaml::wrong[[]default[]]*",
        ]
    )
    assert "Traceback" not in result.stdout.str()
    assert "pytest_plugin.py" not in result.stdout.str()


def test_undecided_fails(project):
    write(project.path, rules=OPEN)
    result = project.run_in_process()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["OPEN *2 of 4 entries undecided", "*GC304*", "1 inconclusive in*"])


def test_nothing_compared_is_skipped(project):
    write(project.path, rules=RIGHT + "      empty: {inputs: {x: {shape: [0]}}}\n")
    result = project.run_in_process("-rs")
    result.assert_outcomes(passed=2, skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED*no Jacobian entry was compared"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (INVALID, ["bad.gradcheck.yaml:4:14: there is no function 'sinn'", "        forward: sinn(x)", "                 ^"]),
        ("functions: {}", ["bad.gradcheck.yaml:1:12: functions must be*", "    functions: {}", "               ^"]),
        ("", ["bad.gradcheck.yaml:1:1: a spec must have functions; this one is empty"]),
    ],
    ids=["invalid", "no-functions", "empty"],
)
def test_file_that_cannot_be_used_is_a_collection_error(project, text, said):
    write(project.path, bad=text)
    result = project.run_in_process()
    result.assert_outcomes(errors=1)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(said)
    assert "Traceback" not in result.stdout.str()


def test_missing_array_file_fails_where_it_is_named(project):
    write(project.path, rules="functions:\n  f:\n    inputs: {x: {file: x.npy}}\n    forward: sin(x)\n")
    result = project.run_in_process()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["ERROR rules.gradcheck.yaml:3:17: the file of input 'x' cannot be read:*"])


def test_array_files_are_beside_the_spec_wherever_a_test_has_gone(project):
    np.save(project.path / "x.npy", np.array([0.5, 1.5]))
    write(
        project.path,
        rules="functions:\n  f:\n    inputs: {x: {file: x.npy}}\n    forward: sin(x)\n    backward: {x: grad*cos(x)}\n",
    )
    project.makepyfile(test_a="import os, tempfile\ndef test_gone(): os.chdir(tempfile.gettempdir())\n")
    project.run_in_process("test_a.py", "rules.gradcheck.yaml").assert_outcomes(passed=2)


def test_selection(project):
    write(project.path, rules=RULES)
    project.run_in_process("-k", "fine and not larger").assert_outcomes(passed=1, deselected=3)
    project.run_in_process("-m", "not gradcheck").assert_outcomes(deselected=4)
    project.run_in_process("--strict-markers", "-m", "gradcheck", "-x").assert_outcomes(passed=2, failed=1)
    project.run_in_process("rules.gradcheck.yaml::fine").assert_outcomes(passed=2)
    project.run_in_process("rules.gradcheck.yaml::wrong[default]", "rules.gradcheck.yaml::fine[larger]").assert_outcomes(
        passed=1, failed=1
    )
    assert project.run_in_process("rules.gradcheck.yaml::missing").ret == pytest.ExitCode.USAGE_ERROR
    project.run_in_process("-p", "no:gradcheck", "-p", "no:gradcheck_cli.pytest_plugin").assert_outcomes()


def test_last_failed(project):
    write(project.path, rules=RULES, other=RIGHT)
    project.run_in_process().assert_outcomes(passed=5, failed=1)
    project.run_in_process("--lf").assert_outcomes(failed=1)
    write(project.path, rules=RULES.replace("cos(2 * x)", "cos(x)"))
    project.run_in_process("--lf").assert_outcomes(passed=1)
    project.run_in_process("--lf").assert_outcomes(passed=6)


def test_same_name_in_two_folders_and_two_processes(project):
    write(project.path / "a", rules=RULES)
    write(project.path / "b", rules=RULES)
    result = project.runpytest_subprocess(*PLUGIN, *NO_HYPOTHESIS, "-n", "2", "-v")
    result.assert_outcomes(passed=6, failed=2)
    result.stdout.fnmatch_lines_random([f"*FAILED {name}/rules.gradcheck.yaml::wrong[[]default[]]*" for name in "ab"])
    result.stdout.fnmatch_lines(["FAIL  ?/rules.gradcheck.yaml:9  wrong  2 of 4 entries wrong"])


def test_collect_only(project):
    write(project.path, rules=RULES)
    result = project.run_in_process("--collect-only")
    result.stdout.fnmatch_lines(["*<GradcheckFile rules.gradcheck.yaml>", "*<GradcheckItem fine[[]default[]]>", "*4 tests*"])


def test_junit(project):
    write(project.path / "a", rules=RULES)
    project.run_in_process("--junitxml=report.xml", "-o", "junit_family=xunit1")
    cases = list(ElementTree.parse(project.path / "report.xml").iter("testcase"))
    named = {case.get("name"): case for case in cases}
    assert list(named) == ["fine[default]", "fine[larger]", "wrong[default]", "known[default]"]
    assert {case.get("file") for case in cases} == {os.path.join("a", "rules.gradcheck.yaml")}  # noqa: PTH118
    assert [case.get("line") for case in cases] == ["1", "7", "8", "13"]  # pytest counts from 0
    (failure,) = named["wrong[default]"]
    assert failure.tag == "failure"
    assert "Jacobian mismatches of x" in (failure.text or "")
    assert not list(named["known[default]"])


def test_root_elsewhere(project, tmp_path):
    write(tmp_path / "elsewhere" / "specs", rules=RULES)
    result = project.run_in_process(f"--rootdir={tmp_path / 'elsewhere'}", str(tmp_path / "elsewhere" / "specs"), "-v")
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines([f"FAIL  {tmp_path}/elsewhere/specs/rules.gradcheck.yaml:9 *"])
    assert re.search(r"^(\S*/)?specs/rules.gradcheck.yaml::fine\[larger\] PASSED", result.stdout.str(), re.M)


def test_which_files_are_specs(project):
    (project.path / "specs").mkdir()
    (project.path / "specs" / "rules.yaml").write_text(RIGHT)
    (project.path / "settings.yml").write_text("colour: red\n")
    (project.path / "more.gradcheck.yml").write_text(RIGHT)
    project.run_in_process().assert_outcomes(passed=2)
    project.run_in_process("--gradcheck", "specs").assert_outcomes(passed=2)
    project.run_in_process("--gradcheck", "specs/rules.yaml::fine[larger]").assert_outcomes(passed=1)
    result = project.run_in_process("--gradcheck")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["settings.yml:1:1:*"])


def test_paths_of_the_configuration(project):
    project.makepyfile(**{"tests/test_a": "def test_a(): pass"})
    (project.path / "specs").mkdir()
    (project.path / "specs" / "rules.yaml").write_text(RIGHT)
    project.makeini("[pytest]\ngradcheck_paths = specs\n")
    project.run_in_process().assert_outcomes(passed=3)
    project.run_in_process("tests").assert_outcomes(passed=1)
    project.makeini("[pytest]\ntestpaths = tests\ngradcheck_paths = specs\n")
    project.run_in_process().assert_outcomes(passed=3)
    project.makeini("[pytest]\ntestpaths = tests specs\ngradcheck_paths = specs\n")
    project.run_in_process().assert_outcomes(passed=3)
    project.makeini("[pytest]\ngradcheck_paths = spics\n")
    result = project.run_in_process()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*gradcheck_paths: there is no file or folder */spics"])


@pytest.mark.parametrize("mode", [(), ("-vv",), ("--tb=short",)], ids=["plain", "verbose", "short"])
def test_assertions_show_the_report(project, mode):
    project.makepyfile(ASSERTIONS)
    result = project.run_in_process(*mode)
    result.assert_outcomes(failed=7)
    parts = re.split(r"^_+ test_(\w+) _+$", result.stdout.str().partition("short test summary")[0], flags=re.M)
    for name, text in zip(parts[1::2], parts[2::2], strict=True):
        shown = 0 if name == "other" else 1
        assert len(re.findall(r"^E .*FAIL  square  2 of 4 entries wrong$", text, re.M)) == shown
        assert len(re.findall(r"^E +x\[1\] +out\[1\] +2 +4 ", text, re.M)) == shown
        assert r"\n" not in text
        assert ("my own words" in text) == (name == "words")
        assert "gradcheck_cli/report" not in text


def test_verbose_pass_shows_its_numbers(project):
    write(project.path, rules=RIGHT)
    result = project.run_in_process("-v", "-rP")
    result.stdout.fnmatch_lines(
        ["*gradcheck*", "PASS  rules.gradcheck.yaml:2  fine *", "  repeat: gradcheck run rules.gradcheck.yaml *"]
    )


def test_run_without_specs_imports_nothing(pytester):
    pytester.makepyfile(
        """
        import sys

        def test_nothing(request):
            assert any(request.config.pluginmanager.has_plugin(n) for n in ("gradcheck", "gradcheck_cli.pytest_plugin"))
            own = {name for name in sys.modules if name.startswith("gradcheck_cli.")}
            assert own == {"gradcheck_cli.pytest_plugin"}
            assert not {"numpy", "yaml", "click", "rich"} & sys.modules.keys()
        """
    )
    pytester.runpytest_subprocess(*PLUGIN, *NO_HYPOTHESIS, "-p", "no:xdist").assert_outcomes(passed=1)


def test_own_specs_pass_with_warnings_as_errors(project):
    write(project.path, **{name: (ROOT / "specs" / f"{name}.yaml").read_text() for name in ("tutorial", "kinks")})
    result = project.runpytest_subprocess(*PLUGIN, *NO_HYPOTHESIS, "-W", "error")
    assert result.ret == 0
    assert result.parseoutcomes().keys() == {"passed"}
