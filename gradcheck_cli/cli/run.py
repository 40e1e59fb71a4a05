"""`gradcheck run`: check spec files."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import click

from gradcheck_cli.cli.configuration import (
    ISOLATE,
    KEYWORD,
    LIMIT,
    MAX_RTOL,
    OUTPUT,
    PATHS,
    SEED,
    SHARD,
    on_command_line,
    project_of,
    say_sources,
    setting,
)
from gradcheck_cli.cli.output import Watch, options_for, write_all
from gradcheck_cli.cli.parameters import JOBS, REPORT, SECONDS, format_for
from gradcheck_cli.cli.signals import finish_on_signals
from gradcheck_cli.report.formats import FORMAT_SUFFIXES, FORMATS, render

EPILOG = """\b
Exit codes: 0 every check passed, 1 some rule is wrong, 2 bad usage or an
invalid spec, 3 something could not be decided, 4 an internal error,
5 nothing was selected."""


@click.command("run", epilog=EPILOG)
@PATHS
@KEYWORD(help="Only checks whose function[case] matches; and, or, not, ( ).")
@click.option("-x", "--exitfirst", is_flag=True, help="Stop at the first check that fails.")
@click.option("-q", "--quiet", is_flag=True, help="Leave out what passed.")
@click.option("-v", "--verbose", count=True, help="Show the tables of every check; -vv Taylor remainders too.")
@SEED
@setting("--eps", type=float, metavar="H", help="A fixed step: plain central differences and an allclose verdict.")
@setting(
    "--rtol", type=float, metavar="R", help="Largest relative error of an entry that counts as agreement.  [default: 1e-7]"
)
@setting("--atol", type=float, metavar="A", help="Absolute floor of the tolerance.  [default: 0]")
@MAX_RTOL
@setting("--output-format", type=click.Choice(list(FORMATS)), help="How to write it.  [default: by FILE's name, or full]")
@OUTPUT(help="Write the report to a file.")
@setting("--report", "reports", type=REPORT, multiple=True, metavar="FORMAT=FILE", help="Write one more report.")
@setting("-j", "--jobs", type=JOBS, default=1, metavar="N", help="Check in N processes; auto: one for each processor.")
@setting("--timeout", type=SECONDS, metavar="SECONDS", help="Stop a check that takes longer, and go on.")
@click.option("--dask", metavar="ADDRESS", help="Check on the Dask cluster whose scheduler has this address.")
@SHARD
@click.option("--list", "only_list", is_flag=True, help="List the checks that would run.")
@LIMIT
@ISOLATE
def command(
    paths: tuple[str, ...],
    keyword: str,
    exitfirst: bool,
    quiet: bool,
    verbose: int,
    jobs: int,
    timeout: float | None,
    dask: str | None,
    shard: tuple[int, int],
    only_list: bool,
    max_rtol: float | None,
    output_format: str | None,
    output: str | None,
    reports: tuple[tuple[str, str], ...],
    **settings: Any,
) -> None:
    """Check the rules of spec files; a folder stands for all spec files below it, - for standard input."""
    from gradcheck_cli.run import run_specs
    from gradcheck_cli.selection import Selection

    ctx, selection = click.get_current_context(), Selection(keyword=keyword, shard=shard)
    base = project_of(ctx).check
    if verbose > 0:
        say_sources(ctx)
    if only_list:
        from gradcheck_cli.cli.list import show

        show(paths, selection, settings, base, output_format or "full", output)
    format = output_format or "full"
    if not on_command_line(ctx, "output_format"):
        format = format_for(output, FORMAT_SUFFIXES, format)
    written = {format, *(name for name, _ in reports)}
    settings["pictures"] = True if verbose > 1 or "html" in written else None
    settings["dot_product"] = None if verbose > 0 or "json" in written else False  # nothing else shows it
    watch = Watch()
    with _executor(jobs, dask, timeout) as executor:
        report = run_specs(paths, selection, settings, base=base, stop_at_first=exitfirst, executor=executor, watch=watch)
    finish_on_signals()
    report = report._replace(interrupted=watch.interrupted)
    options = options_for(-1 if quiet else verbose, output)
    text = render(report, format, options)
    if not os.environ.keys().isdisjoint(("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY")):
        from gradcheck_cli.cli.actions import in_job

        text = in_job(text, report, options, log=format == "concise" and output in (None, "-"))
    write_all(text, output, [(render(report, name, options_for(verbose, path)), path) for name, path in reports])
    ctx.exit(report.exit_code)


def _executor(jobs: int, dask: str | None, timeout: float | None) -> AbstractContextManager[Any]:
    """Who does the checks; None for this process itself, which could not stop one."""
    if dask is not None:
        ctx = click.get_current_context()
        for name, given in (("jobs", jobs > 1), ("timeout", timeout is not None)):
            if given and on_command_line(ctx, name):
                raise click.UsageError(f"--{name} and --dask exclude each other")
        from gradcheck_cli.workers import dask_executor

        return dask_executor(dask)
    if jobs == 1 and timeout is None:
        return nullcontext()
    from gradcheck_cli.workers import Processes

    return Processes(jobs, timeout)
