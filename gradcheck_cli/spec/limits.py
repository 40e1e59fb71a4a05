"""How large a spec may be: a spec file is text from strangers, and reading it must stay cheap.

The module is the one object that holds them: everything reads `limits.NAME` when it needs it, and `put` changes what is there,
for the whole process. The command line and the project file can do that (`SETTABLE`), a spec cannot.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

FILE_BYTES = 1 << 20
"""Size of a spec file."""

NESTING = 40
"""Brackets and indentation levels inside each other; an array has at most 32 axes."""

VALUES = 100_000
"""Keys and values of a file."""

MISTAKES = 100
"""Mistakes that are reported for one file."""

FUNCTIONS = 1_000
"""Functions of a file."""

CASES = 1_000
"""Cases of a function."""

AXES = 32
"""Axes of an input."""

LITERAL_ELEMENTS = 50_000
"""Elements of one array that is written out in the file."""

INPUT_ELEMENTS = 2_000_000
"""Elements of one input that is drawn or read."""

CASE_ELEMENTS = 4_000_000
"""Elements of all inputs of a case together."""

POINTS = 1_000
"""Draws of the inputs that one check may ask for."""

CHECKS = 20_000
"""Checks of one run; every draw of a case's inputs counts."""

JACOBIAN_ENTRIES = 4_000_000
"""Entries that `mode: full` may ask for where they cannot be looked at in blocks; all inputs of a check count."""

NAME_CHARACTERS = 100
"""Length of a name."""

# Expressions.

EXPRESSION_CHARACTERS = 10_000
"""Length of an expression or a block."""

EXPRESSION_NODES = 2_000
"""Parts of an expression or a block: names, numbers, operators, calls, statements."""

EXPRESSION_DEPTH = 64
"""How deep brackets, operators and statements nest; a sum nests by one for each term."""

EXPRESSION_MISTAKES = 20
"""Mistakes that are looked for in one expression or block."""

STATIC_INTEGER = 2**31
"""The largest static whole number."""

SEQUENCE_VALUES = 1_000
"""Values of a list, those of the lists in it counted too."""

SEQUENCE_DEPTH = 32
"""How deep lists nest."""

STATEMENTS = 100_000
"""Statements that one run of an expression executes, those of the functions that it calls counted too."""

CALL_DEPTH = 32
"""How deep the functions of a file call each other."""

RESULT_ELEMENTS = 4_000_000
"""Elements of one value that an expression computes."""

RUN_ELEMENTS = 16_000_000
"""Elements of all large values that one run computes: about 128 MB, were all of them kept."""

CHECK_ELEMENTS = 200_000_000
"""Elements of all large values that all runs of one check compute: some seconds. A statement counts as STATEMENT_ELEMENTS."""

STATEMENT_ELEMENTS = 500
"""What running a statement takes, a few microseconds, in elements computed, some nanoseconds each."""

SMALL_ELEMENTS = 256
"""A value with fewer elements does not count towards RUN_ELEMENTS; STATEMENTS bounds how many there are."""

MULTIPLICATIONS_PER_ELEMENT = 64
"""How many multiplications of a matrix product, a factorisation or an einsum count as one element of RUN_ELEMENTS."""

# Policy.

RTOL = 1.0
"""The loosest tolerance that a spec may ask for."""

Changes = tuple[tuple[str, float], ...]
"""Limits that are not at their defaults."""

DEFAULTS: dict[str, float] = {name: value for name, value in globals().items() if name.isupper()}

MOST = 2**62
"""What any of them can be set to."""

FIXED = frozenset(
    {
        *("NESTING", "EXPRESSION_DEPTH", "SEQUENCE_DEPTH", "CALL_DEPTH"),  # Python's stack ends somewhere
        *("AXES", "STATIC_INTEGER"),  # what NumPy can hold
        *("SMALL_ELEMENTS", "MULTIPLICATIONS_PER_ELEMENT", "STATEMENT_ELEMENTS"),  # how the others are counted
        "RTOL",  # --max-rtol
    }
)


def called(name: str) -> str:
    """What users call a limit."""
    return name.lower().replace("_", "-")


SETTABLE = {called(name): name for name in DEFAULTS if name not in FIXED}
"""By the names that the command line and the project file have for them."""


def put(changes: Changes) -> None:
    """Put these limits in force, and all others at their defaults."""
    globals().update({**DEFAULTS, **dict(changes)})


def current() -> Changes:
    """What has been changed."""
    return tuple((name, globals()[name]) for name, value in DEFAULTS.items() if globals()[name] != value)


@contextmanager
def changed(given: Mapping[str, float]) -> Iterator[None]:
    """Put these limits in force until the end of the block."""
    before = current()
    put((*before, *given.items()))
    try:
        yield
    finally:
        put(before)


def hint(name: str, found: float, otherwise: str = "") -> str:
    """What would let pass what a limit refuses, behind what else would help; '' where nothing can."""
    flag = f"--limit {called(name)}={found} allows it" if name not in FIXED and found <= MOST else ""
    if name == "RTOL":
        flag = "--max-rtol, or max-rtol in the project file, sets the largest"
    return "; ".join(text for text in (otherwise, flag) if text)


def count(found: int) -> str:
    """A number for a message; one that is too long to be written is not."""
    return f"{found:,}" if found <= MOST else "far more"


def aside(name: str, found: float) -> str:
    """The same for the end of a message."""
    text = hint(name, found)
    return f" ({text})" if text else ""
