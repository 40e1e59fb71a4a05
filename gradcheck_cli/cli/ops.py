"""`gradcheck ops`: what a spec may call."""

from __future__ import annotations

import click

from gradcheck_cli.cli.output import write


@click.command("ops")
@click.argument("names", nargs=-1, metavar="[NAME]...")
def command(names: tuple[str, ...]) -> None:
    """List the functions that a spec may call, with their derivatives."""
    from gradcheck_cli.report.reference import describe_ops

    write(describe_ops(names), None)
