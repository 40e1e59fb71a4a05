"""What a self-test found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from gradcheck_cli.errors import Location, Mistake

EQUIVALENT, HIDDEN, RESOLUTION, TOLERANCE, KINK, UNEXPLAINED = (
    "equivalent", "hidden", "resolution", "tolerance", "kink", "unexplained",
)  # fmt: skip
REASONS = {
    EQUIVALENT: "the same gradients, here and at other points",
    HIDDEN: "the same gradients here, other ones elsewhere: the inputs hide it, choose others",
    RESOLUTION: "below the resolution: the check is inconclusive where the gradients differ",
    TOLERANCE: "below the tolerance: the gradients differ by less than it",
    KINK: "the gradients differ at kinks only, between the slopes",
    UNEXPLAINED: "the gradients differ, and the check passes",
}
"""Why a corrupted rule may survive."""


class Survivor(NamedTuple):
    """A corrupted rule that was not found wrong."""

    kind: str
    location: Location | None
    """Where the rule was changed."""
    before: str
    after: str
    reason: str
    """One of `REASONS`."""
    note: str = ""
    """What there is to say beyond the reason."""


class FunctionResult(NamedTuple):
    """The corrupted rules of one function."""

    file: str
    location: Location | None
    function: str
    tried: Counter[str]
    """How many of each kind,"""
    killed: Counter[str]
    """and how many of them were found wrong."""
    survivors: tuple[Survivor, ...] = ()
    skipped: str = ""
    """Why nothing was tried; empty where something was."""
    verdict: str = "pass"
    """Of the function's own rule, at the same inputs."""

    @property
    def name(self) -> str:
        """What a progress bar shows."""
        return self.function


Watch = Callable[[Iterator[FunctionResult], int], Iterable[FunctionResult]]
"""Sees results go by, and how many there will be."""


class SelftestReport(NamedTuple):
    """All functions of a self-test, in the files' order."""

    functions: tuple[FunctionResult, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    """What is wrong with the files that could not be used."""

    @property
    def tried(self) -> Counter[str]:
        """Corrupted rules of each kind."""
        return sum((f.tried for f in self.functions), Counter[str]())

    @property
    def killed(self) -> Counter[str]:
        """Those of them that were found wrong."""
        return sum((f.killed for f in self.functions), Counter[str]())

    @property
    def survivors(self) -> Counter[str]:
        """Survivors by reason."""
        return Counter(s.reason for f in self.functions for s in f.survivors)

    @property
    def exit_code(self) -> int:
        """2 an invalid spec; 1 a survivor without a reason, or a rule that is wrong as it is; 3 survivors that only the
        inputs hide; 5 nothing was selected; 0 otherwise.
        """
        verdicts = {f.verdict for f in self.functions}
        if self.mistakes or "error" in verdicts:
            return 2
        if self.survivors[UNEXPLAINED] or "fail" in verdicts:
            return 1
        if not self.functions:
            return 5
        return 3 if self.survivors[HIDDEN] else 0
