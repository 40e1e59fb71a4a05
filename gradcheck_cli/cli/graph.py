"""`gradcheck graph`: the graphs that backward runs through."""

from __future__ import annotations

from typing import Any

import click

from gradcheck_cli.cli.configuration import ISOLATE, KEYWORD, LIMIT, OUTPUT, PATHS, SEED
from gradcheck_cli.cli.output import options_for, write
from gradcheck_cli.cli.parameters import format_for
from gradcheck_cli.report.clean import clean
from gradcheck_cli.report.formats import GRAPHS, PICTURE_SUFFIXES

EPILOG = """\b
Exit codes: 0 shown, 2 bad usage or an invalid spec, 4 an internal error,
5 nothing was selected."""


@click.command("graph", epilog=EPILOG)
@PATHS
@KEYWORD(help="Only cases whose function[case] matches; and, or, not, ( ).")
@click.option(
    "--format", "format", type=click.Choice(list(GRAPHS)), help="How to show it.  [default: by FILE's name, or table]"
)
@click.option("--expand", is_flag=True, help="The ops of a function's forward, not the one node of its own rule.")
@click.option("--no-saved", is_flag=True, help="Leave the saved values out of a picture.")
@SEED
@OUTPUT(help="Write it to a file.")
@LIMIT
@ISOLATE
def command(
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
    format = format or format_for(output, PICTURE_SUFFIXES, "table")
    mistakes: list[Any] = []
    if format == "table":
        found, mistakes = spec_statistics(paths, selection, seed or 0, expand)
        text = render_table(found, options_for(0, output)) if found else ""
    else:
        text = spec_picture(paths, selection, format, seed or 0, expand, not no_saved)
    if text:
        write(text, output)
    click.echo("".join(f"error: {clean(str(m))}\n" for m in mistakes), err=True, nl=False)
    if not text and not mistakes:
        click.echo("nothing was selected", err=True)
    click.get_current_context().exit(2 if mistakes else 0 if text else 5)
