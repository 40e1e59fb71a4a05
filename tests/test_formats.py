"""The formats for other programs: valid by their schemas, whatever is in the report."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import numpy as np
import pytest
import xmlschema
from documents import ROOT
from junitparser import Error, Failure, JUnitXml
from markdown_it import MarkdownIt
from reports import HOSTILE, hostile, many, real, small

from gradcheck_cli import verify
from gradcheck_cli.check.diagnosis.cause import Change
from gradcheck_cli.errors import Location
from gradcheck_cli.report import FORMATS, Options, Report, render
from gradcheck_cli.report.clean import clean, one_line
from gradcheck_cli.report.places import changed_line
from gradcheck_cli.report.remarks import fingerprints, remarks
from gradcheck_cli.run import run_specs
from gradcheck_cli.selection import Selection

SCHEMAS = Path(os.environ.get("GRADCHECK_SCHEMAS") or ROOT.parent / "shared" / "schemas")
"""Of the formats' makers: `junit-10.xsd` of jenkinsci/xunit-plugin, and `sarif-schema-2.1.0.json` of oasis-tcs/sarif-spec."""


def schema_file(name: str) -> Path:
    """Skips the test where there is none."""
    if not (SCHEMAS / name).exists():
        pytest.skip(f"there is no {name} in the folder that GRADCHECK_SCHEMAS names")
    return SCHEMAS / name


def call() -> Report:
    return verify(lambda x: x**2, [np.array([1.0, 3.0])], backward=lambda grad, x: grad * x, name="square")


REPORTS = {
    "small": small,
    "real": real,
    "empty": Report,
    "call": call,
    "many": lambda: many(60),
    "passes": lambda: many(60, "pass"),
    **{f"hostile{k}": lambda text=text: hostile(text) for k, text in enumerate(HOSTILE)},
}


@cache
def made(name: str) -> Report:
    return REPORTS[name]()


@cache
def rendered(report: Report, format: str) -> str:
    return render(report, format)


@pytest.fixture(params=REPORTS)
def report(request):
    return made(request.param)


@pytest.mark.slow
@pytest.mark.parametrize("format", FORMATS)
def test_nothing_that_acts_is_in_any_format(report, format):
    text = rendered(report, format)
    assert text.endswith("\n")
    assert text.replace("\n", "").isprintable()
    assert "##[" not in text
    own = len([r for r in remarks(report) if r.level != "note"]) if format == "github" else 0
    assert len(re.findall(r"^\s*::[a-z]", text, re.M)) == own
    text.encode()


# JUnit.


@cache
def junit_schema() -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(schema_file("junit-10.xsd"))


def test_junit_is_valid(report, tmp_path):
    text = rendered(report, "junit")
    junit_schema().validate(text)
    if shutil.which("xmllint"):
        (tmp_path / "r.xml").write_text(text)
        done = subprocess.run(
            ["xmllint", "--noout", "--schema", schema_file("junit-10.xsd"), tmp_path / "r.xml"],
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def test_junit_counts_and_names(report):
    root = ET.fromstring(rendered(report, "junit"))
    cases = list(root.iter("testcase"))
    names = [(c.get("classname"), c.get("name")) for c in cases]
    assert len(set(names)) == len(names) == sum(report.summary.values())
    assert all(all(name) or "" in {c.function for c in report.checks} for name in names)
    for element in (root, *root.iter("testsuite")):
        for attribute, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error")):
            assert int(element.get(attribute)) == len(list(element.iter(tag)))
    summary = report.summary
    assert int(root.get("failures")) == summary["fail"] + summary["inconclusive"]
    assert int(root.get("errors")) == summary["error"]


def test_junit_is_read_as_it_is_meant():
    suites = JUnitXml.fromstring(render(small(), "junit").encode())
    outcomes = {case.name: case.result for suite in suites for case in suite}
    assert (suites.tests, suites.failures, suites.errors) == (4, 2, 1)
    assert outcomes["h"] == []
    assert [type(r) for r in (*outcomes["f"], *outcomes["g[wide]"], *outcomes["spec file"])] == [Failure, Failure, Error]


# SARIF.


@cache
def sarif_schema() -> jsonschema.Draft4Validator:
    schema = json.loads(schema_file("sarif-schema-2.1.0.json").read_text())
    assert jsonschema.validators.validator_for(schema) is jsonschema.Draft4Validator
    return jsonschema.Draft4Validator(schema, format_checker=jsonschema.FormatChecker())


def sarif_run(report, options=None):
    document = json.loads(render(report, "sarif", options))
    (run,) = document["runs"]
    return document, run


def test_sarif_is_valid(report):
    document, run = sarif_run(report)
    assert run["invocations"][0]["exitCode"] == report.exit_code
    assert len(run["results"]) == len(remarks(report))
    run["results"] = run["results"][:200]
    sarif_schema().validate(document)
    rules = run["tool"]["driver"]["rules"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert rules[result["ruleIndex"]]["defaultConfiguration"]["level"] == result["level"]


def test_sarif_rules_have_all_texts():
    for rule in sarif_run(Report())[1]["tool"]["driver"]["rules"]:
        texts = [rule["shortDescription"]["text"], rule["fullDescription"]["text"], *rule["help"].values()]
        assert all(texts), rule
        assert re.fullmatch(r"([A-Z][a-z0-9]*)+", rule["name"]), rule["name"]


@pytest.mark.slow
def test_sarif_has_no_more_results_than_are_shown():
    report = many(6000)
    text = render(report, "sarif")
    assert len(gzip.compress(text.encode())) < 10e6
    run = json.loads(text)["runs"][0]
    assert len(run["results"]) == 5000
    (said,) = run["invocations"][0]["toolExecutionNotifications"]
    assert said["message"]["text"].startswith("1,000 of 6,000 results are left out")
    shown = {r["message"]["text"].split(":")[0] for r in run["results"]}
    assert "f5999" in shown, "the worst first"
    assert "f0" not in shown


def test_sarif_regions_are_the_text_that_is_meant():
    report = real()
    lines = {path: text.split("\n") for path, text in report.sources.items()}
    for result in sarif_run(report, Options(root="/"))[1]["results"]:
        place = result["locations"][0]["physicalLocation"]
        part = place["region"]
        assert set(part) == {"startLine", "startColumn", "endLine", "endColumn"}
        assert part["endColumn"] > part["startColumn"] >= 1
        if result["ruleId"] != "invalid-spec":
            line = lines["/" + place["artifactLocation"]["uri"]][part["startLine"] - 1]
            assert line[part["startColumn"] - 1 : part["endColumn"] - 1].strip()
            assert len(line) == part["endColumn"] - 1


def test_fixes_mend_the_rules(tmp_path):
    report, count = real(), 0
    for result in sarif_run(report, Options(root="/"))[1]["results"]:
        for fix in result.get("fixes", ()):
            (change,) = fix["artifactChanges"]
            (replacement,) = change["replacements"]
            part, new = replacement["deletedRegion"], replacement["insertedContent"]["text"]
            lines = report.sources["/" + change["artifactLocation"]["uri"]].split("\n")
            row = part["startLine"] - 1
            lines[row] = lines[row][: part["startColumn"] - 1] + new + lines[row][part["endColumn"] - 1 :]
            (tmp_path / "a.yaml").write_text("\n".join(lines))
            name = result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"]
            before = [f for c in report.checks if c.name == name for f in c.findings]
            (check,) = run_specs([str(tmp_path / "a.yaml")], Selection(function=name)).checks
            assert len([f for f in check.findings if f.verdict == "fail"]) < len(before)
            count += 1
    assert count >= 15


@pytest.mark.parametrize("text", HOSTILE)
def test_sarif_has_no_links_and_only_texts_that_can_be_put_in(text):
    for result in sarif_run(hostile(text))[1]["results"]:
        assert "](" not in result["message"]["text"]
        for fix in result.get("fixes", ()):
            (replacement,) = fix["artifactChanges"][0]["replacements"]
            assert replacement["insertedContent"]["text"] in (text, text + "1")


@pytest.mark.parametrize(
    ("line", "before", "after", "changed"),
    [
        ("      x: grad * x  # y", "grad * x", "2 * grad", "      x: 2 * grad  # y"),
        ("      x: grad", "grad", "sum(grad, axis=0)", "      x: sum(grad, axis=0)"),
        ("      x: 2 * (x + grad)", "grad", "sum(grad, axis=0)", "      x: 2 * (x + sum(grad, axis=0))"),
        ("      return x, grad", "grad", "sum(grad, axis=0)", "      return x, sum(grad, axis=0)"),
        ("    backward: {x: grad}", "grad", "-grad", "    backward: {x: -grad}"),
        ("    backward: {x: grad}", "grad", "sum(grad, axis=0)", None),
        ('      x: "grad"', "grad", "a['b']", None),
        ("      x: gradient", "grad * x", "grad", None),
        ("", "grad", "x", None),
        ("      x: grad", "", "x", None),
    ],
)
def test_an_edit_is_made_in_the_line_where_yaml_reads_it_as_it_is(line, before, after, changed):
    place = Location("a.yaml", 1, max(line.rfind(before[:4] or "g"), 0) + 1)
    assert changed_line(Change(place, before, after), line) == changed


# Places, names, order.


def test_findings_point_at_the_line_of_the_rule():
    report = real()
    pointed = 0
    for r in remarks(report):
        if r.check and r.finding and r.finding.verdict == "fail":
            lines = report.sources[r.check.file].split("\n")
            assert r.line == lines[r.location.line - 1]
            head = next(k for k in range(r.location.line - 1, -1, -1) if re.match(r"  \w", lines[k]))
            assert lines[head] == f"  {r.check.function}:"
            of_input = re.match(r"\s+(\w+): ", r.line)
            pointed += bool(of_input and of_input[1] == r.finding.input_name)
    assert pointed >= 30, "a rule of one line for one input"


def test_fingerprints_are_unique_and_stay(tmp_path):
    found = remarks(real())
    names = fingerprints(found)
    assert len(set(names)) == len(names)
    spec = tmp_path / "a.yaml"
    body = (
        "functions:\n  f:\n    inputs: {x: [1.0, 2.0], y: [3.0, 5.0]}\n    forward: x * y\n    backward: {x: grad, y: grad}\n"
    )

    def of(text):
        spec.write_text(text)
        return sorted(fingerprints(remarks(run_specs([str(spec)]))))

    before = of(body)
    assert len(set(before)) == 2
    assert of("# moved\n\n" + body.replace("3.0", "4.0")) == before
    assert of(body.replace("  f:", "  other:")) != before


def test_the_worst_of_every_check_comes_before_the_second_of_any():
    found = remarks(real())
    errors = [r.subject for r in found if r.level == "error"]
    assert [r.level for r in found] == sorted((r.level for r in found), key=["error", "warning", "note"].index)
    distinct = len(set(errors))
    assert len(set(errors[:distinct])) == distinct
    sizes = [r.size for r in remarks(many(20))]
    assert sizes == sorted(sizes, reverse=True)


def test_a_check_that_did_not_pass_has_a_remark():
    subjects = {r.check.name for r in remarks(real()) if r.check and r.level != "note"}
    assert {c.name for c in real().checks if c.verdict != "pass"} <= subjects


def test_what_was_expected_to_be_wrong_is_no_finding():
    report = run_specs([str(ROOT / "specs" / "mistakes")])
    assert report.ok
    assert remarks(report) == []


# GitHub.


@pytest.mark.parametrize("text", HOSTILE)
def test_github_reads_what_was_written(text):
    """As the runner does: properties end at `::`, are parted by `,` and `=`, and unescaped then."""
    report = hostile(text)
    *lines, summary = render(report, "github").splitlines()
    wanted = [r for r in remarks(report) if r.level != "note"]
    assert len(lines) == len(wanted) == 6
    assert not summary.startswith("::")
    for line, remark in zip(lines, wanted, strict=True):
        level, properties, message = re.fullmatch(r"::(error|warning) (.*?)::(.*)", line).groups()
        assert level == remark.level
        assert unescaped(message) == clean(remark.message)
        found = dict(part.split("=", 1) for part in properties.split(","))
        assert {"title"} <= set(found) <= {"file", "line", "endLine", "col", "endColumn", "title"}
        if remark.check:
            title = f"{remark.rule} {remark.title}: {remark.subject}"
            assert unescaped(found["title"], ":,") == one_line(title, 200)


def unescaped(text: str, also: str = "") -> str:
    for char in f"\n{also}%":
        text = text.replace(f"%{ord(char):02X}", char)
    return text


# Markdown.


class Page(HTMLParser):
    """The elements, the text of code, and the links of a page."""

    def __init__(self, markdown: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.inside: list[str] = []
        self.text: dict[str, str] = {}
        self.feed(MarkdownIt("commonmark").enable("table").render(markdown))
        assert self.inside == []

    def handle_starttag(self, tag, attributes):
        assert [n for n, _ in attributes if n not in ("class", "style")] == []
        self.tags.add(tag)
        if tag != "hr":
            self.inside.append(tag)

    def handle_endtag(self, tag):
        assert self.inside.pop() == tag

    def handle_data(self, data):
        where = "code" if "code" in self.inside else "prose"
        self.text[where] = self.text.get(where, "") + data


TAGS = {"h2", "h3", "table", "thead", "tbody", "tr", "th", "td", "code", "pre", "p", "strong", "details", "summary"}


def test_markdown_holds_only_its_own_markup(report):
    page = Page(rendered(report, "markdown"))
    assert page.tags <= TAGS
    assert "evil" not in page.text["prose"]
    assert "alert" not in page.text["prose"]
    assert "@" not in page.text["prose"]


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_shows_the_names(text):
    shown = Page(render(hostile(text), "markdown")).text["code"]
    assert one_line(text).strip() in shown


@pytest.mark.slow
@pytest.mark.parametrize(("verdict", "count"), [("fail", 2000), ("pass", 20_000)])
def test_markdown_fits_a_job_summary(verdict, count):
    text = render(many(count, verdict), "markdown")
    assert 900_000 < len(text.encode()) <= 1_000_000
    ((left, every),) = re.findall(r"^Not shown, for lack of room: ([\d,]+) of ([\d,]+) (?:passes|files and checks)", text, re.M)
    assert int(every.replace(",", "")) == count
    shown = text.count("\n### FAIL") if verdict == "fail" else text.count("\n| <code>f")
    assert int(left.replace(",", "")) == count - shown


# GitLab.


def test_gitlab_has_what_gitlab_wants(report):
    found = json.loads(rendered(report, "gitlab"))
    assert len({i["fingerprint"] for i in found}) == len(found) == len(remarks(report))
    for issue in found:
        assert set(issue) == {"description", "check_name", "fingerprint", "severity", "location"}
        assert issue["severity"] in ("info", "minor", "major", "critical", "blocker")
        assert isinstance(issue["location"]["path"], str)
        assert issue["location"]["lines"]["begin"] >= 1


@pytest.mark.parametrize("format", FORMATS)
def test_what_was_interrupted_does_not_look_green(format: str) -> None:
    report = many(3, "pass")._replace(interrupted="interrupted after 3 of 9")
    assert report.exit_code == 130
    if format != "gitlab":  # a list of what is wrong with files, and nothing else
        assert "interrupted after 3 of 9" in render(report, format)
    if format == "junit":
        assert ET.fromstring(render(report, format)).attrib["errors"] == "1"
    if format == "sarif":
        assert not json.loads(render(report, format))["runs"][0]["invocations"][0]["executionSuccessful"]
