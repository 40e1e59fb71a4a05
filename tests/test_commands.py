"""The commands around a run: init, schema, validate, list, and completion in shells."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import test_cli
from documents import ROOT, run
from test_cli import INVALID, LARGE, RIGHT, TUTORIAL, command, imported

from gradcheck_cli.cli.init import NAME, SCHEMA, SPEC
from gradcheck_cli.errors import SpecError
from gradcheck_cli.report.formats import FORMATS
from gradcheck_cli.spec.loader import load
from gradcheck_cli.spec.schema import spec_schema

pytestmark = pytest.mark.slow

gradcheck, spec = test_cli.gradcheck, test_cli.spec
MALFORMED = ROOT / "tests" / "malformed"

# init


def test_first_spec_passes(gradcheck, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = gradcheck("init")
    assert (outcome.code, outcome.err) == (0, "")
    commands = re.findall(r"^  (gradcheck .*?)(?:    .*)?$", outcome.out, re.M)
    assert commands == [f"gradcheck run {NAME}", f"gradcheck schema -o {SCHEMA}"]
    assert "5 passed" in run(commands[0], tmp_path)
    assert run(commands[1], tmp_path) == ""
    assert json.loads(Path(SCHEMA).read_text()) == spec_schema()
    assert Path(NAME).read_text().startswith(f"# yaml-language-server: $schema={SCHEMA}\n")
    assert gradcheck("selftest", NAME).code == 0


def test_init_overwrites_nothing(gradcheck, tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text("precious")
    outcome = gradcheck("init", mine)
    assert outcome.code == 2
    assert "mine.yaml is there already" in outcome.err
    assert "--force" in outcome.err
    assert mine.read_text() == "precious"
    dangling = tmp_path / "dangling.yaml"
    dangling.symlink_to(tmp_path / "elsewhere.yaml")
    assert gradcheck("init", dangling).code == 2
    assert gradcheck("init", "--force", mine).code == 0
    assert mine.read_text() == SPEC


def test_init_elsewhere(gradcheck, tmp_path):
    assert gradcheck("init", "-").out == SPEC
    assert f"gradcheck run {tmp_path / NAME}" in gradcheck("init", tmp_path).out
    assert (tmp_path / NAME).read_text() == SPEC
    outcome = gradcheck("init", tmp_path / "no" / "folder.yaml")
    assert outcome.code == 4
    assert "cannot be written" in outcome.err


# schema


def test_schema(gradcheck):
    outcome = gradcheck("schema")
    assert outcome.code == 0
    schema = json.loads(outcome.out)
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    jsonschema.validate({"functions": {"f": {"inputs": {"x": 1.0}, "forward": "x"}}}, schema)


# validate


def test_validate(gradcheck, spec, tmp_path):
    assert gradcheck("validate", spec(RIGHT)).out == "1 file is valid\n"
    assert gradcheck("validate", "-q", tmp_path).out == ""
    assert gradcheck("validate", ROOT / "specs").out.endswith(" files are valid\n")
    bad = spec(INVALID, "b.yaml")
    outcome = gradcheck("validate", tmp_path)
    assert (outcome.code, outcome.err) == (2, "")
    assert outcome.out == (
        f"{bad}:5:14: there is no function 'sinn'\n        forward: sinn(x)\n                 ^\n"
        "    hint: did you mean 'sin'?\n\n1 mistake in 1 file, 1 file is valid\n"
    )
    assert gradcheck("validate", "-q", tmp_path).out + "1 mistake in 1 file, 1 file is valid\n" == outcome.out
    assert gradcheck("validate", tmp_path / "nowhere.yaml").code == 2
    assert "Missing argument" in gradcheck("validate").err


def test_validate_finds_what_loading_finds():
    code, out, err = command("validate", MALFORMED)
    assert (code, err) == (2, "")
    for path in MALFORMED.glob("*.yaml"):
        with pytest.raises(SpecError) as caught:
            load(path)
        for mistake in caught.value.mistakes:
            assert str(mistake) in out


def test_validate_imports_no_numpy(spec):
    found = imported("validate", ROOT / "specs", spec(RIGHT))
    assert "gradcheck_cli.engine.ops" in found
    assert not [
        name for name in found if name.split(".")[0] in ("numpy", "rich", "scipy") or name.startswith("gradcheck_cli.run")
    ]
    assert "numpy" in imported("run", spec(RIGHT))


# list


def test_list_is_what_run_lists(gradcheck):
    for options in (["-k", "relu"], ["--shard", "2/5"], ["--output-format", "json"]):
        assert gradcheck("list", TUTORIAL, *options).out == gradcheck("run", "--list", TUTORIAL, *options).out
    assert gradcheck("list", TUTORIAL, "-k", "nothing").code == 5


def test_list_for_machines(gradcheck, spec):
    outcome = gradcheck("list", spec(LARGE), "--output-format", "json")
    found = json.loads(outcome.out)
    assert (outcome.code, found["schema_version"]) == (0, 1)
    chain, *_, drawn, no_file = found["checks"]
    assert (chain["line"], chain["function"], chain["case"], chain["draws"]) == (3, "chain", "default", 1)
    assert chain["inputs"] == [{"name": "x", "looked_at": "every entry of 9000000, in 3000 blocks of 1 x 1 at once"}]
    assert chain["evaluations"]["forward"] > 0
    assert chain["bytes"] > 0
    assert drawn["draws"] == 3
    assert "nowhere.npy" in no_file["trouble"] or "cannot be read" in no_file["trouble"]


# completion


def completed(shell: str, words: str, word: str = "") -> str:
    """What the shell's completion function asks the program, and what that answers."""
    count = len(words.split()) - (1 if word else 0)
    asked = {
        "_GRADCHECK_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": word if shell == "fish" else str(count),
    }
    return program(asked)


def program(environment: dict[str, str]) -> str:
    """The output of the command under its own name, by which completion knows it."""
    code = "import sys; sys.argv[0] = 'gradcheck'; from gradcheck_cli.cli import start; start()"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(ROOT)} | environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize(
    ("shell", "says"),
    [("bash", "complete -o nosort -F _gradcheck_completion"), ("zsh", "#compdef gradcheck"), ("fish", "complete --no-files")],
)
def test_completion(shell, says):
    assert says in program({"_GRADCHECK_COMPLETE": f"{shell}_source"})
    commands = completed(shell, "gradcheck ru", "ru")
    assert "run" in re.split(r"[\s,]+", commands)
    assert "ops" not in re.split(r"[\s,]+", commands)
    formats = re.split(r"[\s,]+", completed(shell, "gradcheck run --output-format "))
    assert set(FORMATS) <= set(formats)
    for name in ("run", "selftest"):
        assert "file" in re.split(r"[\s,]+", completed(shell, f"gradcheck {name} spec", "spec"))
