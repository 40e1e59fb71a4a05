"""Expressions from strangers: what reaches for Python, what breaks parsers, what would run for years."""

from __future__ import annotations

import json

from attacks.attack import JUDGED, Attack, function

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
    "astype(x, 'object')", "astype(x, 'U9')", "astype(x, ',')", "astype(x, 'f8,f8')",
    "astype(x, '(2,)f8')", "x.astype('m8[s]')", "x.backward()", "x.grad_fn", "x.item()",
    "x._version", "x.view('O')", "x.setflags(1)", "__import__('os')", "open('a')", "eval('1')", "exec('1')",
    "getattr(x, 'T')", "globals()", "vars()", "type(x)", "print(x)", "np.load('a')", "np.save('a', x)",
    "np.fromfile('a')", "np.random.normal(3)", "np.ctypeslib", "np.lib.format", "np.os", "numpy.core",
    "math.factorial(10**9)", "os.system('a')", "x.f.g.h()", "_gather(x, i)", "np._gather(x, i)", "x._gather(i)",
    "sum.__self__", "np.sum.__globals__", "(lambda: 1)()", "[q for q in w]", "{**x}", "(yield x)", "await x", "*x",
    "x.\N{FULLWIDTH LATIN SMALL LETTER S}um()", "\N{MATHEMATICAL BOLD SMALL X} + 1", "x\N{NO-BREAK SPACE}+ 1",
    "x\x1b[31m", "x\r+ 1", "x\v", "print", "True.real.__class__", "(1).__class__", "1 .denominator", "...",
    "NotImplemented", "Ellipsis",
]  # fmt: skip

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


NAMES = """\
      x: [[1, 2, 3], [4, 5, 6]]
      w: [1, -2, 3]
      A: [[4, 1, 0.5], [1, 3, 0.2], [0.5, 0.2, 2]]
      s: 2.0
      i: {value: [2, 0], dtype: int64, requires_grad: false}
      m: {value: [true, false, true], dtype: bool, requires_grad: false}
    constants: {n: 3, c: 0.5, flag: true, kind: mean, table: [10, 20, 30]}
"""


def with_names(code: str, block: bool = False) -> str:
    """A spec whose forward is `code`."""
    forward = "|\n" + "".join(f"      {line}\n" for line in code.split("\n")) if block else quoted(code) + "\n"
    return f"functions:\n  f:\n    inputs:\n{NAMES}    forward: {forward}    backward: {{x: grad}}\n"


def quoted(code: str) -> str:
    """As a YAML scalar that means just this text."""
    return json.dumps(code)


ATTACKS = [
    *(Attack(f"nested {code[:12]!a} {len(code)}", function(quoted(code), "{x: grad}"), JUDGED) for code in NESTED),
    *(
        Attack(f"in a rule {code[:12]!a} {len(code)}", function("x", "{x: " + quoted(code) + "}"), JUDGED)
        for code in NESTED[:12]
    ),
    *(Attack(f"bomb {code[:50]!a}", with_names(code), JUDGED) for code in BOMBS),
    *(Attack(f"escape {code[:50]!a}", with_names(code)) for code in ESCAPES),
    *(Attack(f"block {number}", with_names(code, block=True)) for number, code in enumerate(HOSTILE_BLOCKS)),
]
