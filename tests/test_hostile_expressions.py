"""Texts from strangers: each is refused or harmless, and nothing but SpecError ever comes out.

That they end soon is what the budgets are for (`spec/limits.py`): without them some of these would run for years.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from running import compiled, outcome, run

from gradcheck_cli.errors import SpecError

NESTED = [
    "-" * 5000 + "x", "- " * 4000 + "x", "~" * 5000 + "x", "not " * 2000 + "n", "(" * 4990 + "x" + ")" * 4990,
    "(" * 5000, "[" * 3000, "{" * 3000, "x" + ".T" * 4900, "x" + ".sum()" * 1600, "x" + "()" * 4900,
    "x" + "[0]" * 3000, "x" + "**x" * 3000, "x" + "+x" * 4900, "x" + "<x" * 4900, "x" + " and x" * 1600, "x," * 4900,
    "f(" * 4000, "lambda:" * 1400 + "x", "x if n else " * 800 + "x", "exp(" * 60 + "x" + ")" * 60,
    "[" * 60 + "x" + "]" * 60, "x" * 20_000, "sum(" + "a=1," * 2000 + ")", "9" * 9000, "0x" + "f" * 9000,
    "'" + "a" * 9000 + "'", "x[" * 60 + "0" + "]" * 60, "(" * 60 + "x" + ")" * 60,
]  # fmt: skip
BOMBS = [
    "9**9**9", "1 << 10**8", "10**400", "2**-10**9", "'a' * 10**9", "[0] * 10**9", "(1,) * n * 10**9",
    "((1,) * 900 + (1,) * 900)", "x.sum(axis=(0,) * 10**8)", "zeros(-1)", "zeros((0, 10**9))", "zeros(True)",
    "zeros((1,) * 65)", "zeros(2**31)", "zeros(0.5)", "zeros((10**5, 10**5))", "ones(10**9)",
    "full((10**5, 10**5), s)", "eye(10**6)", "eye(3, 10**9)", "arange(2**31)", "arange(0, 1, 1e-12)",
    "arange(0, 1, 0)", "arange(inf)", "arange(nan)", "linspace(0, 1, 10**9)", "diag(ones(10**6))",
    "broadcast_to(s, (10**9, 10**9)).sum()", "tile(w, (10**6, 10**3))", "repeat(w, 10**9)",
    "repeat(w, [10**9, 1, 1])", "pad(w, 10**9)", "pad(ones((3, 3, 3, 3)), 1000)", "outer(ones(10**5), ones(10**5))",
    "kron(ones(10**4), ones(10**4))", "ones((10**5, 1)) * ones((1, 10**5))", "ones((10**5, 1)) < ones((1, 10**5))",
    "where(ones((10**5, 1)) > 0, 1, ones(10**5))", "maximum(ones((10**5, 1)), ones(10**5))",
    "ones((10**5, 1)) @ ones((1, 10**5))", "ones((10**5, 0)) @ ones((0, 10**5))",
    "ones((2000, 2000)) @ ones((2000, 2000))", "inv(ones((2000, 2000)))", "svd(ones((10**5, 1)))[0]",
    "eigh(ones((2000, 2000)))[0]", "norm(ones((2000, 2000)), 2)", "einsum('i,j,k,l->ijkl', *[w])",
    "einsum('i,j->ij', ones(10**5), ones(10**5))", "einsum('i,j', ones(10**5), ones(10**5))",
    "einsum('ij,jk,kl,lm->im', ones((300, 300)), ones((300, 300)), ones((300, 300)), A)",
    "einsum('ab,cd,ef->', ones((99, 99)), ones((99, 99)), ones((99, 99)))", "tensordot(ones(10**5), ones(10**5), 0)",
    "ones((10**4, 99))[zeros(9999).astype(int)][:, zeros(9999).astype(int)]", "w[zeros((5000, 5000)).astype(int)]",
    "ones(5000)[arange(5000)[:, None] * zeros(5000).astype(int)]",
    "take(ones((99, 9999)), zeros(9999).astype(int), axis=0)", "one_hot(i, 10**9)",
    "concatenate([ones(10**6)] * 900)", "stack([ones(10**6)] * 900)", "expand_dims(w, (0,) * 900)", "int(inf)",
    "int(nan)", "float('1e999')", "round(1.5, 10**9)", "reshape(x, (10**9, 10**9))", "roll(w, 2**31)",
    "split(w, 10**9)[0]", "moveaxis(x, 0, 10**9)", "ones((4, 4)).sum(axis=2**31)",
]  # fmt: skip
ESCAPES = [
    "x.__class__.__mro__", "x.__reduce__()", "().__class__", "''.join(x)", "'{0.__class__}'.format(x)",
    "f'{x.__class__}'", "x.tofile('a')", "x.dump('a')", "x.base", "x.ctypes.data", "x.data", "x.astype('O')",
    "astype(x, 'object')", "astype(x, 'U9')", "x.astype('m8[s]')", "x.backward()", "x.grad_fn", "x.item()",
    "x._version", "x.view('O')", "x.setflags(1)", "__import__('os')", "open('a')", "eval('1')", "exec('1')",
    "getattr(x, 'T')", "globals()", "vars()", "type(x)", "print(x)", "np.load('a')", "np.save('a', x)",
    "np.fromfile('a')", "np.random.normal(3)", "np.ctypeslib", "np.lib.format", "np.os", "numpy.core",
    "math.factorial(10**9)", "os.system('a')", "x.f.g.h()", "_gather(x, i)", "np._gather(x, i)", "x._gather(i)",
    "sum.__self__", "np.sum.__globals__", "(lambda: 1)()", "[q for q in w]", "{**x}", "(yield x)", "await x", "*x",
    "x.\N{FULLWIDTH LATIN SMALL LETTER S}um()", "\N{MATHEMATICAL BOLD SMALL X} + 1", "x\N{NO-BREAK SPACE}+ 1",
    "x\x1b[31m", "x\r+ 1", "x\v", "print", "True.real.__class__", "(1).__class__", "1 .denominator", "...",
    "NotImplemented", "Ellipsis",
]  # fmt: skip


@pytest.mark.parametrize("code", NESTED + BOMBS + ESCAPES, ids=lambda code: ascii(code[:40]))
def test_hostile_expressions_end_cleanly(code):
    found = outcome(code, block=False)
    if isinstance(found, SpecError):
        assert all(m.location.path == "spec.yaml" and len(m.message) < 400 for m in found.mistakes)
    else:
        assert code not in BOMBS + ESCAPES or np.size(found.values) < 10


HOSTILE_BLOCKS = [
    "y = x\nfor k in range(10**9):\n    y = y + 1\nreturn y",
    "for a in range(1000):\n  for b in range(1000):\n    for c2 in range(1000):\n      y = 1\nreturn x",
    "".join(" " * k + f"for k{k} in range(1000):\n" for k in range(20)) + " " * 20 + "y = 1\nreturn x",
    "for a in range(2**31):\n  if a > 5:\n    y = 1\nreturn x",
    "y = x\nfor k in range(10**9):\n    y = " + "+".join(["y"] * 60) + "\nreturn y",
    "y = zeros(10000)\nfor k in range(10**9):\n    y = sin(y)\nreturn y",
    "y = w\nfor k in range(100):\n    y = outer(y, y)\nreturn y",
    "y = w\nfor k in range(100):\n    y = concatenate([y, y])\nreturn y",
    "y = 2\nfor k in range(100):\n    y = y * y\nreturn y",
    "y = 2.0\nfor k in range(100):\n    y = y ** y\nreturn y",
    "y = (1,)\nfor k in range(100):\n    y = y + y\nreturn zeros(y)",
    "y = [1.0]\nfor k in range(100):\n    y = [y, y]\nreturn y",
    "y = []\nfor k in range(10**9):\n    y = [y]\nreturn y",
    "y = []\nfor k in range(10**9):\n    y += [x]\nreturn y",
    "y0 = zeros(10**6)\n" + "".join(f"y{k + 1} = y{k} + 1\n" for k in range(200)) + "return y0",
    "for k in range(10**9):\n    y = svd(eye(30))[1]\nreturn y",
    "if n:\n    y = 1\n" + "elif n:\n    y = 2\n" * 500 + "return x",
    "".join(" " * k + "if n:\n" for k in range(95)) + " " * 95 + "return x",
    "y = x\n" * 1600 + "return y",
    "\n".join(f"y{k} = unknown{k} + summ{k}(x)" for k in range(300)) + "\nreturn x",
    "y = x\n\f\nreturn y",
    "y = x\n\x00return y",
    "return x\n" + "\t" * 500 + "y = 1",
]


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
MANY = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


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
