"""What CONTRIBUTING.md and SECURITY.md say is so: commands run, and files, options and limits exist."""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
import sys
import tomllib

import pytest
from documents import ROOT, blocks, check_in_order, steady
from test_attacks import ATTACKS

from gradcheck_cli.cli.run import command as run_command
from gradcheck_cli.spec import limits

pytestmark = pytest.mark.slow

SECURITY, CONTRIBUTING, README = (ROOT / f"{name}.md" for name in ("SECURITY", "CONTRIBUTING", "README"))
TEXTS = {path.name: path.read_text(encoding="utf-8") for path in (SECURITY, CONTRIBUTING)}


def test_commands_of_the_security_document(tmp_path):
    check_in_order(SECURITY, tmp_path)


def test_the_policy_is_a_command_that_checks(tmp_path, monkeypatch, capfd):
    (policy,) = (b.text.strip() for b in blocks(SECURITY) if b.language == "text")
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "talk.yaml").write_text(
        "functions: {f: {inputs: {x: 0.7}, forward: sin(x), backward: {x: 1.005 * grad * cos(x)}, check: {atol: 1}}}"
    )
    (tmp_path / "pyproject.toml").write_text("[tool.gradcheck.check]\nrtol = 0.5\n")
    monkeypatch.chdir(tmp_path)
    words = shlex.split(policy)
    assert words[:2] == ["gradcheck", "run"]
    with pytest.raises(SystemExit) as ended:
        run_command.main(words[2:], prog_name="gradcheck run")
    assert ended.value.code == 1
    assert "GC201" in capfd.readouterr().out
    plain = [word for word in words[2:] if word not in ("--isolated", "--atol", "0", "--max-rtol", "1e-6")]
    with pytest.raises(SystemExit) as ended:
        run_command.main(plain, prog_name="gradcheck run")
    assert ended.value.code == 0
    assert "(1 with errors above 1e-4)" in capfd.readouterr().out


def test_limits_and_options_that_are_named_exist():
    for text in TEXTS.values():
        assert {n for n in re.findall(r"`([A-Z]+(?:_[A-Z]+)*)`", text) if n != "GRADCHECK_"} <= set(limits.DEFAULTS)
    flags = {flag for p in run_command.params for flag in p.opts}
    assert set(re.findall(r"(?<![\w-])--[a-z][\w-]*", TEXTS["SECURITY.md"])) <= flags
    assert f"{limits.CHECKS:,} checks" in TEXTS["SECURITY.md"]
    assert len(ATTACKS) > 300


@pytest.mark.parametrize("name", TEXTS)
def test_files_that_are_named_exist(name):
    files = re.findall(r"(?<![\w./-])((?:tests|benchmarks|docs|gradcheck_cli|specs|\.ci)/[\w./-]*\w)", TEXTS[name])
    assert len(files) > 5
    for path in files:
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("name", ["README.md", *TEXTS, *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))])
def test_links_lead_to_headings(name):
    page = ROOT / name
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        path, _, anchor = target.partition("#")
        found = page.parent / path if path else page
        assert found.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", found.read_text(encoding="utf-8"), re.M)
            assert anchor in {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}, target


def test_set_up_for_development():
    (first, second) = next(b.text for b in blocks(CONTRIBUTING) if b.language == "bash").splitlines()
    assert f"```bash\n{first.split(' && pip')[0]}" in README.read_text(encoding="utf-8")
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    assert second.rpartition("--group ")[2] in groups


def test_commands_for_development():
    """Those of the table that are short enough; the others are what runs this."""
    commands = re.findall(r"^\| [^|]* \| `([^`]+)` \|$", TEXTS["CONTRIBUTING.md"], re.M)
    assert [c.split()[0] for c in commands] == ["pytest", "pytest", "pytest", "ruff", "mypy", "gradcheck", ".ci/run"]
    for command in ["pytest -m slow", "ruff check .", "mypy"]:
        assert command in commands
        assert command in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert importlib.util.find_spec("xdist") is not None


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for stray processes in /proc")
def test_programs_for_development_run():
    (block,) = (b.text for b in blocks(CONTRIBUTING) if b.language == "console")
    for line in block.splitlines():
        if line.startswith("$ "):
            command = [sys.executable if word == "python" else word for word in shlex.split(line[2:])]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
            assert "BROKEN" not in done.stdout
            assert steady(done.stdout)
