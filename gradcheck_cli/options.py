"""The options of a check: what the command line and `verify()` may say, and within which ranges."""

from __future__ import annotations

from collections.abc import Mapping
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


def _broken_range(name: str, value: Any) -> str:
    """What an option must be, if `value` is not that; else ''."""
    from gradcheck_cli.spec.options import OPTIONS

    if name not in OPTIONS:  # what reports show, which no spec can ask for
        return "" if isinstance(value, bool) else "True or False"
    empty = name == "mode" and value == ""
    return "" if empty or OPTIONS[name].holds(value) else OPTIONS[name].must
