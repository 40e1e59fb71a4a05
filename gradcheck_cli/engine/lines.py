"""Lines of the user's code: where an operation was called."""

from __future__ import annotations

import linecache
import sys
from typing import NamedTuple

_PACKAGE = __name__.partition(".")[0] + "."


class Line(NamedTuple):
    """A line of a source file."""

    path: str
    number: int

    def __str__(self) -> str:
        text = linecache.getline(self.path, self.number).strip()
        return f"{self.path}:{self.number}" + (f": {text}" if text else "")


def calling_line() -> Line | None:
    """The line outside this package that led here; None where all is the package's own."""
    frame = sys._getframe(1)
    while frame is not None:
        if not str(frame.f_globals.get("__name__", "")).startswith(_PACKAGE):
            return Line(frame.f_code.co_filename, frame.f_lineno)
        frame = frame.f_back  # type: ignore[assignment]
    return None
