"""How often the benchmark of causes finds the right one named, on a few mutants; and that it tells right from wrong ones."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gradcheck_cli.check.diagnosis.cause import CAUSES, Change, Diagnosis

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))

import diagnosis as bench


@pytest.fixture(scope="module")
def trials():
    return [t for s in bench.subjects("softmax") for t in bench.trials(s)]


@pytest.fixture(scope="module")
def found(trials):
    return list(bench.outcomes(list(bench.some([t for t in trials if t.kind in bench.RIGHT], 2))))


@pytest.mark.slow
def test_the_right_cause_is_named(found):
    all_of_them = bench.tally(found)
    assert all_of_them.mutants > 25
    assert {o.trial.family for o in found} == set(bench.FAMILIES)
    assert all_of_them.named >= 0.9 * all_of_them.mutants
    assert all_of_them.wrong == 0


def test_causes_of_the_benchmark_exist():
    assert set().union(*bench.RIGHT.values(), *bench.OTHERS.values()) <= CAUSES.keys()


def test_a_true_statement_of_another_kind_is_not_the_right_one(found):
    outcome = next(o for o in found if o.trial.kind == "sign" and o.said and o.said[0][1].cause == "sign")
    name, said = outcome.said[0]
    assert bench._worth(outcome.trial, name, said) == "right"
    assert bench._worth(outcome.trial._replace(kind="factor"), name, said) == "true"


def test_what_is_not_said_again_elsewhere_is_wrong(found):
    outcome = next(o for o in found if o.trial.kind == "sign" and o.said and o.said[0][1].cause == "sign")
    name, said = outcome.said[0]
    assert bench._worth(outcome.trial, name, said._replace(message=said.message.replace("-1.0", "-1.1"))) == "wrong"
    assert bench._worth(outcome.trial, name, Diagnosis("transposed", "the gradient of x is transposed")) == "wrong"


def test_an_edit_is_right_only_if_it_mends_the_rule_at_other_points(found):
    outcome = next(o for o in found if o.trial.kind == "sign" and o.said and o.said[0][1].edits)
    name, said = outcome.said[0]
    assert bench._worth(outcome.trial, name, said) == "right"
    rule = next(bench.rule_texts(outcome.trial.changed))
    groups = bench.name_groups(outcome.trial.changed, rule)
    other = next(bench.edits(rule, groups, ("factor",)))
    lie = Diagnosis("edit", "", (*said.edits, Change(other.location, other.before, other.after)))
    assert bench._worth(outcome.trial, name, lie) == "wrong"
