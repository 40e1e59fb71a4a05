"""Options from elsewhere: the project file, the environment, and which of them wins."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import test_cli
from documents import ROOT, blocks
from hypothesis import given, settings
from hypothesis import strategies as st
from test_cli import RIGHT, TUTORIAL, imported

from gradcheck_cli import verify_many
from gradcheck_cli.errors import SpecError
from gradcheck_cli.project import _MENTIONED, Project, place, project_from, read_project
from gradcheck_cli.report import FORMATS
from gradcheck_cli.run import run_specs
from gradcheck_cli.spec import limits
from gradcheck_cli.spec.loader import loads

gradcheck, spec = test_cli.gradcheck, test_cli.spec

LOOSE = RIGHT + "    check: {rtol: 1e-3}\n"
DRAWN = """
functions:
  drawn:
    inputs: {x: {shape: [3]}}
    forward: sin(x)
    backward: {x: grad * cos(x)}
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Writes the project file of a new current directory, which is the root of a repository."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".git").mkdir()
    for name in ("SEED", "EPS", "RTOL", "ATOL", "MAX_RTOL", "OUTPUT_FORMAT", "REPORT", "JOBS"):
        monkeypatch.delenv(f"GRADCHECK_{name}", raising=False)

    def write(text, folder="."):
        Path(folder).mkdir(exist_ok=True)
        Path(folder, "pyproject.toml").write_text(text)

    return write


def mistakes(text):
    with pytest.raises(SpecError) as caught:
        project_from(text.encode(), "pyproject.toml")
    return [str(m) for m in caught.value.mistakes]


# Reading.


def test_everything_that_a_project_can_say(project):
    project(
        '[tool.gradcheck]\npaths = ["specs", "a.yaml"]\noutput-format = "concise"\nreport = ["json=out/r.json"]\n'
        "jobs = 'auto'\nmax-rtol = 1e-6\n[tool.gradcheck.check]\nrtol = 1e-8\natol = 0\neps = 1e-6\norder = 2\npoints = 3\n"
        'mode = "full"\nkinks = "fail"\nseed = 5\n[tool.gradcheck.limits]\nliteral-elements = 60_000\n'
    )
    check = {
        "rtol": 1e-8, "atol": 0, "eps": 1e-6, "order": 2, "points": 3, "mode": "full", "kinks": "fail", "seed": 5,
    }  # fmt: skip
    options = {"output-format": "concise", "report": ["json=out/r.json"], "jobs": "auto", "max-rtol": 1e-6}
    assert read_project() == Project("pyproject.toml", ("specs", "a.yaml"), options, check, {"LITERAL_ELEMENTS": 60_000})


def test_nearest_file_with_the_table_counts(project, monkeypatch, tmp_path):
    project("[tool.gradcheck]\npaths = ['specs']\nreport = ['json=r.json']")
    for folder in ("a", "a/b"):
        project("[tool.other]\ngradcheck-cli = 1\n", folder)
    monkeypatch.chdir("a/b")
    assert read_project() == Project("../../pyproject.toml", ("../../specs",), {"report": ["json=../../r.json"]})
    project("[tool.gradcheck]\n")
    assert read_project() == Project("pyproject.toml")
    Path("pyproject.toml").unlink()
    (tmp_path / "a" / ".git").mkdir()
    assert read_project() == Project()


def test_no_project(project, tmp_path, monkeypatch):
    assert read_project() == Project()
    (tmp_path / "pyproject.toml").mkdir()
    assert read_project() == Project()
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert read_project() == Project()


@pytest.mark.parametrize(
    "text",
    [
        "[tool.gradcheck]\njobs = 2",
        '["tool" . "gradcheck"]\njobs = 2', "[tool]\ngradcheck.jobs = 2", "tool.gradcheck.jobs = 2",
        "[tool]\n  gradcheck = {jobs = 2}", "tool = {gradcheck = {jobs = 2}}", "tool = {a = 1, 'gradcheck' = {jobs = 2}}",
    ],
)  # fmt: skip
def test_every_way_to_write_the_table_is_noticed(text):
    assert _MENTIONED.search(text.encode())
    assert project_from(text.encode(), "p").options == {"jobs": 2}


@pytest.mark.parametrize("text", ["dependencies = ['gradcheck-cli>=1']", "[tool.other]\nname = 'gradcheck'", "# gradcheck"])
def test_other_mentions_need_no_parser(text):
    assert not _MENTIONED.search(text.encode())


def test_mistakes_have_their_places():
    text = (
        "[project]\nname = 'x'\n\n[tool.gradcheck]\njobs = 0\npath = ['a']\noutput-format = 'xml'\n\n[tool.gradcheck.check]\n"
        "rtol = 2\n  sed = 1\norder = 1.0\n[tool.gradcheck.limits]\nliteral-elements = -1\nliteral-element = 5\nnesting = 100\n"
    )
    assert mistakes(text) == [
        "pyproject.toml:5:1: tool.gradcheck.jobs must be 'auto' or a whole number from 1 to 1024; found 0\n    jobs = 0\n    ^",
        "pyproject.toml:6:1: tool.gradcheck has no key 'path'\n    path = ['a']\n    ^\n    hint: did you mean 'paths'?",
        f"pyproject.toml:7:1: tool.gradcheck.output-format must be one of {', '.join(FORMATS)}; found 'xml'\n"
        "    output-format = 'xml'\n    ^",
        "pyproject.toml:10:1: tool.gradcheck.check.rtol must be a number between 0 and 1; found 2\n    rtol = 2\n    ^",
        "pyproject.toml:11:3: tool.gradcheck.check has no key 'sed'\n      sed = 1\n      ^\n    hint: did you mean 'seed'?",
        "pyproject.toml:12:1: tool.gradcheck.check.order must be 1 or 2; found 1.0\n    order = 1.0\n    ^",
        "pyproject.toml:14:1: tool.gradcheck.limits.literal-elements must be a whole number, 1 or more; found -1\n"
        "    literal-elements = -1\n    ^",
        "pyproject.toml:15:1: tool.gradcheck.limits has no key 'literal-element'\n    literal-element = 5\n    ^\n"
        "    hint: did you mean 'literal-elements'?",
        f"pyproject.toml:16:1: tool.gradcheck.limits has no key 'nesting'\n    nesting = 100\n    ^\n"
        f"    hint: its keys are {', '.join(limits.SETTABLE)}",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tool.gradcheck = 1", "pyproject.toml:1:6: tool.gradcheck must be a table; found 1"),
        ("[tool]\ngradcheck = {check = {rtoll = 1}}", "pyproject.toml:2:23: tool.gradcheck.check has no key 'rtoll'"),
        ("tool.gradcheck.paths = 'a'", "tool.gradcheck.paths must be a list of files and folders; found 'a'"),
        ("tool.gradcheck.paths = ['']", "must be a list of files and folders"),
        ("tool.gradcheck.paths = ['-']", "must be a list of files and folders"),
        ("tool.gradcheck.jobs = 1 #" + "x" * (1 << 20), "pyproject.toml:1:1: this file must have at most 1048576 bytes"),
        ("tool.gradcheck.report = ['xml=a']", "must be a list of FORMAT=FILE"),
        ("tool.gradcheck.report = ['json=../a']", "of files below the project's folder; found ['json=../a']"),
        ("tool.gradcheck.report = ['json=/tmp/a']", "of files below the project's folder; found ['json=/tmp/a']"),
        ("tool.gradcheck.check = [1]", "tool.gradcheck.check must be a table"),
        ("tool.gradcheck.check.rtol = true", "found True"),
        ("tool.gradcheck.check.seed = 0x" + "f" * 9000, "found something very large"),
        ("tool.gradcheck.max-rtol = nan", "max-rtol must be a number between 0 and 1; found nan"),
        ("tool.gradcheck = {\n", "pyproject.toml:1:19: this is not TOML: "),
        ("tool.gradcheck = " + "[" * 5000, "it nests too deeply"),
        ("tool.gradcheck = " + "9" * 5000, "this is not TOML"),
    ],
)
def test_what_is_wrong(text, said):
    found = mistakes(text)
    assert len(found) == 1
    assert said in found[0]


def test_file_that_is_no_text():
    with pytest.raises(SpecError, match="must be UTF-8"):
        project_from(b"tool.gradcheck.a = '\xff'", "p")


KEYS = st.sampled_from(
    ["paths", "output-format", "report", "jobs", "max-rtol", "check", "limits", "rtol", "seed", "cases", "x"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("json=a"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


def toml(value):
    """The value as TOML has it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {toml(v)}" for name, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return "1979-05-27" if value is None else repr(value) if isinstance(value, float) else json.dumps(value)


def no_traceback(data):
    try:
        project_from(data, "pyproject.toml")
    except SpecError as error:
        lines = data.decode(errors="replace").split("\n")
        for mistake in error.mistakes:
            assert 1 <= mistake.location.line <= len(lines) + 1
            assert mistake.location.column >= 1
            assert str(mistake)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_any_table_is_read_or_refused(table):
    no_traceback(b"[tool.gradcheck]\n" + "\n".join(f"{name} = {toml(v)}" for name, v in table.items()).encode())


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=60) | st.text(max_size=60).map(str.encode),
    st.sampled_from([b"", b"[tool.gradcheck]\n", b"tool.gradcheck."]),
)
def test_any_bytes_are_read_or_refused(data, before):
    no_traceback(before + data)
    _MENTIONED.search(before + data)


def test_places_of_keys():
    text = "a = 1\n[tool]\nx.y = {z = 1}\n['tool'.\"b\".c] # [d]\nz = [\n 1]\n"
    assert place(text, ("a",)) == (1, 1)
    assert place(text, ("tool", "x", "y", "z")) == (3, 8)
    assert place(text, ("tool", "b", "c", "z")) == (5, 1)
    assert place(text, ("nothing",)) == (1, 1)


# What it does.


def test_paths(gradcheck, spec, project, monkeypatch):
    spec(RIGHT)
    for command in ("run", "list", "validate", "graph"):
        outcome = gradcheck(command)
        assert outcome.code == 2
        assert "Missing argument 'PATH...'. Name spec files or folders, or set paths in pyproject.toml" in outcome.err
    assert "give spec files, or --ops" in gradcheck("selftest").err
    project("[tool.gradcheck]\npaths = ['a.yaml']\n", "sub")
    Path("sub/a.yaml").write_text(RIGHT)
    monkeypatch.chdir("sub")
    assert "a.yaml:3  fine" in gradcheck("run").out
    assert gradcheck("run").code == gradcheck("list").code == gradcheck("validate").code == gradcheck("selftest").code == 0
    assert "fine" in gradcheck("graph").out
    assert "quadratic" in gradcheck("run", TUTORIAL).out
    assert "a.yaml:3" not in gradcheck("run", TUTORIAL).out
    assert gradcheck("run", "--isolated").code == 2


def seeds(outcome):
    return re.findall(r"--seed (\d+)", outcome.out)


def test_precedence(gradcheck, spec, project, monkeypatch):
    """The command line wins over the environment, that over the spec, that over the project file."""
    silent, says = spec(DRAWN), spec(DRAWN + "    check: {seed: 3}\n", "b.yaml")
    assert seeds(gradcheck("run", "-v", silent, says)) == ["0", "3"]
    project("[tool.gradcheck.check]\nseed = 4\n")
    assert seeds(gradcheck("run", "-v", silent, says)) == ["4", "3"]
    assert json.loads(gradcheck("run", silent, "--output-format", "json").out)["seed"] == 4
    monkeypatch.setenv("GRADCHECK_SEED", "2")
    assert seeds(gradcheck("run", "-v", silent, says)) == ["2", "2"]
    assert seeds(gradcheck("run", "-v", silent, says, "--seed", "1")) == ["1", "1"]
    assert seeds(gradcheck("run", "-v", silent, says, "--isolated")) == ["0", "3"]
    assert seeds(gradcheck("run", "-v", "--isolated", silent, says, "--seed", "1")) == ["1", "1"]
    monkeypatch.setenv("GRADCHECK_SEED", "")
    assert seeds(gradcheck("run", "-v", silent)) == ["4"]
    monkeypatch.setenv("GRADCHECK_SEED", "one")
    outcome = gradcheck("run", silent)
    assert (outcome.code, outcome.out) == (2, "")
    assert "'--seed' (from GRADCHECK_SEED)" in outcome.err


def test_options_below_the_spec_reach_workers(gradcheck, spec, project):
    project("[tool.gradcheck]\njobs = 2\n[tool.gradcheck.check]\nseed = 4\npoints = 2\n")
    assert seeds(gradcheck("run", "-v", spec(DRAWN), spec(DRAWN, "b.yaml"))) == ["4", "4"]
    assert json.loads(gradcheck("list", spec(DRAWN), "--output-format", "json").out)["checks"][0]["draws"] == 2


def test_formats_and_reports(gradcheck, spec, project, monkeypatch):
    project('[tool.gradcheck]\noutput-format = "concise"\nreport = ["json=all.json"]\n')
    assert gradcheck("run", spec(RIGHT)).out.startswith("1 passed")
    assert json.loads(Path("all.json").read_text())["summary"]["pass"] == 1
    monkeypatch.setenv("GRADCHECK_OUTPUT_FORMAT", "json")
    assert gradcheck("run", spec(RIGHT)).out.startswith("{")
    assert gradcheck("run", spec(RIGHT), "--output-format", "full").out.startswith("PASS")
    assert gradcheck("list", spec(RIGHT)).code == gradcheck("selftest", spec(RIGHT)).code == 0
    monkeypatch.delenv("GRADCHECK_OUTPUT_FORMAT")
    gradcheck("run", spec(RIGHT), "-o", "named.json")
    assert json.loads(Path("named.json").read_text())["summary"]["pass"] == 1
    Path("all.json").unlink()
    gradcheck("run", spec(RIGHT), "--report", "json=other.json")
    assert not Path("all.json").exists()


def test_verbose_says_where_values_come_from(gradcheck, spec, project, monkeypatch):
    project(
        "[tool.gradcheck]\njobs = 1\n[tool.gradcheck.check]\nseed = 4\nkinks = 'fail'\n[tool.gradcheck.limits]\ncases = 7\n"
    )
    monkeypatch.setenv("GRADCHECK_RTOL", "1e-6")
    outcome = gradcheck("run", "-v", spec(RIGHT), "--seed", "1", "--limit", "points=5", "--report", "json=a.json")
    assert outcome.err == (
        "settings: seed 1 (command line), rtol 1e-06 (GRADCHECK_RTOL), report json=a.json (command line), "
        "jobs 1 (pyproject.toml), kinks fail (pyproject.toml, where a spec says nothing), cases 7 (pyproject.toml), "
        "points 5 (command line)\n"
    )
    assert gradcheck("run", "-v", spec(RIGHT), "--isolated").err == ""
    assert gradcheck("run", spec(RIGHT)).err == ""


def test_broken_project_file(gradcheck, spec, project):
    project("[tool.gradcheck]\njob = 1\n")
    for command in ("run", "list", "validate", "selftest", "graph"):
        outcome = gradcheck(command, spec(RIGHT))
        assert (outcome.code, outcome.out) == (2, "")
        assert outcome.err == (
            "error: pyproject.toml:2:1: tool.gradcheck has no key 'job'\n    job = 1\n    ^\n    hint: did you mean 'jobs'?\n"
        )
        assert gradcheck(command, spec(RIGHT), "--isolated").code == 0
    assert gradcheck("run", "--help").code == gradcheck("ops").code == 0


def test_project_costs_nothing_where_there_is_none(spec):
    assert "tomllib" not in imported("run", spec(RIGHT))


@pytest.mark.slow
def test_cluster_on_the_command_line_wins_over_processes(gradcheck, project):
    project("[tool.gradcheck]\njobs = 2\n")
    assert "exclude each other" in gradcheck("run", TUTORIAL, "-j", "2", "--dask", "nowhere").err
    assert "no Dask scheduler answers" in gradcheck("run", TUTORIAL, "--dask", "inproc://nowhere").err


# Limits.


LONG = "functions: {f: {inputs: {x: [" + "1, " * 9 + "1]}, forward: sum(x)}}"


def test_limits_are_put_and_taken_back():
    before = limits.current()
    with limits.changed({"LITERAL_ELEMENTS": 9}), limits.changed({"CASES": 2}):
        assert dict(limits.current()) == {"LITERAL_ELEMENTS": 9, "CASES": 2}
        with pytest.raises(SpecError, match=r"at most 9 elements; found 10(.|\n)*--limit literal-elements=10 allows it"):
            loads(LONG)
    assert limits.current() == before == ()
    loads(LONG)


def test_limits_of_the_command_line_and_the_project(gradcheck, spec, project):
    path = spec(LONG)
    outcome = gradcheck("run", path, "--limit", "literal-elements=9")
    assert outcome.code == 2
    assert "at most 9 elements; found 10" in outcome.out
    assert gradcheck("run", path).code == 0
    project("[tool.gradcheck.limits]\nliteral-elements = 9\n")
    for command in ("run", "list", "validate", "selftest", "graph"):
        assert gradcheck(command, path).code == 2
        assert gradcheck(command, path, "--isolated").code == 0
        assert gradcheck(command, path, "--limit", "literal-elements=10").code == 0
    assert limits.current() == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("literal-element=5", "there is no limit 'literal-element'; did you mean 'literal-elements'?"),
        ("nesting=50", "there is no limit 'nesting'"),
        ("rtol=1", "there is no limit 'rtol'"),
        ("cases", "must be NAME=N with a whole number, 1 or more; found 'cases'"),
        ("cases=0", "1 or more"),
        ("cases=1.5", "1 or more"),
        (f"cases={2**63}", "1 or more"),
    ],
)
def test_limits_that_are_none(gradcheck, text, said):
    outcome = gradcheck("run", TUTORIAL, "--limit", text)
    assert outcome.code == 2
    assert said in outcome.err.replace("\n", " ")


REFUSED = {
    "file-bytes": "a" * 200,
    "values": "a: [1, 2, 3, 4]",
    "functions": "functions: {f: {inputs: {x: 1}, forward: x}, g: {inputs: {x: 1}, forward: x}}",
    "cases": "functions: {f: {inputs: {x: 1}, forward: x, cases: {a: {}, b: {}}}}",
    "literal-elements": LONG,
    "input-elements": "functions: {f: {inputs: {x: {shape: [2, 3]}}, forward: sum(x)}}",
    "points": "functions: {f: {inputs: {x: {shape: 2}}, forward: x, check: {points: 3}}}",
    "name-characters": "functions: {long: {inputs: {x: 1}, forward: x}}",
    "expression-characters": "functions: {f: {inputs: {x: 1}, forward: x + x + x}}",
    "expression-nodes": "functions: {f: {inputs: {x: 1}, forward: x + x + x}}",
    "sequence-values": "functions: {f: {inputs: {x: [1.0, 2.0]}, forward: 'sum(x * [1, 2])'}}",
    "statements": 'functions: {f: {inputs: {x: 1}, forward: "y = x\\nz = y * y\\nreturn z"}}',
    "result-elements": "functions: {f: {inputs: {x: [1.0, 2.0]}, forward: 'outer(x, x)'}}",
    "run-elements": "functions: {f: {inputs: {x: {shape: 300}}, forward: 'sum(exp(x))'}}",
    "case-elements": "functions: {f: {inputs: {x: {shape: 3}, y: {shape: 2}}, forward: sum(x) + sum(y)}}",
    "checks": "functions: {f: {inputs: {x: {shape: 2}}, forward: x, check: {points: 3}}}",
    "jacobian-entries": "functions: {f: {inputs: {x: {shape: 3}}, forward: x, check: {mode: full}}}",
    "check-elements": "functions: {f: {inputs: {x: {shape: 300}}, forward: 'sum(exp(x))'}}",
    "mistakes": "functions: {f: {a: 1, b: 2, c: 3, d: 4}}",
}
"""For each limit, small enough, a file that it refuses."""


@pytest.mark.parametrize("name", REFUSED)
def test_refusal_names_what_allows_it(gradcheck, spec, name):
    path = spec(REFUSED[name])
    outcome = gradcheck("run", path, "--limit", f"{name}=1", "--isolated")
    assert outcome.code == 2
    suggested = re.findall(rf"--limit ({name}=\d+) allows it", " ".join((outcome.out + outcome.err).split()))
    assert suggested, outcome.out + outcome.err
    assert "Traceback" not in outcome.err
    allowed = gradcheck("run", path, "--limit", suggested[-1], "--isolated")
    if name not in ("file-bytes", "values", "mistakes", "statements", "run-elements", "check-elements"):
        assert f"--limit {name}" not in " ".join(allowed.out.split()), allowed.out


def test_every_limit_is_tried():
    assert set(limits.SETTABLE) - set(REFUSED) == {"expression-mistakes"}


@pytest.mark.slow
def test_limits_reach_workers(gradcheck, spec, project):
    path = spec(REFUSED["result-elements"])
    for jobs in ("1", "2"):
        outcome = gradcheck("run", path, TUTORIAL, "-k", "f or relu", "-j", jobs, "--limit", "result-elements=3")
        assert outcome.code == 2
        assert "more than 3 entries: 4 (--limit result-elements=4 allows it)" in " ".join(outcome.out.split())
    long = spec("functions: {f: {inputs: {x: {shape: [200]}}, forward: x, check: {points: 1500}}}", "long.yaml")
    assert gradcheck("list", long).code == 2
    spec("functions: {f: {inputs: {x: {shape: 2}}, forward: x, check: {points: 1001}}}", "many.yaml")
    outcome = gradcheck("run", "many.yaml", "-j", "2", "--limit", "points=1001")
    assert outcome.code == 0, outcome.out
    assert limits.current() == ()


# The policy on tolerances.


def test_max_rtol(gradcheck, spec, project, monkeypatch):
    path = spec(LOOSE)
    assert gradcheck("run", path).code == 0
    said = f"{path}:8:19: rtol must be at most 1e-06; found 0.001"
    for command in ("run", "list", "validate"):
        outcome = gradcheck(command, path, "--max-rtol", "1e-6")
        assert outcome.code == 2
        assert said in outcome.out + outcome.err
    monkeypatch.setenv("GRADCHECK_MAX_RTOL", "1e-6")
    assert said in gradcheck("run", path, "-j", "2").out
    assert gradcheck("run", path, "--max-rtol", "1e-2").code == 0
    monkeypatch.delenv("GRADCHECK_MAX_RTOL")
    project("[tool.gradcheck]\nmax-rtol = 1e-6\n")
    assert said in gradcheck("run", path).out
    assert gradcheck("run", path, "--isolated").code == 0
    assert gradcheck("run", spec(RIGHT)).code == 0


def test_max_rtol_is_not_got_around(gradcheck, spec):
    stepped = spec(RIGHT + "    check: {eps: 1e-6}\n")
    outcome = gradcheck("run", stepped, "--max-rtol", "1e-6")
    assert outcome.code == 2
    assert f"{stepped}:8:12: rtol must be at most 1e-06; with eps it is 0.001 where nothing is said" in outcome.out
    tight = spec(RIGHT + "    check: {eps: 1e-6, rtol: 1e-6}\n")
    assert "rtol must be" not in gradcheck("run", tight, "--max-rtol", "1e-6").out
    defaults = spec("defaults: {check: {rtol: 1e-3}}" + RIGHT)
    assert "1:26: rtol must be at most" in gradcheck("run", defaults, "--max-rtol", "1e-6").out
    for option in (["--rtol", "1e-3"], ["--eps", "1e-6"]):
        outcome = gradcheck("run", spec(RIGHT), *option, "--max-rtol", "1e-6")
        assert outcome.code == 2
        assert "rtol must be at most 1e-06 (--max-rtol); the options ask for 0.001" in outcome.err
    assert gradcheck("run", spec(RIGHT), "--max-rtol", "1e-9").code == 0


@pytest.mark.parametrize("value", ["0", "nan", "-1", "2", "x"])
def test_max_rtol_that_is_none(gradcheck, value):
    outcome = gradcheck("run", TUTORIAL, "--max-rtol", value)
    assert outcome.code == 2
    assert "--max-rtol" in outcome.err


# From Python.


def test_python_reads_no_project_file(spec, project):
    project("[tool.gradcheck.check]\nseed = 4\n")
    assert verify_many(spec(DRAWN)).seed == 0
    assert run_specs([spec(DRAWN)], base={"seed": 4}).checks[0].seed == 4


def test_document_shows_the_whole_file():
    (example,) = (b.text for b in blocks(ROOT / "docs" / "command-line.md") if b.language == "toml")
    found = project_from(example.encode(), "pyproject.toml")
    assert all(found[1:])
