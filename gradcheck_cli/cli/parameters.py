"""The types of values that options take."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from gradcheck_cli.errors import nearest
from gradcheck_cli.project import MOST_JOBS
from gradcheck_cli.report.formats import FORMATS

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

MOST_PARTS = 99_999_999


class Written(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.2 on
    """A value that a function reads from text; what it raises as ValueError is what is wrong."""

    def __init__(self, name: str, read: Callable[[str], Any]) -> None:
        self.name, self.read = name, read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The value; a default that is one already stays."""
        try:
            return value if isinstance(value, tuple) else self.read(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _whole(text: str, most: int) -> int:
    """A whole number from 1 to `most`; 0 where it is none."""
    count = int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else 0
    return count if count <= most else 0


def _jobs(text: str) -> int:
    if text == "auto":
        from gradcheck_cli.workers import processors

        return processors()
    count = _whole(text, MOST_JOBS)
    if not count:
        raise ValueError(f"must be auto or a whole number between 1 and {MOST_JOBS}; found {text!r}")
    return count


def _shard(text: str) -> tuple[int, int]:
    """`I/N`, I from 1 to N."""
    number, count = (_whole(part, MOST_PARTS) for part in (text.partition("/")[0], text.partition("/")[2]))
    if not 1 <= number <= count:
        raise ValueError(f"must be I/N, I from 1 to N, such as 2/4; found {text!r}")
    return number, count


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise ValueError(f"must be a number of seconds above 0; found {text!r}")
    return seconds


def _report(text: str) -> tuple[str, str]:
    """`FORMAT=FILE`."""
    format, equals, path = text.partition("=")
    if not format or not equals or path in ("", "-"):
        raise ValueError(f"must be FORMAT=FILE, such as json=report.json; found {text!r}")
    if format not in FORMATS:
        raise ValueError(f"there is no format {format!r}{nearest(format, FORMATS)}")
    return format, path


def _limit(text: str) -> tuple[str, int]:
    """`NAME=N`; the name as `spec/limits.py` has it."""
    from gradcheck_cli.spec.limits import MOST, SETTABLE

    name, _, number = text.partition("=")
    if name not in SETTABLE:
        raise ValueError(f"there is no limit {name!r}{nearest(name, SETTABLE)}")
    count = _whole(number, MOST)
    if not count:
        raise ValueError(f"must be NAME=N with a whole number, 1 or more; found {text!r}")
    return SETTABLE[name], count


JOBS = Written("jobs", _jobs)
SHARD = Written("shard", _shard)
SECONDS = Written("seconds", _seconds)
REPORT = Written("report", _report)
LIMIT = Written("limit", _limit)


def files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Lets a shell complete an argument as the name of a file."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]


def format_for(path: str | None, suffixes: Mapping[str, str], otherwise: str) -> str:
    """The format that a file's name asks for."""
    return suffixes.get(os.path.splitext(path or "")[1].lower(), otherwise)  # noqa: PTH122
