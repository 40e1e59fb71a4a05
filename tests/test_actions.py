"""What `gradcheck run` does in a CI job, and how the formats are asked for on the command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from test_cli import INVALID, OPEN, RIGHT, WRONG, imported

from gradcheck_cli import cli
from gradcheck_cli.report.markdown import MOST_BYTES

pytestmark = pytest.mark.slow


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """`gradcheck run` in a folder with spec files: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    for name, text in {"wrong.yaml": WRONG, "right.yaml": RIGHT, "open.yaml": OPEN, "invalid.yaml": INVALID}.items():
        (tmp_path / name).write_text(text)

    def call(*arguments, **environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, str(value))
        monkeypatch.setattr(sys, "argv", ["gradcheck", "run", *map(str, arguments)])
        code = cli.command_line()
        return code, *capsys.readouterr()

    return call


CONCISE = ("--output-format", "concise")


def test_concise_adds_the_commands_in_a_job(run):
    plain = run("wrong.yaml", "open.yaml", *CONCISE)[1].splitlines()
    lines = run("wrong.yaml", "open.yaml", *CONCISE, GITHUB_ACTIONS="true")[1].splitlines()
    assert [line.split("::")[1].split(",line=")[0] for line in lines[:4]] == ["error file=wrong.yaml"] * 3 + [
        "warning file=open.yaml"
    ]
    assert lines[4:-1] == plain[:-1]


def test_other_formats_and_files_get_no_commands(run, tmp_path):
    assert "::error" not in run("wrong.yaml", GITHUB_ACTIONS="true")[1]
    assert run("wrong.yaml", *CONCISE, "-o", "found.txt", GITHUB_ACTIONS="true")[1] == ""
    assert "::error" not in Path("found.txt").read_text()
    assert "::error" not in run("wrong.yaml", *CONCISE, GITHUB_ACTIONS="false")[1]


def test_the_summary_of_a_job_is_added_to(run, tmp_path):
    summary = tmp_path / "summary.md"
    summary.write_text("# before\n")
    code, out, err = run("wrong.yaml", GITHUB_STEP_SUMMARY=summary)
    run("right.yaml", "-q", GITHUB_STEP_SUMMARY=summary)
    text = summary.read_text()
    assert (code, err) == (1, "")
    assert out.startswith("FAIL")
    assert text.startswith("# before\n## gradcheck: 2 passed, 2 failed")
    assert "**GC102 gradient has the wrong shape**" in text
    assert text.count("## gradcheck") == 2
    assert text.count("<details>") == 1, "-q leaves out what passed"


def test_a_summary_that_cannot_be_written_loses_nothing(run, tmp_path):
    for path in (tmp_path, tmp_path / "none" / "summary.md", "/dev/full", "a\x1b"):
        code, out, err = run("wrong.yaml", GITHUB_STEP_SUMMARY=path)
        assert code == 1
        assert "2 passed, 2 failed" in out
        if path != "a\x1b":
            assert err.startswith("warning: the job summary cannot be written: ")
        assert "\x1b" not in err


def test_a_summary_leaves_room_for_what_is_there(run, tmp_path):
    summary = tmp_path / "summary.md"
    summary.write_text("x" * (MOST_BYTES - 2000))
    run("wrong.yaml", GITHUB_STEP_SUMMARY=summary)
    assert summary.stat().st_size <= MOST_BYTES
    text = summary.read_text()
    assert "misshapen" in text, "it is short"
    assert "Not shown, for lack of room: 1 of 2 files and checks with findings." in text


@pytest.mark.parametrize("variable", ["GITHUB_WORKSPACE", "CI_PROJECT_DIR"])
def test_files_are_named_from_the_root_of_the_repository(run, tmp_path, variable):
    root = tmp_path.parent
    environment = {variable: root}
    assert f"::error file={tmp_path.name}/wrong.yaml," in run("wrong.yaml", "--output-format", "github", **environment)[1]
    run("wrong.yaml", "--report", "sarif=a.sarif", "--report", "gitlab=a.json", **environment)
    run_ = json.loads(Path("a.sarif").read_text())["runs"][0]
    place = run_["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert place == {"uri": f"{tmp_path.name}/wrong.yaml", "uriBaseId": "%SRCROOT%"}
    assert json.loads(Path("a.json").read_text())[0]["location"]["path"] == f"{tmp_path.name}/wrong.yaml"
    elsewhere = run("wrong.yaml", "--output-format", "github", **{variable: f"{root}/x"})[1]
    assert "::error file=wrong.yaml," in elsewhere


def test_formats_by_the_names_of_files(run):
    assert run("wrong.yaml", "open.yaml", "invalid.yaml", "-o", "r.xml", "--report", "markdown=r.txt")[0] == 2
    root = ET.parse("r.xml").getroot()
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("6", "3", "1")
    assert Path("r.txt").read_text().startswith("## gradcheck: 2 passed, 2 failed, 1 inconclusive, 1 error in ")
    run("wrong.yaml", "-o", "r.sarif")
    assert json.loads(Path("r.sarif").read_text())["version"] == "2.1.0"
    run("wrong.yaml", "-o", "r.md")
    assert Path("r.md").read_text().startswith("## gradcheck: ")


def test_what_a_source_line_says_is_no_command(run):
    """The runner reads standard output and error, and strips what stands before a command."""
    Path("evil.yaml").write_text("functions:\n  ::add-mask::x\n\n  ##[error]y: 1\n")
    for options in ([], CONCISE, ["--list"], ["--output-format", "github"]):
        _, out, err = run("evil.yaml", *options)
        assert out + err
        assert not [line for line in (out + err).splitlines() if line.lstrip().startswith("::add") or "##[" in line]


def test_a_run_that_passes_imports_none_of_it():
    found = imported("run", "specs/tutorial.yaml")
    assert "gradcheck_cli.report.concise" in found, "by the full format"
    new = {f"gradcheck_cli.report.{name}" for name in ("remarks", "places", "github", "markdown", "junit", "sarif")}
    assert not ({"xml.etree.ElementTree", "gradcheck_cli.cli.actions", "urllib.parse"} | new) & found
