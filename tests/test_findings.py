"""Every finding has a page, and its examples are what they say."""

from __future__ import annotations

import re
import textwrap

import numpy as np
import pytest
from documents import ROOT, check_generated

from gradcheck_cli import verify
from gradcheck_cli.check.examples import EXAMPLES, WITHOUT_EXAMPLE
from gradcheck_cli.check.findings import CODES
from gradcheck_cli.report.reference import FAMILIES, describe_codes, findings_document


def found(text, tmp_path):
    """The codes that an example leads to."""
    if not text.strip().startswith("inputs:"):
        calls = []

        def record(*args, **kwargs):
            calls.append(verify(*args, **kwargs))

        exec(text, {"np": np, "verify": record})
        (report,) = calls
    else:
        spec = tmp_path / "example.yaml"
        spec.write_text("functions:\n  example:\n" + textwrap.indent(text.strip("\n"), "    ") + "\n")
        report = verify(spec)
    return [f.code for c in report.checks for f in c.findings], report.checks[0].verdict


def test_every_finding_has_examples_or_says_how_it_comes_about():
    assert sorted([*EXAMPLES, *WITHOUT_EXAMPLE]) == sorted(CODES)


def test_document_is_made_from_the_tables():
    document = findings_document()
    check_generated(ROOT / "docs" / "findings.md", document)
    assert {code[:3] for code in CODES} == set(FAMILIES)
    for code, (_, title, text) in CODES.items():
        assert f"### {code} {title}\n" in document
        assert text in " ".join(document.split())
    for links in re.findall(r"\]\(#([\w-]+)\)", document):
        assert re.search(rf"^### {links.replace('-', '.{1,2}')}$", document, re.M | re.I), links


@pytest.mark.parametrize("code", WITHOUT_EXAMPLE)
def test_explain_says_how_it_comes_about(code):
    assert " ".join(describe_codes([code]).split()).endswith(WITHOUT_EXAMPLE[code])


@pytest.mark.parametrize("code", EXAMPLES)
def test_the_wrong_example_leads_to_the_finding_and_the_right_one_does_not(code, tmp_path):
    codes, verdict = found(EXAMPLES[code].wrong, tmp_path)
    assert code in codes
    expected = {"note": "pass"}.get(CODES[code].verdict, CODES[code].verdict)
    assert verdict == expected
    codes, verdict = found(EXAMPLES[code].right, tmp_path)
    assert code not in codes
    assert verdict == "pass"


def test_a_failed_search_for_a_cause_does_not_cost_the_verdict(monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("gradcheck_cli.check.diagnosis.diagnose.diagnose", broken)
    report = verify(np.sin, [np.array([0.5, 2.0])], backward=lambda grad, x: -grad * np.cos(x))
    assert [f.code for f in report.checks[0].findings] == ["GC201", "GC604"]
    assert report.checks[0].verdict == "fail"
