"""The formats by name: each a module of this package with `render(report, options) -> str`, imported when it is used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from gradcheck_cli.report.report import Report

FORMATS = {
    "full": "one line for each check that passes; tables, mismatches and findings for the others",
    "concise": "one line for each finding, as file:line:column: code message",
    "json": "one object, stable within schema_version 1",
    "junit": "JUnit XML: a test case for each check",
    "sarif": "SARIF 2.1.0, for code scanning",
    "github": "workflow commands, which GitHub Actions shows beside the lines",
    "gitlab": "Code Quality, which GitLab shows in merge requests",
    "markdown": "for job summaries and comments",
    "html": "one page, with pictures of every Jacobian's error",
}

FORMAT_SUFFIXES = {
    ".json": "json",
    ".xml": "junit",
    ".sarif": "sarif",
    ".md": "markdown",
    ".html": "html",
    ".htm": "html",
}
"""The format that a report file's name asks for."""

PICTURES = {
    "dot": "for Graphviz",
    "mermaid": "for Mermaid, which GitHub and GitLab draw in Markdown",
    "svg": "a picture, drawn without any other program",
}
GRAPHS = {"table": "statistics and the largest saved values", **PICTURES}
"""Of graphs, in `report/graph/`."""
PICTURE_SUFFIXES = {".svg": "svg", ".dot": "dot", ".gv": "dot", ".mmd": "mermaid", ".mermaid": "mermaid"}
"""The picture that a file's name asks for."""


class Options(NamedTuple):
    """How to render; most of it is for people."""

    verbose: int = 0
    """-1 leaves out what passed, 1 shows the tables of every check."""
    color: bool = False
    width: int | None = None
    """Columns of the terminal; None: as wide as it comes."""
    ascii_only: bool = False
    root: str = ""
    """The folder that files in the formats for machines are named from; the working directory where there is none."""


def render(report: Report, format: str = "full", options: Options | None = None) -> str:
    """The report as text in one of `FORMATS`; ends in a newline."""
    module = import_module(f"gradcheck_cli.report.{format}")
    text: str = module.render(report, options or Options())
    return text


def paint(text: str, code: str, options: Options) -> str:
    """`text` in the colour of an ANSI code, where colour is wanted."""
    return f"\x1b[{code}m{text}\x1b[0m" if options.color else text
