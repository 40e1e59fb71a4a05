"""The command line: flags to calls, results to text, verdicts to exit codes."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from typing import NoReturn

import click

from gradcheck_cli.cli.group import main
from gradcheck_cli.cli.signals import interrupt_on_signals
from gradcheck_cli.errors import OutputError, SpecError, UsageError
from gradcheck_cli.report.clean import clean
from gradcheck_cli.report.report import INTERRUPTED

__all__ = ["command_line", "main", "start"]


def command_line() -> int:
    """Run `main`; the exit code. The project's own errors become messages, everything else an internal error."""
    try:
        return main(standalone_mode=False) or 0
    except click.exceptions.Abort:
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (UsageError, SpecError) as error:
        click.echo(f"error: {clean(str(error))}", err=True)
        return 2
    except OutputError as error:
        click.echo(f"error: {clean(str(error))}", err=True)
        return 4
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
    gc.set_threshold(100_000, 20, 20)
    for name in ("stdout", "stderr"):  # what was closed before is None
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: PTH123, SIM115
    interrupt_on_signals()
    code = command_line()
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    # As mypy does: freeing every object one by one takes another tenth, and nothing waits for it.
    os._exit(code)
