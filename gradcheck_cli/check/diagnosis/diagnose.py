"""`diagnose`: from the evidence of a check to likely causes.

A cause is named only if it explains the numbers to their error bounds: under it all wrong entries are right and all right
ones stay right. Few entries, or round and equal ones, are explained by many causes: then none is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, islice

import numpy as np

from gradcheck_cli.check.claimed import Outputs
from gradcheck_cli.check.diagnosis import factors, moves, regions, terms
from gradcheck_cli.check.diagnosis.cause import Diagnosis
from gradcheck_cli.check.diagnosis.contract import nonlinear, wrong_shape
from gradcheck_cli.check.diagnosis.elsewhere import Elsewhere
from gradcheck_cli.check.diagnosis.evidence import Evidence, Tolerances, known_values
from gradcheck_cli.check.findings import Finding
from gradcheck_cli.check.problem import Problem, Pulled
from gradcheck_cli.check.result import InputResult

SHOWN = 3
"""Diagnoses that an input gets at most."""
COARSE = 1e-2
"""With a larger `rtol` nothing is explained by agreeing to it."""
LARGE = 1_000_000
"""Entries up to which hypotheses are tried that cost many passes over the Jacobian."""


def diagnose(
    problem: Problem, pulled: Pulled, outputs: Outputs, inputs: Sequence[InputResult], findings: Sequence[Finding]
) -> tuple[list[InputResult], list[Finding]]:
    """The results and findings of a check, with their diagnoses."""
    by_name = of_inputs(problem, outputs, inputs)
    diagnosed = [x._replace(diagnosis=by_name.get(x.name, ())) for x in inputs]
    return diagnosed, [f._replace(diagnosis=_of_finding(problem, pulled, outputs, f, by_name)) for f in findings]


def _of_finding(
    problem: Problem, pulled: Pulled, outputs: Outputs, finding: Finding, by_name: dict[str, tuple[Diagnosis, ...]]
) -> tuple[Diagnosis, ...]:
    if finding.code in ("GC201", "GC104"):
        return by_name.get(finding.input_name, ())
    if finding.code == "GC102":
        return tuple(wrong_shape(problem, pulled, outputs, finding.input_name))
    if finding.code == "GC110":
        return tuple(nonlinear(problem, pulled, outputs, finding.input_name))
    return ()


def of_inputs(problem: Problem, outputs: Outputs, inputs: Sequence[InputResult]) -> dict[str, tuple[Diagnosis, ...]]:
    """For each input with wrong entries what explains them, the best first."""
    rtol, atol = problem.settings.tolerances()
    if rtol > COARSE or not any(x.wrong for x in inputs):
        return {}
    places = {x.name: i for i, x in enumerate(problem.inputs)}
    evidence = []
    for result in inputs:
        x = problem.inputs[places[result.name]]
        narrow = x.value.dtype == np.float32
        tolerances = Tolerances(max(rtol, 1e-4), atol, 2.0**-23) if narrow else Tolerances(rtol, atol)
        evidence.append(Evidence(x, result, outputs, tolerances))
    elsewhere = Elsewhere(problem, outputs)
    known = list(known_values(problem.inputs, outputs))
    found = {}
    for e in evidence:
        if e.wrong.any():
            others = [o for o in evidence if o is not e]
            # An error of a few tolerances fits many hypotheses, but not that all numbers are of single precision.
            causes = _causes(e, others, known, elsewhere, places[e.name]) if e.clear else regions.rounded(e)
            found[e.name] = _first(causes)
    return found


def _causes(
    e: Evidence, others: Sequence[Evidence], known: factors.Known, elsewhere: Elsewhere, place: int
) -> Iterable[Diagnosis]:
    """What explains all entries; failing that, where the wrong ones are."""
    if not np.any(e.A[e.decided]):
        return regions.zero(e)
    simple = chain(
        moves.swapped_both(e, others, signs=False), factors.simple(e, known), moves.swapped_both(e, others, signs=True)
    )
    whole = chain(
        moves.moved(e),
        moves.conjugated(e),
        moves.swapped(e, others),
        regions.rounded(e),
    )
    costly = chain(
        factors.known_value(e, known),
        factors.along_an_axis(e),
        terms.term(e, others, known),
        terms.averaged(e),
        elsewhere.diagnoses(place, e),
        factors.constant(e, known),
    )
    partial = chain(terms.left_out(e), regions.where(e, known))
    return _first(simple) or _first(whole) or (_first(costly) if e.A.size <= LARGE else ()) or partial


def _first(diagnoses: Iterable[Diagnosis]) -> tuple[Diagnosis, ...]:
    """Of each cause the first, and of the causes the first few."""
    by_cause: dict[str, Diagnosis] = {}
    for d in islice(diagnoses, 4 * SHOWN):
        by_cause.setdefault(d.cause, d)
    return tuple(by_cause.values())[:SHOWN]
