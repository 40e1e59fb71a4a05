"""The gitlab format: a Code Quality report, which GitLab shows in merge requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcheck_cli.report.clean import for_json
from gradcheck_cli.report.formats import Options
from gradcheck_cli.report.places import relative
from gradcheck_cli.report.remarks import Remark, fingerprints, remarks

if TYPE_CHECKING:
    from gradcheck_cli.report.report import Report

SEVERITIES = {"error": "blocker", "fail": "critical", "inconclusive": "minor", "note": "info"}
"""Of verdicts of findings."""


def render(report: Report, options: Options) -> str:
    """A list with an object for each mistake and finding, notes included."""
    found = remarks(report)
    return for_json([_issue(r, name, options.root) for r, name in zip(found, fingerprints(found, options.root), strict=True)])


def _issue(r: Remark, fingerprint: str, root: str) -> dict[str, Any]:
    place = r.location
    return {
        "description": r.message if r.check is None else f"{r.subject}: {r.message}",
        "check_name": r.rule,
        "fingerprint": fingerprint,
        "severity": SEVERITIES[r.finding.verdict if r.finding else "error"],
        "location": {
            "path": relative(place.path, root) if place else "<call>",
            "lines": {"begin": place.line if place else 1},
        },
    }
