"""The command line: flags to calls, results to text, verdicts to exit codes."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from gradcheck_cli import __version__
from gradcheck_cli.errors import SpecError, UsageError
from gradcheck_cli.report.clean import clean
from gradcheck_cli.report.formats import FORMATS, GRAPHS, SUFFIXES, Options, render

if TYPE_CHECKING:
    from gradcheck_cli.check.result import CheckResult
    from gradcheck_cli.selftest.result import FunctionResult

Named = TypeVar("Named", "CheckResult", "FunctionResult")
"""A result that a progress bar can call by its name."""

MOST_JOBS = 1024
SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
EPILOG = """\b
Exit codes: 0 every check passed, 1 some rule is wrong, 2 bad usage or an
invalid spec, 3 something could not be decided, 4 an internal error,
5 nothing was selected."""

SELFTEST_EPILOG = """\b
Exit codes: 0 all found wrong, but for those that change nothing or too little
to be seen; 1 one survived without a reason, or a rule is wrong as it is; 2 bad
usage or an invalid spec; 3 some survived only because the inputs hide them;
4 an internal error; 5 nothing was selected."""


GRAPH_EPILOG = """\b
Exit codes: 0 shown, 2 bad usage or an invalid spec, 4 an internal error,
5 nothing was selected."""


class Commands(click.Group):
    """A group that knows what a mistyped command may have been."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, with a hint: another command's name, or `run` where a path is given."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches

            near = get_close_matches(args[0], list(self.commands), n=1)
            hint = f"gradcheck {near[0]}" if near else f"gradcheck run {args[0]}" if os.path.exists(args[0]) else ""  # noqa: PTH110
            if not hint or "Did you mean" in error.format_message():
                raise
            raise click.UsageError(f"{error.format_message()} Did you mean '{hint}'?", ctx) from None


class Jobs(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.2 on
    """A number of processes."""

    name = "jobs"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """A whole number from 1 on, or `auto`."""
        if value == "auto":
            from gradcheck_cli.workers import processors

            return processors()
        count = int(value) if str(value).isascii() and str(value).isdigit() and len(str(value)) < 9 else 0
        if not 1 <= count <= MOST_JOBS:
            self.fail(f"must be auto or a whole number between 1 and {MOST_JOBS}; found {value!r}", param, ctx)
        return count


class Shard(click.ParamType):  # type: ignore[type-arg]
    """One of several parts."""

    name = "shard"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """`I/N`, I from 1 to N."""
        if isinstance(value, tuple):
            return value
        number, slash, count = str(value).partition("/")
        written = slash and all(part.isdecimal() and len(part) < 9 for part in (number, count))
        if not (written and 1 <= int(number) <= int(count)):
            self.fail(f"must be I/N, I from 1 to N, such as 2/4; found {value!r}", param, ctx)
        return int(number), int(count)


@click.group(cls=Commands, context_settings=SETTINGS)
@click.version_option(__version__, prog_name="gradcheck")
def main() -> None:
    """Check hand-written gradients against central differences.

    A first look: gradcheck run specs/
    """


@main.command(epilog=EPILOG)
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
@click.option("--output-format", type=click.Choice(list(FORMATS)), default="full", help="How to write it.  [default: full]")
@click.option("-o", "--output", metavar="FILE", help="Write the report to a file.")
@click.option("-j", "--jobs", type=Jobs(), default=1, metavar="N", help="Check in N processes; auto: one for each processor.")
@click.option("--dask", metavar="ADDRESS", help="Check on the Dask cluster whose scheduler has this address.")
@click.option("--shard", type=Shard(), default=(1, 1), metavar="I/N", help="Only the I-th of N parts of the checks.")
@click.option("--list", "only_list", is_flag=True, help="List the checks that would run.")
def run(
    paths: tuple[str, ...],
    keyword: str,
    exitfirst: bool,
    quiet: bool,
    verbose: int,
    jobs: int,
    dask: str | None,
    shard: tuple[int, int],
    only_list: bool,
    output_format: str,
    output: str | None,
    **settings: Any,
) -> None:
    """Check the rules of spec files; a folder stands for all spec files below it, - for standard input."""
    from gradcheck_cli.run import run_specs
    from gradcheck_cli.selection import Selection

    selection = Selection(keyword=keyword, shard=shard)
    if only_list:
        _list(paths, selection, settings, output)
    settings["taylor"] = True if verbose > 1 else None
    with _executor(jobs, dask) as executor:
        report = run_specs(paths, selection, settings, stop_at_first=exitfirst, executor=executor, watch=_watch)
    _write(render(report, output_format, _options(-1 if quiet else verbose, output)), output)
    click.get_current_context().exit(report.exit_code)


def _list(paths: tuple[str, ...], selection: Any, settings: dict[str, Any], output: str | None) -> None:
    """Print what would run, and what it would take, and leave."""
    from gradcheck_cli.planning import plan
    from gradcheck_cli.run import outlook

    planned, mistakes = plan(paths, selection)
    _write(
        "".join(f"{clean(p.file.path)}:{p.case.location.line}  {p.name}  {clean(outlook(p, settings))}\n" for p in planned),
        output,
    )
    click.echo("".join(f"{clean(str(m))}\n" for m in mistakes), err=True, nl=False)
    click.get_current_context().exit(2 if mistakes else 0 if planned else 5)


@main.command(epilog=SELFTEST_EPILOG)
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("-k", "keyword", default="", metavar="EXPR", help="Only cases whose function[case] matches; with --ops, ops.")
@click.option("--ops", "of_ops", is_flag=True, help="Try the derivatives of the functions that a spec may call instead.")
@click.option("-v", "--verbose", count=True, help="Show the kinds of every function.")
@click.option("--seed", type=int, metavar="N", help="Base seed of drawn inputs.  [default: 0]")
@click.option("--output-format", type=click.Choice(["full", "json"]), default="full", help="How to write it.  [default: full]")
@click.option("-o", "--output", metavar="FILE", help="Write the report to a file.")
def selftest(
    paths: tuple[str, ...],
    keyword: str,
    of_ops: bool,
    verbose: int,
    seed: int | None,
    output_format: str,
    output: str | None,
) -> None:
    """Corrupt every rule in many small ways, and count how many corrupted rules are found wrong at these inputs."""
    from gradcheck_cli.selection import Selection, keyword_matcher
    from gradcheck_cli.selftest.ops import selftest_ops
    from gradcheck_cli.selftest.render import render as render_selftest
    from gradcheck_cli.selftest.specs import selftest_specs

    if bool(paths) == of_ops:
        raise click.UsageError("give spec files, or --ops")
    if of_ops:
        report = selftest_ops(keyword_matcher(keyword), seed or 0, watch=_watch)
    else:
        report = selftest_specs(paths, Selection(keyword=keyword), {"seed": seed}, watch=_watch)
    _write(render_selftest(report, output_format, _options(verbose, output)), output)
    click.get_current_context().exit(report.exit_code)


@main.command(epilog=GRAPH_EPILOG)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("-k", "keyword", default="", metavar="EXPR", help="Only cases whose function[case] matches; and, or, not, ( ).")
@click.option(
    "--format", "format", type=click.Choice(list(GRAPHS)), help="How to show it.  [default: by FILE's name, or table]"
)
@click.option("--expand", is_flag=True, help="The ops of a function's forward, not the one node of its own rule.")
@click.option("--no-saved", is_flag=True, help="Leave the saved values out of a picture.")
@click.option("--seed", type=int, metavar="N", help="Base seed of drawn inputs.  [default: 0]")
@click.option("-o", "--output", metavar="FILE", help="Write it to a file.")
def graph(
    paths: tuple[str, ...],
    keyword: str,
    format: str | None,
    expand: bool,
    no_saved: bool,
    seed: int | None,
    output: str | None,
) -> None:
    """Show the graphs that backward runs through: statistics of all that are selected, or a picture of one.

    A picture shows one function; of several cases the first.
    """
    from gradcheck_cli.graphs import spec_picture, spec_statistics
    from gradcheck_cli.report.graph.table import render as render_table
    from gradcheck_cli.selection import Selection

    selection = Selection(keyword=keyword)
    format = format or SUFFIXES.get(os.path.splitext(output or "")[1].lower(), "table")  # noqa: PTH122
    mistakes: list[Any] = []
    if format == "table":
        found, mistakes = spec_statistics(paths, selection, seed or 0, expand)
        text = render_table(found, _options(0, output)) if found else ""
    else:
        text = spec_picture(paths, selection, format, seed or 0, expand, not no_saved)
    if text:
        _write(text, output)
    click.echo("".join(f"error: {clean(str(m))}\n" for m in mistakes), err=True, nl=False)
    if not text and not mistakes:
        click.echo("nothing was selected", err=True)
    click.get_current_context().exit(2 if mistakes else 0 if text else 5)


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


def _executor(jobs: int, dask: str | None) -> AbstractContextManager[Any]:
    """Who does the checks; None for this process itself."""
    if dask is not None:
        if jobs > 1:
            raise click.UsageError("--jobs and --dask exclude each other")
        from gradcheck_cli.workers import dask_executor

        return dask_executor(dask)
    if jobs == 1:
        return nullcontext()
    from gradcheck_cli.workers import Processes

    return Processes(jobs)


# Where the output goes.


def _options(verbose: int, output: str | None) -> Options:
    """How to write to where the report goes: a file gets plain UTF-8 as wide as it comes."""
    if output not in (None, "-"):
        return Options(verbose)
    terminal = sys.stdout.isatty()
    encoding = (sys.stdout.encoding or "ascii").lower().replace("-", "")
    forced = bool(os.environ.get("FORCE_COLOR"))
    color = (forced or (terminal and os.environ.get("TERM") != "dumb")) and not os.environ.get("NO_COLOR")
    return Options(verbose, color, _width(terminal), ascii_only=not encoding.startswith("utf"))


def _width(terminal: bool) -> int | None:
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return int(columns)
    if not terminal:
        return None
    from shutil import get_terminal_size

    return get_terminal_size().columns


def _write(text: str, output: str | None) -> None:
    if output in (None, "-"):
        sys.stdout.write(text if (sys.stdout.encoding or "").lower().startswith("utf") else _encodable(text))
        sys.stdout.flush()
        return
    try:
        with open(str(output), "w", encoding="utf-8") as file:  # noqa: PTH123
            file.write(text)
    except (OSError, ValueError) as error:
        _write(text, None)
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"{output}: cannot be written: {reason}") from None


def _encodable(text: str) -> str:
    encoding = sys.stdout.encoding or "ascii"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _watch(results: Iterator[Named], count: int) -> Iterable[Named]:
    """Pass the results on; on a terminal show a progress bar once it takes longer than a second."""
    return _with_progress(results, count) if sys.stderr.isatty() else results


def _with_progress(results: Iterator[Named], count: int) -> Iterator[Named]:
    import time

    start, progress = time.monotonic(), None
    try:
        for number, result in enumerate(results, 1):
            if progress is None and number < count and time.monotonic() - start > 1:
                progress = _progress(count)
            if progress is not None:
                progress.update(progress.task_ids[0], completed=number, description=clean(result.name))
            yield result
    finally:
        if progress is not None:
            progress.stop()


def _progress(count: int) -> Any:
    from rich.console import Console
    from rich.progress import Progress

    progress = Progress(console=Console(stderr=True), transient=True)
    progress.add_task("checking", total=count)
    progress.start()
    return progress


def command_line() -> int:
    """Run `main`; the exit code. The project's own errors become messages, everything else an internal error."""
    try:
        return main(standalone_mode=False) or 0
    except click.exceptions.Abort:
        return 130
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (UsageError, SpecError) as error:
        click.echo(f"error: {clean(str(error))}", err=True)
        return 2
    except BrokenPipeError:
        return 0  # Whoever read the output has seen enough.
    except OSError as error:
        if error.errno != errno.ENOSPC:
            return _bug()
        click.echo(f"error: the output cannot be written: {error.strerror}", err=True)
        return 4
    except Exception:
        return _bug()


def _bug() -> int:
    """Print what was raised; the exit code."""
    import traceback

    traceback.print_exc()
    click.echo("this is a bug in gradcheck itself; please report it with the text above", err=True)
    return 4


def start() -> NoReturn:
    """Entry point. Most runs take less time than starting and ending them, so both are kept short."""
    import gc

    # The matrices of a check are small: threads would cost more than they bring, at NumPy's import alone a sixth of it.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Modules are not garbage; looking for some while they load takes a tenth of the run.
    gc.set_threshold(50_000, 20, 20)
    for name in ("stdout", "stderr"):  # what was closed before is None
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: PTH123, SIM115
    code = command_line()
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    # As mypy does: freeing every object one by one takes another tenth, and nothing waits for it.
    os._exit(code)
