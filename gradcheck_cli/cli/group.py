"""The command `gradcheck`: its subcommands, each a module of this package that is imported when it is asked for."""

from __future__ import annotations

import os
from importlib import import_module

import click

from gradcheck_cli import __version__

COMMANDS = ("init", "run", "list", "validate", "selftest", "graph", "ops", "explain", "schema")
"""Modules of this package, each with its `command`."""
SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class Commands(click.Group):
    """A group whose commands are imported late, and that knows what a mistyped one may have been."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, if there is one."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"gradcheck_cli.cli.{cmd_name}").command
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, with a hint: another command's name, or `run` where a path is given."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, n=1)
            hint = near[0] if near else f"gradcheck run {args[0]}" if os.path.exists(args[0]) else ""  # noqa: PTH110
            if not hint or "Did you mean" in error.format_message():
                raise
            raise click.UsageError(f"{error.format_message()} Did you mean '{hint}'?", ctx) from None


@click.group(cls=Commands, context_settings=SETTINGS)
@click.version_option(__version__, prog_name="gradcheck")
def main() -> None:
    """Check hand-written gradients against central differences.

    A first look: gradcheck run specs/
    """
