"""What the documents say is so."""

from __future__ import annotations

import re

import pytest
from documents import ROOT, blocks, check_console

from gradcheck_cli.check.directions import FULL_ENTRIES
from gradcheck_cli.check.problem import Settings
from gradcheck_cli.run import run_specs
from gradcheck_cli.spec import limits
from gradcheck_cli.spec.options import _READERS

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


def test_reference_has_the_limits():
    rows = re.findall(r"^\| `([A-Z_]+)` \| ([\d,]+) \|$", REFERENCE.read_text(), re.M)
    assert len(rows) > 10
    assert {name: int(value.replace(",", "")) for name, value in rows} == {name: getattr(limits, name) for name, _ in rows}


def test_reference_has_the_options_and_their_defaults():
    rows = dict(re.findall(r"^\| `(\w+)` \| .* \| ([^|]*) \|$", REFERENCE.read_text().partition("## Options")[2], re.M))
    assert list(rows) == list(_READERS)
    assert rows["kinks"] == Settings().kinks
    assert (int(rows["order"]), int(rows["points"])) == (Settings().order, Settings().points)
    assert rows["mode"] == f"full up to {FULL_ENTRIES:,} entries"
    for name, k in (("rtol", 0), ("atol", 1)):
        plain, classical = (float(text.split()[0]) for text in rows[name].split("; "))
        assert (plain, classical) == (Settings().tolerances()[k], Settings(eps=1e-6).tolerances()[k])


def test_links_lead_somewhere():
    for path in (ROOT / "docs").glob("*.md"):
        for target in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
            assert (path.parent / target).exists(), target
