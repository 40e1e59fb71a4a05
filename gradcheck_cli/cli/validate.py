"""`gradcheck validate`: check spec files without running them."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

import click

from gradcheck_cli.cli.configuration import ISOLATE, LIMIT, MAX_RTOL, PATHS, project_of
from gradcheck_cli.cli.output import write
from gradcheck_cli.report.clean import clean

EPILOG = """\b
Exit codes: 0 all are valid, 2 bad usage or an invalid spec, 4 an internal
error."""


class Later(ModuleType):
    """Stands in for a module until something of it is used."""

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        module = import_module(self.__name__)
        self.__dict__.update(vars(module))
        return getattr(module, name)


@click.command("validate", epilog=EPILOG)
@PATHS
@click.option("-q", "--quiet", is_flag=True, help="Print mistakes only.")
@MAX_RTOL
@LIMIT
@ISOLATE
def command(paths: tuple[str, ...], quiet: bool, max_rtol: float | None) -> None:
    """Check spec files without running them; a folder stands for all spec files below it, - for standard input."""
    # The op table, whose names and signatures expressions are checked with, computes nothing as long as nothing runs.
    sys.modules.setdefault("numpy", Later("numpy"))
    from gradcheck_cli.planning import read_specs

    ctx = click.get_current_context()
    files, mistakes = read_specs(paths, project_of(ctx).check)
    invalid = len({m.location.path for m in mistakes})
    text = "".join(f"{clean(str(m))}\n\n" for m in mistakes)
    if not quiet:
        text += f"{_counted(len(mistakes), 'mistake')} in {_counted(invalid, 'file')}, " if mistakes else ""
        text += f"{_counted(len(files), 'file')} {'is' if len(files) == 1 else 'are'} valid\n"
    write(text, None)
    ctx.exit(2 if mistakes else 0)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
