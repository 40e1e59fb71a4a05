"""Everything this project raises on purpose.

::

    GradcheckError
    ├── SpecError             a spec file that cannot be used; carries every mistake found in it
    ├── UsageError            a call or a command line that asks for something impossible
    ├── OutputError           a file that cannot be written
    ├── VerificationError     raised by Report.raise_if_failed()
    ├── MissingExtraError     an optional package is needed; says which extra installs it
    └── EngineError           the engine was used wrongly
        ├── GraphError        backward on a freed graph, on a non-scalar, on nothing that requires grad
        ├── InPlaceError      a value that backward needs was modified in place
        ├── AnomalyError      anomaly mode found a gradient that is NaN
        └── RuleError         a hand-written rule broke its contract: count, shape, dtype, or it raised

Anything else that escapes is a bug and keeps its traceback.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Location(NamedTuple):
    """A place in a file; line and column count from 1."""

    path: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


class Mistake(NamedTuple):
    """One thing wrong in a spec file: where, what must hold and what was found, and a hint."""

    location: Location
    message: str
    hint: str = ""
    source_line: str = ""

    def __str__(self) -> str:
        lines = [f"{self.location}: {self.message}"]
        if self.source_line.strip():
            shown, column = _window(self.source_line.rstrip("\n"), self.location.column)
            lines += [f"    {shown}", f"    {' ' * (column - 1)}^"]
        if self.hint:
            lines.append(f"    hint: {self.hint}")
        return "\n".join(lines)


def _window(line: str, column: int, width: int = 100) -> tuple[str, int]:
    """The part of a long line around `column`, and the column within that part; tabs become single spaces."""
    line = line.replace("\t", " ")
    if len(line) <= width:
        return line, min(column, len(line) + 1)
    start = max(0, min(column - width // 2, len(line) - width))
    return line[start : start + width], column - start


class GradcheckError(Exception):
    """The root of all expected failures."""


class SpecError(GradcheckError):
    """A spec file that cannot be used; `mistakes` holds all that was found, in the file's order."""

    def __init__(self, mistakes: list[Mistake] | tuple[Mistake, ...]) -> None:
        self.mistakes = tuple(sorted(mistakes, key=lambda m: (m.location.line, m.location.column)))
        super().__init__("\n".join(map(str, self.mistakes)))

    def __reduce__(self) -> tuple[type[SpecError], tuple[tuple[Mistake, ...]]]:
        return SpecError, (self.mistakes,)


class UsageError(GradcheckError):
    """A call or a command line that asks for something impossible."""


class OutputError(GradcheckError):
    """A file cannot be written."""


class VerificationError(GradcheckError, AssertionError):
    """A report that is not ok was asked to raise."""


class MissingExtraError(GradcheckError, ImportError):
    """An optional package is needed."""


class EngineError(GradcheckError, RuntimeError):
    """The engine was used wrongly; a RuntimeError, as in PyTorch."""


class GraphError(EngineError):
    """The graph cannot be walked: freed, not scalar, or nothing in it requires grad."""


class InPlaceError(EngineError):
    """A value that backward needs was modified in place, or a leaf that requires grad was."""


class AnomalyError(EngineError):
    """Anomaly mode found a gradient that is NaN; the message names the node and the line that made it."""


class RuleError(EngineError):
    """A hand-written rule broke its contract.

    `kind` is one of `count`, `shape`, `dtype`, `raised`, `none`, `cotangent`, `inputs`, `alias`, `state`; `rule` names the
    function, `input_name` the input (empty when the whole rule is meant), `location` the place in the spec when there is one.
    """

    def __init__(
        self, kind: str, message: str, *, rule: str = "", input_name: str = "", location: Location | None = None
    ) -> None:
        self.kind, self.rule, self.input_name, self.location = kind, rule, input_name, location
        self.gradients: tuple[object, ...] = ()
        """What the rule returned, one per input of the node, where the count is right and something else is not."""
        super().__init__(message)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`did you mean 'x'?`, where something known is near, or nothing."""
    from difflib import get_close_matches

    close = get_close_matches(word, sorted(known), 1, 0.6) if len(word) <= 40 else []
    return f"did you mean '{close[0]}'?" if close else ""


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?`, where something is near."""
    hint = did_you_mean(word, known)
    return f"; {hint}" if hint else ""
