"""An attack: files from a stranger, a command line, and what must come of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

SPEC = "spec.gradcheck.yaml"
RUN = ("run", SPEC)
REFUSED = frozenset({2})
JUDGED = frozenset({0, 1, 2, 3})
"""Refused, or an honest verdict."""


@dataclass(frozen=True)
class Attack:
    """One attack."""

    name: str
    spec: str | bytes | None = None
    """The text of `SPEC`."""
    codes: frozenset[int] = REFUSED
    """The exit codes of which one must come of it."""
    says: str = ""
    """Must stand in what is printed."""
    argv: tuple[str, ...] = RUN
    stdin: str = ""
    prepare: Callable[[Path], object] | None = None
    """Puts further files into the folder."""
    touches: str = ""
    """A part of the name of what the command line itself says is to be read or written."""
    silent: tuple[str, ...] = field(default=("Traceback", "is a bug in gradcheck"))
    """Must not stand in what is printed."""


def function(forward: str = "sin(x)", backward: str = "{x: grad * cos(x)}", inputs: str = "{x: 1.5}", more: str = "") -> str:
    """A spec of one function; `forward` of several lines becomes a block."""
    if "\n" in forward:
        forward = "|\n" + "".join(f"      {line}\n" for line in forward.split("\n"))
    return f"functions:\n  f:\n    inputs: {inputs}\n    forward: {forward}\n    backward: {backward}\n{more}"
