"""The options of a check: what the command line and `verify()` may say, and within which ranges."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import index
from typing import TYPE_CHECKING, Any

from gradcheck_cli.errors import UsageError, nearest

if TYPE_CHECKING:
    from gradcheck_cli.check.problem import Settings


def settings_from(options: Mapping[str, Any]) -> Settings:
    """The settings with these options; None stands for the default. Raises UsageError."""
    from gradcheck_cli.check.problem import Settings

    for option in options:
        if option not in Settings._fields:
            raise UsageError(f"there is no option {option!r}{nearest(option, Settings._fields)}")
    given = {name: value for name, value in options.items() if value is not None}
    for name, value in given.items():
        must = _broken_range(name, value)
        if must:
            raise UsageError(f"{name} must be {must}; found {value!r}")
    return Settings(**given)


_CHOICES = {
    "taylor": (True, False),
    "dot_product": (True, False),
    "order": (1, 2),
    "mode": ("", "full", "projected"),
    "kinks": ("subgradient", "fail", "skip"),
}
_RANGES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "rtol": ("a number between 0 and 1", lambda v: 0 < v < 1),
    "atol": ("a finite number, 0 or more", lambda v: 0 <= v < float("inf")),
    "eps": ("a finite number greater than 0", lambda v: 0 < v < float("inf")),
    "points": ("a whole number, 1 or more", lambda v: index(v) >= 1),
    "seed": ("a whole number, 0 or more", lambda v: index(v) >= 0),
}


def _broken_range(name: str, value: Any) -> str:
    """What an option must be, if `value` is not that; else ''."""
    if name in _CHOICES:
        choices = _CHOICES[name]
        return "" if value in choices else " or ".join(repr(c) for c in choices if c != "")
    must, holds = _RANGES[name]
    try:
        return "" if not isinstance(value, str | bool) and holds(value) else must
    except (TypeError, ValueError, OverflowError):
        return must
