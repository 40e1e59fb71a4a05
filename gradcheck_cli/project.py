"""What a project says in its `pyproject.toml`, under `[tool.gradcheck]`."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from gradcheck_cli.errors import Location, Mistake, SpecError, did_you_mean

NAME = "pyproject.toml"
MOST_JOBS = 1024
LARGEST_FILE = 1 << 20
"""Bytes."""
_MENTIONED = re.compile(rb"""\btool["' \t]*(?:\.["' \t]*gradcheck\b|[\]=])""")
"""Any way to write the table, and few other things: so most runs need no TOML parser."""


class Project(NamedTuple):
    """What holds where neither the command line nor the environment says otherwise."""

    path: str = ""
    """The file, as seen from the current directory; empty where there is none."""
    paths: tuple[str, ...] = ()
    """What to check where no path is given."""
    options: Mapping[str, Any] = {}
    """Defaults of the command line: output-format, report, jobs, timeout, max-rtol."""
    check: Mapping[str, Any] = {}
    """Options of checks, below what specs say."""
    limits: Mapping[str, int] = {}


class Kind(NamedTuple):
    """What a value must be."""

    must: str
    holds: Callable[[Any], bool]


def read_project() -> Project:
    """The project of the current directory: the nearest file with the table, up to the root of the repository.

    Raises SpecError, with every mistake in the file.
    """
    try:
        folder = os.getcwd()
    except OSError:
        return Project()
    while True:
        found = _read_file(os.path.join(folder, NAME))
        above = os.path.dirname(folder)
        if found is not None:
            return found
        if above == folder or os.path.exists(os.path.join(folder, ".git")):
            return Project()
        folder = above


def _read_file(path: str) -> Project | None:
    """None where there is no such file, and where it has no such table. Raises SpecError."""
    if not os.path.isfile(path):
        return None
    try:
        with open(path, "rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise _unreadable(os.path.relpath(path), f"cannot be read: {error.strerror}") from None
    return project_from(data, os.path.relpath(path)) if _MENTIONED.search(data) else None


def project_from(data: bytes, path: str) -> Project | None:
    """The project that the bytes of a file describe; None where they have no such table. Raises SpecError."""
    import tomllib

    if len(data) > LARGEST_FILE:
        raise _unreadable(path, f"this file must have at most {LARGEST_FILE} bytes")
    try:
        text = data.decode()
        tool = tomllib.loads(text).get("tool")
    except UnicodeDecodeError:
        raise _unreadable(path, "this file must be UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise SpecError([_no_toml(path, text, error)]) from None
    if not isinstance(tool, dict) or "gradcheck" not in tool:
        return None
    reader = _Reader(path, text)
    project = reader.project(tool["gradcheck"])
    if reader.mistakes:
        raise SpecError(reader.mistakes)
    return project


def _unreadable(path: str, message: str) -> SpecError:
    return SpecError([Mistake(Location(path, 1, 1), message, "--isolated ignores it")])


def _no_toml(path: str, text: str, error: Exception) -> Mistake:
    said = "it nests too deeply" if isinstance(error, RecursionError) else str(error)
    place = re.search(r"\(at line (\d+), column (\d+)\)", said)
    line, column = (int(place[1]), int(place[2])) if place else (1, 1)
    message = f"this is not TOML: {said.partition(' (at ')[0][:200]}"
    return Mistake(Location(path, line, column), message, "", _line(text, line))


class _Reader:
    """Reads the table of one file; what is wrong is noted and left out."""

    def __init__(self, path: str, text: str) -> None:
        self.path, self.text = path, text
        self.mistakes: list[Mistake] = []

    def project(self, table: Any) -> Project:
        from gradcheck_cli.spec.limits import MOST, SETTABLE
        from gradcheck_cli.spec.options import OPTIONS

        limit = Kind("a whole number, 1 or more", lambda v: type(v) is int and 1 <= v <= MOST)
        check = {name: Kind(option.must, option.holds) for name, option in OPTIONS.items()}
        found = self.table((), table, {**_options(), **dict.fromkeys(("check", "limits"), _TABLE)})
        limits = self.table(("limits",), found.pop("limits", {}), dict.fromkeys(SETTABLE, limit))
        checked = self.table(("check",), found.pop("check", {}), check)
        beside = os.path.dirname(self.path)
        paths = tuple(os.path.join(beside, path) for path in found.pop("paths", ()))
        if "report" in found:
            parts = (report.partition("=") for report in found["report"])
            found["report"] = [f"{format}={os.path.join(beside, file)}" for format, _, file in parts]
        return Project(self.path, paths, found, checked, {SETTABLE[name]: value for name, value in limits.items()})

    def table(self, keys: tuple[str, ...], table: Any, known: Mapping[str, Kind]) -> dict[str, Any]:
        """The entries of a table that are known and what they must be."""
        called = ".".join(("tool.gradcheck", *keys))
        if not isinstance(table, dict):
            self.complain(keys, f"{called} must be a table; found {_shown(table)}")
            return {}
        found = {}
        for name, value in table.items():
            if name not in known:
                hint = did_you_mean(name, known) or f"its keys are {', '.join(known)}"
                self.complain((*keys, name), f"{called} has no key {name[:60]!r}", hint)
            elif not known[name].holds(value):
                self.complain((*keys, name), f"{called}.{name} must be {known[name].must}; found {_shown(value)}")
            else:
                found[name] = value
        return found

    def complain(self, keys: tuple[str, ...], message: str, hint: str = "") -> None:
        line, column = place(self.text, ("tool", "gradcheck", *keys))
        self.mistakes.append(Mistake(Location(self.path, line, column), message, hint, _line(self.text, line)))


_TABLE = Kind("a table", lambda value: isinstance(value, dict))


def _options() -> dict[str, Kind]:
    """The keys beside the tables."""
    from gradcheck_cli.report.formats import FORMATS
    from gradcheck_cli.spec.options import OPTIONS

    return {
        "paths": Kind(
            "a list of files and folders", lambda v: _texts(v) and all(p not in ("", "-") and "\0" not in p for p in v)
        ),
        "output-format": Kind(f"one of {', '.join(FORMATS)}", lambda v: isinstance(v, str) and v in FORMATS),
        "report": Kind(
            "a list of FORMAT=FILE, such as json=report.json, of files below the project's folder",
            lambda v: _texts(v) and all(map(_is_report, v)),
        ),
        "jobs": Kind(f"'auto' or a whole number from 1 to {MOST_JOBS}", _is_jobs),
        "timeout": Kind("a number of seconds above 0", lambda v: type(v) in (int, float) and 0 < v < float("inf")),
        "max-rtol": Kind(OPTIONS["rtol"].must, OPTIONS["rtol"].holds),
    }


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_report(text: str) -> bool:
    from gradcheck_cli.report.formats import FORMATS

    format, _, path = text.partition("=")
    inside = not os.path.isabs(path) and ".." not in path.replace("\\", "/").split("/")
    return format in FORMATS and path not in ("", "-") and inside


def _is_jobs(value: Any) -> bool:
    return value == "auto" or (type(value) is int and 1 <= value <= MOST_JOBS)


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except (ValueError, RecursionError):
        return "something very large"
    return text if len(text) <= 60 else f"{text[:57]}..."


def place(text: str, keys: tuple[str, ...]) -> tuple[int, int]:
    """Line and column of a key, or of the nearest table around it that has a line of its own."""
    section: tuple[str, ...] = ()
    best, depth = (1, 1), 0
    for number, line in enumerate(text.split("\n"), 1):
        written = line.strip()
        if written.startswith("["):
            section = path = _names(written.strip("[").partition("]")[0])
        else:
            key, equals, _ = written.partition("=")
            path = (*section, *_names(key)) if equals else ()
        if len(path) > depth and path == keys[: len(path)]:
            named = max(line.find(keys[-1]), line.find(path[-1]))
            best, depth = (number, named + 1), len(path)
    return best


def _names(dotted: str) -> tuple[str, ...]:
    return tuple(name.strip(" \t\"'") for name in dotted.split("."))


def _line(text: str, number: int) -> str:
    line = text.split("\n")[number - 1 : number]
    return "".join(c if c.isprintable() or c == "\t" else "?" for c in "".join(line).rstrip("\r"))
