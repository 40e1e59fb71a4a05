"""Which checks of a run are wanted."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from gradcheck_cli.errors import UsageError

Match = Callable[[str], bool]


class Selection(NamedTuple):
    """Which checks of the files are wanted."""

    function: str | None = None
    case: str | None = None
    keyword: str = ""
    """As pytest's -k: words to be found in `function[case]`, with and, or, not and parentheses."""
    shard: tuple[int, int] = (1, 1)
    """(I, N): of the checks that are wanted otherwise, every N-th from the I-th on."""

    def matcher(self) -> Callable[[str, str], bool]:
        """From a function's and a case's name to whether the check is selected. Raises UsageError."""
        matches = keyword_matcher(self.keyword)

        def wants(function: str, case: str) -> bool:
            named = self.function in (None, function) and self.case in (None, case)
            return named and matches(f"{function}[{case}]")

        return wants


def keyword_matcher(expression: str) -> Match:
    """A test of names. `not` binds tighter than `and`, `and` than `or`; a word matches where it occurs, in any case."""
    tokens = expression.lower().replace("(", " ( ").replace(")", " ) ").split()
    if not tokens:
        return lambda name: True

    def expected(what: str) -> UsageError:
        found = repr(tokens[0]) if tokens else "its end"
        return UsageError(f"-k {expression!r}: expected {what}, found {found}")

    def alternatives() -> Match:
        parts = [conjunction()]
        while tokens[:1] == ["or"]:
            tokens.pop(0)
            parts.append(conjunction())
        return lambda name: any(part(name) for part in parts)

    def conjunction() -> Match:
        parts = [word()]
        while tokens[:1] == ["and"]:
            tokens.pop(0)
            parts.append(word())
        return lambda name: all(part(name) for part in parts)

    def word() -> Match:
        if not tokens or tokens[0] in ("and", "or", ")"):
            raise expected("a word")
        token = tokens.pop(0)
        if token == "not":
            inner = word()
            return lambda name: not inner(name)
        if token == "(":
            inner = alternatives()
            if tokens[:1] != [")"]:
                raise expected("a closing parenthesis")
            tokens.pop(0)
            return inner
        return lambda name: token in name.lower()

    try:
        found = alternatives()
    except RecursionError:
        raise UsageError("-k: the expression nests too deeply") from None
    if tokens:
        raise expected("'and' or 'or'")
    return found
