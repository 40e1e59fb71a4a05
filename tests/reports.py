"""Reports to render: a small one with every verdict, one with a hostile text everywhere, and those of real files."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from gradcheck_cli.check.diagnosis.cause import Change, Diagnosis
from gradcheck_cli.check.findings import Finding
from gradcheck_cli.check.result import CheckResult, Entry, InputResult
from gradcheck_cli.check.verdict import Verdict
from gradcheck_cli.errors import Location, Mistake
from gradcheck_cli.report import Report
from gradcheck_cli.run import run_specs

ROOT = Path(__file__).parent.parent
SPEC = "specs/a b.yaml"
SOURCE = """\
functions:
  f:
    inputs: {x: 2.0}
    forward: x**2
    backward:
      x: grad * x
  g:
    inputs: {x: [1.0, 2.0]}
    forward: x
    backward: {x: grad}
  h:
"""


def one_input(name: str = "x", verdict: Verdict = Verdict.DISAGREE, claimed: float = 2.0, numeric: float = 4.0) -> InputResult:
    entry = Entry("out", (), (), claimed, numeric, 1e-12, verdict)
    wrong = verdict == Verdict.DISAGREE
    column = np.array([[claimed]]), np.array([[numeric]]), np.array([[1e-12]]), np.array([[int(verdict)]])
    return InputResult(
        name,
        (),
        "fail" if wrong else "inconclusive",
        *column,
        entries=1,
        checked=1,
        max_abs_error=entry.error,
        max_rel_error=entry.relative_error,
        worst=entry,
        mismatches=(entry,) if wrong else (),
        undecided=() if wrong else (entry,),
        bound=1e-12,
    )


def small() -> Report:
    """A check of every verdict, in a file of which the texts are known, and a mistake in another file."""
    edit = Diagnosis("edit", "changing `grad * x` mends the rule", (Change(Location(SPEC, 6, 10), "grad * x", "2 * grad * x"),))
    wrong = Finding("GC201", "the gradient of 'x' is wrong", Location(SPEC, 6, 10), "x", (edit,))
    undecided = Finding("GC301", "50% of it\nis too small", Location(SPEC, 10, 19), "x")
    note = Finding("GC605", "x is square", Location(SPEC, 11, 3), "x")
    checks = (
        CheckResult("g", "wide", SPEC, Location(SPEC, 7, 3), "inconclusive", (one_input("x", Verdict.NOISE),), (undecided,)),
        CheckResult("f", "default", SPEC, Location(SPEC, 2, 3), "fail", (one_input(),), (wrong,), seconds=0.25),
        CheckResult("h", "default", SPEC, Location(SPEC, 11, 3), "pass", (), (note,), seconds=1.0),
    )
    mistake = Mistake(Location("bad.yaml", 4, 14), "unknown function sinn", "did you mean 'sin'?", "    forward: sinn(x)")
    return Report(checks, (mistake,), seconds=1.5, sources={SPEC: SOURCE})


HOSTILE = [
    "\x1b[31m red \x1b]0;title\x07 \r\x08\x7f\x9b",
    "\u202e bidi \u2066 \u200b zero \ufeff width \u2028 \u3164 \ufe0f \U000e0041",
    "::error file=x::boom",
    "a\n::stop-commands::x\n  ::add-mask::y\n##[error]z",
    "# head\n\n- [x](javascript:alert(1)) ![i](http://a.b/c) **b** `code` ~~s~~ | cell | $x$ @team :x: www.evil.org <b>",
    "``` \n~~~\n<details>\n```\n</code></details><script>alert(1)</script>",
    "]]> <!-- --> <?php ?> <![CDATA[ & &amp; &#0; ' \"",
    "\x00 nul \ud800 lone \udcff \uffff",
    "\\ \\| \\` %0A%0D%25 , ; = {0} {{",
    "<script>alert(1)</script>",
    "",
    "中é😀" * 3,
    "x" * 5000,
]


def hostile(text: str) -> Report:
    """The text wherever a text from outside may stand."""
    place = Location(text or "a", 1, 1)
    edit = Diagnosis("edit", text, (Change(place, text or "b", text + "1"), Change(place, text[:2] or "b", text)))
    finding = Finding("GC201", text, place, text, (edit,))
    lost = Finding("GC599", text)
    checks = (
        CheckResult(text, text, text, place, "fail", (one_input(text),), (finding, finding._replace(code="GC102"))),
        CheckResult(text, "default", text, place, "error", (), (lost,), seed=3),
        CheckResult(text, "default", text, place, "inconclusive", (one_input(text, Verdict.NOISE),), (Finding("GC302", text),)),
        CheckResult(text, text, text, place, "pass", (one_input(text),), (Finding("GC602", text, place),)),
    )
    mistakes = (Mistake(place, text, text, text), Mistake(Location("b" + text, 1, 2), text))
    return Report(checks, mistakes, sources={text or "a": text * 2}, options={"rtol": 1e-6})


@cache
def real() -> Report:
    """All specs with a mistake, judged as if it were none, and all files that cannot be used."""
    with TemporaryDirectory() as folder:
        for path in (ROOT / "specs" / "mistakes").glob("*.yaml"):
            (Path(folder) / path.name).write_text(re.sub(r"expect: fail.*", "", path.read_text()))
        return run_specs([folder, str(ROOT / "tests" / "malformed")])


def many(count: int, verdict: str = "fail") -> Report:
    """This many checks, each in a file of its own, with a long message."""
    return Report(tuple(_one_of_many(k, f"specs/{k % 50}.yaml", verdict) for k in range(count)))


def _one_of_many(k: int, file: str, verdict: str) -> CheckResult:
    message = f"{k} " + "the gradient is wrong " * 10
    findings = (Finding("GC201", message, Location(file, 3, 5), "x"),) if verdict == "fail" else ()
    inputs = (one_input(claimed=1.0 + k, numeric=1.0),)
    return CheckResult(f"f{k}", "default", file, Location(file, 2, 3), verdict, inputs, findings)
