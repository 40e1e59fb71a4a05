"""Options that the environment and the project file set, too: the command line wins, then the environment, then the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from gradcheck_cli.cli import parameters
from gradcheck_cli.cli.parameters import files
from gradcheck_cli.project import Project, read_project
from gradcheck_cli.report.clean import clean

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
PROJECT, ISOLATED, LIMITS = "gradcheck.project", "gradcheck.isolated", "gradcheck.limits"


class Setting(click.Option):
    """An option with a variable of the environment: GRADCHECK_ and its name."""

    @property
    def key(self) -> str:
        """Its name in the project file."""
        return self.opts[-1].removeprefix("--")

    def consume_value(self, ctx: click.Context, opts: Mapping[str, Any]) -> tuple[Any, ParameterSource]:
        """As click's, with the project's value for a default."""
        options = project_of(ctx).options
        if self.key in options:
            ctx.default_map = {**(ctx.default_map or {}), str(self.name): options[self.key]}
        return super().consume_value(ctx, opts)

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        """As click's; nothing where the environment is ignored."""
        return None if ctx.meta.get(ISOLATED) else super().resolve_envvar_value(ctx)

    def get_error_hint(self, ctx: click.Context | None) -> str:
        """As click's, with where a wrong value comes from."""
        given = ctx is not None and ctx.get_parameter_source(self.name or "") is ParameterSource.ENVIRONMENT
        return super().get_error_hint(ctx) + (f" (from {self.envvar})" if given else "")


def setting(*names: str, **attributes: Any) -> Callable[[Decorated], Decorated]:
    """An option that can be set elsewhere, too."""
    name = next(name for name in names if name.startswith("--"))
    return click.option(*names, cls=Setting, envvar=f"GRADCHECK_{name[2:].replace('-', '_').upper()}", **attributes)


def project_of(ctx: click.Context) -> Project:
    """What the project file says; read when it is first asked for, so that --help needs none."""
    if PROJECT not in ctx.meta:
        ctx.meta[PROJECT] = Project() if ctx.meta.get(ISOLATED) or ctx.resilient_parsing else read_project()
    found: Project = ctx.meta[PROJECT]
    return found


def _isolate(ctx: click.Context, parameter: click.Parameter, isolated: bool) -> None:
    ctx.meta[ISOLATED] = isolated


def _paths(ctx: click.Context, parameter: click.Parameter, paths: tuple[str, ...]) -> tuple[str, ...]:
    found = paths or project_of(ctx).paths
    if not found and not ctx.resilient_parsing:
        message = "Name spec files or folders, or set paths in pyproject.toml."
        raise click.MissingParameter(message, ctx, parameter, "'PATH...'")
    return found


def _limit(ctx: click.Context, parameter: click.Parameter, given: tuple[tuple[str, int], ...]) -> None:
    _put(ctx, {**project_of(ctx).limits, **dict(given)})
    ctx.meta[LIMITS] = dict(given)


def _max_rtol(ctx: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    if value is not None and not 0 < value < 1:
        raise click.BadParameter(f"must be a number between 0 and 1; found {value}", ctx, parameter)
    _put(ctx, {} if value is None else {"RTOL": value})
    return value


def _put(ctx: click.Context, changes: Mapping[str, float]) -> None:
    """Put limits in force for as long as the command runs."""
    if changes:
        from gradcheck_cli.spec.limits import changed

        ctx.with_resource(changed(changes))


PATHS = click.argument("paths", nargs=-1, metavar="[PATH]...", callback=_paths, shell_complete=files)
KEYWORD = partial(click.option, "-k", "keyword", default="", metavar="EXPR")
"""These two say in every command's own words what they choose and write."""
OUTPUT = partial(click.option, "-o", "--output", metavar="FILE")
SEED = setting("--seed", type=int, metavar="N", help="Base seed of drawn inputs.  [default: 0]")
SHARD = click.option(
    "--shard", type=parameters.SHARD, default=(1, 1), metavar="I/N", help="Only the I-th of N parts of the checks."
)
FULL_OR_JSON = click.option(
    "--output-format", type=click.Choice(["full", "json"]), default="full", help="How to write it.  [default: full]"
)
MAX_RTOL = setting("--max-rtol", type=float, metavar="R", callback=_max_rtol, help="Refuse specs that ask for a larger rtol.")
LIMIT = click.option(
    "--limit", type=parameters.LIMIT, multiple=True, metavar="NAME=N", expose_value=False, callback=_limit,
    help="Change a limit of specs.",
)  # fmt: skip
ISOLATE = click.option(
    "--isolated", is_flag=True, is_eager=True, expose_value=False, callback=_isolate,
    help="Ignore pyproject.toml and GRADCHECK_ variables.",
)  # fmt: skip


def on_command_line(ctx: click.Context, name: str) -> bool:
    """Whether a parameter was given there, and not elsewhere."""
    return ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE


def say_sources(ctx: click.Context) -> None:
    """Say on standard error where each value comes from that is no default."""
    said = ", ".join(_sources(ctx, project_of(ctx)))
    if said:
        click.echo(clean(f"settings: {said}"), err=True)


def _sources(ctx: click.Context, project: Project) -> Iterator[str]:
    from gradcheck_cli.spec.limits import called

    words = {ParameterSource.COMMANDLINE: "command line", ParameterSource.DEFAULT_MAP: project.path}
    given = set()
    for parameter in ctx.command.params:
        source = ctx.get_parameter_source(parameter.name or "")
        if isinstance(parameter, Setting) and source not in (None, ParameterSource.DEFAULT):
            given.add(parameter.key)
            yield f"{parameter.key} {_value(ctx.params[str(parameter.name)])} ({words.get(source, parameter.envvar)})"
    for name, value in project.check.items():
        if name not in given:
            yield f"{name} {value} ({project.path}, where a spec says nothing)"
    limits = dict.fromkeys(project.limits, project.path) | dict.fromkeys(ctx.meta.get(LIMITS, {}), "command line")
    for name, where in limits.items():
        yield f"{called(name)} {ctx.meta[LIMITS].get(name, project.limits.get(name))} ({where})"


def _value(value: Any) -> str:
    """As it would be written on the command line; of a repeated option, every one."""
    return " ".join("=".join(v) for v in value) if isinstance(value, tuple | list) else str(value)
