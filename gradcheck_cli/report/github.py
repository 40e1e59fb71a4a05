"""The github format: workflow commands, which GitHub Actions shows beside the lines of a pull request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcheck_cli.report.clean import for_github, for_github_property, one_line, to_ascii
from gradcheck_cli.report.concise import summary_line
from gradcheck_cli.report.formats import Options
from gradcheck_cli.report.places import relative, to_end_of_line
from gradcheck_cli.report.remarks import Remark, remarks

if TYPE_CHECKING:
    from gradcheck_cli.report.report import Report

LONGEST_TITLE = 200


def render(report: Report, options: Options) -> str:
    """A command for each mistake and finding, worst first, as about ten of each level are shown; then the summary."""
    return commands(report, options) + one_line(summary_line(report)) + "\n"


def commands(report: Report, options: Options) -> str:
    """The commands alone, each a line."""
    text = "".join(f"{_command(r, options.root)}\n" for r in remarks(report) if r.level != "note")
    return to_ascii(text) if options.ascii_only else text


def _command(r: Remark, root: str) -> str:
    title = r.title if r.check is None else f"{r.rule} {r.title}: {r.subject}"
    properties = {**_place(r, root), "title": one_line(title, LONGEST_TITLE)}
    written = ",".join(f"{name}={for_github_property(value)}" for name, value in properties.items())
    return f"::{r.level} {written}::{for_github(r.message)}"


def _place(r: Remark, root: str) -> dict[str, str]:
    if r.location is None or r.location.path.startswith("<"):
        return {}
    line, column, end_line, end_column = map(str, to_end_of_line(r.location, r.line))
    file = relative(r.location.path, root)
    return {"file": file, "line": line, "endLine": end_line, "col": column, "endColumn": end_column}
