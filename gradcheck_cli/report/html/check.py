"""One check: its headline, and all that is known of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gradcheck_cli.report.formats import Options
from gradcheck_cli.report.full import INPUT_COLUMNS, WORDS, facts_of, finding_title, in_short, input_row
from gradcheck_cli.report.html.drawing import drawing
from gradcheck_cli.report.html.heatmap import heatmap
from gradcheck_cli.report.html.numbers import entries
from gradcheck_cli.report.html.source import edits, source
from gradcheck_cli.report.html.taylor import taylor
from gradcheck_cli.report.html.text import brief, esc, prose, table
from gradcheck_cli.report.repeat import repeat_command

if TYPE_CHECKING:
    from gradcheck_cli.check.findings import Finding
    from gradcheck_cli.check.result import CheckResult, InputResult
    from gradcheck_cli.report.report import Report

SEVERITY = ("error", "fail", "inconclusive", "note")


def headline(check: CheckResult) -> str:
    """Verdict, name, what was found, and where."""
    place = f"{check.file}:{check.location.line}" if check.file and check.location else check.file
    codes = " ".join(dict.fromkeys(f.code for f in check.findings))
    return (
        f'<span class="verdict">{WORDS[check.verdict][0]}</span><h3>{brief(check.name)}</h3>'
        f'<span class="short">{brief(in_short(check))}</span><span class="place">{brief(place)}</span>'
        f'<span class="codes">{codes}</span>'
    )


def details(report: Report, check: CheckResult, pictures: bool) -> str:
    """Findings, the rule, the numbers, and how to repeat it."""
    parts = [_finding(report, f) for f in sorted(check.findings, key=lambda f: SEVERITY.index(f.verdict))]
    parts.append(source(report, check))
    if check.inputs:
        parts.append(table("Inputs", [name.replace("\n", " ") for name in INPUT_COLUMNS], map(_input_row, check.inputs)))
    parts += [_input(x, pictures) for x in check.inputs]
    if pictures and check.drawing is not None:
        parts.append(drawing(check))
    parts.append(_facts(report, check))
    return "\n".join(filter(None, parts))


def _finding(report: Report, finding: Finding) -> str:
    place = f'<span class="place">{brief(str(finding.location))}</span>' if finding.location else ""
    code, _, title = finding_title(finding).partition(" ")
    causes = "".join(
        f'<p class="cause">likely cause: {prose(d.message)}</p>{edits(report, d.edits)}' for d in finding.diagnosis
    )
    return (
        f'<div class="finding {finding.verdict}"><h4><a href="#{code}">{code}</a> {esc(title)} {place}</h4>'
        f"<p>{prose(finding.message)}</p>{causes}</div>"
    )


def _input_row(x: InputResult) -> list[str]:
    *cells, verdict = map(esc, input_row(x))
    return [*cells, f'<span class="{x.verdict} word">{verdict}</span>']


def _input(x: InputResult, pictures: bool) -> str:
    """The numbers that matter, and pictures of all of them."""
    shown = list(_pictures(x)) if pictures else []
    figures = f'<div class="figures">{"".join(shown)}</div>' if shown else ""
    return figures + "".join(entries(x))


def _pictures(x: InputResult) -> Iterator[str]:
    if x.claimed.size > 1:
        yield heatmap(x)
    if x.taylor is not None:
        yield taylor(x.name, x.taylor)


def _facts(report: Report, check: CheckResult) -> str:
    facts = "".join(f"<li>{prose(fact)}</li>" for fact in facts_of(check, Options(verbose=1)))
    command = repeat_command(report, check)
    repeat = f'<p class="repeat">repeat: <code>{esc(command)}</code></p>' if command else ""
    return f'<ul class="how">{facts}</ul>{repeat}'
