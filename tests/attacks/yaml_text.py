"""YAML that PyYAML reads in a way of its own, that breaks its parsers, or that grows when it is read."""

from __future__ import annotations

from attacks.attack import JUDGED, Attack, function

HEAD = "functions:\n  f:\n    inputs: {x: 1.5}\n    forward: sin(x)\n    backward: {x: grad * cos(x)}\n"


def bomb(levels: int) -> str:
    """The billion laughs."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]" for k in range(1, levels)]
    return "\n".join(lines) + "\n" + HEAD


def merge_bomb(levels: int) -> str:
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{k}: &a{k} {{<<: [{', '.join([f'*a{k - 1}'] * 9)}]}}" for k in range(1, levels)]
    return "\n".join(lines) + "\n" + HEAD


TEXTS: dict[str, str | bytes] = {
    "nothing": "",
    "blank": " \n\n",
    "a comment": "# functions:\n",
    "null": "null\n",
    "a number": "1\n",
    "a list": "- functions\n",
    "two documents": HEAD + "---\n" + HEAD,
    "a directive": "%YAML 1.1\n---\n" + HEAD,
    "30,000 brackets": "[" * 30_000,
    "30,000 closed brackets": "[" * 30_000 + "]" * 30_000,
    "30,000 braces": "{" * 30_000,
    "30,000 dashes": "- " * 30_000,
    "30,000 question marks": "? " * 30_000,
    "a deep mapping": "".join(" " * k + "a:\n" for k in range(500)),
    "brackets in inputs": function(inputs="{x: " + "[" * 5000 + "]" * 5000 + "}"),
    "brackets in forward": function(forward="[" * 5000),
    "aliases": "a: &a 1\nb: *a\n" + HEAD,
    "a billion laughs": bomb(12),
    "a merge bomb": merge_bomb(12),
    "an alias to itself": "a: &a [*a]\n" + HEAD,
    "an undefined alias": "functions: *nowhere\n",
    "a merge key": "functions:\n  f: {<<: {forward: x}}\n",
    "a tag": "functions: !!python/object/apply:os.system ['touch owned']\n",
    "a tag of a name": "functions: !!python/name:os.system\n",
    "a tag of a module": "!!python/module:os\n",
    "a tag of a new object": "functions: !!python/object/new:type [a]\n",
    "a local tag": "functions: !f {}\n",
    "a binary": "functions: !!binary aGVsbG8=\n",
    "a set": "functions: !!set {f}\n",
    "a timestamp": function(inputs="{x: 2026-99-99}"),
    "a timestamp as a name": "functions:\n  2026-01-01:\n    inputs: {x: 1}\n    forward: x\n",
    "sexagesimal": function(inputs="{x: 1:30}"),
    "octal": function(inputs="{x: 0777x}"),
    "yes as a number": function(inputs="{x: yes}"),
    "a key twice": HEAD + HEAD,
    "a function twice": HEAD + HEAD.partition("\n")[2],
    "an input twice": function(inputs="{x: 1, x: 2}"),
    "two spellings of one key": "functions: {}\n'functions': {}\n",
    "a list as a key": "? [a, b]\n: 1\n",
    "a mapping as a key": "? {a: b}\n: 1\n",
    "tabs": "functions:\n\tf:\n\t\tforward: x\n",
    "NUL": "functions:\0\n",
    "escape": "functions:\x1b[31m\n",
    "form feed": "functions:\f\n",
    "DEL": "functions:\x7f {}\n",
    "C1 controls": "functions: \x85\x9b31m\n",
    "Latin-1": "functions: f\xfcr\n".encode("latin-1"),
    "UTF-16": HEAD.encode("utf-16"),
    "UTF-32": HEAD.encode("utf-32"),
    "half a character": HEAD.encode() + b"\xf0\x9f",
    "overlong": b"functions: \xc0\xaf\n",
    "a surrogate": b"functions: \xed\xa0\x80\n",
    "bytes": bytes(range(256)),
    "gzip": b"\x1f\x8b\x08\0\0\0\0\0" * 20,
    "a zip": b"PK\x03\x04" + b"\0" * 200,
    "ELF": b"\x7fELF" + b"\0" * 200,
    "a megabyte of a": "a" * 2**20,
    "more than a megabyte": "# " + "a" * 2**20,
    "a megabyte of lines": "a: 1\n" * 200_000,
    "a megabyte of keys": "".join(f"a{k}: 1\n" for k in range(80_000)),
    "a megabyte of functions": "functions:\n" + "".join(f"  f{k}: {{forward: x}}\n" for k in range(30_000)),
    "a megabyte of quotes": '"' * 2**19,
    "a megabyte of colons": ": " * 2**19,
    "a long name": f"functions:\n  {'f' * 10_000}:\n    inputs: {{x: 1}}\n    forward: x\n",
    "a long key": "k" * 2000 + ": 1\n" + HEAD,
    "a block header": function(forward="|9999999999\n      x"),
    "an unknown escape": 'functions: "\\q"\n',
    "an escaped surrogate": 'functions: {"\\ud800": {inputs: {x: 1}, forward: x}}\n',
    "an escaped NUL": 'functions: {"\\0": {inputs: {x: 1}, forward: x}}\n',
    "a huge escape": 'functions: "\\U7fffffff"\n',
    "anchors without aliases": "functions: &f\n  g: &g {inputs: &h {x: 1}, forward: x}\n",
    "unclosed": 'functions: "',
    "unclosed flow": "functions: {f: {inputs: {x: 1}",
    "only a closing bracket": "]\n",
    "a reserved indicator": "functions: @f\n",
    "a backtick": "functions: `f`\n",
    "a comment that eats the rule": function(forward="x # y", backward="{x: # grad}"),
    "a huge integer": function(inputs="{x: " + "9" * 5000 + "}"),
    "a huge exponent": function(inputs="{x: 1e999999999}"),
    "a huge exponent, negative": function(inputs="{x: 1e-999999999}"),
    "a huge hexadecimal": function(inputs="{x: 0x" + "f" * 5000 + "}"),
    "a version of the future": "version: 2\n" + HEAD,
    "an unknown key": "include: /etc/passwd\n" + HEAD,
    "a key of Python": "__class__: 1\n" + HEAD,
    "a function named by Python": HEAD.replace("  f:", "  __import__:"),
}
HONEST = {"a directive", "a huge exponent, negative", "a function named by Python", "escape"}
"""Odd, but not wrong by themselves."""

ATTACKS = [
    *(Attack(f"yaml: {name}", text, JUDGED if name in HONEST else frozenset({2})) for name, text in TEXTS.items()),
    *(
        Attack(f"yaml on standard input: {name}", argv=("run", "-"), stdin=text)
        for name, text in TEXTS.items()
        if isinstance(text, str) and len(text) < 40_000 and name not in HONEST and "\0" not in text
    ),
]
