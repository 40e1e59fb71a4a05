"""The command line: flags to calls, results to text, verdicts to exit codes."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click

from gradcheck_cli import __version__
from gradcheck_cli.errors import SpecError, UsageError
from gradcheck_cli.report.formats import FORMATS, Options, render

if TYPE_CHECKING:
    from gradcheck_cli.check.result import CheckResult

SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
EPILOG = "Exit codes: 0 all passed, 1 a rule is wrong, 2 bad usage or invalid spec, 3 undecided, 4 internal error, 5 no check."


@click.group(context_settings=SETTINGS)
@click.version_option(__version__, prog_name="gradcheck")
def main() -> None:
    """Check hand-written gradients against central differences.

    A first look: gradcheck run specs/
    """


def _width(terminal: bool) -> int | None:
    from shutil import get_terminal_size

    return get_terminal_size().columns if terminal else None


def _options(verbose: int, output: str | None) -> Options:
    """How to write to where the report goes."""
    stream = sys.stdout
    terminal = output is None and stream.isatty()
    encoding = (stream.encoding or "ascii").lower().replace("-", "") if output is None else "utf8"
    color = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    color = color or (output is None and bool(os.environ.get("FORCE_COLOR")))
    columns = os.environ.get("COLUMNS", "")
    width = int(columns) if columns.isdigit() and int(columns) else _width(terminal)
    return Options(verbose, color, width, ascii_only=not encoding.startswith("utf"))


def _watch(results: Iterator[CheckResult], count: int) -> Iterable[CheckResult]:
    """Pass the results on; on a terminal show a progress bar once it takes longer than a second."""
    if not sys.stderr.isatty():
        yield from results
        return
    start, progress, task = time.monotonic(), None, None
    try:
        for number, result in enumerate(results, 1):
            if progress is None and time.monotonic() - start > 1 and number < count:
                from rich.console import Console
                from rich.progress import Progress

                progress = Progress(console=Console(stderr=True), transient=True)
                progress.start()
                task = progress.add_task("checking", total=count)
            if progress is not None and task is not None:
                progress.update(task, completed=number, description=result.name)
            yield result
    finally:
        if progress is not None:
            progress.stop()


def _write(text: str, output: str | None) -> None:
    if output is None:
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    try:
        with click.open_file(output, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        sys.stdout.write(text)
        raise click.ClickException(f"{output}: cannot be written: {error.strerror}") from None


@main.command(epilog=EPILOG)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("-k", "keyword", default="", metavar="EXPR", help="Only checks whose function[case] matches; and, or, not.")
@click.option("-x", "--exitfirst", is_flag=True, help="Stop at the first check that fails.")
@click.option("-q", "--quiet", is_flag=True, help="Leave out what passed.")
@click.option("-v", "--verbose", count=True, help="Show the tables of every check.")
@click.option("--seed", type=click.IntRange(min=0), help="Base seed of drawn inputs.")
@click.option("--eps", type=float, help="A fixed step: plain central differences and an allclose verdict.")
@click.option("--rtol", type=float, help="Largest relative error of an entry that counts as agreement.  [default: 1e-7]")
@click.option("--atol", type=float, help="Absolute floor of the tolerance.  [default: 0]")
@click.option("--output-format", type=click.Choice(list(FORMATS)), default="full", show_default=True)
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Write the report to a file.")
@click.option("--list", "only_list", is_flag=True, help="List the checks that would run.")
def run(
    paths: tuple[str, ...],
    keyword: str,
    exitfirst: bool,
    quiet: bool,
    verbose: int,
    only_list: bool,
    output_format: str,
    output: str | None,
    **settings: Any,
) -> None:
    """Check the rules of spec files; a folder stands for all spec files below it, - for standard input."""
    from gradcheck_cli.run import plan, run_specs
    from gradcheck_cli.selection import Selection

    selection = Selection(keyword=keyword)
    if only_list:
        planned, mistakes = plan(paths, selection)
        _write("".join(f"{p.file.path}:{p.case.location.line}  {p.name}\n" for p in planned), output)
        click.echo("".join(f"{m}\n" for m in mistakes), err=True, nl=False)
        sys.exit(2 if mistakes else 0 if planned else 5)
    report = run_specs(paths, selection, settings, stop_at_first=exitfirst, watch=_watch)
    _write(render(report, output_format, _options(-1 if quiet else verbose, output)), output)
    sys.exit(report.exit_code)


@main.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
def ops(names: tuple[str, ...]) -> None:
    """List the functions that a spec may call, with their derivatives."""
    from gradcheck_cli.report.reference import describe_ops

    _write(describe_ops(names), None)


@main.command()
@click.argument("codes", nargs=-1, metavar="[CODE]...")
def explain(codes: tuple[str, ...]) -> None:
    """Say what a finding means, and what to do; without a code list them all."""
    from gradcheck_cli.report.reference import describe_codes

    _write(describe_codes(codes), None)


def start() -> None:
    """Entry point: `main`, with the project's own errors as messages and everything else as an internal error."""
    # The matrices of a check are small: threads would cost more than they bring, at NumPy's import alone a sixth of it.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        main(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (UsageError, SpecError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except Exception:
        import traceback

        traceback.print_exc()
        click.echo("this is a bug in gradcheck itself; please report it with the text above", err=True)
        sys.exit(4)
