"""`gradcheck run`: check spec files."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import click

from gradcheck_cli.cli.output import Watch, options_for, write, write_all
from gradcheck_cli.cli.parameters import Jobs, ReportFile, Shard, format_for
from gradcheck_cli.cli.signals import finish_on_signals
from gradcheck_cli.report.clean import clean
from gradcheck_cli.report.formats import BRIEF, FORMAT_SUFFIXES, FORMATS, Options, render

EPILOG = """\b
Exit codes: 0 every check passed, 1 some rule is wrong, 2 bad usage or an
invalid spec, 3 something could not be decided, 4 an internal error,
5 nothing was selected."""


@click.command("run", epilog=EPILOG)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("-k", "keyword", default="", metavar="EXPR", help="Only checks whose function[case] matches; and, or, not, ( ).")
@click.option("-x", "--exitfirst", is_flag=True, help="Stop at the first check that fails.")
@click.option("-q", "--quiet", is_flag=True, help="Leave out what passed.")
@click.option("-v", "--verbose", count=True, help="Show the tables of every check; -vv Taylor remainders too.")
@click.option("--seed", type=int, metavar="N", help="Base seed of drawn inputs.  [default: 0]")
@click.option("--eps", type=float, metavar="H", help="A fixed step: plain central differences and an allclose verdict.")
@click.option(
    "--rtol", type=float, metavar="R", help="Largest relative error of an entry that counts as agreement.  [default: 1e-7]"
)
@click.option("--atol", type=float, metavar="A", help="Absolute floor of the tolerance.  [default: 0]")
@click.option("--output-format", type=click.Choice(list(FORMATS)), help="How to write it.  [default: by FILE's name, or full]")
@click.option("-o", "--output", metavar="FILE", help="Write the report to a file.")
@click.option("--report", "reports", type=ReportFile(), multiple=True, metavar="FORMAT=FILE", help="Write one more report.")
@click.option("-j", "--jobs", type=Jobs(), default=1, metavar="N", help="Check in N processes; auto: one for each processor.")
@click.option(
    "--timeout", type=click.FloatRange(0, min_open=True), metavar="SECONDS", help="Stop a check that takes longer, and go on."
)
@click.option("--dask", metavar="ADDRESS", help="Check on the Dask cluster whose scheduler has this address.")
@click.option("--shard", type=Shard(), default=(1, 1), metavar="I/N", help="Only the I-th of N parts of the checks.")
@click.option("--list", "only_list", is_flag=True, help="List the checks that would run.")
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
    output_format: str | None,
    output: str | None,
    reports: tuple[tuple[str, str], ...],
    **settings: Any,
) -> None:
    """Check the rules of spec files; a folder stands for all spec files below it, - for standard input."""
    from gradcheck_cli.run import run_specs
    from gradcheck_cli.selection import Selection

    selection = Selection(keyword=keyword, shard=shard)
    if only_list:
        _list(paths, selection, settings, output)
    format = output_format or format_for(output, FORMAT_SUFFIXES, "full")
    settings["taylor"] = True if verbose > 1 else None
    settings["dot_product"] = None if verbose > 0 or not {format, *(name for name, _ in reports)} <= BRIEF else False
    watch = Watch()
    with _executor(jobs, dask, timeout) as executor:
        report = run_specs(paths, selection, settings, stop_at_first=exitfirst, executor=executor, watch=watch)
    finish_on_signals()
    report = replace(report, interrupted=watch.interrupted)
    text = render(report, format, options_for(-1 if quiet else verbose, output))
    write_all(text, output, [(render(report, name, Options(verbose)), path) for name, path in reports])
    click.get_current_context().exit(report.exit_code)


def _list(paths: tuple[str, ...], selection: Any, settings: dict[str, Any], output: str | None) -> None:
    """Print what would run, and what it would take, and leave."""
    from gradcheck_cli.planning import plan
    from gradcheck_cli.run import outlook

    planned, mistakes = plan(paths, selection)
    write(
        "".join(f"{clean(p.file.path)}:{p.case.location.line}  {p.name}  {clean(outlook(p, settings))}\n" for p in planned),
        output,
    )
    click.echo("".join(f"{clean(str(m))}\n" for m in mistakes), err=True, nl=False)
    click.get_current_context().exit(2 if mistakes else 0 if planned else 5)


def _executor(jobs: int, dask: str | None, timeout: float | None) -> AbstractContextManager[Any]:
    """Who does the checks; None for this process itself, which could not stop one."""
    if dask is not None:
        if jobs > 1 or timeout is not None:
            raise click.UsageError(f"--{'jobs' if jobs > 1 else 'timeout'} and --dask exclude each other")
        from gradcheck_cli.workers import dask_executor

        return dask_executor(dask)
    if jobs == 1 and timeout is None:
        return nullcontext()
    from gradcheck_cli.workers import Processes

    return Processes(jobs, timeout)
