"""Texts from strangers: each is refused or harmless, and nothing but SpecError ever comes out.

That they end soon is what the budgets are for (`spec/limits.py`): without them some of these would run for years.
"""

from __future__ import annotations

import numpy as np
import pytest
from attacks.expressions import BOMBS, ESCAPES, HOSTILE_BLOCKS, NESTED
from draws import ALL
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from running import compiled, outcome, run

from gradcheck_cli.errors import SpecError


@pytest.mark.parametrize("code", NESTED + BOMBS + ESCAPES, ids=lambda code: ascii(code[:40]))
def test_hostile_expressions_end_cleanly(code):
    found = outcome(code, block=False)
    if isinstance(found, SpecError):
        assert all(m.location.path == "spec.yaml" and len(m.message) < 400 for m in found.mistakes)
    else:
        assert code not in BOMBS + ESCAPES or np.size(found.values) < 10


@pytest.mark.slow
@pytest.mark.parametrize("code", HOSTILE_BLOCKS, ids=lambda code: ascii(code[:40]))
def test_hostile_blocks_end_cleanly(code):
    with pytest.raises(SpecError), np.errstate(all="ignore"):
        run(code, block=True)


def test_functions_that_call_each_other_share_one_budget():
    """Twenty functions, each calling the one before twice: 2**20 calls from a text of 40 lines."""
    program, _ = compiled("return double(x) + double(x)", block=True)

    def level(k):
        return (lambda v: v) if k == 0 else lambda v: program.run({"x": v}, {"double": level(k - 1)}).values[0]

    with pytest.raises(SpecError, match="more than 100,000 statements"):
        level(20)(np.array(1.0))
    with pytest.raises(SpecError, match="call each other more than 32 deep"):
        level(60)(np.array(1.0))
    assert level(5)(np.array(1.0)) == 32


# Texts at random.

ALPHABET = "xwn0129.()[]{},:=+-*/%@<>&|~^!'\"# \n\t_abefilmnorstu\\"
WORDS = [
    "x", "w", "A", "n", "c", "kind", "sum", "exp", "zeros", "np", ".", "T", "shape", "axis", "=", "(", ")", "[", "]",
    ",", ":", "+", "-", "*", "**", "/", "//", "@", "<", "==", "&", "~", "not", "and", "or", "if", "else", "for", "in",
    "range", "return", "None", "True", "...", "0", "1", "2.5", "'ij'", "\n", "    ", "lambda", "y", "+=", "reshape",
    "einsum", "{", "}", "none",
]  # fmt: skip
MANY = settings(max_examples=300 if ALL else 100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def harmless(code, block):
    found = outcome(code, block)
    assert not isinstance(found, SpecError) or str(found)


@MANY
@given(st.text(ALPHABET, max_size=60), st.booleans())
def test_random_text_is_refused_or_runs(code, block):
    harmless(code, block)


@MANY
@given(st.text(max_size=30), st.booleans())
def test_random_unicode_is_refused_or_runs(code, block):
    harmless(code, block)


@MANY
@given(st.lists(st.sampled_from(WORDS), max_size=25), st.booleans())
def test_random_words_are_refused_or_run(words, block):
    harmless(" ".join(words) if block else "".join(words), block)


LEAVES = st.sampled_from(
    ["x", "w", "A", "s", "i", "m", "n", "c", "table", "0", "1", "2", "-1", "2.5", "pi", "x.shape", "None", "'a'"]
)
FUNCTION_NAMES = [
    "sum", "mean", "max", "exp", "tanh", "zeros", "ones", "arange", "reshape", "concatenate", "stack", "where",
    "clip", "softmax", "cumsum", "norm", "inv", "diag", "outer", "pad", "tile", "repeat", "take", "transpose", "len",
    "int", "abs", "sort", "argmax", "broadcast_to", "full", "eye", "double", "pair", "einsum", "one_hot", "index_set",
    "matmul", "squeeze", "split", "roll",
]  # fmt: skip


OPERATORS = ["+", "-", "*", "/", "//", "%", "**", "@", "<", "==", "&", "|"]


def _grow(parts):
    return st.one_of(
        st.builds("({} {} {})".format, parts, st.sampled_from(OPERATORS), parts),
        st.builds("(-{})".format, parts),
        st.builds("{}({})".format, st.sampled_from(FUNCTION_NAMES), parts),
        st.builds("{}({}, {})".format, st.sampled_from(FUNCTION_NAMES), parts, parts),
        st.builds("{}({}, axis={})".format, st.sampled_from(FUNCTION_NAMES), parts, parts),
        st.builds("{}.{}({})".format, st.sampled_from(["x", "w", "A"]), st.sampled_from(FUNCTION_NAMES), parts),
        st.builds("({}).{}".format, parts, st.sampled_from(["T", "mT", "shape", "ndim", "size", "real"])),
        st.builds("({})[{}]".format, parts, parts),
        st.builds("({})[{}:{}, ...]".format, parts, parts, parts),
        st.builds("({} if {} else {})".format, parts, parts, parts),
        st.builds("[{}, {}]".format, parts, parts),
        st.builds("({}, {})".format, parts, parts),
        st.builds("({} and {})".format, parts, parts),
    )


STATEMENTS = ["y = {}", "y[{}] = 1", "y += {}", "a, y = {}", "for k in range({}):\n    y = k"]
EXPRESSIONS = st.recursive(LEAVES, _grow, max_leaves=12)


@MANY
@given(EXPRESSIONS)
@pytest.mark.filterwarnings("ignore")
def test_grammatical_expressions_are_refused_or_run(code):
    harmless(code, False)


@MANY
@given(EXPRESSIONS, EXPRESSIONS, st.sampled_from(STATEMENTS))
@pytest.mark.filterwarnings("ignore")
def test_grammatical_blocks_are_refused_or_run(first, second, statement):
    harmless(f"y = {first}\n" + statement.format(second) + "\nreturn y", True)
