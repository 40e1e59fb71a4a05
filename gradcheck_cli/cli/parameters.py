"""The types of values that options take."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import click

from gradcheck_cli.errors import nearest
from gradcheck_cli.report.formats import FORMATS

MOST_JOBS = 1024


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


def format_for(path: str | None, suffixes: Mapping[str, str], otherwise: str) -> str:
    """The format that a file's name asks for."""
    return suffixes.get(os.path.splitext(path or "")[1].lower(), otherwise)  # noqa: PTH122
