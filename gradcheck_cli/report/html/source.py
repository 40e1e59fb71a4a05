"""The rule as it stands in its file, with the findings at their places, and edits as differences."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from gradcheck_cli.report.html.text import esc
from gradcheck_cli.report.places import line_at, lines_of

if TYPE_CHECKING:
    from gradcheck_cli.check.diagnosis.cause import Change
    from gradcheck_cli.check.findings import Finding
    from gradcheck_cli.check.result import CheckResult
    from gradcheck_cli.report.report import Report

MOST_LINES = 60
LONGEST = 200
"""Characters of a line that are shown."""


def source(report: Report, check: CheckResult) -> str:
    """The lines of the function; '' where its file is not known."""
    text = report.sources.get(check.file, "")
    lines = lines_of(text) if text else []
    if check.location is None or check.location.line > len(lines):
        return ""
    marks = [f for f in check.findings if f.location is not None and f.location.path == check.file]
    start, end = _extent(lines, check.function, check.location.line - 1)
    end = max([end, *(f.location.line for f in marks if f.location and f.location.line <= len(lines))])
    shown = "".join(_numbered(lines, start, min(end, start + MOST_LINES), marks))
    more = f'<p class="note">{end - start - MOST_LINES} more lines</p>' if end - start > MOST_LINES else ""
    title = f"{check.file}, from line {start + 1}"
    return f'<div class="wide source" role="region" aria-label="{esc(title)}" tabindex="0"><pre>{shown}</pre></div>{more}'


def _extent(lines: Sequence[str], function: str, at: int) -> tuple[int, int]:
    """The function's first line and the one after its last: from its key, at or above line `at`, to the next of its depth."""
    key = re.compile(rf"""\s*["']?{re.escape(function)}["']?\s*:""")
    start = next((k for k in range(at, -1, -1) if key.match(lines[k])), at)
    depth = _depth(lines[start])
    inside = (k for k in range(start + 1, len(lines)) if lines[k].strip() and _depth(lines[k]) <= depth)
    end = next(inside, len(lines))
    while end > start + 1 and not lines[end - 1].strip():
        end -= 1
    return start, end


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _numbered(lines: Sequence[str], start: int, end: int, marks: Sequence[Finding]) -> Iterator[str]:
    """Each line with its number; below it a caret for each finding there."""
    for k in range(start, end):
        here = [f for f in marks if f.location and f.location.line == k + 1]
        kind = next((f.verdict for f in here), "")
        text = lines[k].replace("\t", " ")
        text = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
        line = f'<span class="line {kind}"><i>{k + 1}</i>{esc(text)}</span>\n'
        yield line + "".join(_caret(column, codes) for column, codes in _places(here))


def _places(here: Sequence[Finding]) -> Iterator[tuple[int, str]]:
    """Columns, and the codes found there."""
    for column in sorted({f.location.column for f in here if f.location}):
        found = [f.code for f in here if f.location and f.location.column == column]
        yield column, ", ".join(dict.fromkeys(found))


def _caret(column: int, codes: str) -> str:
    return f'<span class="line caret"><i></i>{" " * min(column - 1, LONGEST)}^ {esc(codes)}</span>\n'


def edits(report: Report, changes: Sequence[Change]) -> str:
    """Each change of the text as the line before and after."""
    return "".join(_edit(report, change) for change in changes)


def _edit(report: Report, change: Change) -> str:
    place = change.location
    line = line_at(report.sources.get(place.path, ""), place.line)
    start = place.column - 1
    if line.startswith(change.before, start) and len(line) <= LONGEST:
        head, tail = line[:start].lstrip(), line[start + len(change.before) :]
    else:
        head = tail = ""
    old, new = (f"{esc(head)}<b>{esc(part)}</b>{esc(tail)}" for part in (change.before, change.after))
    return (
        f'<pre class="diff" aria-label="suggested edit of line {place.line}"><span>@ {esc(place)}</span>\n'
        f"<del>- {old}</del>\n<ins>+ {new}</ins></pre>"
    )
