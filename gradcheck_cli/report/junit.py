"""The junit format: a test suite for each spec file, a test case for each check, as the xunit plugin's schema has it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain, count
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree as ET

from gradcheck_cli.check.findings import CODES
from gradcheck_cli.report.clean import clean, one_line, to_ascii
from gradcheck_cli.report.formats import Options
from gradcheck_cli.report.full import details
from gradcheck_cli.report.places import relative
from gradcheck_cli.report.remarks import INVALID

if TYPE_CHECKING:
    from gradcheck_cli.check.result import CheckResult
    from gradcheck_cli.errors import Mistake
    from gradcheck_cli.report.report import Report

LONGEST_MESSAGE = 500
CALLS = "calls"
"""The suite, and the class, of what is not checked for a file."""
SPEC = "spec file"
"""The test case of a file that cannot be used."""


class Case(NamedTuple):
    """A test case, with its outcome if it is not green."""

    name: str
    seconds: float = 0.0
    outcome: str = ""
    """`failure` or `error`."""
    type: str = ""
    message: str = ""
    text: str = ""


def render(report: Report, options: Options) -> str:
    """The document, all ASCII."""
    suites = {path: _cases(report, path) for path in _paths(report)}
    if report.interrupted:  # what is missing must not look green
        suites[""] = [Case("run", 0.0, "error", "interrupted", report.interrupted), *suites.get("", [])]
    root = ET.Element("testsuites", name="gradcheck", time=_seconds(report.seconds))
    root.attrib |= _counts([case for cases in suites.values() for case in cases])
    names: set[tuple[str, str]] = set()
    for path, cases in suites.items():
        root.append(_suite(relative(path, options.root), cases, report.seed, names))
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root).decode()}\n'


def _paths(report: Report) -> Iterable[str]:
    return dict.fromkeys([*(c.file for c in report.checks), *(m.location.path for m in report.mistakes)])


def _cases(report: Report, path: str) -> list[Case]:
    mistakes = [m for m in report.mistakes if m.location.path == path]
    checks = [_case(report, check) for check in report.checks if check.file == path]
    return [*([_spec(mistakes)] if mistakes else []), *checks]


def _spec(mistakes: Sequence[Mistake]) -> Case:
    more = f" (and {len(mistakes) - 1} more)" if len(mistakes) > 1 else ""
    return Case(SPEC, 0.0, "error", INVALID, f"{mistakes[0].message}{more}", "\n".join(map(str, mistakes)))


def _case(report: Report, check: CheckResult) -> Case:
    """A check without an answer is a failure, of type `inconclusive`: it must not look green."""
    if check.verdict == "pass":
        return Case(check.name, check.seconds)
    outcome = "error" if check.verdict == "error" else "failure"
    finding = next((f for f in check.findings if f.verdict == check.verdict), None)
    message = f"{finding.code} {CODES[finding.code].title}: {finding.message}" if finding else check.verdict
    type = check.verdict if check.verdict == "inconclusive" or finding is None else finding.code
    return Case(check.name, check.seconds, outcome, type, message, to_ascii(details(report, check, Options(ascii_only=True))))


# XML.


def _suite(path: str, cases: list[Case], seed: int, names: set[tuple[str, str]]) -> ET.Element:
    """`names` are the class names and names that are taken."""
    suite = ET.Element("testsuite", name=clean(path or CALLS), time=_seconds(sum(c.seconds for c in cases)))
    suite.attrib |= _counts(cases) | {"skipped": "0"} | ({"file": clean(path)} if path else {})
    properties = ET.SubElement(suite, "properties")
    ET.SubElement(properties, "property", name="seed", value=str(seed))
    group = _class_name(path)
    for case in cases:
        name = one_line(case.name)
        free = next(n for n in chain([name], (f"{name} ({k})" for k in count(2))) if (group, n) not in names)
        names.add((group, free))
        suite.append(_element(case, group, free))
    return suite


def _element(case: Case, group: str, name: str) -> ET.Element:
    element = ET.Element("testcase", classname=group, name=name, time=_seconds(case.seconds))
    if case.outcome:
        message = one_line(case.message, LONGEST_MESSAGE)
        ET.SubElement(element, case.outcome, type=case.type, message=message).text = clean(case.text)
    return element


def _class_name(path: str) -> str:
    """`specs.losses` for `specs/losses.yaml`: readers take what stands before the last dot for a package."""
    stem = path.removesuffix(".yaml").removesuffix(".yml").strip("/")
    return one_line(stem.replace("/", ".")) or CALLS


def _counts(cases: list[Case]) -> dict[str, str]:
    outcomes = Counter(c.outcome for c in cases)
    return {"tests": str(len(cases)), "failures": str(outcomes["failure"]), "errors": str(outcomes["error"])}


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f}"
