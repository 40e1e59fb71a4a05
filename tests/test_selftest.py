"""The self-test: every corrupted copy of a rule in specs/ and of an op is found wrong; and a blind check is found out."""

from __future__ import annotations

import json
import re
from functools import cache

import pytest
from click.testing import CliRunner
from documents import ROOT, blocks, check_console
from draws import ALL

from gradcheck_cli import cli
from gradcheck_cli.check import corruptions
from gradcheck_cli.engine.op import Op
from gradcheck_cli.engine.ops import TABLE
from gradcheck_cli.errors import UsageError
from gradcheck_cli.report.formats import Options
from gradcheck_cli.selftest import trial
from gradcheck_cli.selftest.ops import selftest_ops
from gradcheck_cli.selftest.render import as_dict, render
from gradcheck_cli.selftest.result import EQUIVALENT, HIDDEN, KINK, REASONS, RESOLUTION, TOLERANCE, UNEXPLAINED
from gradcheck_cli.selftest.specs import selftest_specs
from gradcheck_cli.spec import edits
from gradcheck_cli.spec.loader import load

SPECS = ROOT / "specs"
FILES = sorted(SPECS.glob("*.yaml"))
DOCUMENT = ROOT / "docs" / "selftest.md"
MOST = None if ALL else 2
"""Corruptions that are tried on a function, of other kinds for each; with the variable set all of them, which takes minutes."""
FUNCTIONS = [(path, name) for path in FILES for name, f in load(path).functions.items() if f.backward or f.jvp]

FLAT = ("ceil", "floor", "floordiv", "heaviside", "imag", "round", "sign")
"""Ops with derivative zero (imag: of real inputs), of which only the cotangent can be corrupted, to no effect."""


@pytest.fixture
def gradcheck():
    return lambda *arguments: CliRunner().invoke(cli.main, ["selftest", *map(str, arguments)])


def tried(tmp_path, text, **options):
    spec = tmp_path / "a.yaml"
    spec.write_text("functions:\n" + text)
    return selftest_specs([str(spec)], **options)


def survivors(report):
    return [f"{f.function}: {s.kind} {s.before} -> {s.after}: {s.reason}" for f in report.functions for s in f.survivors]


# What comes with the project.


@cache
def specs_tried(path):
    report = selftest_specs([str(path)], most=MOST)
    assert report.exit_code == 0
    return {f.function: f for f in report.functions}


@pytest.mark.parametrize(("path", "name"), FUNCTIONS, ids=lambda v: v if isinstance(v, str) else v.stem)
def test_every_corrupted_rule_of_specs_is_found_wrong(path, name):
    found = specs_tried(path)[name]
    if found.skipped.startswith(("a surrogate", "documented as wrong")):
        return
    assert found.verdict == "pass"
    assert not found.skipped
    assert found.tried.total() >= 2
    assert [s for s in found.survivors if s.reason in (UNEXPLAINED, HIDDEN, RESOLUTION)] == []


@pytest.mark.parametrize("name", sorted(n for n, op in TABLE.items() if isinstance(op, Op) and op.differentiable))
def test_every_corrupted_op_is_found_wrong(name):
    report = selftest_ops(lambda op: op == name, most=None if MOST is None else 2)
    (found,) = report.functions
    assert not found.skipped
    assert {s.reason for s in found.survivors} <= {EQUIVALENT}, survivors(report)
    assert found.killed.total() > 0 or name in FLAT


# The self-test tested.

FINE = """
  f:
    inputs: {x: [0.4, 1.1, -0.7], k: 0.7}
    forward: exp(-k * x) * sin(x)
    backward:
      x: grad * exp(-k * x) * (cos(x) - k * sin(x))
      k: -sum(grad * x * out)
"""


def test_every_kind_is_tried(tmp_path):
    matrices = """
  g:
    inputs: {A: [[1.3, 0.2], [-0.4, 0.8]], b: [0.3, -1.1]}
    forward: A.T @ b + b
    backward:
      A: outer(b, grad)
      b: A @ grad + grad * 1.0
"""
    report = tried(tmp_path, FINE + matrices)
    assert set(report.tried) >= {*edits.KINDS, *corruptions.KINDS} - {"output for input"}
    assert report.killed.total() + len(survivors(report)) == report.tried.total()
    assert survivors(report)[0] == "f: sign x -> -x: equivalent"
    assert report.survivors.keys() == {EQUIVALENT}


def test_a_blind_check_is_found_out(tmp_path, monkeypatch):
    def blind(problem, explain, first=()):
        result = check(problem, explain=explain)
        by_value = {f.code for f in result.findings if f.verdict == "fail"} == {"GC201"}
        return result._replace(verdict="pass") if by_value else result

    check = trial.check
    monkeypatch.setattr(trial, "check", blind)
    report = tried(tmp_path, FINE)
    assert report.killed.keys() <= {"nonlinear", "NaN", "dropped factor", "dropped sum"}, "found by the contract"
    assert report.survivors[UNEXPLAINED] > 30
    assert report.survivors[EQUIVALENT] == 1
    assert report.exit_code == 1
    assert "FAIL" in render(report, "full", Options())


def test_inputs_that_hide_mistakes_are_found_out(tmp_path):
    report = tried(tmp_path, "  f:\n    inputs: {x: [1.0, 1.0]}\n    forward: x**3\n    backward: {x: 3 * x**2 * grad}\n")
    hidden = [s for s in report.functions[0].survivors if s.reason == HIDDEN]
    assert {"x", "2", "3 * x**2"} == {s.before for s in hidden}
    assert report.exit_code == 3
    assert (hidden[0].location.line, hidden[0].location.path) == (5, str(tmp_path / "a.yaml"))


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        (EQUIVALENT, "  f:\n    inputs: {x: [0.5, -2.0]}\n    forward: x**2 / 2\n    backward: {x: grad * x * sign(abs(x))}\n"),
        (TOLERANCE, "  f:\n    inputs: {x: [0.5, -2.0]}\n    forward: exp(x)\n    backward: {x: grad * out}\n"
                    "    check: {rtol: 1e-5}\n"),
        (RESOLUTION, "  f:\n    inputs: {x: 2.0}\n    forward: 1e9 + exp(x)\n    backward: {x: grad * exp(x)}\n"),
        (KINK, "  f:\n    inputs: {x: [0.0, 2.0]}\n    forward: abs(x)\n"
               "    backward: {x: grad * (sign(x) + 0.2 * (x == 0))}\n"),
    ],
)  # fmt: skip
def test_the_reason_is_named(reason, text, tmp_path):
    report = tried(tmp_path, text)
    assert reason in report.survivors
    assert UNEXPLAINED not in report.survivors
    assert report.killed.total() > 0


def test_what_is_not_tried_says_why(tmp_path):
    report = tried(
        tmp_path,
        """
  free: {inputs: {x: 1.5}, forward: round(x), backward: {x: grad}, surrogate: true}
  engine: {inputs: {x: 1.5}, forward: sin(x)}
  known: {inputs: {x: 1.5}, forward: sin(x), backward: {x: grad}, expect: fail}
""",
    )
    assert [f.skipped for f in report.functions] == [
        "a surrogate: its values are free",
        "no rule of its own",
        "documented as wrong",
    ]
    assert report.exit_code == 0
    wrong = tried(tmp_path, "  wrong: {inputs: {x: 1.5}, forward: sin(x), backward: {x: grad}}\n")
    assert wrong.functions[0].verdict == "fail"
    assert wrong.exit_code == 1


def test_jvp_rules_and_cases_are_tried(tmp_path):
    report = tried(
        tmp_path,
        """
  f:
    inputs: {x: [0.3, -1.2]}
    constants: {n: 3}
    forward: x**n
    backward: {x: grad * n * x**(n - 1)}
    jvp: t_x * n * x**(n - 1)
    cases: {square: {constants: {n: 2}}}
""",
    )
    assert report.exit_code == 0
    rule_alone = tried(tmp_path, "  f:\n    inputs: {x: [0.3, -1.2]}\n    forward: x**3\n    backward: {x: grad * 3 * x**2}\n")
    assert report.tried["dropped factor"] > rule_alone.tried["dropped factor"]


def test_seeds_draw_other_inputs(tmp_path):
    text = "  f:\n    inputs: {x: {shape: [3]}}\n    forward: exp(x)\n    backward: {x: grad * out}\n"
    assert tried(tmp_path, text, options={"seed": 7}).exit_code == 0
    with pytest.raises(UsageError, match="seed"):
        tried(tmp_path, text, options={"seed": -1})


# The command.


def test_command_line(gradcheck, tmp_path):
    spec = tmp_path / "a.yaml"
    spec.write_text("functions:\n" + FINE)
    outcome = gradcheck(spec)
    assert outcome.exit_code == 0
    assert re.search(r"^PASS  .*a.yaml:3  f  (\d+) of \d+ found wrong, 1 equivalent$", outcome.output, re.M)
    assert re.search(r"^factor +(\d+) +\1 +100.0%$", outcome.output, re.M)
    assert gradcheck(spec, "-k", "nothing").exit_code == 5
    assert gradcheck().exit_code == 2
    assert gradcheck("--ops", spec).exit_code == 2
    assert gradcheck("--ops", "-k", "tanh").exit_code == 0
    spec.write_text("functions: {f: {inputs: {x: 1.0}, forward: y}}")
    assert gradcheck(spec).exit_code == 2


def test_json(gradcheck, tmp_path):
    spec, target = tmp_path / "a.yaml", tmp_path / "report.json"
    spec.write_text("functions:\n" + FINE)
    assert gradcheck(spec, "--output-format", "json", "-o", target).output == ""
    found = json.loads(target.read_text())
    assert found == as_dict(selftest_specs([str(spec)]))
    assert found["summary"]["killed"] + 1 == found["summary"]["tried"] > 50
    assert found["kinds"]["sign"]["tried"] - 1 == found["functions"][0]["kinds"]["sign"]["killed"]
    (survivor,) = found["functions"][0]["survivors"]
    assert (survivor["line"], survivor["column"], survivor["before"], survivor["reason"]) == (7, 36, "x", EQUIVALENT)


@pytest.mark.parametrize("width", [40, 80, 160])
def test_fits_the_terminal(tmp_path, width):
    report = tried(tmp_path, "  f:\n    inputs: {x: [1.0, 1.0]}\n    forward: x**3\n    backward: {x: 3 * x**2 * grad}\n")
    text = render(report, "full", Options(verbose=1, width=width, ascii_only=True))
    assert text.isascii()
    assert all(
        len(line) <= width or len(line.split()) == 1 or line.startswith(("OPEN", "FAIL")) for line in text.split("\n")[:-2]
    )


# The document.


def test_the_document_names_all_kinds_and_reasons():
    rows = re.findall(r"^\| ([\w ]+) \|", DOCUMENT.read_text(), re.M)
    assert {*edits.KINDS, *corruptions.KINDS} <= set(rows)
    assert set(REASONS) <= set(rows)


@pytest.mark.parametrize("block", [b for b in blocks(DOCUMENT) if b.language == "console"], ids=lambda b: b.text[:40])
def test_the_document_prints_what_is_shown(block, tmp_path):
    for b in blocks(DOCUMENT):
        if b.language == "yaml":
            (tmp_path / re.findall(r"`(\w+\.yaml)`", b.before)[0]).write_text(b.text)
    check_console(DOCUMENT, block, tmp_path)
