"""Collecting the mistakes of one file."""

from __future__ import annotations

from gradcheck_cli.errors import Mistake
from gradcheck_cli.spec import limits


class Halt(Exception):  # noqa: N818 - it ends the reading; what is wrong is recorded as a mistake
    """Reading a file cannot go on, or is not worth it; the mistakes say why."""


class Mistakes(list[Mistake]):
    """The mistakes of one file, up to a limit: a file made of mistakes must not take long to refuse."""

    def append(self, mistake: Mistake) -> None:
        """Add one; raises Halt once there are enough."""
        if len(self) == limits.MISTAKES:
            note = f"further mistakes are not shown: at most {limits.MISTAKES} are"
            super().append(Mistake(self[-1].location, note, limits.hint("MISTAKES", 2 * limits.MISTAKES)))
        if len(self) > limits.MISTAKES:
            raise Halt
        super().append(mistake)
