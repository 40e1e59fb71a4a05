"""What docs/verdicts.md says of the code is so."""

from __future__ import annotations

import inspect
import re
from importlib import import_module

import numpy as np
import pytest
from documents import ROOT, check_in_order, check_part

from gradcheck_cli import verify
from gradcheck_cli.check import blocks, check, contract, dense, differences, directions, plan, sums, tolerances
from gradcheck_cli.check.findings import CODES
from gradcheck_cli.check.verdict import judge

PATH = ROOT / "docs" / "verdicts.md"
TEXT = PATH.read_text(encoding="utf-8")
ONE_LINE = " ".join(TEXT.split())


def test_commands_print_what_is_shown(tmp_path):
    check_in_order(PATH, tmp_path)


def test_the_formula_is_that_of_the_code():
    formula = (inspect.getdoc(judge) or "").partition("\n\n")[2]
    check_part(PATH, "judge", f"\n```text\n{formula}\n```\n\n")


def test_constants_are_those_of_the_code():
    rows = re.findall(r"^\| `([A-Z_]+)` \| ([-\d.^e]+) \| `(\w+)` \|", TEXT, re.M)
    assert len(rows) == TEXT.partition("| constant |")[2].partition("\n\n")[0].count("\n| `")
    for name, value, module in rows:
        base, _, power = value.partition("^")
        assert float(base) ** float(power or 1) == getattr(import_module(f"gradcheck_cli.check.{module}"), name), name
    named = set(re.findall(r"\b[A-Z_]{3,}\b", inspect.getdoc(judge) or "")) - {"UNSETTLED"}
    assert named <= {name for name, _, _ in rows}


def test_numbers_in_the_text_are_those_of_the_code():
    assert tolerances.ADAPTIVE == (1e-7, 0.0)
    assert "`rtol` is 1e-7 and `atol` 0" in ONE_LINE
    assert tolerances.FIXED_STEP == (1e-3, 1e-5)
    assert "|a - D| <= atol + rtol |D|, with 1e-3 and 1e-5" in ONE_LINE
    assert contract.FACTORS == (-1.0, -2.0, 2.0**10, 2.0**-20)
    assert "| -g, -2g, 2^10 g, 2^-20 g |" in TEXT
    assert contract.FAR_FACTORS == (2.0**40, 2.0**-34)
    assert "| 2^40 g, 2^-34 g |" in TEXT
    assert contract.FAR_DIGITS == 1e-3
    assert (sums.ADDITIVITY["float64"], sums.ADDITIVITY["float32"]) == (1e-10, 1e-4)
    assert check.FLOAT32_RTOL == 1e-4
    assert plan.DENSE_ENTRIES == 2**18
    assert f"{blocks.FULL_ENTRIES:,} entries" in TEXT
    assert plan.FULL_WORK == 10**9
    assert directions.PARTS == 64
    assert f"{directions.LARGEST / directions.SMALLEST:.0f} rtol sqrt(B)" in ONE_LINE
    assert len(differences.PROBE) == 9
    cotangent = np.abs(dense.dense_cotangent(1000))
    assert 0.5 <= cotangent.min() < cotangent.max() <= 1.5
    assert len(set(cotangent)) == 1000


def test_every_reason_to_be_undecided_is_listed():
    rows = re.findall(r"^\| \[(GC\d+)\]\(findings.md#", TEXT, re.M)
    assert rows == [code for code, c in CODES.items() if c.verdict == "inconclusive"]


def one(function, rule, *inputs):
    found = verify(function, [np.array(x) for x in inputs], backward=rule)
    return found.checks[0].verdict


def test_a_rule_that_goes_wrong_late_is_noticed_only_within_some_25_calls():
    calls = []

    def rule(grad, x):
        calls.append(1)
        return grad * np.cos(x) * (2 if len(calls) > limit else 1)

    limit = 20
    assert one(np.sin, rule, [0.5, 1.8]) == "fail"
    calls.clear()
    limit = 30
    assert one(np.sin, rule, [0.5, 1.8]) == "pass"
    assert 20 < len(calls) < 30


KNOWN = {
    "a faint dependence": ("pass", lambda x: np.array([x[0] + 1e-16 * x[1], x[1]]), lambda g, x: g.copy(), [0.5, 1.8]),
    "ripples that the rule knows": (
        "fail",
        lambda x: x + 1e-13 * np.sin(1e12 * x),
        lambda g, x: g * (1 + 0.1 * np.cos(1e12 * x)),
        [0.5],
    ),
    "ripples that it does not": ("pass", lambda x: x + 1e-13 * np.sin(1e12 * x), lambda g, x: g.copy(), [0.5]),
    "zero but for rounding": ("inconclusive", lambda x: (x + 1.0) - x - 1.0, lambda g, x: 0 * g, [0.3, 0.7]),
    "larger numbers on the way": (
        "inconclusive",
        lambda x: (np.abs(x) + 1e12) - 1e12,
        lambda g, x: g * np.sign(x),
        [0.3, 0.7],
    ),
    "each of the largest": ("pass", np.max, lambda g, x: g * (x == x.max()), [1.0, 1.0, 0.0]),
    "outside of a weak kink": (
        "inconclusive",
        lambda x: x + 1e-3 * np.abs(x),
        lambda g, x: g * np.where(x > 0, 1.001, 1.003),
        [0.0, 1.8],
    ),
    "an edge": ("pass", np.sqrt, lambda g, x: g * np.array([7.0, 0.5 / np.sqrt(1.8)]), [0.0, 1.8]),
}


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_known_limits(name):
    verdict, function, rule, x = KNOWN[name]
    assert one(function, rule, x) == verdict


def test_a_tie_across_inputs_may_be_accused():
    assert one(lambda x, y, z: np.sort([x, y, z])[1], lambda g, x, y, z: (0 * g, 1 * g, 0 * g), 1.0, 1.0, 1.0) == "fail"
