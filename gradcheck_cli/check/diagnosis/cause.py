"""`Diagnosis`: what reports show of it. This module is all that a check without mismatches imports."""

from __future__ import annotations

from typing import NamedTuple

from gradcheck_cli.errors import Location


class Change(NamedTuple):
    """A change of a rule's text."""

    location: Location
    """Where the changed part starts."""
    before: str
    after: str


class Diagnosis(NamedTuple):
    """A likely cause of a mismatch."""

    cause: str
    """A stable word: sign, factor, transposed, swapped, ..."""
    message: str
    """What is wrong, and the evidence."""
    edits: tuple[Change, ...] = ()
    """Of the cause `edit`: the changes, each of which mends the rule by itself."""


CAUSES: dict[str, str] = {
    "edit": "one change of the rule's text, at the place that is named, mends it",
    "sign": "the gradient, or the input that the rule reads, has the wrong sign",
    "factor": "off by one constant factor",
    "axis_factor": "off by one factor for each index along an axis",
    "mean_for_sum": "divided by the size of an axis, as a mean is",
    "sum_for_mean": "too large by the size of an axis: the division of a mean is missing",
    "missing_factor": "a factor that is an input or an output is missing, or is one too many",
    "transposed": "a transpose is missing or one too many: of the gradient, of the cotangent or of an input",
    "permuted": "entries are in the wrong places: rolled, reversed or reordered along an axis",
    "swapped": "what belongs to one input was used for another",
    "missing_sum": "not all outputs that an entry reaches are summed over",
    "reshaped": "the gradient has the right numbers in another shape",
    "broadcast": "the gradient has to be repeated along an axis that it lacks",
    "averaged": "entries were averaged or summed that have to be kept apart",
    "missing_term": "off by one term: it is missing, or its sign or its factor is wrong",
    "zero": "zero where it should not be",
    "region": "wrong only where a condition on values or places holds",
    "single_entry": "wrong for one entry only",
    "out_for_input": "the rule reads the output where the input belongs",
    "input_for_out": "the rule reads the input where the output belongs",
    "conjugate": "the complex conjugate is missing, or one too many",
    "float32": "numbers were rounded to float32 inside the rule",
    "nonlinear": "the rule is not linear in its cotangent",
}
"""All causes, and what each says."""
