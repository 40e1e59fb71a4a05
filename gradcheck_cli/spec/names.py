"""Which names a spec may give, and which names its rules see."""

from __future__ import annotations

from keyword import iskeyword

from gradcheck_cli.spec import limits

NUMBERS = frozenset({"pi", "inf", "nan"})
"""The numbers that have names in expressions."""

RESERVED = frozenset({"out", "grad", "none"})
"""Names that mean something of their own in rules."""

LIBRARIES = frozenset({"np", "numpy"})
"""Names that stand for NumPy in expressions."""


def problem_with(name: str) -> str:
    """Why `name` cannot be used in expressions at all; empty when it can."""
    if len(name) > limits.NAME_CHARACTERS:
        return _too_long(name)
    if not (name.isascii() and name.isidentifier()):
        return "is not a name: letters, digits and _, the first no digit"
    if iskeyword(name):
        return "is a word of the expression language"
    if name.startswith("__"):
        return "starts with two underscores"
    return ""


def problem_with_argument(name: str) -> str:
    """Why `name` cannot be an input or a constant; empty when it can."""
    if name in NUMBERS:
        return "is a number of the expression language"
    if name in RESERVED:
        return "stands for something else in rules"
    return problem_with_function(name)


def problem_with_function(name: str) -> str:
    """Why `name` cannot be a function of a file; empty when it can."""
    return "stands for NumPy in expressions" if name in LIBRARIES else problem_with(name)


def problem_with_label(name: str) -> str:
    """Why `name` cannot be the name of a case; empty when it can: any short printable text."""
    if not name.strip() or name != name.strip():
        return "must be a name without spaces around it"
    if len(name) > limits.NAME_CHARACTERS:
        return _too_long(name)
    return "" if name.isprintable() else "holds characters that do not print"


def _too_long(name: str) -> str:
    more = limits.aside("NAME_CHARACTERS", len(name))
    return f"has {len(name)} characters, at most {limits.NAME_CHARACTERS} are allowed{more}"


def cotangents(outputs: tuple[str, ...]) -> dict[str, int]:
    """The cotangents' names in a rule, and which output each belongs to.

    `grad_NAME` for every output that has a name, and `grad` where there is only one output.
    """
    named = {f"grad_{name}": index for index, name in enumerate(outputs)}
    if len(outputs) > 1:
        return named
    return {"grad": 0} if outputs == ("out",) else {"grad": 0, **named}


def output_values(outputs: tuple[str, ...]) -> dict[str, int]:
    """The outputs' names in a rule, and which output each is; `out` is among them where there is only one."""
    values = {name: index for index, name in enumerate(outputs)}
    return {"out": 0, **values} if len(outputs) == 1 else values
