"""The recipes of docs/: their configurations are read, their commands run."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path
from shutil import copy

import pytest
import yaml
from documents import ROOT, UPDATE, Block, blocks, run, steady

from gradcheck_cli.report.formats import FORMATS
from gradcheck_cli.run import run_specs

pytestmark = pytest.mark.slow

DOCS = ROOT / "docs"
PLUGIN = [] if entry_points(group="pytest11", name="gradcheck") else ["-p", "gradcheck_cli.pytest_plugin"]


def of(name: str, language: str) -> list[Block]:
    return [block for block in blocks(DOCS / name) if block.language == language]


# docs/pytest.md


@pytest.fixture
def project(tmp_path):
    """A folder with the files of docs/pytest.md; `tests` is named in the configuration, `specs` has a spec of the project."""
    (specs,) = of("pytest.md", "yaml")
    (configuration,) = of("pytest.md", "toml")
    (test,) = of("pytest.md", "python")
    (tmp_path / "activations.gradcheck.yaml").write_text(specs.text)
    for name in ("tests", "specs"):
        (tmp_path / name).mkdir()
    (tmp_path / "tests" / "test_softplus.py").write_text(test.text)
    (tmp_path / "specs" / "rules.yaml").write_text(specs.text)
    tomllib.loads(configuration.text)
    (tmp_path / "configuration.toml").write_text(configuration.text)
    return tmp_path


def run_pytest(folder: Path, *words: str) -> str:
    environment = {n: v for n, v in os.environ.items() if n not in ("PYTEST_ADDOPTS", "CI", "PYTEST_XDIST_WORKER")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *PLUGIN, "-p", "no:cacheprovider", "-p", "no:hypothesispytest", *words],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment | {"PYTHONPATH": str(ROOT), "COLUMNS": "100", "PYTHONIOENCODING": "utf-8"},
        check=False,
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("block", of("pytest.md", "console"), ids=lambda b: b.text.split("\n")[0])
def test_pytest_prints_what_is_shown(block, project):
    command, expected = block.text.split("\n", 1)
    program, *words = shlex.split(command.removeprefix("$ "))
    assert program == "pytest"
    real = run_pytest(project, *words)
    if UPDATE and without_times(real) != without_times(expected):
        text = (DOCS / "pytest.md").read_text(encoding="utf-8")
        (DOCS / "pytest.md").write_text(text.replace(block.text, f"{command}\n{real}"), encoding="utf-8")
    else:
        assert without_times(real) == without_times(expected)


def without_times(printed: str) -> str:
    return re.sub(r"\d+\.\d+s", "#s", steady(printed))


def test_pytest_with_the_configuration(project):
    (project / "configuration.toml").rename(project / "pyproject.toml")
    assert "1 failed, 3 passed" in run_pytest(project, "-q")
    assert "1 passed" in run_pytest(project, "-q", "tests")


# docs/ci.md


def scripts(tree: object) -> list[str]:
    """The shell texts of a workflow or a pipeline."""
    if isinstance(tree, dict):
        own = tree.get("script", tree.get("run", []))
        return [*([own] if isinstance(own, str) else own), *(text for value in tree.values() for text in scripts(value))]
    return [text for value in tree for text in scripts(value)] if isinstance(tree, list) else []


CI = [(block, command) for block in of("ci.md", "yaml") for command in scripts(yaml.safe_load(block.text))]
CHECKS = [(block, command) for block, command in CI if command.startswith("gradcheck ")]


def formats_of(command: str) -> list[str]:
    return re.findall(r"--(?:output-format|report) (\w+)", command)


@pytest.mark.parametrize(("block", "command"), CHECKS, ids=["actions", "gitlab", "one-job"])
def test_ci_runs_what_is_shown(block, command, tmp_path, monkeypatch):
    missing = [format for format in formats_of(command) if format not in FORMATS]
    if missing:
        pytest.skip(f"there is no format {missing[0]} yet")
    (tmp_path / "specs").mkdir()
    for name in ("tutorial", "softmax"):
        copy(ROOT / "specs" / f"{name}.yaml", tmp_path / "specs")
    for name, value in {"${{ matrix.part }}": "2", "$CI_NODE_INDEX": "4", "$CI_NODE_TOTAL": "4"}.items():
        command = command.replace(name, value)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    printed = run(command, tmp_path)
    assert "rror:" not in printed
    if "github" in FORMATS:
        assert (tmp_path / "summary.md").stat().st_size
    for path in re.findall(r"--report \w+=(\S+)", command):
        assert (tmp_path / path).stat().st_size
        assert block.text.count(path) > 1, "nothing reads the report"


def test_ci_has_the_reports_that_its_services_read():
    assert {format for _, command in CHECKS for format in formats_of(command)} == {"github", "sarif", "junit", "gitlab"}


# docs/pre-commit.md


def test_pre_commit_configurations_name_hooks_that_there_are():
    hooks = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}
    used = [
        hook for block in of("pre-commit.md", "yaml") for repo in yaml.safe_load(block.text)["repos"] for hook in repo["hooks"]
    ]
    assert {hook["id"] for hook in used} == hooks.keys()
    (local,) = [hook for hook in used if "entry" in hook]
    assert local["entry"] == hooks["gradcheck"]["entry"]
    assert all(re.compile(hook["files"]).search("gradients/a.gradcheck.yaml") for hook in used if "files" in hook)


@pytest.mark.parametrize(
    ("path", "matches"),
    [
        ("a.gradcheck.yaml", True),
        ("deep/down/a.gradcheck.yml", True),
        ("specs/a.yaml", True),
        ("specs/deep/a.yml", True),
        ("other/a.yaml", False),
        ("other/specs/a.yaml", False),
        ("-x.gradcheck.yaml", False),
        ("specs/-x.yaml", False),
        ("a.gradcheck.yaml.orig", False),
    ],
)
def test_files_of_the_hooks(path, matches):
    for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text()):
        assert bool(re.search(hook["files"], path)) == matches


# docs/porting.md


@pytest.mark.parametrize("block", of("porting.md", "yaml"), ids=lambda b: b.text.split("\n")[1].strip(" :"))
def test_ported_rules_pass(block, tmp_path):
    spec = tmp_path / "ported.yaml"
    spec.write_text(block.text)
    report = run_specs([str(spec)])
    assert report.ok, report


def test_ported_functions_pass_as_they_are():
    pytest.importorskip("torch")
    names: dict[str, object] = {}
    for block in of("porting.md", "python"):
        exec(block.text, names)
    wrong = names["ScaledTanh"]
    wrong.backward = staticmethod(lambda ctx, grad: (grad, None))
    with pytest.raises(AssertionError, match="scaled tanh"):
        names["check"]("scaled tanh", lambda x: wrong.apply(x, names["scale"]), x=names["x"])
