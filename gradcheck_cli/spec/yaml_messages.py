"""What the YAML library complains about, in words that help with a spec."""

from __future__ import annotations

from typing import Any

from gradcheck_cli.errors import Mistake
from gradcheck_cli.spec.document import Source, quote

QUOTE_HINT = "quote the whole value, or write it as a block after |"

END_HINT = "an expression that starts with a bracket must be quoted or stand in a block after |"
FIT_HINT = "check quotes, brackets and indentation"

_MEANINGS = (
    # the library's words (C parser or Python parser), whether to point at the start, its meaning, what to do
    ("mapping values are not allowed", False, "':' cannot stand in a plain value", QUOTE_HINT),
    ("sequence entries are not allowed", False, "'-' starts a list, which cannot stand here", QUOTE_HINT),
    ("unexpected end of stream", True, "this quote is never closed", ""),
    ("document indicator", True, "this quote is never closed", ""),
    ("unknown escape", False, "unknown escape between double quotes", "single quotes keep backslashes"),
    ("alphabetic or numeric", True, "a value cannot start with this character", QUOTE_HINT),
    ("could not find expected ':'", True, "a line must be 'name: value'; the ':' is missing", ""),
    ("comment or line break", False, "a block starts on the line after its |", ""),
    ("chomping or indentation", False, "a block starts on the line after its |", ""),
    ("expected ',' or ']'", True, "the list that starts here has no end, or a ',' is missing", END_HINT),
    ("expected ',' or '}'", True, "the mapping that starts here has no end, or a ',' is missing", END_HINT),
    ("node content", False, "a value must stand here", QUOTE_HINT),
    ("incompatible YAML", False, "only YAML 1.2 is read", "take the %YAML line out"),
    ("expected key", False, "this does not fit what stands before it", FIT_HINT),
    ("block end", False, "this does not fit what stands before it", FIT_HINT),
    ("document start", False, "this does not fit what stands before it", FIT_HINT),
    ("'-' indicator", False, "this does not fit what stands before it", FIT_HINT),
)

_STARTS = {
    "[": "a value that starts with '[' is YAML's list",
    "{": "a value that starts with '{' is YAML's mapping",
    "*": "a value that starts with '*' is a YAML alias",
    "&": "a value that starts with '&' is a YAML anchor",
    "!": "a value that starts with '!' is a YAML tag",
    "'": "nothing may follow a closing quote",
    '"': "nothing may follow a closing quote",
}


def describe_yaml_error(source: Source, error: Any) -> Mistake:
    """The mistake for an error of the YAML library."""
    problem = str(error.problem or error.context or "")
    if "cannot start any token" in problem:
        return _cannot_start(source, error.problem_mark)
    for words, at_context, message, hint in _MEANINGS:
        if words in problem:
            mark = error.context_mark if at_context else error.problem_mark
            return _mistake(source, mark or error.problem_mark, message, hint)
    mark = error.problem_mark or error.context_mark
    return _mistake(source, mark, f"this is not YAML: {quote(problem)}", "")


def _cannot_start(source: Source, mark: Any) -> Mistake:
    character = source.line(mark.line + 1)[mark.column : mark.column + 1]
    if character == "\t":
        return _mistake(source, mark, "a tab cannot indent YAML", "use spaces")
    return _mistake(source, mark, f"a value cannot start with {quote(character)}", QUOTE_HINT)


def _mistake(source: Source, mark: Any, message: str, hint: str) -> Mistake:
    line, column = mark.line + 1, mark.column + 1
    if line > len(source.lines) or (line == len(source.lines) and not source.line(line)):
        # "at the end of the file" is shown at the end of its last line that holds something
        line = max((n for n, text in enumerate(source.lines, 1) if text.strip()), default=1)
        column = len(source.line(line)) + 1
    start = source.line(line).partition(": ")[2].lstrip()[:1]
    if start in _STARTS and hint in (QUOTE_HINT, FIT_HINT):
        hint = f"{_STARTS[start]}; {QUOTE_HINT}"
    return source.mistake(source.location(line, column), message, hint)
