"""The command line: options, exit codes, formats, and what it looks like wherever it is shown."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from gradcheck_cli import __version__, cli
from gradcheck_cli.check.findings import CODES
from gradcheck_cli.cli import output
from gradcheck_cli.cli import run as run_command
from gradcheck_cli.cli.output import Watch
from gradcheck_cli.errors import UsageError
from gradcheck_cli.run import run_specs
from gradcheck_cli.selection import keyword_matcher

ROOT = Path(__file__).parent.parent
SPECS = ROOT / "specs"
TUTORIAL = str(SPECS / "tutorial.yaml")

RIGHT = """
functions:
  fine:
    inputs: {x: 1.5}
    forward: sin(x)
    backward:
      x: grad * cos(x)
"""
WRONG = """
functions:
  linear:
    inputs: {x: {shape: [3, 2]}, w: {shape: [2, 4]}, b: {shape: [4]}}
    forward: x @ w + b
    backward:
      x: grad @ w.T
      w: 2 * x.T @ grad
      b: grad.mean(axis=0)
  fine:
    inputs: {x: 1.5}
    forward: sin(x)
    backward:
      x: grad * cos(x)
    cases:
      larger: {inputs: {x: [0.3, 2.5]}}
  misshapen:
    inputs: {x: {shape: [4, 3]}, b: {shape: [3]}}
    forward: x + b
    backward: {x: grad, b: grad}
"""
OPEN = """
functions:
  undecided:
    inputs: {x: [-1.0, 2.0]}
    forward: log(x)
    backward: {x: grad / x}
"""
INVALID = """
functions:
  misspelt:
    inputs: {x: 1.0}
    forward: sinn(x)
"""


def command(*arguments, stdin=None, **environment):
    """A real process: (exit code, stdout, stderr)."""
    wanted = {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"} | environment
    inherited = {n: v for n, v in os.environ.items() if n not in ("COLUMNS", "NO_COLOR", "FORCE_COLOR")}
    done = subprocess.run(
        [sys.executable, "-m", "gradcheck_cli", *map(str, arguments)],
        input=None if stdin is None else stdin.encode(),
        capture_output=True,
        env=inherited | wanted,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


class Outcome:
    """What `start` printed to stdout and stderr, and its exit code."""

    def __init__(self, capsys, code):
        self.code = code
        self.out, self.err = capsys.readouterr()


@pytest.fixture
def gradcheck(monkeypatch, capsys):
    """The command line in this process."""
    for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["gradcheck", *map(str, arguments)])
        outcome = Outcome(capsys, cli.command_line())
        if outcome.code != 4:
            assert "Traceback" not in outcome.out + outcome.err
        return outcome

    return call


@pytest.fixture
def spec(tmp_path):
    def write(text, name="a.yaml"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


# Exit codes.


def test_exit_codes(gradcheck, spec):
    right, wrong = spec(RIGHT, "right.yaml"), spec(WRONG, "wrong.yaml")
    undecided, invalid = spec(OPEN, "open.yaml"), spec(INVALID, "invalid.yaml")
    assert gradcheck("run", right).code == 0
    assert gradcheck("run", wrong).code == 1
    assert gradcheck("run", invalid).code == 2
    assert gradcheck("run", undecided).code == 3
    assert gradcheck("run", right, "-k", "nothing").code == 5
    assert gradcheck("run", right, undecided).code == 3
    assert gradcheck("run", wrong, undecided, right).code == 1
    assert gradcheck("run", wrong, undecided, right, invalid).code == 2


def test_internal_error_costs_one_check_only(gradcheck, spec, monkeypatch):
    from gradcheck_cli.check import check

    monkeypatch.setattr(check, "overall", lambda *_: 1 / 0)
    wrong, invalid = spec(WRONG, "wrong.yaml"), spec(INVALID, "invalid.yaml")
    outcome = gradcheck("run", wrong, invalid)
    assert outcome.code == 4
    assert "GC599 internal error" in outcome.out
    assert "ZeroDivisionError" in outcome.err
    assert "Traceback" in outcome.err
    assert "Traceback" not in outcome.out


def test_internal_error_outside_a_check(gradcheck, spec, monkeypatch):
    monkeypatch.setattr(run_command, "render", lambda *_: 1 / 0)
    outcome = gradcheck("run", spec(RIGHT))
    assert outcome.code == 4
    assert "this is a bug in gradcheck itself" in outcome.err


def test_forward_that_cannot_be_evaluated_is_an_error(gradcheck, spec):
    outcome = gradcheck("run", spec("functions:\n  f:\n    inputs: {A: [[1.0, 2.0], [2.0, 4.0]]}\n    forward: inv(A)\n"))
    assert outcome.code == 2
    assert "ERROR" in outcome.out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run"], "Missing argument 'PATH...'"),
        (["run", "nowhere.yaml"], "there is no file or folder nowhere.yaml"),
        (["run", str(SPECS / "tutorials.yaml")], "did you mean 'tutorial.yaml'?"),
        (["run", "a\0b"], "error: "),
        (["run", TUTORIAL, "--sed", "1"], "--seed"),
        (["run", TUTORIAL, "--seed", "-1"], "seed must be a whole number from 0 to 2**63 - 1"),
        (["run", TUTORIAL, "--seed", "one"], "--seed"),
        (["run", TUTORIAL, "--eps", "0"], "eps must be a finite number greater than 0"),
        (["run", TUTORIAL, "--eps", "nan"], "eps must be"),
        (["run", TUTORIAL, "--rtol", "1"], "rtol must be a number between 0 and 1"),
        (["run", TUTORIAL, "--atol", "-1"], "atol must be"),
        (["run", TUTORIAL, "--output-format", "xml"], "'xml'"),
        (["run", TUTORIAL, "-k", "a b"], "expected 'and' or 'or', found 'b'"),
        (["rum", TUTORIAL], "Did you mean 'run'?"),
        ([TUTORIAL], "Did you mean 'gradcheck run"),
        (["ops", "sinn"], "there is no op 'sinn'; did you mean 'sin'?"),
        (["explain", "GC20"], "there is no finding 'GC20'; did you mean 'GC20"),
    ],
)
def test_bad_usage(gradcheck, arguments, says):
    outcome = gradcheck(*arguments)
    assert outcome.code == 2
    assert says in outcome.err
    assert outcome.out == ""


def test_folder_without_specs(gradcheck, tmp_path):
    outcome = gradcheck("run", tmp_path)
    assert outcome.code == 2
    assert "there is no spec file" in outcome.err


# What is run.


def test_files_and_folders(gradcheck, spec, tmp_path):
    spec(RIGHT, "a/one.yaml")
    spec(RIGHT, "a/b/two.yml")
    spec("not a spec", "a/notes.txt")
    outcome = gradcheck("run", tmp_path / "a", tmp_path / "a" / "one.yaml")
    assert outcome.code == 0
    assert "2 passed" in outcome.out, "a file named twice is run once"
    assert outcome.out.index("two.yml") < outcome.out.index("one.yaml")


def test_standard_input(gradcheck, monkeypatch):
    def give(text):
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=BytesIO(text)))

    give(INVALID.encode())
    outcome = gradcheck("run", "-")
    assert outcome.code == 2
    assert "<stdin>:5:14: " in outcome.out
    give(WRONG.encode())
    outcome = gradcheck("run", "-", TUTORIAL)
    assert outcome.code == 1
    assert "repeat: gradcheck run - -k 'linear[default]' --seed 0" in outcome.out
    give(b"functions: \xff")
    outcome = gradcheck("run", "-")
    assert outcome.code == 2
    assert "<stdin>:1:12: a spec must be UTF-8; found byte 0xFF" in outcome.out


def test_standard_input_of_a_process():
    code, out, err = command("run", "-", stdin=RIGHT)
    assert (code, err) == (0, "")
    assert out.startswith("PASS  <stdin>:3  fine  1 entry")


NAMES = ["quadratic[default]", "quadratic[large]", "relu[default]", "leaky_relu[default]"]


@pytest.mark.parametrize(
    ("expression", "matched"),
    [
        ("", NAMES),
        ("quadratic", NAMES[:2]),
        ("QUADRATIC", NAMES[:2]),
        ("relu", NAMES[2:]),
        ("relu and not leaky", NAMES[2:3]),
        ("large or leaky", [NAMES[1], NAMES[3]]),
        ("not relu", NAMES[:2]),
        ("not relu and not large", NAMES[:1]),
        ("not (relu or large)", NAMES[:1]),
        ("quadratic and (large or leaky)", NAMES[1:2]),
        ("not not leaky", NAMES[3:]),
        ("quadratic[default]", NAMES[:1]),
        ("relu or quadratic and large", NAMES[1:]),
        ("nothing", []),
    ],
)
def test_keyword(expression, matched):
    matches = keyword_matcher(expression)
    assert [name for name in NAMES if matches(name)] == matched


@pytest.mark.parametrize("expression", ["and", "a and", "or b", "not", "(a", "a)", "()", "a b", "a not b", "(" * 5000])
def test_keyword_that_makes_no_sense(expression):
    with pytest.raises(UsageError, match="-k"):
        keyword_matcher(expression)


def test_keyword_selects(gradcheck):
    outcome = gradcheck("run", TUTORIAL, "-k", "quadratic and not (large or vectors)")
    assert [line.split()[2] for line in outcome.out.splitlines()[:-1]] == ["quadratic", "quadratic[matrices]"]


def test_exit_first(gradcheck, spec):
    assert "1 passed, 2 failed" not in gradcheck("run", "-x", spec(WRONG)).out
    assert "1 failed in" in gradcheck("run", "--exitfirst", spec(WRONG)).out
    assert "2 passed, 2 failed" in gradcheck("run", spec(WRONG)).out


def test_list(gradcheck, spec):
    outcome = gradcheck("run", "--list", spec(WRONG), "-k", "fine")
    assert outcome.code == 0
    assert [line.split("  ")[1] for line in outcome.out.splitlines()] == ["fine", "fine[larger]"]
    assert re.search(
        r"a\.yaml:10  fine  about \d+ forward and \d+ backward evaluations, 0\.0 MB at a time; x: every entry of \d",
        outcome.out,
    )
    assert gradcheck("run", "--list", TUTORIAL, "-k", "nothing").code == 5
    outcome = gradcheck("run", "--list", spec(INVALID, "b.yaml"), TUTORIAL)
    assert outcome.code == 2
    assert "sinn" in outcome.err
    assert "quadratic" in outcome.out


def test_seed_changes_the_draws_and_is_reported(gradcheck, spec):
    one, again, other = (
        json.loads(gradcheck("run", spec(WRONG), "--output-format", "json", "--seed", n).out) for n in (1, 1, 2)
    )
    assert (one["seed"], other["seed"]) == (1, 2)
    numbers = [[m["numeric"] for m in data["checks"][0]["inputs"][1]["mismatches"]] for data in (one, again, other)]
    assert numbers[0] == numbers[1] != numbers[2]
    assert "--seed 2" in gradcheck("run", spec(WRONG), "--seed", 2).out


def test_step_and_tolerances(gradcheck, spec):
    off = spec(RIGHT.replace("grad * cos(x)", "grad * cos(x) * 1.00001"))
    assert gradcheck("run", off).code == 1
    assert gradcheck("run", off, "--rtol", "1e-4").code == 0
    assert gradcheck("run", off, "--atol", "1e-4").code == 0
    assert gradcheck("run", off, "--eps", "1e-6").code == 0
    outcome = gradcheck("run", off, "--eps", "1e-6", "--rtol", "1e-6", "--atol", "0")
    assert outcome.code == 1
    assert "fixed step 1e-06" in outcome.out
    assert "-k 'fine[default]' --eps 1e-06 --rtol 1e-06 --atol 0.0 --seed 0" in outcome.out


def test_command_that_repeats_a_failure_does(gradcheck, spec):
    import shlex

    path = spec(WRONG, "with space/a.yaml")
    for line in gradcheck("run", path, "--rtol", "1e-8", "--seed", 3).out.splitlines():
        if line.startswith("  repeat: gradcheck "):
            words = shlex.split(line.removeprefix("  repeat: gradcheck "))
            again = gradcheck(*words)
            assert again.code == 1
            assert line in again.out
            assert "1 failed in" in again.out


# What is shown.


def test_a_line_for_each_check_that_passes(gradcheck):
    out = gradcheck("run", TUTORIAL, "-k", "quadratic").out.splitlines()
    assert len(out) == 5
    assert re.fullmatch(r"PASS  \S+tutorial\.yaml:5  quadratic  4 entries, largest relative error \d\.\de-\d\d", out[0])
    assert re.fullmatch(r"4 passed in \d+\.\d\d s", out[-1])


def test_quiet_and_verbose(gradcheck, spec):
    assert re.fullmatch(r"4 passed in \S+ s\n", gradcheck("run", "-q", TUTORIAL, "-k", "quadratic").out)
    quiet = gradcheck("run", "-q", spec(WRONG)).out
    assert "PASS  " not in quiet.replace("  PASS", "")
    assert "FAIL" in quiet
    out = gradcheck("run", "-v", TUTORIAL, "-k", "quadratic[default]").out
    for said in (
        "max abs",
        "max rel",
        "bound",
        "graph: 5 nodes (1 custom), 4 edges, depth 2, 4 leaves",
        "ops: quadratic 1",
        "repeat:",
    ):
        assert said in out
    assert "mismatches" not in out


def test_failure_shows_all_that_is_known(gradcheck, spec):
    out = gradcheck("run", spec(WRONG), "-k", "linear").out
    assert out.startswith("FAIL  ")
    assert "36 of 216 entries wrong" in out
    rows = {line.split()[0]: line.split() for line in out.splitlines() if re.match(r"  [xwb] \(", line)}
    assert rows["x"][1:3] == ["(3,2)", "72"]
    assert rows["x"][-1] == "PASS"
    assert " ".join(rows["w"][-3:]) == "FAIL, 24 wrong"
    assert "Jacobian mismatches of w (24 of 96 entries, the 10 worst)" in out
    assert "Jacobian mismatches of b (12 of 48 entries, the 10 worst)" in out
    assert re.search(r"^  w\[\d,\d\]  out\[\d,\d\] +-?\d\.\d+ +-?\d\.\d+  \d\.\de-\d\d    5\.0e-01$", out, re.M)
    assert re.search(r"^  GC201 Jacobian mismatch  \S+a\.yaml:8:10$", out, re.M)
    assert re.search(r"^  graph: 4 nodes \(1 custom\), 3 edges, depth 2, 3 leaves, \d+ bytes saved; ops: linear 1$", out, re.M)
    assert re.search(r"evaluations, \d\.\d{3} s$", out, re.M)


def test_two_numbers_that_differ_late_are_shown_apart(gradcheck, spec):
    out = gradcheck("run", spec(RIGHT), "--eps", "1e-6", "--rtol", "1e-14", "--atol", "0").out
    ((claimed, numeric),) = re.findall(r"^  x +out +(\S+) +(\S+) ", out, re.M)
    assert claimed != numeric
    assert float(claimed) == pytest.approx(float(numeric), rel=1e-9)


def test_invalid_files_do_not_stop_the_others(gradcheck, spec):
    outcome = gradcheck("run", spec(INVALID, "a.yaml"), spec(RIGHT, "b.yaml"))
    assert outcome.code == 2
    assert "forward: sinn(x)\n" in outcome.out
    assert "^" in outcome.out
    assert "PASS" in outcome.out
    assert "1 passed, 1 error in" in outcome.out


def test_concise(gradcheck, spec):
    lines = gradcheck("run", spec(WRONG), spec(INVALID, "b.yaml"), "--output-format", "concise").out.splitlines()
    assert re.match(r"\S+b\.yaml:5:14: error: .*sinn", lines[0])
    assert re.match(r"\S+a\.yaml:8:10: fail: GC201 linear: the gradient of 'w' is wrong in 24 of 96 entries", lines[1])
    assert re.match(r"\S+a\.yaml:9:10: fail: GC201 linear: the gradient of 'b'", lines[2])
    assert re.match(r"\S+a\.yaml:20:\d+: fail: GC102 misshapen: ", lines[3])
    assert len(lines) == 5
    verbose = gradcheck("run", spec(RIGHT), "--output-format", "concise", "-v").out
    assert re.match(r"\S+a\.yaml:3:3: pass: fine\n", verbose)


def test_json(gradcheck, spec):
    outcome = gradcheck("run", spec(WRONG), spec(OPEN, "b.yaml"), spec(INVALID, "c.yaml"), "--output-format", "json")
    assert outcome.code == 2
    data = json.loads(outcome.out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert (data["schema_version"], data["seed"]) == (1, 0)
    assert data["summary"] == {"pass": 2, "fail": 2, "inconclusive": 1, "error": 1}
    assert [c["verdict"] for c in data["checks"]] == ["fail", "pass", "pass", "fail", "inconclusive"]
    linear = data["checks"][0]
    assert (linear["function"], linear["case"], linear["line"]) == ("linear", "default", 3)
    assert [x["verdict"] for x in linear["inputs"]] == ["pass", "fail", "fail"]
    w = linear["inputs"][1]
    assert (w["shape"], w["entries"], w["checked"], w["kinks"], w["inconclusive"]) == ([2, 4], 96, 96, 0, 0)
    assert w["mismatches"][0]["analytic"] == pytest.approx(2 * w["mismatches"][0]["numeric"], rel=1e-9)
    assert len(w["mismatches"][0]["input_index"]) == len(w["mismatches"][0]["output_index"]) == 2
    assert [(f["code"], f["line"], f["column"]) for f in linear["findings"]] == [("GC201", 8, 10), ("GC201", 9, 10)]
    (undecided,) = data["checks"][-1]["inputs"]
    assert undecided["inconclusive"] == 2
    (error,) = data["errors"]
    assert (error["line"], error["column"]) == (5, 14)
    assert outcome.err == ""


def test_output_file(gradcheck, spec, tmp_path):
    target = tmp_path / "report.txt"
    outcome = gradcheck("run", spec(WRONG), "-o", target)
    assert (outcome.code, outcome.out, outcome.err) == (1, "", "")
    assert "± bound" in target.read_text(encoding="utf-8")
    assert gradcheck("run", TUTORIAL, "-o", "-").out.startswith("PASS")


@pytest.mark.parametrize("where", ["", "none/report.txt"])
def test_output_file_that_cannot_be_written(gradcheck, tmp_path, where):
    target = tmp_path / where
    outcome = gradcheck("run", TUTORIAL, "-q", "-o", target)
    assert outcome.code == 4
    assert " passed in " in outcome.out, "the results are not lost"
    assert f"error: {target}: cannot be written: " in outcome.err


def test_further_reports(gradcheck, spec, tmp_path):
    first, second = tmp_path / "a.json", tmp_path / "b.txt"
    outcome = gradcheck("run", spec(WRONG), "-q", "--report", f"json={first}", "--report", f"concise={second}")
    assert outcome.code == 1
    assert outcome.out.startswith("FAIL")
    assert json.loads(first.read_text())["summary"]["fail"] == 2
    assert "fail: GC201 linear" in second.read_text()


def test_format_follows_the_name_of_the_file(gradcheck, tmp_path):
    gradcheck("run", TUTORIAL, "-o", tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text())["summary"]["fail"] == 0
    gradcheck("run", TUTORIAL, "-o", tmp_path / "report.json", "--output-format", "concise")
    assert "passed in" in (tmp_path / "report.json").read_text()


def test_report_that_cannot_be_written_loses_no_other(gradcheck, tmp_path):
    kept, lost = tmp_path / "kept.json", tmp_path / "none" / "lost.json"
    outcome = gradcheck("run", TUTORIAL, "--report", f"json={lost}", "--report", f"json={kept}")
    assert outcome.code == 4
    assert "passed in" in outcome.out
    assert f"error: {lost}: cannot be written: No such file" in outcome.err
    assert json.loads(kept.read_text())


def test_report_files_are_replaced_whole(gradcheck, tmp_path, monkeypatch):
    target, link = tmp_path / "report.json", tmp_path / "link.json"
    target.write_text("before")
    target.chmod(0o640)
    link.symlink_to(target)
    gradcheck("run", TUTORIAL, "--report", f"json={link}")
    assert json.loads(target.read_text())
    assert link.is_symlink()
    assert target.stat().st_mode & 0o777 == 0o640

    def full(path, text):
        Path(path).write_text(text[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(output, "_fill", full)
    before = target.read_text()
    assert gradcheck("run", TUTORIAL, "-o", target).code == 4
    assert target.read_text() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link.json", "report.json"]


@pytest.mark.parametrize("text", ["json", "json=", "=a", "json=-", "jsn=a.json"])
def test_report_option_says_what_it_takes(gradcheck, text):
    outcome = gradcheck("run", TUTORIAL, "--report", text)
    assert outcome.code == 2
    assert "FORMAT=FILE" in outcome.err or "did you mean 'json'?" in outcome.err


@pytest.mark.parametrize("width", [20, 40, 60, 80, 160])
def test_narrow_and_wide(gradcheck, spec, monkeypatch, width):
    wide = gradcheck("run", spec(WRONG), "-k", "linear").out
    monkeypatch.setenv("COLUMNS", str(width))
    out = gradcheck("run", spec(WRONG), "-k", "linear").out
    for number in re.findall(r"-?\d\.\d{3,}(?! s)|\d\.\de-\d\d", wide):
        assert re.search(rf"(?<![\d.]){re.escape(number)}(?!\d)", out), f"{number} was cut at {width} columns"
    free = ("repeat:", "FAIL", "GC201", "Jacobian mismatches")  # a command to copy, places to click on
    lines = [line for line in out.splitlines() if len(line.split()) > 1]  # one word, such as a long path, cannot be broken
    too_wide = [line for line in lines if len(line) > width and not line.strip().startswith(free)]
    assert width < 40 or too_wide == []
    assert width < 80 or re.search(r"^  w\[\d,\d\]  out\[\d,\d\] ", out, re.M), "a table, not paragraphs"


def test_colour(gradcheck, spec, monkeypatch):
    assert "\x1b" not in gradcheck("run", spec(WRONG)).out, "not into a pipe"
    monkeypatch.setenv("FORCE_COLOR", "1")
    coloured = gradcheck("run", spec(WRONG)).out
    assert "\x1b[31mFAIL \x1b[0m" in coloured
    monkeypatch.setenv("NO_COLOR", "1")
    plain = gradcheck("run", spec(WRONG)).out
    assert "\x1b" not in plain

    def steady(text):
        bare = re.sub(r"\d+\.\d+ s", "", re.sub(r"\x1b\[[\d;]*m", "", text))
        return [line.rstrip() for line in bare.splitlines()]

    assert steady(coloured) == steady(plain), "colour only adds"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_output_that_knows_no_unicode(spec, encoding):
    path = spec(WRONG, "ünï±code.yaml")
    done = subprocess.run(
        [sys.executable, "-m", "gradcheck_cli", "run", str(path)],
        capture_output=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": encoding},
        check=False,
    )
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert b"+/- bound" in done.stdout
    done.stdout.decode(encoding)


def test_hostile_names_are_spelt_out(gradcheck, spec):
    path = spec(INVALID.replace("sinn(x)", '"x + \\u202e\\e[31m"'), "a\x1b[31m.yaml")
    for options in ([], ["--output-format", "concise"], ["--list"]):
        outcome = gradcheck("run", path, *options)
        assert "\x1b" not in outcome.out + outcome.err
        assert "\u202e" not in outcome.out + outcome.err


def test_progress_bar_on_a_slow_terminal(monkeypatch, capsys, spec):
    ticks = iter(range(0, 1000, 2))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("time.monotonic", lambda: float(next(ticks)))
    report = run_specs([str(spec(WRONG))], watch=Watch())
    assert len(report.checks) == 4
    assert capsys.readouterr().out == ""


# The other commands.


def test_ops(gradcheck):
    out = gradcheck("ops").out
    for name in ("sin(x)", "matmul(", "softmax(", "solve_triangular("):
        assert name in out
    out = gradcheck("ops", "sin", "multiply").out
    assert "sin(x)" in out
    assert "d/dx: g * cos(x)" in out
    assert "mul(" in out


def test_explain(gradcheck):
    table = gradcheck("explain").out
    assert [line.split()[0] for line in table.splitlines()] == list(CODES)
    for code, entry in CODES.items():
        out = gradcheck("explain", code.lower()).out
        assert out.startswith(f"{code} ({entry.verdict}): {entry.title}\n")
        assert max(map(len, out.splitlines()[1:])) <= 80


def test_version_and_help():
    runner = CliRunner()
    assert runner.invoke(cli.main, ["--version"]).output == f"gradcheck, version {__version__}\n"
    for arguments in (["-h"], ["--help"], ["run", "-h"], ["ops", "-h"], ["explain", "--help"]):
        outcome = runner.invoke(cli.main, arguments)
        assert outcome.exit_code == 0
        assert outcome.output.startswith("Usage: ")
    said = runner.invoke(cli.main, ["run", "-h"]).output
    options = "-k -x -q -v --seed --eps --rtol --atol --output-format full concise json -o --list"
    for option in options.split():
        assert option in said


# Real processes.


def test_installed_command_and_module_are_the_same(spec):
    script = Path(sys.executable).with_name("gradcheck")
    as_module = command("run", spec(RIGHT))
    assert as_module[0] == 0
    if script.exists():
        done = subprocess.run([script, "run", spec(RIGHT)], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.split(" in ")[0] == as_module[1].split(" in ")[0]


def test_output_closed_early():
    process = subprocess.Popen(
        [sys.executable, "-m", "gradcheck_cli", "explain"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    )
    assert process.stdout is not None
    process.stdout.close()
    assert b"Traceback" not in process.stderr.read()
    process.stderr.close()
    process.wait()


def imported(*arguments):
    """The modules that a run of the command line imports."""
    code, _, err = command_with_import_times(*arguments)
    assert code == 0, err
    return {line.rpartition("|")[2].strip() for line in err.splitlines() if line.startswith("import time:")}


def command_with_import_times(*arguments):
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "gradcheck_cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["run", "--help"], ["explain", "GC201"]])
def test_help_imports_neither_numpy_nor_rich(arguments):
    found = imported(*arguments)
    assert {"click", "gradcheck_cli.cli"} <= found
    if arguments != ["explain", "GC201"]:
        assert not {"numpy", "rich", "yaml", "gradcheck_cli.engine", "gradcheck_cli.spec.loader"} & found


def test_run_that_passes_imports_no_more_than_it_needs(spec):
    found = imported("run", spec(RIGHT))
    assert "numpy" in found
    needless = "rich scipy numpy.random difflib json shutil gradcheck_cli.api gradcheck_cli.report.table"
    assert not [name for name in needless.split() if name in found]


LARGE = """
functions:
  chain:
    inputs: {x: {shape: [3000]}}
    forward: tanh(x)
    backward: {x: grad / cosh(x)**2}
  mixed:
    inputs: {x: {shape: [3000]}}
    forward: tanh(x) * sum(x)
    backward: {x: grad / cosh(x)**2 * sum(x) + sum(grad * tanh(x))}
  looping:
    inputs: {x: {shape: [3, 4]}}
    forward: x[argsort(x[:, 0])]
  drawn:
    inputs: {x: {shape: [2]}}
    forward: x**2
    check: {points: 3}
  no_file:
    inputs: {x: {file: nowhere.npy}}
    forward: x
"""


def test_list_says_how_each_input_is_looked_at(gradcheck, spec):
    chain, mixed, _, drawn, no_file = gradcheck("run", "--list", spec(LARGE)).out.splitlines()
    assert "every entry of 9000000, in 3000 blocks of 1 x 1 at once" in chain
    assert "64 x 64 random combinations of 9000000 entries" in mixed
    assert "  3 draws of about " in drawn
    assert "cannot be planned: " in no_file


def test_verbose_says_how_each_input_was_looked_at(gradcheck, spec):
    out = gradcheck("run", "-v", spec(LARGE), "-k", "chain or mixed or looping").out
    assert "x: every entry of 9000000, in 3000 blocks of 1 x 1 at once" in out
    assert "x: 64 x 64 random combinations of 9000000 entries" in out
    assert "x: every entry of 144; copy by copy in index_get" in out


def run_shell(command: str) -> Any:
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("redirection", "code", "said"),
    [(">&-", 0, ""), ("> /dev/full", 4, "cannot be written"), ("2>&-", 0, ""), ("- <&-", 2, "it was closed")],
)
def test_streams_that_are_closed_or_full(redirection, code, said):
    command = f"{shlex.quote(sys.executable)} -m gradcheck_cli run -k quadratic"
    found = run_shell(
        f"{command} {redirection}" if "<" in redirection else f"{command} {shlex.quote(str(TUTORIAL))} {redirection}"
    )
    assert (found.returncode, "Traceback" in found.stderr) == (code, False), found.stderr
    assert said in found.stderr
