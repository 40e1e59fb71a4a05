"""The tables of docs/spec-reference.md, made from those that the reader of specs goes by."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable, Iterator
from itertools import pairwise

from gradcheck_cli.engine.ops import ALIASES, public_ops
from gradcheck_cli.spec import cases, draft, input_forms, limits, loader
from gradcheck_cli.spec.draws import DTYPES_OF
from gradcheck_cli.spec.keys import Keys
from gradcheck_cli.spec.options import OPTIONS


def tables() -> dict[str, str]:
    """By the mark in the document that each stands below."""
    return {
        "keys of a file": _keys(loader.KEYS),
        "keys of a function": _keys(draft.KEYS),
        "keys of an input": _keys(input_forms.KEYS),
        "dtypes of draws": _rows(("draw", "dtypes"), ((f"`{name}`", _names(DTYPES_OF[name])) for name in input_forms.DRAWS)),
        "functions": _functions(),
        "keys of a case": _keys(cases.KEYS),
        "options": _options(),
        "limits": _limits(),
    }


def _rows(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(head)]
    lines.append(["---"] * len(lines[0]))
    lines += [list(row) for row in rows]
    return "\n" + "".join(f"|{'|'.join(row)}|\n" if row[0] == "---" else f"| {' | '.join(row)} |\n" for row in lines) + "\n"


def _keys(keys: Keys) -> str:
    return _rows(
        ("key", "meaning"), ((f"`{name}`", key.doc + (" Required." if key.required else "")) for name, key in keys.items())
    )


def _options() -> str:
    def row(name: str) -> tuple[str, str, str, str]:
        meaning, _, default = OPTIONS[name].doc.partition(" Default: ")
        return f"`{name}`", meaning, OPTIONS[name].must, default.rstrip(".")

    return _rows(("option", "meaning", "must be", "default"), map(row, OPTIONS))


def _functions() -> str:
    families: dict[str, list[str]] = {}
    for name, op in sorted(public_ops().items()):
        families.setdefault(op.family.name, []).append(name)
    names = [(family, _names(members)) for family, members in families.items()]
    others = ", ".join(f"`{alias}` is `{name}`" for alias, name in sorted(ALIASES.items()))
    return _rows(("family", "functions"), [*names, ("other names", others)])


def _limits() -> str:
    def row(name: str, meaning: str) -> tuple[str, str, str, str]:
        value = limits.DEFAULTS[name]
        changed = f"`{limits.called(name)}`" if name not in limits.FIXED else "`--max-rtol`" if name == "RTOL" else "-"
        return f"`{name}`", f"{value:,}", meaning, changed

    return _rows(("limit", "value", "of", "`--limit`"), (row(*found) for found in _documented(inspect.getsource(limits))))


def _documented(source: str) -> Iterator[tuple[str, str]]:
    """The limits, and the texts below them."""
    body = ast.parse(source).body
    for node, below in pairwise(body):
        if isinstance(node, ast.Assign) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            (target,) = node.targets
            if isinstance(target, ast.Name) and target.id in limits.DEFAULTS:
                yield target.id, " ".join(str(below.value.value).split())


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
