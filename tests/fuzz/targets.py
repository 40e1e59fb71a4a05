"""What fuzzed inputs are given to. Each takes bytes; nothing but the project's own errors may come out, and soon."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

import numpy as np
from running import FUNCTIONS, VALUES, compiled

from gradcheck_cli.errors import GradcheckError, SpecError
from gradcheck_cli.planning import Planned
from gradcheck_cli.report import render
from gradcheck_cli.report.report import Report
from gradcheck_cli.run import run_one
from gradcheck_cli.spec.loader import loads

SMALL = {"INPUT_ELEMENTS": 2_000, "RESULT_ELEMENTS": 20_000, "RUN_ELEMENTS": 100_000, "STATEMENTS": 2_000}
"""Limits under which an input cannot take long, so that many can be tried."""


def load(data: bytes) -> None:
    """A spec file."""
    try:
        loads(data.decode("utf-8", "surrogateescape"))
    except SpecError as error:
        shown = str(error)
        assert shown.replace("\n", "").isprintable(), shown
        assert all(m.location.line >= 1 and m.location.column >= 1 for m in error.mistakes)


def expression(data: bytes) -> None:
    """An expression, or where it has `return` a block: translated, and run."""
    code = data.decode("utf-8", "surrogateescape")
    program, mistakes = compiled(code, "return" in code)
    assert (program is None) == bool(mistakes)
    if program is not None:
        try:
            with np.errstate(all="ignore"):
                program.run(VALUES, FUNCTIONS)
        except SpecError as error:
            assert len(str(error)) < 3000


def check(data: bytes) -> None:
    """A spec file whose functions are checked, and reported in every way."""
    try:
        file = loads(data.decode("utf-8", "surrogateescape"))
    except SpecError:
        return
    found = []
    for function in list(file.functions.values())[:2]:
        for case in function.cases[:2]:
            try:
                result = run_one(Planned(file, function, case), {"points": 1})
            except GradcheckError as error:
                raise AssertionError("must be a result") from error
            if not isinstance(result, SpecError):
                assert not any(f.code in ("GC599", "GC604") for f in result.findings)
                found.append(result)
    for format in ("full", "concise", "json"):
        render(Report(tuple(found)), format)


TARGETS = {"load": load, "expression": expression, "check": check}
