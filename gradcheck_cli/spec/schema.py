"""The JSON Schema (draft 7) of spec files, for editors: what a file looks like. Names and sizes are the loader's matter."""

from __future__ import annotations

from itertools import combinations
from keyword import kwlist
from typing import Any

from gradcheck_cli.check.findings import CODES
from gradcheck_cli.spec import cases, draft, input_forms, loader, names
from gradcheck_cli.spec.draws import DTYPES_OF
from gradcheck_cli.spec.keys import BOOLEAN, NUMBER, SCALAR, Fragment, Key, Keys, named, nested, ref, required
from gradcheck_cli.spec.options import OPTIONS, VERDICTS

COMPLEX = {"type": "string", "pattern": r"^[-+0-9.eE ]*j$"}


def spec_schema() -> dict[str, Any]:
    """The schema as plain data."""
    head = {"$schema": "http://json-schema.org/draft-07/schema#", "title": "gradcheck spec"}
    return {**head, **_mapping(loader.KEYS), "definitions": _definitions()}


def _definitions() -> dict[str, Fragment]:
    check = _mapping({name: Key(option.doc, option.schema) for name, option in OPTIONS.items()})
    only_check = _mapping({"check": Key("How to check every function.", ref("check"))})
    return {
        "function": _mapping(draft.KEYS),
        "case": _mapping(cases.KEYS),
        "check": check,
        "defaults": {"anyOf": [only_check, check]},
        "expect": _expect(),
        "inputs": named("argumentName", ref("input")),
        "input": {"anyOf": [ref("literal"), _input()]},
        "literal": nested("literal", NUMBER),
        "value": nested("value", {"anyOf": [NUMBER, BOOLEAN, COMPLEX]}),
        "shape": {"anyOf": [ref("axis"), {"type": "array", "items": ref("axis")}]},
        "axis": {"anyOf": [{"type": "integer", "minimum": 0}, ref("argumentName")]},
        "constants": named("argumentName", ref("constant")),
        "constant": nested("constant", SCALAR),
        "functionName": _name(names.LIBRARIES),
        "argumentName": _name(names.LIBRARIES | names.NUMBERS | names.RESERVED),
        "outputName": _name(names.LIBRARIES | names.NUMBERS | (names.RESERVED - {"out"})),
        "caseName": {"type": "string", "pattern": r"^\S(.*\S)?$", "not": {"const": "default"}},
    }


def _mapping(keys: Keys) -> Fragment:
    """A mapping with these keys and no others."""
    properties = {name: _described(name, key) for name, key in keys.items()}
    found: Fragment = {"type": "object", "additionalProperties": False, "properties": properties}
    return {**found, "required": list(required(keys))} if required(keys) else found


def _described(name: str, key: Key) -> Fragment:
    """A key's value with what editors show; in draft 7 nothing may stand beside a reference."""
    schema = {"allOf": [key.schema]} if "$ref" in key.schema else key.schema
    return {"title": name, "description": key.doc, **schema}


def _name(taken: frozenset[str]) -> Fragment:
    return {
        "type": "string",
        "pattern": "^(?!__)[A-Za-z_][A-Za-z0-9_]*$",
        "not": {"enum": sorted(taken | set(kwlist))},
    }


def _input() -> Fragment:
    """The mapping form of an input: one source, and with a shape at most one way to draw."""
    draws = input_forms.DRAWS
    return {
        **_mapping(input_forms.KEYS),
        "oneOf": [{"required": [source]} for source in input_forms.SOURCES],
        "dependencies": {draw: {"required": ["shape"], "properties": {"dtype": {"enum": _dtypes(draw)}}} for draw in draws},
        "not": {"anyOf": [{"required": list(two)} for two in combinations(draws, 2)]},
    }


def _dtypes(draw: str) -> list[str]:
    return [name for name in input_forms.DTYPES if {"int": "int64"}.get(name, name) in DTYPES_OF[draw]]


def _expect() -> Fragment:
    """A verdict, or a finding; spaces do not matter."""
    words = [*VERDICTS, *(f"fail {code}" for code in CODES)]
    spaced = "|".join(word.replace(" ", r"\s+") for word in words)
    return {"type": "string", "anyOf": [{"enum": words}, {"pattern": rf"^\s*({spaced})\s*$"}]}
