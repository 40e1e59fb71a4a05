"""The html format: one page that needs nothing else, and asks no network for anything."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING

from gradcheck_cli.report.concise import summary_line
from gradcheck_cli.report.formats import Options
from gradcheck_cli.report.graph.style import STYLE
from gradcheck_cli.report.html.check import details, headline
from gradcheck_cli.report.html.heatmap import PATTERNS
from gradcheck_cli.report.html.overview import filters, glossary, mistakes, overview
from gradcheck_cli.report.html.text import esc

if TYPE_CHECKING:
    from gradcheck_cli.check.result import CheckResult
    from gradcheck_cli.report.report import Report

PICTURES, TABLES = 3_000_000, 1_000_000
"""Bytes for the details of checks while they have pictures, and for those of the others."""
OPEN = 5
"""Checks that did not pass which are unfolded from the start."""


def render(report: Report, options: Options) -> str:
    """The page."""
    style, script = (files(__package__).joinpath(name).read_text("utf-8") for name in ("style.css", "page.js"))
    style += STYLE.replace("@media (", "@media screen and (")
    policy = f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'; form-action 'none'"
    return "\n".join(
        [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark"><meta name="referrer" content="no-referrer">',
            f"<title>gradcheck: {esc(summary_line(report))}</title>\n<style>{style}</style>\n</head>\n<body>",
            PATTERNS,
            overview(report),
            "<main>",
            filters(report),
            mistakes(report),
            *_sections(report),
            glossary(report),
            f"</main>\n<script>{script}</script>\n</body>\n</html>\n",
        ]
    )


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _sections(report: Report) -> list[str]:
    """What needs a look, then what passed, each in the order of the files."""
    shown = _Budget(report)
    groups = (
        ("attention", "Needs attention", [c for c in report.checks if c.verdict != "pass"]),
        ("passed", "Passed", [c for c in report.checks if c.verdict == "pass"]),
    )
    sections = []
    for name, title, checks in groups:
        if checks:
            articles = "\n".join(shown.article(c, name == "attention") for c in checks)
            sections.append(
                f'<section class="checks" id="{name}"><h2>{title} <span>{len(checks)}</span></h2>\n{articles}</section>'
            )
    return [*sections, shown.note()]


class _Budget:
    """Details as long as there is room for them: at first with pictures, then tables and text only."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.pictures, self.tables = PICTURES, TABLES
        self.number = self.plain = self.folded = 0

    def article(self, check: CheckResult, unfolded: bool) -> str:
        """A check, folded up."""
        self.number += 1
        state = " open" if unfolded and self.number <= OPEN else ""
        return (
            f'<details class="check {check.verdict}" id="check-{self.number}"{state}><summary>{headline(check)}</summary>\n'
            f'<div class="body">{self._body(check)}</div></details>'
        )

    def _body(self, check: CheckResult) -> str:
        if self.pictures > 0:
            text = details(self.report, check, pictures=True)
            self.pictures -= len(text.encode())
            if self.pictures >= 0:
                return text
        if self.tables > 0:
            text = details(self.report, check, pictures=False)
            self.tables -= len(text.encode())
            if self.tables >= 0:
                self.plain += 1
                return text
        self.folded += 1
        return f'<p class="left-out">{_command(self.report, check)}</p>'

    def note(self) -> str:
        """What was left out."""
        left = [
            f"{count} checks without {what}" for count, what in ((self.plain, "pictures"), (self.folded, "details")) if count
        ]
        if not left:
            return ""
        size = (PICTURES + TABLES) // 1_000_000
        return (
            f'<p class="note" id="left-out">To keep this page small, details stop after {size} MB: {" and ".join(left)}. '
            "Checks that did not pass come first. To see the rest, run those checks alone: "
            "<code>-k NAME</code> selects them, and each check says its command.</p>"
        )


def _command(report: Report, check: CheckResult) -> str:
    """What stands in place of details."""
    from gradcheck_cli.report.repeat import repeat_command

    command = repeat_command(report, check)
    hint = f" To see it: <code>{esc(command)} -o report.html</code>" if command else ""
    return f"Left out to keep the page small.{hint}"
