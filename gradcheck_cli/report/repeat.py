"""The command that repeats one check of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradcheck_cli.check.result import CheckResult
    from gradcheck_cli.report.report import Report


def repeat_command(report: Report, check: CheckResult) -> str:
    """A shell command line, or '' where the check is not of a spec file."""
    from shlex import join

    if not check.file:
        return ""
    path = "-" if check.file == "<stdin>" else check.file
    options = {**report.options, "seed": check.seed}
    words = [word for name, value in options.items() if not isinstance(value, bool) for word in (f"--{name}", f"{value!r}")]
    return join(["gradcheck", "run", path, "-k", f"{check.function}[{check.case}]", *words])
