"""The JSON Schema of spec files, and the loader: neither refuses what the other takes."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
from documents import ROOT, blocks

from gradcheck_cli.errors import SpecError
from gradcheck_cli.spec import scalars
from gradcheck_cli.spec.document import Mapping, Node, Scalar, Sequence, Source
from gradcheck_cli.spec.loader import loads
from gradcheck_cli.spec.mistakes import Mistakes
from gradcheck_cli.spec.model import CheckOptions
from gradcheck_cli.spec.options import OPTIONS
from gradcheck_cli.spec.schema import spec_schema
from gradcheck_cli.spec.yaml_reader import read_tree

SCHEMA = spec_schema()
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = {str(p.relative_to(ROOT)): p.read_text() for f in ("specs", "tests/malformed") for p in (ROOT / f).rglob("*.yaml")} | {
    f"{p.name} {n}": block.text for p in DOCUMENTS for n, block in enumerate(blocks(p)) if block.language == "yaml"
}


def value(node: Node) -> object:
    """What YAML's core schema makes of a node."""
    if isinstance(node, Mapping):
        return {name: value(entry) for name, entry in node.entries.items()}
    if isinstance(node, Sequence):
        return [value(item) for item in node.items]
    assert isinstance(node, Scalar)
    if node.style:
        return node.value
    if node.is_null:
        return None
    found = [scalars.as_bool(node.value), scalars.as_number(node.value)]
    return next((v for v in found if v is not None), node.value)


def tree_of(text: str) -> Node | None:
    """None where it is no YAML, or YAML that no spec may use."""
    mistakes = Mistakes()
    tree = read_tree(Source("a.yaml", text), mistakes)
    return None if mistakes else tree


def valid(text: str) -> bool:
    tree = tree_of(text)
    return tree is not None and VALIDATOR.is_valid(value(tree))


def loads_well(text: str) -> bool:
    try:
        loads(text)
    except SpecError:
        return False
    return True


MEANINGS = {
    "backward": "ambiguous block_in_mapping named_return names",
    "cases": "constants gradients",
    "cycle": "direct of_three through_rule",
    "expr": "arity assignment_in_expression escapes file_function_arity in_block in_folded in_plain_lines in_quotes "
    "keyword_and no_return power_caret syntax tensor_condition unclosed unknown_function unknown_keyword unknown_name "
    "wrong_scope",
    "function": "no_gradient",
    "input": "ragged shape_misspelt too_large",
    "names": "input_and_constant of_cotangents",
    "outputs": "count swapped unnamed",
    "yaml": "comment_eats_tail",
}
"""Files under tests/malformed/ that look like specs: what is wrong is what they mean, which no schema can know."""
LOOKS_RIGHT = {f"tests/malformed/{part}_{name}.yaml" for part, names in MEANINGS.items() for name in names.split()}


def test_schema_is_one():
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    assert len(TEXTS) > 140


@pytest.mark.parametrize("name", TEXTS)
def test_schema_and_loader_agree(name):
    text = TEXTS[name]
    if loads_well(text):
        assert list(VALIDATOR.iter_errors(value(tree_of(text)))) == []
        assert name not in LOOKS_RIGHT
    else:
        assert valid(text) == (name in LOOKS_RIGHT)


def test_every_key_is_explained():
    assert list(OPTIONS) == list(CheckOptions._fields)

    def mappings(part):
        if isinstance(part, dict):
            yield from [part] if "properties" in part and "type" in part else []
            for inside in part.values():
                yield from mappings(inside)
        elif isinstance(part, list):
            for inside in part:
                yield from mappings(inside)

    found = [described for mapping in mappings(SCHEMA) for described in mapping["properties"].values()]
    assert len(found) > 40
    assert all(described["title"] and described["description"] for described in found)


FUNCTION = "functions: {{f: {{inputs: {{x: 1.5}}, forward: 2 * x, {}}}}}"
INPUT = "functions: {{f: {{inputs: {{x: {}}}, constants: {{n: 3}}, forward: sum(x)}}}}"


@pytest.mark.parametrize(
    "text",
    [
        *(FUNCTION.format(f"check: {{{option}}}") for option in (
            "rtol: 1e-6", "rtol: .5", "atol: 0", "eps: 0x1", "order: 2", "points: 1000", "mode: full", "kinks: skip",
            "seed: 0o17",
        )),
        *(FUNCTION.format(f"expect: {word}") for word in ("pass", "fail", "fail GC201", "'fail  GC201 '")),
        *(INPUT.format(form) for form in (
            "[]", "[[1, .inf]]", "{shape: 3}", "{shape: [n, 2]}", "{shape: [], normal: [0, 1]}", "{file: a/b.npy}",
            "{value: 1+2j, dtype: complex128}", "{value: [1 + 2j, 3], dtype: complex128}", "{value: 1, bounds: [-.inf, 2]}",
            "{shape: [2, 2], spd: 3, structure: symmetric}", "{shape: 2, uniform: [0, 1], dtype: complex128}",
            "{shape: 2, integers: [0, 5], dtype: float32}",
        )),
        FUNCTION.format("backward: {x: 2}, doc: 3, outputs: [y]"),
        FUNCTION.format("cases: {a b: {}, 3: {inputs: {x: 4}}}, surrogate: false"),
    ],
)  # fmt: skip
def test_unusual_forms_that_are_right(text):
    loads(text)
    assert list(VALIDATOR.iter_errors(value(tree_of(text)))) == []


@pytest.mark.parametrize(
    "text",
    [
        *(FUNCTION.format(f"check: {{{option}}}") for option in (
            "rtol: 0", "rtol: 1", "rtol: '1e-6'", "atol: -1", "eps: 0", "order: 3", "points: 0", "mode: half",
            "seed: 1.5", "sed: 1",
        )),
        *(FUNCTION.format(f"expect: {word}") for word in ("passes", "pass GC201", "fail GC999", "true", "[fail]")),
        *(INPUT.format(form) for form in (
            "~", "'3'", "{}", "{value: 1, shape: 3}", "{shape: -1}", "{shape: [[1]]}", "{shape: 2, uniform: [0]}",
            "{shape: 2, uniform: [0, 1], normal: [0, 1]}", "{value: 1, uniform: [0, 1]}", "{shape: 2, normal: [0, 0]}",
            "{shape: [2, 2], spd: 0.5}", "{shape: 2, integers: [0, 1.5]}", "{file: a.txt}", "{value: 1, dtype: float16}",
            "{shape: [2, 2], spd: 2, dtype: complex128}", "{value: 1, structure: upper}", "{value: 1, requires_grad: maybe}",
        )),
        "functions: {}", "functions: {2x: {inputs: {x: 1}, forward: x}}", "{}", "version: 2\n" + FUNCTION.format(""),
        "functions: {f: {inputs: {grad: 1}, forward: grad}}", "functions: {f: {inputs: {lambda: 1}, forward: 1}}",
        FUNCTION.format("cases: {default: {}}"), FUNCTION.format("backward: 2"), FUNCTION.format("backward: {}"),
        FUNCTION.format("forwards: x"), FUNCTION.format("constants: {}"), FUNCTION.format("doc: ~"),
    ],
)  # fmt: skip
def test_unusual_forms_that_are_wrong(text):
    assert not loads_well(text)
    assert not valid(text)


def test_paths_are_the_repositorys():
    assert all(Path(ROOT, name).exists() for name in LOOKS_RIGHT)
