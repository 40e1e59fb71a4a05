"""`gradcheck explain`: what findings mean."""

from __future__ import annotations

import click

from gradcheck_cli.cli.output import write


@click.command("explain")
@click.argument("codes", nargs=-1, metavar="[CODE]...")
def command(codes: tuple[str, ...]) -> None:
    """Say what a finding means, and what to do; without a code list them all."""
    from gradcheck_cli.report.reference import describe_codes

    write(describe_codes(codes), None)
