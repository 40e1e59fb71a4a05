"""What a check found: immutable results, which every report is made from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gradcheck_cli.check.findings import CODES, Finding
from gradcheck_cli.check.tolerances import FIXED_STEP
from gradcheck_cli.check.verdict import FAILING, KINKS, UNDECIDED, Verdict, among
from gradcheck_cli.engine.counts import GraphCounts
from gradcheck_cli.errors import Location

if TYPE_CHECKING:
    from gradcheck_cli.check.diagnosis.cause import Diagnosis
    from gradcheck_cli.check.dot_product import DotProduct
    from gradcheck_cli.check.taylor import Taylor
    from gradcheck_cli.engine.graph import Graph

Array = np.ndarray[Any, Any]


class Entry(NamedTuple):
    """One Jacobian entry that is worth showing."""

    output: str
    output_index: tuple[int, ...]
    input_index: tuple[int, ...]
    claimed: float
    numeric: float
    error_bound: float
    verdict: Verdict
    part: str = ""
    """`re` or `im` where the input is complex."""

    @property
    def error(self) -> float:
        """|claimed - numeric|."""
        return abs(self.claimed - self.numeric)

    @property
    def relative_error(self) -> float:
        """|claimed - numeric| / max(|claimed|, |numeric|)."""
        size = max(abs(self.claimed), abs(self.numeric))
        return self.error / size if size else 0.0

    @property
    def resolution(self) -> float:
        """The relative error down to which this entry could be checked."""
        size = max(abs(self.claimed), abs(self.numeric))
        return self.error_bound / size if size else float("inf")


class Extent(NamedTuple):
    """What an output's share of the rows is."""

    name: str
    shape: tuple[int, ...]
    parts: int
    """Rows of an entry: 2 where it is complex."""


class Seen(NamedTuple):
    """How an input was looked at."""

    what: str = ""
    """As `Coordinates.described`."""
    alone: int = 0
    """Copies that were evaluated one by one,"""
    looped: tuple[str, ...] = ()
    """and the ops that ran copy by copy while the rest ran on all at once."""


NOT_SEEN = Seen()


class InputResult(NamedTuple):
    """One input's share of a check.

    The arrays have the Jacobian's shape (output size, input size). In projected mode they hold the random combinations; of a
    Jacobian of more than 4,000,000 entries that falls into blocks, each output's own block.
    """

    name: str
    shape: tuple[int, ...]
    verdict: str
    """`pass`, `fail`, `inconclusive`, or `error`."""
    claimed: Array
    numeric: Array
    error_bound: Array
    verdicts: Array
    """Of every entry, as numbers of `Verdict`."""
    entries: int
    """Jacobian entries of this input."""
    checked: int = 0
    """How many of them were compared, or in projected mode how many numbers in their place."""
    max_abs_error: float = 0.0
    max_rel_error: float = 0.0
    worst: Entry | None = None
    """The entry with the largest relative error."""
    mismatches: tuple[Entry, ...] = ()
    """The wrong entries, worst first (at most `SHOWN`)."""
    undecided: tuple[Entry, ...] = ()
    """Entries that could not be decided, the worst resolution first (at most `SHOWN`)."""
    taylor: Taylor | None = None
    """How the remainder falls with the step, where it was asked for."""
    bound: float = 0.0
    """The largest error bound among the entries that were settled."""
    diagnosis: tuple[Diagnosis, ...] = ()
    """What is likely wrong, the best explanation first."""
    seen: Seen = NOT_SEEN
    """How it was looked at."""
    tolerance: tuple[float, float] = (0.0, 0.0)
    """The rtol and the atol that its entries were judged by."""
    outputs: tuple[Extent, ...] = ()
    """The outputs that are checked: the rows, where each row is one entry."""

    def __eq__(self, other: object) -> bool:
        return self is other  # arrays cannot be compared as a tuple compares what it holds

    def __hash__(self) -> int:
        return id(self)

    @property
    def kinks(self) -> int:
        """How many entries sit on a kink or an edge."""
        return int(among(self.verdicts, KINKS).sum())

    @property
    def inconclusive(self) -> int:
        """How many entries could not be decided."""
        return int(among(self.verdicts, UNDECIDED).sum())

    @property
    def wrong(self) -> int:
        """How many entries are wrong."""
        return int(among(self.verdicts, FAILING).sum())

    @property
    def skipped(self) -> int:
        """How many entries were not compared, being on a kink."""
        return int(np.sum(self.verdicts == Verdict.SKIPPED))

    @property
    def loose(self) -> int:
        """How many entries agree by this check's tolerance, but differ by more than LOOSE."""
        return int(np.sum(self._agreeing_beyond(LOOSE)))

    @property
    def coarse(self) -> int:
        """How many entries agree by this check's tolerance, but differ by more than COARSE: not those of a claimed zero that is
        within the error bound.
        """
        beyond = self._agreeing_beyond(COARSE)
        if not beyond.any():
            return 0
        return int(np.sum(beyond & ~((self.claimed == 0) & (np.abs(self.numeric) <= self.error_bound))))

    def _agreeing_beyond(self, share: float) -> Array:
        """Where |a - D| > share max(|a|, |D|), within the tolerance; with a fixed step, beyond what its default atol allows."""
        if self.max_rel_error <= share:
            return np.zeros(0, bool)
        a, D, (rtol, atol) = self.claimed, self.numeric, self.tolerance
        with np.errstate(all="ignore"):
            error, size = np.abs(a - D), np.maximum(np.abs(a), np.abs(D))
            found: Array = (self.verdicts == Verdict.AGREE) & (error > share * size) & (error <= rtol * size + atol)
            found &= ~(np.isnan(self.error_bound) & (error <= FIXED_STEP[1]))
        return found


LOOSE = 0.01
"""A relative error that no sensible tolerance allows."""
COARSE = 1e-4
"""A relative error beyond what rounding explains, also in single precision."""
SHOWN = 100
"""Single entries that a result lists; the arrays hold all of them."""


class CheckResult(NamedTuple):
    """One function at one set of inputs."""

    function: str
    case: str = "default"
    file: str = ""
    location: Location | None = None
    verdict: str = "pass"
    """`pass`, `fail`, `inconclusive`, or `error`."""
    inputs: tuple[InputResult, ...] = ()
    findings: tuple[Finding, ...] = ()
    graph: GraphCounts = GraphCounts()
    forward_evaluations: int = 0
    backward_evaluations: int = 0
    seconds: float = 0.0
    seed: int = 0
    method: str = ""
    """How the differences were taken."""
    dot_product: DotProduct | None = None
    """<v, J u> by the engine's derivative of the forward against <J' v, u> by the rule; None where no values were compared."""
    drawing: Graph | None = None
    """The graph, where pictures were asked for, and it is not too large for one."""
    expected: str = ""
    """What the case expects, where that is not a pass: `fail`, `fail GC201`, `kink`."""

    @property
    def name(self) -> str:
        """Function and, where there are several, case."""
        return self.function if self.case == "default" else f"{self.function}[{self.case}]"

    @property
    def projected(self) -> bool:
        """Whether random directions stood for the entries."""
        return any(f.code == "GC603" for f in self.findings)

    @property
    def entries(self) -> int:
        """Jacobian entries that were compared."""
        return sum(x.checked for x in self.inputs)

    def expecting(self, verdict: str, code: str) -> CheckResult:
        """Judge by what the case expects: a rule documented as wrong passes if it is found wrong."""
        if verdict == "pass" or self.verdict == "error":
            return self
        expected = f"{verdict} {code}".strip()
        if verdict == "kink":
            if self.verdict != "pass" or any(x.kinks for x in self.inputs):
                return self._replace(expected=expected)
            finding = Finding("GC402", CODES["GC402"].title, self.location)
            return self._replace(expected=expected, verdict="fail", findings=(*self.findings, finding))
        codes = [f.code for f in self.findings if f.verdict == "fail"]
        if code in codes or (not code and codes):
            return self._replace(expected=expected, verdict="pass")
        if codes:
            finding = Finding("GC403", f"expected {code}, found {', '.join(dict.fromkeys(codes))}", self.location)
        elif self.verdict == "inconclusive":
            return self._replace(expected=expected)
        else:
            finding = Finding("GC401", CODES["GC401"].title, self.location)
        return self._replace(expected=expected, verdict="fail", findings=(*self.findings, finding))


def overall(findings: tuple[Finding, ...] | list[Finding], inputs: tuple[InputResult, ...] = ()) -> str:
    """The verdict that follows: an error before a failure before an open question."""
    found = {f.verdict for f in findings} | {x.verdict for x in inputs}
    return next((v for v in ("error", "fail", "inconclusive") if v in found), "pass")
