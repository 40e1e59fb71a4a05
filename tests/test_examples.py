"""The examples run, and print what stands at their ends."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys

import pytest
from documents import ROOT

pytestmark = pytest.mark.slow

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def words(text: str) -> str:
    """The text with single spaces for all white space, and without what differs between machines."""
    return re.sub(r"\d(\.\d+)?e-\d\d", "#", " ".join(text.split()))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_it_prints_what_it_says(path, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(path), run_name="__main__")
    _, _, said = path.read_text(encoding="utf-8").rpartition("\n# prints:\n")
    assert words(capsys.readouterr().out) == words(re.sub(r"^# ?", "", said, flags=re.M))


def test_there_is_one_for_each_scenario():
    assert [p.stem[:2] for p in EXAMPLES] == [f"{k:02}" for k in range(1, 18)]


def test_they_run_as_programs(tmp_path):
    done = subprocess.run([sys.executable, str(EXAMPLES[0])], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (done.returncode, done.stderr) == (0, "")
