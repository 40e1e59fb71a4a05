"""Check options and expectations."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from gradcheck_cli.errors import did_you_mean
from gradcheck_cli.spec import limits
from gradcheck_cli.spec.document import Node, Scalar, quote
from gradcheck_cli.spec.fields import Fields
from gradcheck_cli.spec.model import CheckOptions, Expectation

MODES = ("full", "projected")
KINKS = ("subgradient", "fail", "skip")
VERDICTS = ("pass", "fail", "kink")

_LARGEST_SEED = 2**63 - 1

_Reader = Callable[[Fields, Node, str], Any]


def _rtol(fields: Fields, node: Node, what: str) -> float | None:
    return fields.number(node, what, "a number between 0 and 1", lambda v: 0 < v < 1)


def _atol(fields: Fields, node: Node, what: str) -> float | None:
    return fields.number(node, what, "a finite number, 0 or more", lambda v: 0 <= v < math.inf)


def _eps(fields: Fields, node: Node, what: str) -> float | None:
    return fields.number(node, what, "a finite number greater than 0", lambda v: 0 < v < math.inf)


def _order(fields: Fields, node: Node, what: str) -> int | None:
    return fields.integer(node, what, "1 or 2", lambda v: v in (1, 2))


def _points(fields: Fields, node: Node, what: str) -> int | None:
    must = f"a whole number from 1 to {limits.POINTS}"
    return fields.integer(node, what, must, lambda v: 1 <= v <= limits.POINTS)


def _mode(fields: Fields, node: Node, what: str) -> str | None:
    return fields.choice(node, what, MODES)


def _kinks(fields: Fields, node: Node, what: str) -> str | None:
    return fields.choice(node, what, KINKS)


def _seed(fields: Fields, node: Node, what: str) -> int | None:
    return fields.integer(node, what, "a whole number from 0 to 2**63 - 1", lambda v: 0 <= v <= _LARGEST_SEED)


_READERS: dict[str, _Reader] = {
    "rtol": _rtol, "atol": _atol, "eps": _eps, "order": _order,
    "points": _points, "mode": _mode, "kinks": _kinks, "seed": _seed,
}  # fmt: skip

KEYS = tuple(_READERS)


def read_options(fields: Fields, node: Node | None, what: str) -> CheckOptions:
    """The options of a `check:` block; what is wrong is reported and left out."""
    if node is None:
        return CheckOptions()
    entries = fields.keyed(node, what, KEYS) or {}
    return CheckOptions(**{name: _READERS[name](fields, entry, name) for name, entry in entries.items()})


def read_expectation(fields: Fields, node: Node | None) -> Expectation | None:
    """The value of `expect`; None when it is not given, or wrong, which is reported."""
    if node is None:
        return None
    must = "pass, fail, fail GC201 (a finding's code), or kink"
    words = node.value.split() if isinstance(node, Scalar) else []
    if not words or len(words) > 2 or words[0] not in VERDICTS or (len(words) == 2 and words[0] != "fail"):
        near = did_you_mean(words[0], VERDICTS) if words and words[0] not in VERDICTS else ""
        fields.expected(node, "expect", must, near)
        return None
    if len(words) == 2:
        problem, hint = _code_problem(words[1])
        if problem:
            fields.complain(node, problem, hint)
            return None
    return Expectation(*words)


def _code_problem(code: str) -> tuple[str, str]:
    """What is wrong with a finding's code, and a hint; empty when nothing is."""
    if not (len(code) == 5 and code.startswith("GC") and code[2:].isascii() and code[2:].isdigit()):
        return f"a finding's code is GC and three digits, such as GC201; found {quote(code)}", ""
    known = _known_codes()
    if known and code not in known:
        return f"there is no finding {code}", did_you_mean(code, tuple(known)) or f"there are {', '.join(known)}"
    return "", ""


def _known_codes() -> tuple[str, ...]:
    from gradcheck_cli.check.findings import CODES

    return tuple(CODES)
