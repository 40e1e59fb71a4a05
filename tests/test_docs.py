"""What the documents say is so."""

from __future__ import annotations

import json
import re

import pytest
from documents import ROOT, blocks, check_console, check_session, run

from gradcheck_cli.check.diagnosis.cause import CAUSES, DIAGNOSED
from gradcheck_cli.check.diagnosis.diagnose import COARSE
from gradcheck_cli.check.plan import FULL_ENTRIES
from gradcheck_cli.check.problem import Settings
from gradcheck_cli.run import run_specs
from gradcheck_cli.spec import limits, repair, screen
from gradcheck_cli.spec.options import _READERS

DIAGNOSIS = ROOT / "docs" / "diagnosis.md"
REFERENCE = ROOT / "docs" / "spec-reference.md"
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


def test_sessions_of_the_engine():
    names: dict[str, object] = {}
    for block in blocks(ROOT / "docs" / "engine.md"):
        check_session(block, names)


def test_reference_has_the_limits():
    rows = re.findall(r"^\| `([A-Z_]+)` \| ([\d,]+) \|$", REFERENCE.read_text(), re.M)
    assert len(rows) > 10
    assert {name: int(value.replace(",", "")) for name, value in rows} == {name: getattr(limits, name) for name, _ in rows}


def test_reference_has_the_options_and_their_defaults():
    rows = dict(re.findall(r"^\| `(\w+)` \| .* \| ([^|]*) \|$", REFERENCE.read_text().partition("## Options")[2], re.M))
    assert list(rows) == list(_READERS)
    assert rows["kinks"] == Settings().kinks
    assert (int(rows["order"]), int(rows["points"])) == (Settings().order, Settings().points)
    assert rows["mode"] == f"full up to {FULL_ENTRIES:,} entries, and for larger Jacobians that fall apart along axes"
    for name, k in (("rtol", 0), ("atol", 1)):
        plain, classical = (float(text.split()[0]) for text in rows[name].split("; "))
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
