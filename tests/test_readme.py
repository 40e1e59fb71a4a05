"""What the README shows is what happens."""

from __future__ import annotations

import re

import pytest
from documents import ROOT, blocks, check_console, check_session

from gradcheck_cli.cli.group import COMMANDS
from gradcheck_cli.report.formats import FORMATS

README = ROOT / "README.md"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the README's spec files, each named in the paragraph above it."""
    found = tmp_path_factory.mktemp("readme")
    for block in blocks(README):
        if block.language == "yaml":
            (name,) = re.findall(r"`(\w+\.yaml)`", block.before)
            (found / name).write_text(block.text)
    return found


@pytest.mark.parametrize("block", [b for b in blocks(README) if b.language == "console"], ids=lambda b: b.text.split("\n")[0])
def test_commands_print_what_is_shown(block, folder):
    check_console(README, block, folder)


def test_python_sessions(folder, monkeypatch):
    monkeypatch.chdir(folder)
    names: dict[str, object] = {}
    sessions = [b for b in blocks(README) if b.language == "python"]
    assert sessions
    for block in sessions:
        check_session(block, names)


def test_two_commands_do_the_set_up():
    """What they do is seen by running them in a new environment, as .ci/run does."""
    commands = [b.text for b in blocks(README) if b.language == "bash"]
    assert len(commands) == 2
    assert all(c.count("\n") == 1 for c in commands)
    assert "gradcheck run specs/" in commands[0]
    assert "pytest" in commands[1]


def test_exit_codes_are_all_named():
    rows = re.findall(r"^\| (\d) \|", README.read_text(), re.M)
    assert rows == list("012345")


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)]+)\)", README.read_text()):
        assert (ROOT / target).exists(), target


def test_every_document_is_linked():
    text = README.read_text()
    documents = [p.relative_to(ROOT).as_posix() for p in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")) if p != README]
    assert [path for path in documents if f"({path})" not in text] == []


def test_every_command_and_format_is_named():
    text = README.read_text()
    assert [name for name in COMMANDS if f"gradcheck {name}" not in text] == []
    assert f"[{'|'.join(FORMATS)}]" in text
