"""`gradcheck schema`: what a spec file looks like, for editors."""

from __future__ import annotations

import click

from gradcheck_cli.cli.configuration import OUTPUT
from gradcheck_cli.cli.output import write


@click.command("schema")
@OUTPUT(help="Write it to a file.")
def command(output: str | None) -> None:
    """Print the JSON Schema of spec files, with which editors complete and check them.

    An editor that runs yaml-language-server reads it where the file's first line says
    `# yaml-language-server: $schema=gradcheck.schema.json`.
    """
    import json

    from gradcheck_cli.spec.schema import spec_schema

    write(json.dumps(spec_schema(), indent=2) + "\n", output)
