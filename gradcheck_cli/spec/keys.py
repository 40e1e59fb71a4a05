"""What a spec's keys mean and take: the reader's tables hold these, and the JSON Schema is made of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

Fragment = dict[str, Any]
"""A piece of JSON Schema, draft 7."""


class Key(NamedTuple):
    """One key of a mapping."""

    doc: str
    schema: Fragment
    """What its value looks like."""
    required: bool = False


Keys = Mapping[str, Key]


def required(keys: Keys) -> tuple[str, ...]:
    """Those that must be there."""
    return tuple(name for name, key in keys.items() if key.required)


def ref(name: str) -> Fragment:
    """One of the schema's definitions."""
    return {"$ref": f"#/definitions/{name}"}


def named(name: str, value: Fragment) -> Fragment:
    """A mapping, not empty, whose keys are names as one of the definitions says."""
    return {"type": "object", "minProperties": 1, "propertyNames": ref(name), "additionalProperties": value}


def nested(name: str, leaf: Fragment) -> Fragment:
    """A value, or lists in lists of them; `name` is the definition that this is to be."""
    return {"anyOf": [leaf, {"type": "array", "items": ref(name)}]}


def pair(first: Fragment, second: Fragment) -> Fragment:
    """A list of two."""
    return {"type": "array", "items": [first, second], "minItems": 2, "maxItems": 2}


SCALAR: Fragment = {"type": ["string", "number", "boolean"]}
"""Any text: YAML reads some as numbers or booleans."""
LINE: Fragment = {**SCALAR, "pattern": r"^\s*[^\n]*\s*$"}
EXPRESSION: Fragment = {**SCALAR, "pattern": r"\S"}
NUMBER: Fragment = {"type": "number"}
INTEGER: Fragment = {"type": "integer"}
BOOLEAN: Fragment = {"type": "boolean"}
