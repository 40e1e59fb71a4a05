"""From paths to the checks that a run would do."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from os import listdir
from os.path import abspath, basename, dirname, exists, isdir
from typing import TYPE_CHECKING, Any, NamedTuple

from gradcheck_cli.errors import Location, Mistake, SpecError, UsageError, nearest
from gradcheck_cli.selection import Selection

if TYPE_CHECKING:
    from gradcheck_cli.spec.model import Case, FunctionSpec, SpecFile

SUFFIXES = (".yaml", ".yml")
STDIN = "<stdin>"


class Planned(NamedTuple):
    """One check that a run would do."""

    file: SpecFile
    function: FunctionSpec
    case: Case

    @property
    def name(self) -> str:
        """As in `CheckResult.name`."""
        return self.function.name if self.case.name == "default" else f"{self.function.name}[{self.case.name}]"

    def __reduce__(self) -> Any:
        """What another process gets: the file's text, to be translated anew."""
        return _planned, (self.file.path, abspath(self.file.path), self.file.text, self.function.name, self.case.name)


def _planned(path: str, elsewhere: str, text: str, function: str, case: str) -> Planned:
    """`elsewhere` is where the file is from any working directory, and its array files beside it."""
    file = _loaded(path, text)._replace(folder=dirname(elsewhere))
    found = file.functions[function]
    return Planned(file, found, next(c for c in found.cases if c.name == case))


@lru_cache(maxsize=16)
def _loaded(path: str, text: str) -> SpecFile:
    """What the text says; kept, as workers, and tests that check one function at a time, ask again."""
    from gradcheck_cli.spec.loader import loads

    return loads(text, path)


def spec_files(paths: Iterable[str]) -> list[str]:
    """The files that the paths name: a folder stands for all spec files below it. Raises UsageError."""
    found: list[str] = []
    for path in paths:
        if path != "-" and isdir(path):
            found += _inside(path)
        elif path != "-" and not exists(path):
            raise UsageError(f"there is no file or folder {path}{nearest(basename(path), _beside(path))}")
        else:
            found.append(path)
    return list(dict.fromkeys(found))


def _inside(folder: str) -> list[str]:
    from pathlib import Path

    inside = sorted(str(p) for p in Path(folder).rglob("*") if p.suffix in SUFFIXES and p.is_file())
    if not inside:
        raise UsageError(f"there is no spec file (.yaml, .yml) in the folder {folder}")
    return inside


def _beside(path: str) -> list[str]:
    try:
        return listdir(dirname(path) or ".")
    except (OSError, ValueError):
        return []


def plan(paths: Iterable[str], selection: Selection) -> tuple[list[Planned], list[Mistake]]:
    """What a run of these files would check, in their order; and what is wrong with the files that cannot be used."""
    from gradcheck_cli.spec.loader import read

    wants = selection.matcher()
    planned: list[Planned] = []
    mistakes: list[Mistake] = []
    for path in spec_files(paths):
        try:
            file = _loaded(STDIN, _standard_input()) if path == "-" else _loaded(path, read(path))
        except SpecError as error:
            mistakes += error.mistakes
            continue
        every = (Planned(file, function, case) for function in file.functions.values() for case in function.cases)
        planned += [p for p in every if wants(p.function.name, p.case.name)]
    number, count = selection.shard
    return planned[number - 1 :: count], mistakes


def _standard_input() -> str:
    import sys

    if sys.stdin is None:
        raise UsageError("there is no standard input: it was closed")
    try:
        return sys.stdin.buffer.read(2**21).decode()
    except UnicodeDecodeError:
        raise SpecError([Mistake(Location(STDIN, 1, 1), "a spec must be UTF-8")]) from None
