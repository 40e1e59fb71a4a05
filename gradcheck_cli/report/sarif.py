"""The sarif format: SARIF 2.1.0, which GitHub's code scanning and editors read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from gradcheck_cli import __version__
from gradcheck_cli.report.clean import clean, for_json, one_line
from gradcheck_cli.report.formats import Options
from gradcheck_cli.report.places import changed_line, line_at, to_end_of_line, uri
from gradcheck_cli.report.remarks import INVALID, Remark, fingerprints, remarks
from gradcheck_cli.report.report import INTERRUPTED
from gradcheck_cli.report.sarif_rules import RULES, rules

if TYPE_CHECKING:
    from gradcheck_cli.check.diagnosis.cause import Change
    from gradcheck_cli.errors import Location
    from gradcheck_cli.report.places import Region
    from gradcheck_cli.report.report import Report

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
ROOT = "%SRCROOT%"
MOST_RESULTS = 5000
"""GitHub shows no more of a run; it takes 25,000, and 10 MB of compressed text."""
LONGEST_MESSAGE = 2000


def render(report: Report, options: Options) -> str:
    """One run, with a result for each mistake and finding, worst first."""
    found = remarks(report)
    names = fingerprints(found, options.root)
    results = [_result(r, name, report, options.root) for r, name in zip(found[:MOST_RESULTS], names, strict=False)]
    run = {
        "tool": {"driver": {"name": "gradcheck", "semanticVersion": __version__, "rules": rules()}},
        "invocations": [_invocation(report, found, options.root)],
        "originalUriBaseIds": {ROOT: {"description": {"text": "the folder that relative file names start from"}}},
        "columnKind": "unicodeCodePoints",
        "results": results,
    }
    return for_json({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


# The run.


def _invocation(report: Report, found: list[Remark], root: str) -> dict[str, Any]:
    return {
        "executionSuccessful": report.exit_code not in (2, 4, INTERRUPTED),
        "exitCode": report.exit_code,
        "toolExecutionNotifications": list(_notifications(report, found, root)),
    }


def _notifications(report: Report, found: list[Remark], root: str) -> Iterator[dict[str, Any]]:
    """What was not checked: files that cannot be used, checks that ended in an error, results that are left out."""
    if report.interrupted:
        yield _notification("error", report.interrupted, "")
    for path in dict.fromkeys(m.location.path for m in report.mistakes):
        yield _notification("error", f"{path} cannot be used; the results of rule {INVALID} say why", INVALID)
    for r in found[:MOST_RESULTS]:
        if r.finding and r.finding.verdict == "error":
            yield _notification("error", f"{r.subject} was not checked: {r.message}", r.rule)
    if len(found) > MOST_RESULTS:
        more = f"{len(found) - MOST_RESULTS:,} of {len(found):,} results are left out, the least severe ones"
        yield _notification("warning", more, "")


def _notification(level: str, message: str, rule: str) -> dict[str, Any]:
    about = {"associatedRule": {"id": rule, "index": RULES.index(rule)}} if rule else {}
    return {"level": level, "message": _message(message), **about}


# A result.


def _result(r: Remark, fingerprint: str, report: Report, root: str) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": r.rule,
        "ruleIndex": RULES.index(r.rule),
        "level": r.level,
        "message": _message(r.message if r.check is None else f"{r.subject}: {r.message}"),
        "locations": [_location(r, root)],
        "partialFingerprints": {"gradcheck/v1": fingerprint},
    }
    fixes = [fix for fix in (_fix(change, report, root) for change in _changes(r)) if fix]
    return result | ({"fixes": fixes} if fixes else {})


def _message(text: str) -> dict[str, str]:
    """Viewers make a link of `[text](place)`."""
    return {"text": one_line(text, LONGEST_MESSAGE).replace("](", "] (")}


def _location(r: Remark, root: str) -> dict[str, Any]:
    location: dict[str, Any] = {}
    if r.location and not r.location.path.startswith("<"):
        region = _region(to_end_of_line(r.location, r.line))
        location["physicalLocation"] = {"artifactLocation": _file(r.location, root), "region": region}
    if r.check:
        location["logicalLocations"] = [{"fullyQualifiedName": r.check.name, "kind": "function"}]
    return location


def _file(place: Location, root: str) -> dict[str, str]:
    named = {"uri": uri(place.path, root)}
    return named if named["uri"].startswith("file:") else named | {"uriBaseId": ROOT}


def _region(part: Region) -> dict[str, int]:
    return {"startLine": part.line, "startColumn": part.column, "endLine": part.end_line, "endColumn": part.end_column}


def _changes(r: Remark) -> Iterator[Change]:
    for diagnosis in r.finding.diagnosis if r.finding else ():
        yield from diagnosis.edits


def _fix(change: Change, report: Report, root: str) -> dict[str, Any] | None:
    """Nothing where the file does not hold the text as it is, or the new text could not be written as it is."""
    place = change.location
    line = line_at(report.sources.get(place.path, ""), place.line)
    if place.path.startswith("<") or changed_line(change, line) is None or clean(change.after) != change.after:
        return None
    end = place.column + len(change.before)
    replacement = {
        "deletedRegion": {"startLine": place.line, "startColumn": place.column, "endLine": place.line, "endColumn": end},
        "insertedContent": {"text": change.after},
    }
    return {
        "description": _message(f"Change `{change.before}` to `{change.after}`, which mends the rule"),
        "artifactChanges": [{"artifactLocation": _file(place, root), "replacements": [replacement]}],
    }
