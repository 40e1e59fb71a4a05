"""What `gradcheck run` does by itself in a job of GitHub Actions."""

from __future__ import annotations

import os

import click

from gradcheck_cli.report.clean import clean
from gradcheck_cli.report.formats import Options
from gradcheck_cli.report.report import Report


def in_job(text: str, report: Report, options: Options, log: bool) -> str:
    """Add to the job's summary; `text`, if it goes to the job's log, with the commands that show findings beside lines."""
    if path := os.environ.get("GITHUB_STEP_SUMMARY"):
        _append_summary(path, report, options)
    if not log or os.environ.get("GITHUB_ACTIONS") != "true":
        return text
    from gradcheck_cli.report.github import commands

    return commands(report, options) + text


def _append_summary(path: str, report: Report, options: Options) -> None:
    """What cannot be written there costs a warning, and no results."""
    from gradcheck_cli.report.markdown import MOST_BYTES, page

    try:
        taken = os.path.getsize(path) if os.path.exists(path) else 0  # noqa: PTH110, PTH202
        with open(path, "a", encoding="utf-8", newline="") as file:  # noqa: PTH123
            file.write(page(report, options._replace(ascii_only=False), MOST_BYTES - taken))
    except (OSError, ValueError) as error:
        click.echo(f"warning: the job summary cannot be written: {clean(str(error))}", err=True)
