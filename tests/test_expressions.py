"""What expressions and blocks mean (against NumPy), and that everything else is refused at its place."""

from __future__ import annotations

import math

import numpy as np
import pytest
from running import SCOPE, VALUES, compiled, run, value

from gradcheck_cli.engine.batching import batched
from gradcheck_cli.engine.tensor import Tensor
from gradcheck_cli.errors import RuleError, SpecError
from gradcheck_cli.spec import limits
from gradcheck_cli.spec.document import Source, Text
from gradcheck_cli.spec.expressions import Callee, Scope, compile_block


def failure(code, block=None):
    """(line, column, message, hint) of each mistake, in a block counted within its own lines and columns."""
    block = "return" in code if block is None else block
    with pytest.raises(SpecError) as caught:
        run(code, block)
    shift = (1, 2) if block else (0, 0)
    return [(m.location.line - shift[0], m.location.column - shift[1], m.message, m.hint) for m in caught.value.mistakes]


# Meaning.

SAME_AS_NUMPY = [
    "1", "2.5", "1e-6", ".5", "1_000", "0x10", "1j * x", "True", "pi", "-inf", "np.pi", "np.e", "numpy.inf",
    "math.pi", "x + 1", "1 - x", "2 * x / 3", "x // 2", "x % 2", "x ** 2", "2 ** x", "x @ A", "A @ w", "-x", "+x",
    "--x", "-x ** 2", "x * w + s", "1 + 2 * 3 - 4 / 5 // 6 % 7 ** 2", "2 ** 3 ** 2", "-2 ** 2", "7 // -2", "-7 % 3",
    "2 ** -1", "2.0 ** 0.5", "x < 3", "x <= 3", "x > 3", "x >= 3", "x == 3", "x != w", "(x > 1) & (x < 4)",
    "(x > 4) | (x < 2)", "~(x > 2)", "~m & m", "x[0]", "x[-1, 2]", "x[0, 1:]", "x[:, ::-1]", "x[..., 0]", "x[None]",
    "x[:, None, :]", "x[..., np.newaxis]", "x[i - 1]", "w[i]", "w[m]", "x[x > 2]", "w[[0, 2, 2]]", "x[:, [0, 1]]",
    "x[[0, 1], [2, 0]]", "w[n - 1]", "x[0][1]", "x[()]", "w[1:n]", "w[:-1]", "x[1:2, ::2]", "w[-n]", "x[i - 1, i]",
    "w[[True, False, True]]", "x.T", "x.mT", "x.T @ x", "x.shape", "x.ndim", "x.size", "x.T.shape", "x.real",
    "x.imag", "(1j * x).imag", "x.shape[0] * x", "x.shape[::-1]", "x.shape + (1,)", "(1,) * 2 + x.shape", "len(x)",
    "len(x.shape)", "x.size / len(w)", "x[0].shape == w.shape", "np.shape(x)", "np.ndim(x)", "np.size(x)",
    "np.sum(x)", "np.sum(x, 0)", "np.sum(x, axis=0)", "np.sum(x, axis=(0, 1), keepdims=True)", "x.sum()",
    "x.sum(axis=1, keepdims=True)", "x.mean(0)", "x.max(axis=-1)", "np.prod(x)", "x.std(ddof=1)", "x.var(axis=0)",
    "x.argmax(axis=1)", "x.cumsum(axis=1)", "np.exp(x)", "np.log(x) + np.sqrt(x)", "np.where(x > 2, x, 0)",
    "np.where(m, w, -w)", "np.maximum(x, 3)", "np.clip(x, 2, 4)", "x.clip(2, 4)", "np.clip(x, None, 2)",
    "np.clip(x, a_min=2, a_max=None)", "np.power(x, 2)", "np.arctan2(x, w)", "np.multiply(x, w)", "x.reshape(3, 2)",
    "x.reshape((3, 2))", "x.reshape(-1)", "x.reshape(n, -1)", "np.reshape(x, (3, 2))", "x.transpose()",
    "x.transpose(1, 0)", "x.transpose((1, 0))", "np.transpose(x, (1, 0))", "x.flatten()", "x.ravel()",
    "x.swapaxes(0, 1)", "x.squeeze()", "np.concatenate([w, w])", "np.concatenate((x, x), axis=1)",
    "np.stack([w, 2 * w], axis=-1)", "np.concatenate([w, [1.0, 2.0]])", "np.split(w, 3)[1]", "np.outer(w, w)",
    "np.kron(w, w)", "np.tile(w, (2, 1))", "np.repeat(w, 2)", "np.repeat(w[:2], i)", "np.pad(w, 1)",
    "np.expand_dims(w, 0)", "np.broadcast_to(w, (2, 3))", "np.roll(w, 1)", "np.flip(w)", "np.tril(A)", "np.diag(w)",
    "np.trace(A)", "np.take(w, i)", "np.take(x, i, axis=1)", "np.take_along_axis(x, np.argsort(x, axis=1), axis=1)",
    "np.searchsorted(table, w)", "np.einsum('ij,j->i', x, w)", 'np.einsum("ij,kj->ik", x, x)', "np.einsum('ii', A)",
    "np.dot(x, w)", "x.dot(w)", "np.vdot(w, w)", "np.tensordot(x, x, axes=([1], [1]))", "np.inner(w, w)",
    "np.cross(w, w[::-1])", "np.linalg.inv(A)", "np.linalg.solve(A, w)", "np.linalg.det(A)", "np.linalg.norm(w)",
    "np.linalg.norm(x, axis=1, keepdims=True)", "np.linalg.cholesky(A)", "np.linalg.eigh(A)[0]",
    "np.linalg.slogdet(A)[1]", "np.linalg.svd(x)[1]", "np.linalg.norm(x, 'fro')", "np.zeros(3)", "np.zeros((2, n))",
    "np.ones(x.shape)", "np.full((2, 2), 7.0)", "np.full(2, s)", "np.eye(n)", "np.arange(n)", "np.arange(1, 7, 2)",
    "np.arange(0.0, 1.0, 0.25)", "np.linspace(0, 1, 5)", "np.zeros_like(x)", "np.array([1, 2, 3])",
    "np.array([[1.0, 2.0], [3.0, 4.0]])", "np.array([w[0], 2.0, x[0, 1]])", "np.array([w, w * 2])", "np.asarray(x)",
    "[1, 2, 3] * w", "w + [1, 2, 3]", "x.astype(int)", "x.astype('float32')", "x.astype(np.float32) * 2.0",
    "x.astype(bool)", "(x > 2).astype(float)", "x / np.sqrt(x.shape[-1])", "table * w", "table[1] * x", "table.sum()",
    "np.prod(x.shape)", "max(2, n)", "min(n, c)", "abs(-2)", "max(x.shape)", "sum(x.shape)", "round(2.567, 1)",
    "int(n / 2)", "float(n)", "bool(n)", "int(x.shape[0] // 2)", "n if n > 2 else c", "x if x.ndim == 2 else w",
    "n and c", "0 or c", "not n", "0 < n < 5", "0 < n < 2", "n == 3 and flag", "(x.shape == (2, 3)) * 1",
    "(\n  x\n  + 1)", "np.sum(x,\n  axis=0,\n)", "x + 1  # (not this", "[x[0], w]", "[1.0, 2.0]",
    "np.round(x / 3, 1)",
]  # fmt: skip


@pytest.mark.parametrize("code", SAME_AS_NUMPY)
def test_an_expression_means_what_numpy_says(code):
    with np.errstate(all="ignore"):
        expected = np.asarray(eval(code, {"np": np, "numpy": np, "math": math, "pi": np.pi, "inf": np.inf, **VALUES}))
        found = np.asarray(value(code, block=False))
    assert found.shape == expected.shape
    assert found.dtype.kind == expected.dtype.kind
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("x +\n  1\n  - x", np.ones((2, 3))),
        ("x # first\n + w # second", VALUES["x"] + VALUES["w"]),
        ("x + \\\n w", VALUES["x"] + VALUES["w"]),
        ("0 if kind == 'mean' else 1", 0),
        ("0 if kind != 'mean' else 1", 1),
        ("~flag", False),
        ("3000000000", 3e9),
        ("round(x / 3, 1)", np.round(VALUES["x"] / 3, 1)),
        ("flag & (n > 2)", True),
        ("x.shape == [2, 3]", True),
        ("(-8) ** (1 / 3)", math.nan),
        ("softmax(w)", np.exp(VALUES["w"]) / np.exp(VALUES["w"]).sum()),
        ("scipy.special.expit(0 * w)", np.full(3, 0.5)),
        ("linalg.det(eye(2))", 1.0),
        ("double(w)", VALUES["w"] * 2),
        ("double(v=w)", VALUES["w"] * 2),
        ("pair(v=w, u=1)[1]", 1 - VALUES["w"]),
        ("one_hot(i, n)", np.eye(3)[[2, 0]]),
        ("add_at(zeros(3), [0, 0], 1.0)", np.array([2.0, 0, 0])),
        ("x.logsumexp(axis=0)", np.log(np.exp(VALUES["x"]).sum(axis=0))),
        ("x.softplus().sum()", np.log1p(np.exp(VALUES["x"])).sum()),
    ],
)
def test_what_numpy_alone_does_not_say(code, expected):
    np.testing.assert_allclose(value(code, block=False), expected, rtol=1e-14)


def test_numbers_stay_weak():
    x = np.ones(3, np.float32)
    for code in ("x * 2.0", "x / sqrt(n)", "x * pi", "x + x.shape[0]", "x * table[1]", "x / np.prod(x.shape)", "2 ** 0.5 * x"):
        assert value(code, values={**VALUES, "x": x}).dtype == np.float32, code


def test_own_names_win_over_functions():
    scope = Scope(frozenset({"sum", "gamma", "np"}), frozenset({"max"}))
    values = {"sum": np.ones(3), "max": 2, "np": np.array(5.0)}
    assert value("sum * max", scope=scope, values=values).tolist() == [2, 2, 2]
    assert value("np * 2", scope=scope, values=values) == 10
    with pytest.raises(SpecError, match="'sum' is a value here, not a function"):
        value("sum(sum)", scope=scope, values=values)
    assert value("numpy.sum(sum)", scope=scope, values=values) == 3
    assert value("sum.sum()", scope=scope, values=values) == 3


def test_a_function_of_the_file_wins_over_the_table():
    scope = Scope(frozenset({"x"}), functions={"exp": Callee(("v",))})
    program, _ = compiled("exp(x) + np.exp(x)", scope=scope)
    assert program.run({"x": np.array(0.0)}, {"exp": lambda v: v + 10}).values == (11,)
    assert program.calls == {"exp"}


# Blocks.


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("y = x * 2\nreturn y", VALUES["x"] * 2),
        ("a, b = x, w\nreturn a * b", VALUES["x"] * VALUES["w"]),
        ("a, b = x\nreturn a - b", VALUES["x"][0] - VALUES["x"][1]),
        ("(a, b) = x.shape\nreturn w * a / b", VALUES["w"] * 2 / 3),
        ("sign, value = slogdet(A)\nreturn value", np.linalg.slogdet(VALUES["A"])[1]),
        ("a, b = pair(w, 1)\nreturn a * b", VALUES["w"] ** 2 - 1),
        ("y = x\ny += 1\ny -= w\ny *= 2\ny /= 4\nreturn y", (VALUES["x"] + 1 - VALUES["w"]) / 2),
        ("y = x\ny **= 2\ny @= A\ny //= 2\ny %= 3\nreturn y", ((VALUES["x"] ** 2) @ VALUES["A"]) // 2 % 3),
        ("y = zeros(3)\nfor k in range(3):\n    y[k] = w[k] * k\nreturn y", VALUES["w"] * np.arange(3)),
        ("y = zeros(3)\nfor k in range(1, n, 2):\n    y[k] += 1\nreturn y", [0, 1, 0]),
        ("t = 0.0\nfor k in reversed(range(n)):\n    t = t * 10 + k\nreturn t", 210),
        ("t = 0\nfor a in range(2):\n    for b in range(a, n):\n        t += 1\nreturn t", 5),
        ("y = w\ny[0] *= 5\nreturn y", [5, -2, 3]),
        ("y = w\ny[1:] = 0\nreturn y", [1, 0, 0]),
        ("y = w\ny[[0, 0]] += 1\nreturn y", [2, -2, 3]),
        ("y = w\ny[m] = 0\nreturn y", [0, -2, 0]),
        ("y = w\ny[i] += y[i]\nreturn y", [2, -2, 6]),
        ("y = x\ny[1, i] -= 1\nreturn y[1]", [3, 5, 5]),
        ("if n == 3:\n    return w\nreturn x", VALUES["w"]),
        ("if n < 3:\n    y = 1\nelif x.ndim == 2:\n    y = 2\nelse:\n    y = 3\nreturn y", 2),
        ("if n:\n    if flag:\n        return 1\n    else:\n        return 2\nelse:\n    return 3", 1),
        ("if n > 5:\n    pass\nreturn w", VALUES["w"]),
        ("h = []\nfor k in range(n):\n    h += [w[k] * 2]\nreturn stack(h)", VALUES["w"] * 2),
        ("parts = split(w, 3)\nreturn parts[2] - parts[0]", [2]),
        ("d = x.shape[-1]\nreturn x.reshape(d, 2)", VALUES["x"].reshape(3, 2)),
        ("x = x + 1\nx = x * 2\nreturn x", (VALUES["x"] + 1) * 2),
        ("norm = norm(w)\nreturn norm", np.linalg.norm(VALUES["w"])),
        ("u, _, _ = svd(A)\nreturn abs(u @ u.T).round()", np.eye(3)),
        ("# a comment: \N{GREEK SMALL LETTER SIGMA}(x)\n\ny = (x\n     + 1)  # and one (more\n\nreturn y", VALUES["x"] + 1),
        ("y = x; z = y\nreturn z", VALUES["x"]),
        ("y = zeros(2)\nif y[0] == 0:\n    return w\nreturn x", VALUES["w"]),
        ("return [w[0], w[1]]", [1, -2]),
        ("return w", VALUES["w"]),
        ("out = w * 2\nreturn out", VALUES["w"] * 2),
    ],
)
def test_a_block_means_what_python_says(code, expected):
    np.testing.assert_allclose(value(code, block=True), expected, rtol=1e-14)


def test_other_names_keep_the_old_value():
    result = run("y = w\nz = y\ny[0] = 100\ny += 1\nreturn z, y, w")
    assert [v.tolist() for v in result.values] == [[1, -2, 3], [101, -1, 4], [1, -2, 3]]
    assert VALUES["w"].tolist() == [1, -2, 3]


def test_what_a_block_says_about_itself():
    program, _ = compiled("k, y = n, x\nfor j in range(k):\n    z = y * w\nreturn y, z, x + 1", block=True)
    assert program.assigned == ("k", "y", "j", "z")
    assert program.statics == {"k", "j"}
    assert program.reads == {"n", "x", "w"}
    assert program.returned == ("y", "z", None)
    assert (program.keys, program.nones, program.calls) == ((), frozenset(), frozenset())
    assert set(program.run(VALUES, {}).names) == {"k", "y", "j", "z"}


def test_returns_by_name_and_none():
    program, _ = compiled("if n == 3:\n  return {w: none, x: x}\nreturn {x: w, w: x}", block=True)
    assert (program.keys, program.returned, program.nones) == (("w", "x"), (), {0})
    assert program.run(VALUES, {}).values[0] is None
    assert program.run({**VALUES, "n": 4}, {}).values[0] is VALUES["x"]
    assert run("return None, none, w").values[:2] == (None, None)


def test_returns_agree_on_names():
    program, _ = compiled("y = x\nz = w\nif n:\n  return y, z\nreturn y, y", block=True)
    assert program.returned == ("y", None)


@pytest.mark.parametrize("name", ["grad", "out", "grad_y"])
def test_cotangents_may_be_bound_again(name):
    scope = Scope(frozenset({"x", "grad", "out", "grad_y"}))
    values = {"x": 1.0, "grad": np.ones(2), "out": np.ones(2), "grad_y": np.ones(2)}
    assert value(f"{name} = {name} * 2\nreturn {name}", scope=scope, values=values).tolist() == [2, 2]


def test_running_is_repeatable_and_leaves_the_names_alone():
    program, _ = compiled("x += 1\nw[0] = 7\nreturn x * w", block=True)
    names = dict(VALUES)
    first, second = program.run(names, {}), program.run(names, {})
    assert first.values[0].tolist() == second.values[0].tolist()
    assert names.keys() == VALUES.keys()
    assert all(names[name] is VALUES[name] for name in names)
    again, _ = compiled("x += 1\nw[0] = 7\nreturn x * w", block=True)
    assert again.run(names, {}).values[0].tolist() == first.values[0].tolist()
    assert (again.reads, again.assigned) == (program.reads, program.assigned)


BLOCK = """\
h = tanh(x @ A)
for k in range(n):
    h[0, k] = h[0, k] * 2
if h.ndim == 2:
    h = h.sum(axis=0)
return h * w, h[i]"""


def test_tensors_flow_through():
    plain = run(BLOCK)
    x = Tensor(VALUES["x"], requires_grad=True)
    recorded = run(BLOCK, values={**VALUES, "x": x})
    for a, b in zip(plain.values, recorded.values, strict=True):
        np.testing.assert_array_equal(a, b.detach().numpy())
    recorded.values[0].backward(np.ones(3))
    assert x.grad.shape == (2, 3)


def test_batches_flow_through():
    program, _ = compiled(BLOCK, block=True)
    copies = VALUES["x"] * np.arange(1.0, 5.0)[:, None, None]
    found = batched(lambda x: program.run({**VALUES, "x": x}, {}).values, [copies], [True])
    for k, copy in enumerate(copies):
        for a, b in zip(found, program.run({**VALUES, "x": copy}, {}).values, strict=True):
            np.testing.assert_allclose(a[k], b, rtol=1e-14)


# What is refused, and where.

REFUSED = [
    # (code, line, column, words of the message, words of the hint)
    ("xx + 1", 1, 1, "'xx' is not known", "did you mean 'x'?"),
    ("x +\n  foo", 2, 3, "'foo' is not known", ""),
    ("smu(x)", 1, 1, "no function 'smu'", "'sum'"),
    ("x.smu()", 1, 3, "no method 'smu'", "'sum'"),
    ("np.smu(x)", 1, 4, "no function 'smu'", "'sum'"),
    ("x.sumn", 1, 3, "no attribute 'sumn'", "'sum'"),
    ("x.sum", 1, 3, "no attribute 'sum'", "call it"),
    ("x.shape()", 1, 3, "no method 'shape'", "without brackets"),
    ("x.__class__", 1, 3, "no attribute '__class__'", ""),
    ("w + sum", 1, 5, "'sum' is a function", "call it"),
    ("x.append(1)", 1, 3, "no method 'append'", "+="),
    ("cat([w])", 1, 1, "no function 'cat'", "concatenate"),
    ("sum(x, dim=0)", 1, 8, "no argument 'dim'", "axis"),
    ("sum(x, axes=0)", 1, 8, "no argument 'axes'", "axis"),
    ("sum(x, out=w)", 1, 8, "no argument 'out'", "returned"),
    ("x.sum(where=m)", 1, 7, "no argument 'where'", "where(condition"),
    ("zeros(3, dtype=int)", 1, 10, "no argument 'dtype'", "astype"),
    ("exp(x, w)", 1, 8, "at most 1 argument", "exp(x)"),
    ("where(m)", 1, 1, "needs the argument 'x'", "where(condition, x, y)"),
    ("sum(x, axis=0, axis=1)", 1, 16, "'axis' is given twice", ""),
    ("sum(x, 0, axis=1)", 1, 11, "'axis' of sum is given twice", ""),
    ("sum(*x)", 1, 5, "`*` before a value", ""),
    ("sum(**x)", 1, 7, "`**` before a value", ""),
    ("x.sum(axis=w)", 1, 12, "'axis' of sum must be static", ""),
    ("max(x, w)", 1, 8, "'axis' of max must be static", "maximum"),
    ("concatenate(w, w)", 1, 16, "'axis' of concatenate must be static", "list"),
    ("double(w, w)", 1, 11, "takes 1 argument", "double(v)"),
    ("double()", 1, 1, "needs the input 'v'", "double(v)"),
    ("double(q=w)", 1, 8, "no input 'q'", ""),
    ("double(w, v=w)", 1, 11, "'v' of double is given twice", ""),
    ("pair(w, w) + 1", 1, 1, "gives 2 values", "a, b = "),
    ("split(w, 3)", 1, 1, "gives several values", ""),
    ("x.sum()()", 1, 1, "only functions can be called", ""),
    ("x if x.sum() > 0 else w", 1, 6, "a condition must be static", "where"),
    ("x and w", 1, 1, "takes static values", "&"),
    ("not x", 1, 5, "takes static values", "~"),
    ("0 < x < 3", 1, 1, "cannot be chained", "&"),
    ("x is None", 1, 1, "`is`", ""),
    ("x in w", 1, 1, "`in`", ""),
    ("x ^ 2", 1, 1, "`^`", "**"),
    ("1 << 3", 1, 1, "`<<`", ""),
    ("x + 'a'", 1, 5, "a string cannot be used here", ""),
    ("kind", 1, 1, "a string cannot be used here", ""),
    ("kind == x", 1, 1, "a string cannot be used here", ""),
    ("x + None", 1, 5, "None cannot be used here", ""),
    ("x + ...", 1, 5, "stands only inside an index", ""),
    ("x, w", 1, 1, "gives one value", "return a, b"),
    ("lambda: 1", 1, 1, "lambda", ""),
    ("[a for a in x]", 1, 1, "comprehensions", "for"),
    ("(y := x)", 1, 2, ":=", ""),
    ("f'{x}'", 1, 1, "formatted strings", ""),
    ("{x: 1}", 1, 1, "behind return", ""),
    ("{x, w}", 1, 1, "sets", ""),
    ("w[1.0]", 1, 3, "an index is a whole number", ""),
    ("w[True]", 1, 3, "an index is a whole number", ""),
    ("w[:1.0]", 1, 4, "a whole number is expected", ""),
    ("w[:s]", 1, 4, "a slice's bound must be static", ""),
    ("b'a'", 1, 1, "not part of the language", ""),
    ("'a", 1, 1, "not closed", ""),
    ("'''a'''", 1, 1, "triple quotes", ""),
    ("einsum('i\\x41', w)", 1, 8, "no backslashes", ""),
    ("(x", 1, 1, "'(' is never closed", ""),
    ("x)", 1, 2, "')' closes nothing", ""),
    ("x) + (w", 1, 2, "')' closes nothing", ""),
    ("(x]", 1, 3, "']' does not close the '('", ""),
    ("(x\n+ [1)", 2, 5, "')' does not close the '[' at line 2, column 3 of this text", ""),
    ("(" * 65, 1, 65, "brackets are nested more than 64 deep", ""),
    ("x" + " -" * 65 + "1", 1, 131, "too many operators in a row", ""),
    ("x - '-' " + "+" * 65 + "1", 1, 73, "too many operators in a row", ""),
    ("x \\ + 1", 1, 3, "a backslash is not part of the language", "brackets"),
    ("x +", 1, 4, "", ""),
    ("x w", 1, 3, "", ""),
    ("y = x", 1, 3, "", "block"),
    ("\n  x \N{MINUS SIGN} 1", 2, 5, "U+2212", "write -"),
    ("x\0", 1, 2, "U+0000", ""),
    ("x \f", 1, 3, "U+000C", ""),
    ("# \N{RIGHT-TO-LEFT OVERRIDE}\nx", 1, 3, "U+202E", ""),
    ("", 1, 1, "empty", ""),
    ("range(3)", 1, 1, "range stands only", "arange"),
    ("int(x)", 1, 5, "must be static", ""),
    ("9**9**9", 1, 1, "2**31", ""),
    ("2 * (1 + 9**999)", 1, 10, "2**31", ""),
    ("1e999", 1, 1, "too large", "inf"),
    ("1/0", 1, 1, "division by zero", ""),
    ("10.0**400", 1, 1, "too large", ""),
    ("~1", 1, 1, "booleans", ""),
    # Found while running.
    ("x + 1 + (x @ x)", 1, 10, "`@`: the sizes do not fit each other (of shape (2, 3) and (2, 3))", ""),
    ("1 + (x * w[:2])", 1, 6, "`*`: operands could not be broadcast together with shapes (2,3) (2,)", ""),
    ("exp(x[7])", 1, 5, "out of bounds", ""),
    ("inv(0 * A)", 1, 1, "inv: Singular matrix", ""),
    ("cholesky(-A)", 1, 1, "cholesky: ", ""),
    ("x.sum(axis=5)", 1, 1, "sum: axis 5 is out of bounds", ""),
    ("x.reshape(4, 4)", 1, 1, "reshape: cannot reshape array of size 6", ""),
    ("n ** n ** n", 1, 1, "2**31", ""),
    ("n // (n - 3)", 1, 1, "zero", ""),
    ("[x, [1.0]]", 1, 1, "rows of a list differ", ""),
    ("len(s)", 1, 1, "no length", ""),
]  # fmt: skip


@pytest.mark.parametrize(("code", "line", "column", "message", "hint"), REFUSED)
def test_a_mistake_is_told_with_its_place(code, line, column, message, hint):
    first = failure(code, block=False)[0]
    assert first[:2] == (line, column)
    assert message in first[2]
    assert hint in first[3]


REFUSED_BLOCKS = [
    ("y = x", 1, 1, "does not end with a return", "return y"),
    ("if n:\n    return x", 1, 1, "does not end with a return", ""),
    ("return x\ny = 1", 2, 1, "never reached", ""),
    ("if n:\n    return x\nelse:\n    return w\ny = 1", 5, 1, "never reached", ""),
    ("for k in range(3):\n    return x", 2, 5, "cannot stand in a loop", ""),
    ("return", 1, 1, "at least one value", ""),
    ("return {}", 1, 1, "at least one value", ""),
    ("return {'x': x}", 1, 9, "bare name", ""),
    ("return {**x}", 1, 8, "bare name", ""),
    ("return {x: x, x: w}", 1, 15, "returned twice", ""),
    ("if n:\n    return x\nreturn x, w", 3, 1, "same values", ""),
    ("if n:\n    return {x: x}\nreturn x", 3, 1, "same values", ""),
    ("y = z\nz = x\nreturn y", 1, 5, "'z' is not known", ""),
    ("y[0] = x\nreturn y", 1, 1, "'y' is not known", ""),
    ("y += x\nreturn y", 1, 1, "'y' is not known", ""),
    ("if x.sum() > 0:\n    y = 1\nelse:\n    y = 2\nreturn y", 1, 4, "must be static", "where"),
    ("y = x.sum()\nif y > 0:\n    return y\nreturn x", 2, 4, "must be static", "where"),
    ("y = zeros(3)\nfor k in range(3):\n    if y[0] > 0:\n        y[k] = w[k]\nreturn y", 3, 8, "must be static", ""),
    ("y = zeros(3)\ny[i] = 1\nif y[0]:\n    y = w\nreturn y", 3, 4, "must be static", ""),
    ("y = double(1.0)\nif y:\n    return x\nreturn w", 2, 4, "must be static", ""),
    ("for k in range(w[0]):\n    y = 1\nreturn x", 1, 16, "must be static", ""),
    ("for k in w:\n    y = 1\nreturn x", 1, 10, "range", ""),
    ("for k, l in range(3):\n    y = 1\nreturn x", 1, 5, "one variable", ""),
    ("for k in range(3):\n    y = 1\nelse:\n    y = 2\nreturn x", 4, 5, "no else", ""),
    ("while n:\n    y = 1\nreturn x", 1, 1, "while", "for"),
    ("for k in range(3):\n    break\nreturn x", 2, 5, "break", ""),
    ("import os\nreturn x", 1, 1, "import", ""),
    ("from os import path\nreturn x", 1, 1, "import", ""),
    ("def f(a):\n    return a\nreturn x", 1, 1, "def", "function of the file"),
    ("class C:\n    pass\nreturn x", 1, 1, "not part", ""),
    ("with x:\n    pass\nreturn x", 1, 1, "not part", ""),
    ("try:\n    pass\nfinally:\n    pass\nreturn x", 1, 1, "not part", ""),
    ("global y\nreturn x", 1, 1, "not part", ""),
    ("del x\nreturn w", 1, 1, "del", ""),
    ("y: int = 1\nreturn y", 1, 1, "annotations", ""),
    ("x + 1\nreturn x", 1, 1, "drops it", "return"),
    ("x.fill(0)\nreturn x", 1, 1, "changes nothing", ""),
    ("y = z = x\nreturn y", 1, 1, "assigns once", ""),
    ("x.T = w\nreturn x", 1, 1, "attributes cannot be assigned", ""),
    ("*y, z = x\nreturn y", 1, 1, "`*` before a name", ""),
    ("a, b = x, w, s\nreturn a", 1, 1, "another number of values", ""),
    ("a, b, c2 = slogdet(A)\nreturn a", 1, 1, "gives 2 values, here are 3 names", ""),
    ("a, b = w\nreturn a", 1, 1, "here are 2 names, and 3 values", ""),
    ("y = x\ny[0][1] = 1\nreturn y", 2, 1, "only a name's entries", "y[i, j]"),
    ("y = 'a'\nreturn x", 1, 5, "a string cannot be used here", ""),
    ("y = None\nreturn x", 1, 5, "None cannot be used here", ""),
    ("pi = 3\nreturn x", 1, 1, "'pi' has a meaning", ""),
    ("np = x\nreturn np", 1, 1, "'np' has a meaning", ""),
    ("for inf in range(3):\n    pass\nreturn x", 1, 5, "'inf' has a meaning", ""),
    ("__y = x\nreturn x", 1, 1, "underscores", ""),
    ("y = x +\nreturn y", 1, 8, "", ""),
    ("  y = x\nreturn y", 1, 3, "unexpected indent", ""),
    ("if n:\ny = 1\nreturn x", 2, 1, "indented block", ""),
    # Found while running.
    ("if n == 4:\n    y = x\nreturn y", 3, 8, "'y' has no value here", ""),
    ("for k in range(0):\n    y = x\nreturn y", 3, 8, "'y' has no value here", ""),
    ("for k in range(0.5):\n    y = x\nreturn x", 1, 10, "range: a whole number", ""),
    ("for k in range(0, 3, 0):\n    y = x\nreturn x", 1, 10, "range: ", ""),
    ("y = w\ny[7] = 1\nreturn y", 2, 1, "out of bounds", ""),
    ("a = x\nb = a @ a.T\nc2 = b + w\nreturn c2", 3, 6, "(2,2) (3,)", ""),
]


@pytest.mark.parametrize(("code", "line", "column", "message", "hint"), REFUSED_BLOCKS)
def test_a_mistake_in_a_block_is_told_with_its_place(code, line, column, message, hint):
    first = failure(code, block=True)[0]
    assert first[:2] == (line, column)
    assert message in first[2]
    assert hint in first[3]


def test_an_empty_block_is_refused():
    mistakes = []
    assert compile_block(Text("", Source("spec.yaml", "forward: |\n"), 1, 10, "|"), SCOPE, mistakes) is None
    assert "empty" in mistakes[0].message


def test_every_mistake_is_reported_once():
    found = failure("y = foo + bar\nz = smu(foo) + y\nreturn y.ttt + z")
    assert [(line, column) for line, column, *_ in found] == [(1, 5), (1, 11), (2, 5), (3, 10)]
    assert len(failure("\n".join(f"y{k} = a{k}" for k in range(100)) + "\nreturn x")) == limits.EXPRESSION_MISTAKES


def test_rule_errors_pass_through():
    def broken(v):
        raise RuleError("count", "returned 2 gradients")

    program, _ = compiled("1 + double(w)")
    with pytest.raises(RuleError):
        program.run(VALUES, {"double": broken})


def test_mistakes_of_called_functions_keep_their_own_place():
    inner, _ = compiled("exp(x @ x)")
    program, _ = compiled("y = 1\nreturn double(x)", block=True)
    with pytest.raises(SpecError) as caught:
        program.run(VALUES, {"double": lambda v: inner.run({"x": v}, {}).values[0]})
    assert (caught.value.mistakes[0].location.line, caught.value.mistakes[0].location.column) == (1, 5)
