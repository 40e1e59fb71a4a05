"""`gradcheck list`: what a run would check, and what that would take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from gradcheck_cli.cli.configuration import FULL_OR_JSON, ISOLATE, KEYWORD, LIMIT, MAX_RTOL, OUTPUT, PATHS, SHARD, project_of
from gradcheck_cli.cli.output import write
from gradcheck_cli.report.clean import clean

if TYPE_CHECKING:
    from gradcheck_cli.outlook import Outlook
    from gradcheck_cli.planning import Planned
    from gradcheck_cli.selection import Selection

EPILOG = """\b
Exit codes: 0 listed, 2 bad usage or an invalid spec, 4 an internal error,
5 nothing was selected."""


@click.command("list", epilog=EPILOG)
@PATHS
@KEYWORD(help="Only checks whose function[case] matches; and, or, not, ( ).")
@SHARD
@FULL_OR_JSON
@OUTPUT(help="Write the list to a file.")
@MAX_RTOL
@LIMIT
@ISOLATE
def command(
    paths: tuple[str, ...],
    keyword: str,
    shard: tuple[int, int],
    output_format: str,
    output: str | None,
    max_rtol: float | None,
) -> None:
    """List the checks that a run would do, and about what each would take."""
    from gradcheck_cli.selection import Selection

    base = project_of(click.get_current_context()).check
    show(paths, Selection(keyword=keyword, shard=shard), {}, base, output_format, output)


def show(
    paths: Sequence[str],
    selection: Selection,
    settings: Mapping[str, Any],
    base: Mapping[str, Any],
    format: str,
    output: str | None,
) -> None:
    """Write the list, and what is wrong with files to standard error; then leave."""
    from gradcheck_cli.outlook import outlook
    from gradcheck_cli.planning import plan

    given = {name: value for name, value in settings.items() if value is not None}
    planned, mistakes = plan(paths, selection, base)
    listed = [(item, outlook(item, given)) for item in planned]
    write(_as_json(listed) if format == "json" else "".join(_line(*each) for each in listed), output)
    click.echo("".join(f"{clean(str(m))}\n" for m in mistakes), err=True, nl=False)
    click.get_current_context().exit(2 if mistakes else 0 if planned else 5)


def _line(item: Planned, found: Outlook) -> str:
    return f"{clean(item.file.path)}:{item.case.location.line}  {clean(item.name)}  {clean(str(found))}\n"


def _as_json(listed: Sequence[tuple[Planned, Outlook]]) -> str:
    import json

    return json.dumps({"schema_version": 1, "checks": [_check(*each) for each in listed]}, indent=2) + "\n"


def _check(item: Planned, found: Outlook) -> dict[str, Any]:
    return {
        "file": item.file.path,
        "line": item.case.location.line,
        "function": item.function.name,
        "case": item.case.name,
        "draws": found.draws,
        "evaluations": {"forward": found.forwards, "backward": found.backwards},
        "bytes": found.bytes,
        "inputs": [{"name": name, "looked_at": what} for name, what in found.inputs],
        "trouble": found.trouble,
    }
