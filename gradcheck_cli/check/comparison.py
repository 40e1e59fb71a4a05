"""What is known of one input's Jacobian, claimed against numeric, while it is judged.

Entries are arrays of shape (coordinates of the input, outputs): a row of them is what one perturbed coordinate shows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from gradcheck_cli.check.claimed import RowSizes
from gradcheck_cli.check.differences import Differences
from gradcheck_cli.check.verdict import Tolerance, Verdict

Array = np.ndarray[Any, Any]


class Judged(NamedTuple):
    """What is known of each entry."""

    claimed: Array
    numeric: Array
    bound: Array
    """Of the error of `numeric`; infinite where the scales contradict each other."""
    verdict: Array


class Comparison:
    """Of each entry what is known so far."""

    def __init__(
        self,
        claimed: Array,
        differences: Differences,
        tolerance: Tolerance,
        sizes: RowSizes,
        witness: Callable[[Array], Array] | None = None,
    ) -> None:
        self.a, self.d, self.tol = claimed, differences, tolerance
        self.sizes = sizes
        self.witness = witness
        """Slopes of whole columns by the complex step, NaN where it cannot be taken."""
        self.numeric, self.bound = np.full(claimed.shape, np.nan), np.full(claimed.shape, np.inf)
        self.verdict = np.full(claimed.shape, Verdict.UNSETTLED, np.int8)

    @property
    def judged(self) -> Judged:
        """What there is to report."""
        return Judged(self.a, self.numeric, self.bound, self.verdict)

    @property
    def still_open(self) -> Array:
        """The entries that are not settled."""
        found: Array = self.verdict == Verdict.UNSETTLED
        return found

    def of_outputs(self, outputs: Array, differences: Differences) -> Comparison:
        """The same for some outputs, whose differences these are; nothing is settled there."""
        sizes = RowSizes(*(part[outputs] for part in self.sizes))
        return Comparison(self.a[:, outputs], differences, self.tol, sizes)

    def take_over(self, other: Comparison, here: Any, still_open: Array) -> None:
        """Put what another comparison, of the entries `here`, says of the open ones among them."""
        self.d.evaluations += other.d.evaluations
        for mine, theirs in ((self.verdict, other.verdict), (self.numeric, other.numeric), (self.bound, other.bound)):
            mine[here] = np.where(still_open[here], theirs, mine[here])
