"""Places in files as other programs want them: paths from the root of a repository, URIs, regions with an end."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import NamedTuple

from gradcheck_cli.check.diagnosis.cause import Change
from gradcheck_cli.errors import Location


class Region(NamedTuple):
    """A part of a file; all count from 1, in characters, and the last column is the one behind the end."""

    line: int
    column: int
    end_line: int
    end_column: int


def relative(path: str, root: str = "") -> str:
    """The path from the folder `root`, with slashes; the absolute path of a file outside of it."""
    if not path or path.startswith("<"):
        return path
    whole = os.path.abspath(path)  # noqa: PTH100
    try:
        seen = os.path.relpath(whole, root or os.curdir)
    except ValueError:  # another drive
        seen = whole
    outside = seen.split(os.sep, 1)[0] == os.pardir
    return (whole if outside else seen).replace(os.sep, "/")


def uri(path: str, root: str = "") -> str:
    """A relative reference where the file is inside of `root`, else an absolute URI."""
    from urllib.parse import quote

    seen = relative(path, root)
    encoded = quote(seen.lstrip("/"), errors="backslashreplace")
    return f"file:///{encoded}" if os.path.isabs(seen) else encoded  # noqa: PTH117


def line_at(text: str, number: int) -> str:
    """The line of this number without its end; '' where there is none."""
    lines = lines_of(text)
    return lines[number - 1] if 0 < number <= len(lines) else ""


@lru_cache(maxsize=8)
def lines_of(text: str) -> list[str]:
    """The lines without their ends; kept, as a report may have thousands of places in one file."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def to_end_of_line(place: Location, line: str) -> Region:
    """From the place to the end of its line."""
    return Region(place.line, place.column, place.line, max(len(line.rstrip()), place.column) + 1)


def changed_line(change: Change, line: str) -> str | None:
    """The line with the change made; None where its text does not stand there as it is, or YAML would read it otherwise."""
    start = change.location.column - 1
    prefix, rest = line[:start], line[start:]
    if not change.before or not rest.startswith(change.before):
        return None
    special = {c for c in ",:#'\"[]{}\\\n" if c in change.after and c not in change.before}
    if special and not _plain(prefix):
        return None
    return prefix + change.after + rest[len(change.before) :]


def _plain(prefix: str) -> bool:
    """Whether what stands before says that no quote and no bracket of YAML is open."""
    import re

    return re.match(r"\s*(\w+:\s+)?[^\s{\[\"'|>][^{\"']*$|\s*(\w+:\s+)?$", prefix) is not None
