"""`Report`: the result of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from gradcheck_cli.errors import VerificationError

if TYPE_CHECKING:
    from gradcheck_cli.check.result import CheckResult
    from gradcheck_cli.errors import Mistake

VERDICTS = ("pass", "fail", "inconclusive", "error")
INTERRUPTED = 130
"""The exit code of what a signal ended: 128 + SIGINT, as shells have it."""


NOTHING: Mapping[str, Any] = {}


class Report(NamedTuple):
    """All checks of a run, in the order of files, functions and cases."""

    checks: tuple[CheckResult, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    """What is wrong with the spec files that could not be used."""
    seed: int = 0
    options: Mapping[str, Any] = NOTHING
    """The options that the run itself was given; they win over those in the files."""
    seconds: float = 0.0
    """How long all of it took."""
    sources: Mapping[str, str] = NOTHING
    """The texts of the spec files, by path."""

    interrupted: str = ""
    """How far it came, where it did not come to its end."""

    @property
    def ok(self) -> bool:
        """Whether every check passed, and there was one."""
        return self.exit_code == 0

    @property
    def summary(self) -> dict[str, int]:
        """How many checks got each verdict; a file that cannot be used counts as one error."""
        counts = Counter(c.verdict for c in self.checks)
        files = len({m.location.path for m in self.mistakes})
        return {v: counts[v] + (files if v == "error" else 0) for v in VERDICTS}

    @property
    def exit_code(self) -> int:
        """0 all passed; 1 some rule is wrong; 2 an invalid spec; 3 something undecided; 4 internal error; 5 no check.

        130 where it was interrupted.
        """
        if self.interrupted:
            return INTERRUPTED
        counts = self.summary
        if any(f.code == "GC599" for c in self.checks for f in c.findings):
            return 4
        if not self.checks and not self.mistakes:
            return 5
        if counts["error"]:
            return 2
        if counts["fail"]:
            return 1
        # A run that compared nothing has shown nothing.
        return 3 if counts["inconclusive"] or not self._compared_something() else 0

    def _compared_something(self) -> bool:
        return any(c.entries or any(f.code == "GC601" for f in c.findings) or c.expected for c in self.checks)

    def to_dict(self) -> dict[str, Any]:
        """The object that the json format prints."""
        from gradcheck_cli.report.json import as_dict

        return as_dict(self)

    def raise_if_failed(self) -> None:
        """Raise VerificationError, with the findings in its text, unless the report is ok."""
        __tracebackhide__ = True  # pytest shows the caller
        if not self.ok:
            raise VerificationError(repr(self))

    def __repr__(self) -> str:
        from gradcheck_cli.report.formats import render

        return render(self, "full").rstrip("\n")

    def __bool__(self) -> bool:
        return self.ok

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)
