"""What stands above and below the checks: the summary, the filter, mistakes in files, and what the findings mean."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gradcheck_cli import __version__
from gradcheck_cli.report.concise import summary_line
from gradcheck_cli.report.html.text import brief, esc

if TYPE_CHECKING:
    from gradcheck_cli.errors import Mistake
    from gradcheck_cli.report.report import Report

WORDS = {"fail": "failed", "inconclusive": "open", "error": "errors", "pass": "passed"}
MOST_MISTAKES = 200


def overview(report: Report) -> str:
    """The title, how many checks got each verdict, and how they were run."""
    verdict = {0: "pass", 1: "fail", 3: "inconclusive", 5: "inconclusive"}.get(report.exit_code, "error")
    counts = report.summary
    tiles = "".join(
        f'<div class="tile {name}{"" if counts[name] else " none"}"><dt>{word}</dt><dd>{counts[name]:,}</dd></div>'
        for name, word in WORDS.items()
    )
    facts = "".join(f"<div><dt>{name}</dt><dd>{esc(value)}</dd></div>" for name, value in _facts(report))
    return (
        f'<header class="{verdict}"><h1>Gradient check report</h1>\n<p class="summary">{esc(summary_line(report))}</p>\n'
        f'<dl class="tiles">{tiles}</dl>\n<dl class="facts">{facts}</dl></header>'
    )


def _facts(report: Report) -> Iterator[tuple[str, str]]:
    yield "seed", str(report.seed)
    yield "time", f"{report.seconds:.2f} s"
    given = {n: v for n, v in report.options.items() if n not in ("seed", "pictures", "dot_product") and v is not None}
    yield "options", ", ".join(f"{name} {value}" for name, value in given.items()) or "as in the files"
    yield "entries compared", f"{sum(c.entries for c in report.checks):,}"
    yield "version", f"gradcheck {__version__}"


def filters(report: Report) -> str:
    """A form that does nothing without the page's script, which shows it."""
    counts = {v: sum(c.verdict == v for c in report.checks) for v in WORDS}
    boxes = "".join(
        f'<label class="{name}"><input type="checkbox" name="verdict" value="{name}" checked> {word} '
        f'<span class="count">{counts[name]:,}</span></label>'
        for name, word in WORDS.items()
        if counts[name]
    )
    return (
        '<form class="filters" role="search" hidden><label class="search">Filter by name, file or code '
        '<input type="search" name="text" autocomplete="off" spellcheck="false" '
        'placeholder="softmax, losses.yaml, GC201"></label>\n'
        f'<fieldset><legend>Verdict</legend>{boxes}</fieldset>\n<div class="buttons">'
        '<button type="button" name="unfold">Unfold all</button><button type="button" name="fold">Fold all</button>'
        '<output aria-live="polite"></output></div></form>'
    )


def mistakes(report: Report) -> str:
    """What is wrong in files that could not be used, each with its line and a caret."""
    if not report.mistakes:
        return ""
    shown = "\n".join(map(_mistake, report.mistakes[:MOST_MISTAKES]))
    more = len(report.mistakes) - MOST_MISTAKES
    rest = f'<p class="note">and {more:,} more; <code>gradcheck run</code> lists them all</p>' if more > 0 else ""
    title = f"Mistakes in files <span>{len(report.mistakes):,}</span>"
    return f'<section class="mistakes" id="mistakes"><h2>{title}</h2>\n{shown}{rest}</section>'


def _mistake(m: Mistake) -> str:
    source = str(m)[len(f"{m.location}: {m.message}") :].strip("\n")
    source = source.removesuffix(f"    hint: {m.hint}").rstrip("\n")
    shown = f"<pre>{esc(source)}</pre>" if source else ""
    hint = f'<p class="hint">hint: {esc(m.hint)}</p>' if m.hint else ""
    place = f'<span class="place">{brief(str(m.location))}</span>'
    return f'<article class="finding error"><h3>{place}</h3><p>{esc(m.message)}</p>{shown}{hint}</article>'


def glossary(report: Report) -> str:
    """What the findings mean that there are."""
    from gradcheck_cli.check.findings import CODES

    codes = sorted({f.code for c in report.checks for f in c.findings})
    if not codes:
        return ""
    items = "".join(
        f'<div id="{code}"><dt><b>{code}</b> {esc(CODES[code].title)}</dt><dd>{esc(CODES[code].help)}</dd></div>'
        for code in codes
    )
    return f'<section class="glossary" id="codes"><h2>What the findings mean</h2><dl>{items}</dl></section>'
