"""A short share of the fuzzing that `fuzz/fuzz.py` does without end."""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random

import pytest

sys.path.insert(0, str(Path(__file__).parent / "fuzz"))

from fuzz import mutated, tried
from targets import SMALL, TARGETS

from gradcheck_cli.spec import limits

SHARE = {"load": 1500, "expression": 2500, "check": 60}


@pytest.mark.parametrize("target", TARGETS)
def test_only_our_own_errors_come_out(target, monkeypatch):
    for name, value in SMALL.items():
        monkeypatch.setattr(limits, name, value)
    rng = Random(1)
    for _ in range(SHARE[target]):
        data = mutated(target, rng)
        assert not tried(TARGETS[target], data), data


def test_what_comes_out_is_noticed():
    def target(data: bytes) -> None:
        raise ZeroDivisionError(data)

    assert "ZeroDivisionError" in tried(target, b"x")
    assert tried(lambda data: None, b"x") == ""
