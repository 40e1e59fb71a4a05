"""What the documents say is so."""

from __future__ import annotations

import json
import re
from importlib import import_module

import pytest
from documents import ROOT, blocks, check_console, check_part, check_session, run
from spec_tables import tables

from gradcheck_cli.check.diagnosis.cause import CAUSES
from gradcheck_cli.check.diagnosis.diagnose import COARSE
from gradcheck_cli.check.findings import DIAGNOSED
from gradcheck_cli.check.plan import FULL_ENTRIES
from gradcheck_cli.check.problem import Settings
from gradcheck_cli.cli.configuration import Setting
from gradcheck_cli.cli.group import COMMANDS
from gradcheck_cli.project import _options
from gradcheck_cli.report import formats, markdown, sarif
from gradcheck_cli.run import run_specs
from gradcheck_cli.spec import input_forms, repair, screen
from gradcheck_cli.spec.options import OPTIONS

DIAGNOSIS = ROOT / "docs" / "diagnosis.md"
FORMATS = ROOT / "docs" / "formats.md"
REFERENCE = ROOT / "docs" / "spec-reference.md"
COMMAND_LINE = ROOT / "docs" / "command-line.md"
TABLES = tables()
NAMED = {m[1]: b for b in blocks(REFERENCE) if b.language == "yaml" and (m := re.search(r"`(\w+\.yaml)`:$", b.before))}
EXAMPLES = [b for b in blocks(REFERENCE) if b.language == "yaml" and b not in NAMED.values()]


@pytest.mark.parametrize("block", EXAMPLES, ids=lambda b: b.text.split("\n")[1].strip(" :"))
def test_example_passes(block, tmp_path):
    spec = tmp_path / "example.yaml"
    spec.write_text(block.text)
    report = run_specs([str(spec)])
    assert report.exit_code == 0, report


@pytest.mark.parametrize(
    "block", [b for b in blocks(REFERENCE) if b.language == "console"], ids=lambda b: b.text.split("\n")[0]
)
def test_commands_print_what_is_shown(block, tmp_path):
    for name, spec in NAMED.items():
        (tmp_path / name).write_text(spec.text)
    check_console(REFERENCE, block, tmp_path)


@pytest.fixture
def folder(tmp_path):
    """Where the commands of the document of formats run."""
    (spec,) = (b.text for b in blocks(FORMATS) if b.before.endswith("forgets a factor:"))
    (tmp_path / "specs").mkdir()
    for path in ("wrong.yaml", "specs/wrong.yaml"):
        (tmp_path / path).write_text(spec)
    return tmp_path


@pytest.mark.parametrize("block", [b for b in blocks(FORMATS) if b.language == "console"], ids=lambda b: b.text.split("\n")[0])
def test_document_of_formats_shows_them(block, folder):
    check_console(FORMATS, block, folder)


def test_document_of_formats_has_commands_that_write_the_files(folder):
    commands = re.findall(r"^[- ]*(?:run: )?(gradcheck run specs/.*)$", FORMATS.read_text(), re.M)
    assert len(commands) == 4
    for command in commands:
        run(command, folder)
        files = re.findall(r"(?:=|-o )(\S+\.\w+)", command)
        assert files
        for name in files:
            assert FORMATS.read_text().count(name) >= (1 if command.endswith(name) and "-o" in command else 2)
            assert "oscillation" in (folder / name).read_text()


def test_document_of_formats_has_all_of_them():
    rows = re.findall(r"^\| `(\w+)` \|", FORMATS.read_text().partition("## ")[0], re.M)
    assert rows == list(formats.FORMATS)
    assert all(f"`{suffix}`" in FORMATS.read_text() for suffix in formats.FORMAT_SUFFIXES)
    assert f"{sarif.MOST_RESULTS:,} results" in FORMATS.read_text()
    assert f"{markdown.MOST_BYTES:,} bytes" in FORMATS.read_text()


def test_commands_of_the_command_line(tmp_path):
    """In one folder, one after the other."""
    for block in blocks(COMMAND_LINE):
        named = re.search(r"`(\w+\.yaml)`:$", block.before)
        if named:
            (tmp_path / named[1]).write_text(block.text)
        elif block.language == "console":
            check_console(COMMAND_LINE, block, tmp_path)


def test_document_of_the_command_line_has_everything():
    text = COMMAND_LINE.read_text()
    assert set(re.findall(r"^\| `gradcheck (\w+)` \|", text, re.M)) == set(COMMANDS)
    commands = [import_module(f"gradcheck_cli.cli.{name}").command for name in COMMANDS]
    variables = {p.envvar: f"--{p.key}" for c in commands for p in c.params if isinstance(p, Setting)}
    assert dict(re.findall(r"^\| `(GRADCHECK_\w+)` \| `(--[\w-]+)`", text, re.M)) == variables
    rows = re.findall(
        r"^\| ((?:`[\w-]+`(?:, )?)+) \|", text.partition("## The project file")[2].partition("## What wins")[0], re.M
    )
    assert {name.strip("`") for row in rows for name in row.split(", ")} == {*_options(), "check", "limits"}


def test_sessions_of_the_engine():
    names: dict[str, object] = {}
    for block in blocks(ROOT / "docs" / "engine.md"):
        check_session(block, names)


@pytest.mark.parametrize("name", TABLES)
def test_tables_of_the_reference_are_those_of_the_code(name):
    check_part(REFERENCE, name, TABLES[name])


def test_reference_has_no_other_tables():
    text = REFERENCE.read_text()
    assert re.findall(r"^<!-- (?!end)(.*) -->$", text, re.M) == list(TABLES)
    assert len(re.findall(r"^\|---", text, re.M)) == len(TABLES) + 2  # what an expression sees, and the forms of an input


def test_reference_has_every_form_of_an_input():
    rows = re.findall(r"^\| `(.*)` \| ", REFERENCE.read_text().partition("## Inputs")[2].partition("\n\n")[2], re.M)[:8]
    assert all(any(f"{key}: " in row for row in rows) for key in (*input_forms.SOURCES, *input_forms.DRAWS))


def test_options_say_their_defaults():
    def said(name):
        return OPTIONS[name].doc.partition(" Default: ")[2].rstrip(".")

    assert said("kinks") == Settings().kinks
    assert all(int(said(name)) == getattr(Settings(), name) for name in ("order", "points", "seed"))
    assert said("mode") == f"full up to {FULL_ENTRIES:,} entries, and for larger Jacobians that fall apart along axes"
    for name, k in (("rtol", 0), ("atol", 1)):
        plain, classical = (float(text.split()[0]) for text in said(name).split("; "))
        assert (plain, classical) == (Settings().tolerances()[k], Settings(eps=1e-6).tolerances()[k])


def test_document_of_causes_has_all_of_them():
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", DIAGNOSIS.read_text(), re.M))
    assert rows == CAUSES


def test_document_of_causes_shows_real_json(tmp_path):
    (example,) = (json.loads(b.text) for b in blocks(DIAGNOSIS) if b.language == "json")
    (spec,) = (b.text for b in blocks(ROOT / "README.md") if b.language == "yaml" and "oscillation" in b.text)
    (tmp_path / "wrong.yaml").write_text(spec)
    report = json.loads(run("gradcheck run wrong.yaml --output-format json", tmp_path))
    assert report["checks"][0]["findings"][0]["diagnosis"] == example


def test_document_of_causes_has_the_numbers():
    text = DIAGNOSIS.read_text()
    assert f"at most {sum(repair.EDITS):,}" in text
    assert f"counted as {repair.STATEMENTS:,} statements" in text
    assert f"`rtol` above {repair.COARSE:.0e}".replace("e-0", "e-") in text
    assert f"`rtol` is larger than {COARSE:.0e}".replace("e-0", "e-") in text
    assert (repair.ALTERNATIVES, screen.MOVED) == (3, 6)
    assert set(re.findall(r"GC\d+", text.partition("## The edit")[0])) == DIAGNOSED
    assert set(re.findall(r"GC\d+", text.partition("## The edit")[2])) == repair.BACKWARD | repair.FORWARD


@pytest.mark.parametrize("number", range(2))
def test_report_of_the_document_is_real(number, tmp_path):
    page = ROOT / "docs" / "html-report.md"
    (spec,) = (b.text for b in blocks(page) if b.language == "yaml")
    (tmp_path / "layer.yaml").write_text(spec)
    check_console(page, [b for b in blocks(page) if b.language == "console"][number], tmp_path)
    assert (tmp_path / "report.html").exists() == (number == 0)


def test_links_lead_somewhere():
    for path in (ROOT / "docs").glob("*.md"):
        for target in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
            assert (path.parent / target).exists(), target
