"""What a report says about lines of files, for the formats that show it there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from gradcheck_cli.check.findings import CODES
from gradcheck_cli.errors import Location
from gradcheck_cli.report.concise import finding_text, mistake_text
from gradcheck_cli.report.places import line_at, relative

if TYPE_CHECKING:
    from gradcheck_cli.check.findings import Finding
    from gradcheck_cli.check.result import CheckResult
    from gradcheck_cli.errors import Mistake
    from gradcheck_cli.report.report import Report

INVALID = "invalid-spec"
"""The rule of mistakes in spec files, which have no code."""
INVALID_TITLE = "invalid spec"
LEVELS = {"error": "error", "fail": "error", "inconclusive": "warning", "note": "note"}
"""Of verdicts of findings."""
_ORDER = ("error", "warning", "note")


class Remark(NamedTuple):
    """One thing to show beside a line."""

    level: str
    """`error`, `warning` or `note`."""
    rule: str
    """A code of `CODES`, or `INVALID`."""
    title: str
    message: str
    location: Location | None
    line: str
    """The text of the line, where it is known."""
    check: CheckResult | None = None
    finding: Finding | None = None
    """None for a mistake in a file."""
    size: float = inf
    """How wrong it is, by the largest relative error; what is wrong in another way comes first."""

    @property
    def subject(self) -> str:
        """What it is about: a check, or a file."""
        return self.check.name if self.check else self.location.path if self.location else ""


def remarks(report: Report) -> list[Remark]:
    """Errors, then warnings, then notes; of each the worst of every check and every file before their second."""
    found = [*map(_of_mistake, report.mistakes), *(r for check in report.checks for r in _of_check(check, report))]
    found.sort(key=lambda r: (_ORDER.index(r.level), -r.size))
    before: Counter[tuple[str, str, str]] = Counter()
    turns = []
    for r in found:
        owner = (r.level, r.subject, r.check.file if r.check else "")
        turns.append(before[owner])
        before[owner] += 1
    ordered = sorted(zip(turns, found, strict=True), key=lambda pair: (_ORDER.index(pair[1].level), pair[0]))
    return [r for _, r in ordered]


def fingerprints(found: list[Remark], root: str = "") -> list[str]:
    """For each a name that stays when lines move or numbers change."""
    from hashlib import sha256

    seen: Counter[tuple[str, ...]] = Counter()
    names = []
    for r in found:
        path = relative(r.location.path, root) if r.location else ""
        about = (r.check.name, r.finding.input_name) if r.check and r.finding else (r.message, "")
        identity = (r.rule, path, *about)
        seen[identity] += 1
        text = "\0".join((*identity, str(seen[identity])))
        names.append(sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32])
    return names


def _of_mistake(m: Mistake) -> Remark:
    return Remark("error", INVALID, INVALID_TITLE, mistake_text(m), m.location, m.source_line)


def _of_check(check: CheckResult, report: Report) -> Iterator[Remark]:
    """The findings; of a check that passed the notes, and none where it was expected to be found wrong."""
    passed = check.verdict == "pass"
    if passed and check.expected.startswith("fail"):
        return
    for f in check.findings:
        if not passed or f.verdict == "note":
            place = f.location or check.location or (Location(check.file, 1, 1) if check.file else None)
            line = line_at(report.sources.get(place.path, ""), place.line) if place else ""
            yield Remark(
                LEVELS[f.verdict], f.code, CODES[f.code].title, finding_text(f), place, line, check, f, _size(f, check)
            )


def _size(f: Finding, check: CheckResult) -> float:
    errors = [x.max_rel_error for x in check.inputs if x.name == f.input_name] if f.code == "GC201" else []
    return errors[0] if errors and errors[0] == errors[0] else inf
