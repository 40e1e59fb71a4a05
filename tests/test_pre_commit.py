"""The hooks for pre-commit: a wrong rule is refused, and the message says why."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from documents import ROOT, blocks, run

from gradcheck_cli.cli.group import COMMANDS

HOOKS: dict[str, dict[str, Any]] = {
    hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
}
WRONG = """\
functions:
  sine:
    inputs: {x: 1.5}
    forward: sin(x)
    backward: {x: grad * cos(2 * x)}
"""
RIGHT = WRONG.replace("2 * x", "x")
INVALID = WRONG.replace("sin(x)", "sinn(x)")
PARTS = (".pre-commit-hooks.yaml", "LICENSE", "README.md", "pyproject.toml", "gradcheck_cli")
"""What a repository needs to be installed from."""


def entry(hook: str, folder: Path, *paths: str) -> str:
    return run(shlex.join([*shlex.split(HOOKS[hook]["entry"]), *paths]), folder)


def test_hook_says_what_is_wrong_in_a_line(tmp_path):
    (tmp_path / "a.gradcheck.yaml").write_text(WRONG)
    (tmp_path / "b.gradcheck.yaml").write_text(RIGHT)
    first, second = entry("gradcheck", tmp_path, "a.gradcheck.yaml", "b.gradcheck.yaml").splitlines()
    assert first.startswith("a.gradcheck.yaml:5:19: fail: GC201 sine: the gradient of 'x' is wrong in 1 of 1 entries; ")
    assert first.endswith("likely cause: changing `2 * x` to `x` at a.gradcheck.yaml:5:30 mends the rule")
    assert second.startswith("1 passed, 1 failed in ")


def test_document_shows_the_lines_of_the_hook(tmp_path):
    (tmp_path / "rules.gradcheck.yaml").write_text(WRONG)
    (shown,) = (block.text for block in blocks(ROOT / "docs" / "pre-commit.md") if block.language == "text")
    said = entry("gradcheck", tmp_path, "rules.gradcheck.yaml").partition("; worst")
    assert said[0] in shown
    assert said[2].partition("; ")[2].splitlines()[0] in shown


def test_file_that_looks_like_an_option_is_no_pass(tmp_path):
    """The hooks leave such files out; whoever passes one is told."""
    assert "No such option" in entry("gradcheck", tmp_path, "-y.gradcheck.yaml")


@pytest.mark.skipif("validate" not in COMMANDS, reason="there is no command gradcheck validate yet")
def test_validating_hook_says_what_is_wrong(tmp_path):
    (tmp_path / "a.gradcheck.yaml").write_text(INVALID)
    (tmp_path / "b.gradcheck.yaml").write_text(WRONG)
    said = entry("gradcheck-validate", tmp_path, "a.gradcheck.yaml", "b.gradcheck.yaml")
    assert "a.gradcheck.yaml:4:14: there is no function 'sinn'" in said
    assert "GC201" not in said


# With pre-commit itself, which makes an environment for the hooks: `GRADCHECK_PRE_COMMIT=1 pytest tests/test_pre_commit.py`.


class Repository:
    """A git repository, without the configuration of whoever runs the tests."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder = folder
        kept = {n: v for n, v in os.environ.items() if not n.startswith("GIT_") and n not in ("PYTHONPATH", "SKIP")}
        plain = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        self.environment = kept | plain | {"PRE_COMMIT_HOME": str(home), "PRE_COMMIT_COLOR": "never"}
        folder.mkdir()
        self("git", "init", "--quiet", ".")
        self("git", "config", "user.name", "Test")
        self("git", "config", "user.email", "test@example.org")

    def __call__(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        both = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        done = subprocess.run(command, cwd=self.folder, env=self.environment, check=False, text=True, **both)
        assert not check or done.returncode == 0, done.stdout
        return done

    def commit(self, check: bool = True) -> subprocess.CompletedProcess[str]:
        self("git", "add", "--all")
        return self("git", "commit", "--quiet", "--message", "A change", check=check)


@pytest.fixture
def user(tmp_path):
    """A repository whose configuration names the hooks of a copy of this one."""
    pytest.importorskip("pre_commit", reason="pre-commit is not installed")
    if not os.environ.get("GRADCHECK_PRE_COMMIT"):
        pytest.skip("takes half a minute and the network; GRADCHECK_PRE_COMMIT=1 runs it")
    hooks = Repository(tmp_path / "hooks", tmp_path / "home")
    for name in PARTS:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, hooks.folder / name)
    hooks.commit()
    repo = {
        "repo": str(hooks.folder),
        "rev": hooks("git", "rev-parse", "HEAD").stdout.strip(),
        "hooks": [{"id": hook} for hook in HOOKS if hook == "gradcheck" or "validate" in COMMANDS],
    }
    user = Repository(tmp_path / "user", tmp_path / "home")
    (user.folder / ".pre-commit-config.yaml").write_text(yaml.safe_dump({"repos": [repo]}))
    user(sys.executable, "-m", "pre_commit", "install")
    user("git", "add", "--all")
    done = user(sys.executable, "-m", "pre_commit", "install-hooks", check=False)
    if done.returncode and "pip" in done.stdout and "onnection" in done.stdout:
        pytest.skip("there is no network")
    assert done.returncode == 0, done.stdout
    return user


def test_commit_of_a_wrong_rule_is_refused(user):
    spec = user.folder / "rules.gradcheck.yaml"
    spec.write_text(WRONG)
    done = user.commit(check=False)
    assert done.returncode == 1
    assert "rules.gradcheck.yaml:5:19: fail: GC201 sine: the gradient of 'x' is wrong in 1 of 1 entries" in done.stdout
    spec.write_text(INVALID)
    done = user.commit(check=False)
    assert done.returncode == 1
    assert "rules.gradcheck.yaml:4:14: " in done.stdout
    assert "there is no function 'sinn'" in done.stdout
    spec.write_text(RIGHT)
    (user.folder / "settings.yaml").write_text("colour: red\n")
    (user.folder / "-x.gradcheck.yaml").write_text(RIGHT)
    done = user.commit()
    assert "gradcheck................................................................Passed" in done.stdout
