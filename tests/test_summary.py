"""The last line of a run says what passed only by what a spec says."""

from __future__ import annotations

import numpy as np
import pytest

from gradcheck_cli import verify
from gradcheck_cli.report.concise import summary_line
from gradcheck_cli.run import run_specs

SINE = "inputs: {x: [0.5, 1.8]}\n    forward: sin(x)\n    backward: {x: FACTOR * grad * cos(x)}"
ABS = 'inputs: {x: [0.0, 1.8]}\n    forward: abs(x)\n    backward: {x: "grad * where(x == 0, 3, sign(x))"}'
SAID = {
    "": SINE.replace("FACTOR", "1"),
    "1 found wrong, as expected": f"{SINE.replace('FACTOR', '2')}\n    expect: fail",
    "1 by a loose tolerance only": f"{SINE.replace('FACTOR', '1.05')}\n    check: {{rtol: 0.1}}",
    "1 with errors above 1e-4": f"{SINE.replace('FACTOR', '1.005')}\n    check: {{atol: 0.1}}",
    "1 with kinks skipped": f"{ABS}\n    check: {{kinks: skip}}",
    "1 surrogate": f"{SINE.replace('FACTOR', '2')}\n    surrogate: true",
    "1 by random combinations of entries": f"{SINE.replace('FACTOR', '1')}\n    check: {{mode: projected}}",
}
QUIET = {
    "kinks that were compared": "inputs: {x: [0.0, 1.8]}\n    forward: abs(x)\n    backward: {x: grad * sign(x)}",
    "no kink to skip": f"{SINE.replace('FACTOR', '1')}\n    check: {{kinks: skip}}",
    "a loose tolerance that nothing needs": f"{SINE.replace('FACTOR', '1')}\n    check: {{rtol: 0.1, atol: 1}}",
    "a critical point": "inputs: {x: [0.0, 1.8]}\n    forward: cos(x)\n    backward: {x: -grad * sin(x)}\n    check: {atol: 1}",
    "single precision": "inputs: {x: {shape: [5], dtype: float32}}\n    forward: exp(x)\n    backward: {x: grad * out}",
    "a classical check": "inputs: {x: {shape: [3, 4]}}\n    forward: softmax(9 * x)\n    check: {eps: 1e-6}",
    "another": f"{SINE.replace('FACTOR', '1')}\n    check: {{eps: 1e-6}}",
}


def summary(tmp_path, *functions: str) -> str:
    spec = tmp_path / "spec.yaml"
    spec.write_text("functions:\n" + "".join(f"  f{k}:\n    {text}\n" for k, text in enumerate(functions)))
    return summary_line(run_specs([str(spec)])).rpartition(" in ")[0]


@pytest.mark.parametrize("said", SAID)
def test_one(said, tmp_path):
    assert summary(tmp_path, SAID[said]) == f"1 passed{f' ({said})' if said else ''}"


@pytest.mark.parametrize("name", QUIET)
def test_what_needs_no_word(name, tmp_path):
    assert summary(tmp_path, QUIET[name]) == "1 passed"


def test_all_of_them(tmp_path):
    functions = [*SAID.values(), SAID["1 surrogate"]]
    assert summary(tmp_path, *functions) == f"8 passed ({', '.join(filter(None, SAID))})".replace("1 surrogate", "2 surrogates")


def test_coarse_entries_are_counted():
    report = verify(np.sin, [np.array([0.5, 1.8])], backward=lambda grad, x: 1.001 * grad * np.cos(x), rtol=0.01)
    assert report.checks[0].inputs[0].coarse == 2
    assert report.checks[0].inputs[0].skipped == 0
