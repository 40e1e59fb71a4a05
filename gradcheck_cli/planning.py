"""From paths to the checks that a run would do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache, partial
from os import listdir
from os.path import abspath, basename, dirname, exists, isdir
from typing import TYPE_CHECKING, Any, NamedTuple

from gradcheck_cli.errors import Mistake, SpecError, UsageError, nearest
from gradcheck_cli.selection import Selection

if TYPE_CHECKING:
    from gradcheck_cli.spec.limits import Changes
    from gradcheck_cli.spec.model import Case, CheckOptions, FunctionSpec, SpecFile

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
        """What another process gets: the file's text, to be translated anew, and the limits that hold here."""
        from gradcheck_cli.spec import limits

        path, text, base = self.file.path, self.file.text, self.file.base
        return _planned, (path, abspath(path), text, base, limits.current(), self.function.name, self.case.name)


def _planned(path: str, elsewhere: str, text: str, base: CheckOptions, changes: Changes, function: str, case: str) -> Planned:
    """`elsewhere` is where the file is from any working directory, and its array files beside it."""
    from gradcheck_cli.spec import limits

    limits.put(changes)
    file = _loaded(path, text, base, changes)._replace(folder=dirname(elsewhere))
    found = file.functions[function]
    return Planned(file, found, next(c for c in found.cases if c.name == case))


@lru_cache(maxsize=16)
def _loaded(path: str, text: str, base: CheckOptions, changes: Changes) -> SpecFile:
    """What the text says under the limits in force; kept, as workers, and tests of one function at a time, ask again."""
    from gradcheck_cli.spec.loader import loads

    return loads(text, path, base)


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


def plan(
    paths: Iterable[str], selection: Selection, base: Mapping[str, Any] | None = None
) -> tuple[list[Planned], list[Mistake]]:
    """What a run of these files would check, in their order; and what is wrong with the files that cannot be used.

    `base` are the options that hold where the files say nothing.
    """
    wants = selection.matcher()
    files, mistakes = read_specs(paths, base)
    every = (Planned(file, function, case) for file in files for function in file.functions.values() for case in function.cases)
    number, count = selection.shard
    return [p for p in every if wants(p.function.name, p.case.name)][number - 1 :: count], mistakes


def read_specs(paths: Iterable[str], base: Mapping[str, Any] | None = None) -> tuple[list[SpecFile], list[Mistake]]:
    """The spec files that the paths name, and what is wrong with those that cannot be used."""
    from gradcheck_cli.spec import limits
    from gradcheck_cli.spec.loader import read
    from gradcheck_cli.spec.model import CheckOptions

    options, changes = CheckOptions(**(base or {})), limits.current()
    files: list[SpecFile] = []
    mistakes: list[Mistake] = []
    for path in spec_files(paths):
        name, text = (STDIN, _standard_input) if path == "-" else (path, partial(read, path))
        try:
            files.append(_loaded(name, text(), options, changes))
        except SpecError as error:
            mistakes += error.mistakes
    return files, mistakes


def _standard_input() -> str:
    import sys

    from gradcheck_cli.spec import limits
    from gradcheck_cli.spec.loader import decoded

    if sys.stdin is None:
        raise UsageError("there is no standard input: it was closed")
    data = sys.stdin.buffer.read(limits.FILE_BYTES + 1)
    return decoded(STDIN, data, len(data))
