"""The types of values that options take."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from gradcheck_cli.errors import nearest
from gradcheck_cli.project import MOST_JOBS
from gradcheck_cli.report.formats import FORMATS

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


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


class Seconds(click.ParamType):  # type: ignore[type-arg]
    """A time."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """A finite number above 0."""
        try:
            seconds = float(value)
        except ValueError:
            seconds = 0.0
        if not 0 < seconds < float("inf"):
            self.fail(f"must be a number of seconds above 0; found {value!r}", param, ctx)
        return seconds


class ReportFile(click.ParamType):  # type: ignore[type-arg]
    """A format and the file to write it to."""

    name = "report"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """`FORMAT=FILE`."""
        if isinstance(value, tuple):
            return value
        format, equals, path = str(value).partition("=")
        if not format or not equals or path in ("", "-"):
            self.fail(f"must be FORMAT=FILE, such as json=report.json; found {value!r}", param, ctx)
        if format not in FORMATS:
            self.fail(f"there is no format {format!r}{nearest(format, FORMATS)}", param, ctx)
        return format, path


class Limit(click.ParamType):  # type: ignore[type-arg]
    """A limit of specs and its value."""

    name = "limit"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        """`NAME=N`; the name as `spec/limits.py` has it."""
        if isinstance(value, tuple):
            return value
        from gradcheck_cli.spec.limits import MOST, SETTABLE

        name, _, number = str(value).partition("=")
        if name not in SETTABLE:
            self.fail(f"there is no limit {name!r}{nearest(name, SETTABLE)}", param, ctx)
        count = int(number) if number.isascii() and number.isdigit() and len(number) < 20 else 0
        if not 1 <= count <= MOST:
            self.fail(f"must be NAME=N with a whole number, 1 or more; found {value!r}", param, ctx)
        return SETTABLE[name], count


def files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Lets a shell complete an argument as the name of a file."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]


def format_for(path: str | None, suffixes: Mapping[str, str], otherwise: str) -> str:
    """The format that a file's name asks for."""
    return suffixes.get(os.path.splitext(path or "")[1].lower(), otherwise)  # noqa: PTH122
