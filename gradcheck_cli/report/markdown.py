"""The markdown format, for job summaries and for comments on pull requests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from gradcheck_cli.report.clean import fenced, for_markdown, one_line, to_ascii
from gradcheck_cli.report.concise import summary_line
from gradcheck_cli.report.formats import Options
from gradcheck_cli.report.full import ENTRY_COLUMNS, INPUT_COLUMNS, WORDS, entry_row, in_short, input_row
from gradcheck_cli.report.places import changed_line, line_at, relative
from gradcheck_cli.report.repeat import repeat_command
from gradcheck_cli.report.table import paragraph

if TYPE_CHECKING:
    from gradcheck_cli.check.diagnosis.cause import Change
    from gradcheck_cli.check.findings import Finding
    from gradcheck_cli.check.result import CheckResult, InputResult
    from gradcheck_cli.report.report import Report

MOST_BYTES = 1_000_000
"""A job summary of GitHub is at most 1 MiB: of a larger one nothing is shown."""
RESERVED = 1000
"""Bytes for the counts, and for what says that something was left out."""
ENTRIES, INPUTS, FINDINGS, MISTAKES = 5, 20, 20, 20
"""Shown at most: entries of an input, inputs and findings of a check, mistakes of a file."""
WIDTH = 100
LONGEST_LINE = 300
ORDER = ("error", "fail", "inconclusive")


def render(report: Report, options: Options) -> str:
    """A summary, what is wrong, and, folded, what passed."""
    return page(report, options, MOST_BYTES)


def page(report: Report, options: Options, room: int) -> str:
    """The report in at most `room` bytes; it says what was left out."""
    wrong = [*_mistakes(report, options)]
    wrong += [_check(c, report, options) for verdict in ORDER for c in report.checks if c.verdict == verdict]
    passed = [c for c in report.checks if c.verdict == "pass"] if options.verbose >= 0 else []
    shown, room = _fitting(wrong, room - RESERVED)
    rows, _ = _fitting([_row(_passed(c, options)) for c in passed], room)
    parts = [_head(report), *shown, *([_folded(len(passed), rows)] if rows else [])]
    counts = (("files and checks with findings", len(wrong), len(shown)), ("passes", len(passed), len(rows)))
    parts += [f"Not shown, for lack of room: {every - n:,} of {every:,} {what}." for what, every, n in counts if n < every]
    text = "\n\n".join(parts) + "\n"
    return to_ascii(text) if options.ascii_only else text


def _folded(count: int, rows: list[str]) -> str:
    table = "\n".join([*_rows(("check", "place", "found"), []), *rows])
    return f"<details><summary>{count} passed</summary>\n\n{table}\n\n</details>"


def _fitting(texts: Sequence[str], room: int) -> tuple[list[str], int]:
    """Those that there is room for, and the room that is left; one that is too long keeps no other from being shown."""
    kept = []
    for text in texts:
        size = len(text.encode("utf-8", "backslashreplace")) + 2
        if size <= room:
            kept.append(text)
            room -= size
    return kept, room


def _head(report: Report) -> str:
    words = {"pass": "passed", "fail": "failed", "inconclusive": "inconclusive", "error": "errors"}
    counts = [str(report.summary[verdict]) for verdict in words]
    return "\n".join([f"## gradcheck: {one_line(summary_line(report))}", "", *_rows(list(words.values()), [counts])])


def _mistakes(report: Report, options: Options) -> Iterator[str]:
    for path in dict.fromkeys(m.location.path for m in report.mistakes):
        found = [str(m) for m in report.mistakes if m.location.path == path]
        more = [f"and {len(found) - MISTAKES} more"] if len(found) > MISTAKES else []
        text = "\n".join([*found[:MISTAKES], *more])
        yield f"### ERROR {for_markdown(relative(path, options.root))} cannot be used\n\n{fenced(text)}"


def _passed(check: CheckResult, options: Options) -> list[str]:
    return [for_markdown(check.name), _place(check, options), in_short(check)]


def _place(check: CheckResult, options: Options) -> str:
    line = f":{check.location.line}" if check.location else ""
    return for_markdown(f"{relative(check.file, options.root)}{line}") if check.file else ""


# One check that did not pass.


def _check(check: CheckResult, report: Report, options: Options) -> str:
    place, short = _place(check, options), in_short(check)
    title = f"### {WORDS[check.verdict][0]} {for_markdown(check.name)}{f' at {place}' if place else ''}"
    parts = [f"{title}: {short}" if short else title]
    if check.inputs:
        rows = [[*map(_cell, cells), verdict] for *cells, verdict in map(input_row, check.inputs[:INPUTS])]
        parts.append("\n".join(_rows([name.replace("\n", " ") for name in INPUT_COLUMNS], rows)))
    parts += [part for x in check.inputs[:INPUTS] for part in _entries(x)]
    parts += [part for f in check.findings[:FINDINGS] for part in _finding(f, report)]
    left = [(len(check.inputs) - INPUTS, "inputs"), (len(check.findings) - FINDINGS, "findings")]
    parts += [f"{number} more {what} are not shown." for number, what in left if number > 0]
    command = repeat_command(report, check)
    return "\n\n".join([*parts, *([fenced(one_line(command), "sh")] if command else [])])


def _entries(x: InputResult) -> Iterator[str]:
    """The worst entries that are wrong, and those left open."""
    of_all = f"of {x.checked} entries of {for_markdown(x.name)}"
    if x.mismatches:
        rows = [[_cell(v) for v in entry_row(x.name, e, "rel error")] for e in x.mismatches[:ENTRIES]]
        yield f"{x.wrong} {of_all} wrong, the worst first:\n\n" + "\n".join(_rows((*ENTRY_COLUMNS, "rel error"), rows))
    if x.undecided:
        rows = [[_cell(v) for v in entry_row(x.name, e, "resolution")] for e in x.undecided[:ENTRIES]]
        yield f"{x.inconclusive} {of_all} left open:\n\n" + "\n".join(_rows((*ENTRY_COLUMNS, "resolution"), rows))


def _finding(f: Finding, report: Report) -> Iterator[str]:
    from gradcheck_cli.check.findings import CODES

    place = f" at {for_markdown(str(f.location))}" if f.location else ""
    yield f"**{f.code} {CODES[f.code].title}**{place}"
    texts = [f.message, *(f"likely cause: {d.message}" for d in f.diagnosis)]
    yield fenced("\n".join(paragraph(text, "", Options(width=WIDTH)) for text in texts))
    changes = [change for d in f.diagnosis for change in d.edits]
    if changes:
        yield fenced("\n".join(_diff(change, report) for change in changes), "diff")


def _diff(change: Change, report: Report) -> str:
    """The whole line where it is known, else the part that changes."""
    line = line_at(report.sources.get(change.location.path, ""), change.location.line)
    changed = changed_line(change, line)
    before, after = (change.before, change.after) if changed is None or len(line) > LONGEST_LINE else (line, changed)
    shown = [f"-{text}" for text in before.split("\n")] + [f"+{text}" for text in after.split("\n")]
    return "\n".join([f"@@ {one_line(str(change.location))} @@", *shown])


# Tables.


def _rows(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [_row(columns), "|" + "---|" * len(columns), *map(_row, rows)]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(value: str) -> str:
    """A number is shown as it is."""
    return value if set(value) <= set("0123456789+-.e") else for_markdown(value)
