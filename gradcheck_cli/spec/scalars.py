"""What a plain scalar means by the core schema of YAML 1.2, asked for one type at a time."""

from __future__ import annotations

import math

_TRUE, _FALSE = ("true", "True", "TRUE"), ("false", "False", "FALSE")
_INFINITY = (".inf", ".Inf", ".INF")
_NAN = (".nan", ".NaN", ".NAN")
_DECIMAL = frozenset("0123456789+-.eE")
_COMPLEX = _DECIMAL | {"j"}
_LONGEST = 400
"""A number with more characters is read as a float, which takes time in proportion; int() takes the square."""


def as_bool(text: str) -> bool | None:
    """`true` or `false`; None for anything else."""
    return True if text in _TRUE else False if text in _FALSE else None


def as_integer(text: str) -> int | None:
    """Decimal with a sign, `0o17` or `0x1F`; None for anything else."""
    digits = text[1:] if text[:1] in ("+", "-") else text
    if len(text) > _LONGEST or not text.isascii():
        return None
    if digits.isdigit():
        return int(text)
    base = {"0o": 8, "0x": 16}.get(text[:2])
    if base is None or not text[2:].isalnum():
        return None
    try:
        return int(text[2:], base)
    except ValueError:
        return None


def as_number(text: str) -> int | float | None:
    """An integer or a float; None for anything else. A float beyond the largest is infinite."""
    integer = as_integer(text)
    if integer is not None:
        return integer
    unsigned = text[1:] if text[:1] in ("+", "-") else text
    if unsigned in _INFINITY:
        return -math.inf if text[0] == "-" else math.inf
    if text in _NAN:
        return math.nan
    if not text or not _DECIMAL.issuperset(text):
        return None
    try:
        return float(text)
    except ValueError:
        return None


def as_complex(text: str) -> complex | None:
    """`1+2j` or `2j`, spaces around the sign allowed, or a real number; None for anything else."""
    real = as_number(text)
    if real is not None:
        return complex(as_float(real))
    text = text.replace(" ", "")
    if not text or not _COMPLEX.issuperset(text):
        return None
    try:
        return complex(text)
    except ValueError:
        return None


def as_float(number: int | float) -> float:
    """The nearest float; infinite beyond the largest."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def overflows(text: str, value: float) -> bool:
    """Whether digits were written that are too large for a float."""
    return math.isinf(value) and any(character.isdigit() for character in text)
