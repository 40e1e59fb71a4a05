"""Check options and expectations."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, NamedTuple

from gradcheck_cli.errors import did_you_mean
from gradcheck_cli.spec import limits
from gradcheck_cli.spec.document import Node, Scalar, quote
from gradcheck_cli.spec.fields import Fields
from gradcheck_cli.spec.keys import Fragment
from gradcheck_cli.spec.model import NOTHING, CheckOptions, Expectation

VERDICTS = ("pass", "fail", "kink")

_ENDS: dict[str, Callable[[Any, Any], bool]] = {
    "minimum": operator.ge,
    "exclusiveMinimum": operator.gt,
    "maximum": operator.le,
    "exclusiveMaximum": operator.lt,
}


class Option(NamedTuple):
    """One option of a check."""

    doc: str
    must: str
    """What a value must be, in words."""
    schema: Fragment
    """The same for machines: `enum`, or `type` and the ends of a range."""
    limit: str = ""
    """The limit that a spec's value must keep to."""

    def holds(self, value: Any) -> bool:
        """Whether a value is what it must be."""
        try:
            if isinstance(value, bool) or ("enum" in self.schema and value not in self.schema["enum"]):
                return False
            if self.schema["type"] == "integer":
                operator.index(value)
            elif self.schema["type"] == "number" and (isinstance(value, str) or not math.isfinite(value)):
                return False
            return all(test(value, self.schema[end]) for end, test in _ENDS.items() if end in self.schema)
        except (TypeError, ValueError, OverflowError):
            return False

    def read(self, fields: Fields, node: Node, what: str) -> Any:
        """The value in a spec; None where it is wrong, which is reported."""
        if self.schema["type"] == "string":
            return fields.choice(node, what, tuple(self.schema["enum"]))
        read: Callable[..., Any] = fields.integer if self.schema["type"] == "integer" else fields.number
        value = read(node, what, self.must, self.holds)
        if value is not None and self.limit and value > getattr(limits, self.limit):
            message = f"{what} must be at most {getattr(limits, self.limit)}; found {quote(str(value))[1:-1]}"
            fields.complain(node, message, limits.hint(self.limit, value))
        return value


OPTIONS: dict[str, Option] = {
    "rtol": Option(
        "Largest relative error of an entry that counts as agreement. Default: 1e-7; 1e-3 with eps.",
        "a number between 0 and 1",
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        "RTOL",
    ),
    "atol": Option(
        "Absolute floor of the tolerance, in output units per input unit. Default: 0; 1e-5 with eps.",
        "a finite number, 0 or more",
        {"type": "number", "minimum": 0},
    ),
    "eps": Option(
        "A fixed step: plain central differences and an allclose verdict, as in PyTorch. Default: adaptive steps.",
        "a finite number greater than 0",
        {"type": "number", "exclusiveMinimum": 0},
    ),
    "order": Option(
        "2: the derivative of the rule is checked too. Default: 1.", "1 or 2", {"type": "integer", "enum": [1, 2]}
    ),
    "points": Option(
        "How many draws of the inputs are tried, until one is found wrong. Default: 1.",
        "a whole number, 1 or more",
        {"type": "integer", "minimum": 1},
        "POINTS",
    ),
    "mode": Option(
        "full: every Jacobian entry. projected: one random combination for each block of entries. "
        "Default: full up to 4,000,000 entries, and for larger Jacobians that fall apart along axes.",
        "'full' or 'projected'",
        {"type": "string", "enum": ["full", "projected"]},
    ),
    "kinks": Option(
        "subgradient: any value between the one-sided slopes passes. fail: none does. skip: none is compared. "
        "Default: subgradient.",
        "'subgradient' or 'fail' or 'skip'",
        {"type": "string", "enum": ["subgradient", "fail", "skip"]},
    ),
    "seed": Option(
        "Base seed of drawn inputs. Default: 0.",
        "a whole number from 0 to 2**63 - 1",
        {"type": "integer", "minimum": 0, "maximum": 2**63 - 1},
    ),
}  # fmt: skip
"""What a `check:` block may say."""


def read_options(fields: Fields, node: Node | None, what: str) -> CheckOptions:
    """The options of a `check:` block; what is wrong is reported and left out."""
    if node is None:
        return NOTHING
    entries = fields.keyed(node, what, OPTIONS) or {}
    return CheckOptions(**{name: OPTIONS[name].read(fields, entry, name) for name, entry in entries.items()})


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
