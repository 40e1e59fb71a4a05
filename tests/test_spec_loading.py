from __future__ import annotations

import gc
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gradcheck_cli.errors import SpecError
from gradcheck_cli.spec import limits
from gradcheck_cli.spec.loader import load, loads
from gradcheck_cli.spec.model import CheckOptions, Expectation, FunctionSpec, InputSpec, SpecFile
from gradcheck_cli.spec.names import cotangents, output_values

SPECS = Path(__file__).parent.parent / "specs"


def function(text: str) -> FunctionSpec:
    """The one function whose body `text` is, indented by four."""
    lines = "".join(f"    {line}\n" for line in text.strip("\n").split("\n"))
    return loads(f"functions:\n  f:\n{lines}").functions["f"]


def an_input(form: str, constants: str = "{n: 3}") -> InputSpec:
    return function(f"inputs: {{keep: 1.0, x: {form}}}\nconstants: {constants}\nforward: keep").inputs["x"]


def options(text: str) -> CheckOptions:
    return function(f"inputs: {{x: 1.0}}\nforward: x\ncheck: {text}").cases[0].check


def mistakes(text: str) -> str:
    with pytest.raises(SpecError) as caught:
        loads(text, "a.yaml")
    return str(caught.value)


FIRST = """
functions:
  quadratic:
    doc: f(x) = a x^2 + b x + c
    inputs: {x: 3.0, a: 2.0, b: 1.0, c: 4.0}
    forward: a * x**2 + b * x + c
    backward:
      x: grad * (2 * a * x + b)
      a: grad * x**2
      b: grad * x
      c: grad
"""


def test_first_file() -> None:
    spec = loads(FIRST, "a.yaml")
    assert spec.path == "a.yaml"
    quadratic = spec.functions["quadratic"]
    assert str(quadratic.location) == "a.yaml:3:3"
    assert quadratic.doc == "f(x) = a x^2 + b x + c"
    assert quadratic.outputs == ("out",)
    assert list(quadratic.inputs) == ["x", "a", "b", "c"]
    x = quadratic.inputs["x"]
    assert (x.kind, x.value, x.shape, x.dtype, x.requires_grad) == ("literal", 3.0, (), "float64", True)
    assert type(x.value) is float
    rule = quadratic.backward
    assert rule is not None
    assert rule.programs is not None
    assert list(rule.programs) == ["x", "a", "b", "c"]
    assert rule.block is None
    assert rule.nones == frozenset()
    assert rule.locations is not None
    assert str(rule.locations["a"]) == "a.yaml:9:10"
    assert quadratic.jvp is None
    assert not quadratic.surrogate
    [case] = quadratic.cases
    assert (case.name, case.inputs, case.constants) == ("default", quadratic.inputs, {})
    assert (case.check, case.expect) == (CheckOptions(), Expectation())


def test_order_is_kept_and_keys_are_text() -> None:
    spec = loads("functions:\n  on: {inputs: {y: 1, no: 2, x: 3}, forward: y + no + x}\n  a: {inputs: {x: 1}, forward: x}")
    assert list(spec.functions) == ["on", "a"]
    assert list(spec.functions["on"].inputs) == ["y", "no", "x"]


def test_file_keys() -> None:
    f = "functions:\n  f: {inputs: {x: 1}, forward: x, check: {seed: 4}}"
    text = f"version: 1\ndefaults: {{check: {{rtol: 1e-6, seed: 3}}}}\n{f}"
    assert loads(text).functions["f"].cases[0].check == CheckOptions(rtol=1e-6, seed=4)
    flat = "defaults: {rtol: 1e-6}\nfunctions:\n  f: {inputs: {x: 1}, forward: x}"
    assert loads(flat).functions["f"].cases[0].check == CheckOptions(rtol=1e-6)


@pytest.mark.parametrize("prefix", ["\ufeff", "# a comment\n\n", "---\n", "%YAML 1.2\n---\n"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_how_files_may_start_and_end_lines(prefix: str, newline: str) -> None:
    assert "quadratic" in loads((prefix + FIRST).replace("\n", newline)).functions


@pytest.mark.parametrize(
    ("form", "value", "shape"),
    [
        ("3", 3.0, ()),
        ("-2.5e-3", -0.0025, ()),
        ("1e-6", 1e-6, ()),
        ("5e3", 5000.0, ()),
        ("+.5", 0.5, ()),
        ("2.", 2.0, ()),
        ("0777", 777.0, ()),
        ("0x10", 16.0, ()),
        ("0o17", 15.0, ()),
        (".inf", math.inf, ()),
        ("-.Inf", -math.inf, ()),
        ("[]", (), (0,)),
        ("[[], []]", ((), ()), (2, 0)),
        ("[1, 2.5]", (1.0, 2.5), (2,)),
        ("[[1, 2], [3, 4]]", ((1.0, 2.0), (3.0, 4.0)), (2, 2)),
        ("{value: [[1, 2, 3]]}", ((1.0, 2.0, 3.0),), (1, 3)),
        ("{value: 1, dtype: float64}", 1.0, ()),
    ],
)
def test_float_literals(form: str, value: Any, shape: tuple[int, ...]) -> None:
    found = an_input(form)
    assert (found.kind, found.value, found.shape, found.dtype, found.requires_grad) == (
        "literal", value, shape, "float64", True,
    )  # fmt: skip
    assert "int" not in repr(type(found.value))


def test_nan_literal() -> None:
    assert math.isnan(an_input(".nan").value)


@pytest.mark.parametrize(
    ("form", "value", "dtype", "requires_grad"),
    [
        ("{value: [1, 0, 1], dtype: bool, requires_grad: false}", (True, False, True), "bool", False),
        ("{value: [true, False], dtype: bool}", (True, False), "bool", False),
        ("{value: [1, -2], dtype: int64}", (1, -2), "int64", False),
        ("{value: 9223372036854775807, dtype: int}", 2**63 - 1, "int64", False),
        ("{value: 1e38, dtype: float32}", 1e38, "float32", True),
        ("{value: 1.5, requires_grad: false}", 1.5, "float64", False),
        ("{value: [1+2j, 3, -.5j, 1 - 1j], dtype: complex128}", (1 + 2j, 3 + 0j, -0.5j, 1 - 1j), "complex128", True),
    ],
)
def test_literals_with_a_dtype(form: str, value: Any, dtype: str, requires_grad: bool) -> None:
    found = an_input(form)
    assert (found.value, found.dtype, found.requires_grad) == (value, dtype, requires_grad)
    first = found.value[0] if isinstance(found.value, tuple) else found.value
    assert type(first).__name__ == {"float32": "float", "float64": "float", "int64": "int", "complex128": "complex"}.get(
        dtype, dtype
    )


PLAIN = InputSpec("x", loads(FIRST).functions["quadratic"].location, "normal")


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("{shape: [3, 4]}", {"kind": "normal", "shape": (3, 4), "mean": 0.0, "std": 1.0}),
        ("{shape: []}", {"shape": ()}),
        ("{shape: 3}", {"shape": (3,)}),
        ("{shape: [0, 2]}", {"shape": (0, 2)}),
        ("{shape: [n, 2]}", {"shape": ("n", 2)}),
        ("{shape: n}", {"shape": ("n",)}),
        ("{shape: [3], uniform: [0.5, 2.0]}", {"kind": "uniform", "shape": (3,), "low": 0.5, "high": 2.0}),
        ("{shape: [3], normal: [0.0, 2.0]}", {"shape": (3,), "mean": 0.0, "std": 2.0}),
        ("{shape: [n, 3], spd: 10.0}", {"kind": "spd", "shape": ("n", 3), "condition": 10.0}),
        ("{shape: [2, 4, 4], spd: 1}", {"kind": "spd", "shape": (2, 4, 4), "condition": 1.0}),
        (
            "{shape: [5], integers: [0, 4], requires_grad: false}",
            {"kind": "integers", "shape": (5,), "low": 0, "high": 4, "dtype": "int64", "requires_grad": False},
        ),
        (
            "{shape: [5], integers: [-2, 4]}",
            {"kind": "integers", "shape": (5,), "low": -2, "high": 4, "dtype": "int64", "requires_grad": False},
        ),
        (
            "{shape: [5], integers: [0, 4], dtype: float64}",
            {"kind": "integers", "shape": (5,), "low": 0, "high": 4},
        ),
        ("{shape: [2], dtype: float32}", {"shape": (2,), "dtype": "float32"}),
        ("{shape: [2], dtype: complex128}", {"shape": (2,), "dtype": "complex128"}),
        ("{file: x.npy}", {"kind": "file", "value": "x.npy"}),
        (
            "{file: data/x.npy, dtype: int64}",
            {"kind": "file", "value": "data/x.npy", "dtype": "int64", "requires_grad": False},
        ),
        ("{shape: [2, 2], structure: symmetric}", {"shape": (2, 2), "structure": "symmetric"}),
        ("{shape: [3, n], structure: lower}", {"shape": (3, "n"), "structure": "lower"}),
        ("{shape: [2], bounds: [0, .inf]}", {"shape": (2,), "bounds": (0.0, math.inf)}),
        (
            "{value: [[1, 2], [2, 1]], structure: symmetric, bounds: [1, 2]}",
            {
                "kind": "literal",
                "value": ((1.0, 2.0), (2.0, 1.0)),
                "shape": (2, 2),
                "structure": "symmetric",
                "bounds": (1.0, 2.0),
            },
        ),
    ],
)
def test_input_forms(form: str, expected: dict[str, Any]) -> None:
    found = an_input(form)
    assert found == PLAIN._replace(location=found.location, **expected)


def test_shapes_with_constants() -> None:
    found = an_input("{shape: [n, 2, m]}", "{n: 3, m: 0}")
    assert found.resolved_shape({"n": 3, "m": 0}) == (3, 2, 0)
    assert found.size({"n": 3, "m": 5}) == 30


def test_constants() -> None:
    f = function(
        """
inputs: {x: 1.0}
constants:
  integer: 3
  number: 1e-6
  flag: true
  word: on
  quoted: "3"
  integers: [1, 2]
  numbers: [[1, 2.5]]
  flags: [true, false]
  words: [reflect, edge]
forward: x
"""
    )
    expected = {
        "integer": 3, "number": 1e-6, "flag": True, "word": "on", "quoted": "3", "integers": (1, 2),
        "numbers": ((1.0, 2.5),), "flags": (True, False), "words": ("reflect", "edge"),
    }  # fmt: skip
    assert f.constants == expected
    assert {name: repr(value) for name, value in f.constants.items()} == {n: repr(v) for n, v in expected.items()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{rtol: 1e-9, atol: 0}", CheckOptions(rtol=1e-9, atol=0.0)),
        ("{eps: 1e-6, order: 2}", CheckOptions(eps=1e-6, order=2)),
        ("{points: 5, mode: full}", CheckOptions(points=5, mode="full")),
        ("{mode: projected, kinks: fail}", CheckOptions(mode="projected", kinks="fail")),
        ("{kinks: skip, seed: 0x10}", CheckOptions(kinks="skip", seed=16)),
        ("{kinks: subgradient}", CheckOptions(kinks="subgradient")),
        ("{}", CheckOptions()),
    ],
)
def test_check_options(text: str, expected: CheckOptions) -> None:
    assert options(text) == expected


def test_options_over_options() -> None:
    assert CheckOptions(rtol=1.0, seed=0).over(CheckOptions(seed=5, order=2)) == CheckOptions(rtol=1.0, order=2, seed=0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pass", Expectation()),
        ("fail", Expectation("fail")),
        ("fail GC201", Expectation("fail", "GC201")),
        ("'fail   GC201'", Expectation("fail", "GC201")),
        ("kink", Expectation("kink")),
    ],
)
def test_expectations(text: str, expected: Expectation) -> None:
    assert function(f"inputs: {{x: 1.0}}\nforward: x\nexpect: {text}").cases[0].expect == expected


@pytest.mark.parametrize(
    "text",
    [
        "forward: 2 * x",
        "forward: '2 * x'",
        'forward: "2 *\\t x"',
        "forward: |\n  2 * x\n",
        "forward: |\n  (x\n   + x)\n",
        "forward: >\n  2\n  * x\n",
        "forward: 2\n  * x",
        "forward: |\n  y = 2 * x\n  return y\n",
        "forward: |\n  # the return comes at once\n  return 2 * x\n",
        "forward: return 2 * x",
        'forward: "y = 2 * x\\nreturn y"',
    ],
)
def test_forward_forms(text: str) -> None:
    program = function(f"inputs: {{x: 1.0}}\n{text}").forward
    assert program.run({"x": 3.0}, {}).values == (6.0,)


def test_expressions_that_are_numbers() -> None:
    f = function("inputs: {x: 1.0}\nforward: 3\nbackward: {x: 0}")
    assert f.backward is not None
    assert f.forward.run({"x": 1.0}, {}).values == (3,)


@pytest.mark.parametrize(
    ("text", "outputs"),
    [
        ("forward: x", ("out",)),
        ("forward: |\n  return x * x", ("out",)),
        ("forward: |\n  return x", ("out",)),
        ("forward: |\n  y = x\n  return y", ("y",)),
        ("forward: |\n  y = x\n  z = 2 * x\n  return y, z", ("y", "z")),
        ("forward: |\n  y = x\n  return {y: y, z: 2 * x}", ("y", "z")),
        ("outputs: [y, z]\nforward: |\n  return x, 2 * x", ("y", "z")),
        ("outputs: [y]\nforward: 2 * x", ("y",)),
        ("outputs: y\nforward: 2 * x", ("y",)),
    ],
)
def test_outputs(text: str, outputs: tuple[str, ...]) -> None:
    assert function(f"inputs: {{x: 1.0}}\n{text}").outputs == outputs


def test_names_in_rules() -> None:
    assert cotangents(("out",)) == {"grad": 0}
    assert cotangents(("y",)) == {"grad": 0, "grad_y": 0}
    assert cotangents(("y", "z")) == {"grad_y": 0, "grad_z": 1}
    assert output_values(("out",)) == {"out": 0}
    assert output_values(("y",)) == {"out": 0, "y": 0}
    assert output_values(("y", "z")) == {"y": 0, "z": 1}


def test_what_backward_sees() -> None:
    f = function(
        """
inputs: {x: 1.0, i: {value: 2, dtype: int}}
constants: {c: 2.0}
forward: |
  e = exp(c * x)
  n = i.ndim + 1
  y = e ** 2
  return y
backward: |
  for k in range(n):
      c = c * k
  return grad * grad_y * out * y * e * x * i * c
"""
    )
    assert f.outputs == ("y",)
    rule = f.backward
    assert rule is not None
    assert rule.block is not None
    assert rule.block.reads == {"grad", "grad_y", "out", "y", "e", "x", "i", "c", "n"}
    assert rule.locations is not None
    assert {name: (at.line, at.column) for name, at in rule.locations.items()} == {"x": (13, 7)}


def test_several_outputs() -> None:
    f = function(
        """
inputs: {x: 1.0, w: 2.0}
outputs: [a, b]
forward: |
  return x * w, x + w
backward: |
  return {w: grad_a * x + grad_b, x: grad_a * w + 0 * b * a}
jvp: |
  return t_x * w + x * t_w, t_x + t_w
"""
    )
    assert f.backward is not None
    assert f.backward.block is not None
    assert f.backward.block.keys == ("w", "x")
    assert f.jvp is not None
    assert len(f.jvp.returned) == 2
    assert f.jvp_location is not None
    assert f.jvp_location.line == 9


def test_rules_that_return_no_gradient() -> None:
    mapping = function("inputs: {x: 1.0, y: 2.0, z: 3.0}\nforward: x\nbackward: {x: grad, y: none}").backward
    assert mapping is not None
    assert mapping.programs is not None
    assert mapping.programs["y"] is None
    assert "z" not in mapping.programs
    assert mapping.nones == {"y"}
    block = function("inputs: {x: 1.0, y: 2.0}\nforward: x\nbackward: |\n  return grad, none").backward
    assert block is not None
    assert block.nones == {"y"}


def test_a_block_of_the_wrong_length_is_for_the_check_to_find() -> None:
    rule = function("inputs: {x: 1.0, y: 2.0}\nforward: x * y\nexpect: fail GC101\nbackward: |\n  return grad").backward
    assert rule is not None
    assert rule.block is not None
    assert len(rule.block.returned) == 1


def test_jvp_sees_tangents() -> None:
    f = function("inputs: {x: 1.0, i: {value: 2, dtype: int}}\nforward: x * i\njvp: t_x * i + 0 * out")
    assert f.jvp is not None
    assert f.jvp.reads == {"t_x", "i", "out"}


def test_surrogate_and_texts() -> None:
    f = function("doc: 3\nsource: >\n  by\n  hand\ninputs: {x: 1.0}\nforward: x\nbackward: {x: 2 * grad}\nsurrogate: true")
    assert (f.doc, f.source, f.surrogate) == ("3", "by hand", True)


def test_cases() -> None:
    f = function(
        """
inputs: {x: {shape: [n]}, t: {shape: [n], integers: [0, 2]}}
constants: {n: 3, slope: 0.5}
check: {rtol: 1e-6, order: 2}
expect: fail
forward: x * slope
backward: {x: grad * slope}
cases:
  larger: {constants: {n: 5}}
  near zero:
    inputs: {x: [1e-9, 0, -1e-9]}
    check: {order: 1}
    expect: pass
  1e-6: {}
  frozen: {inputs: {t: {value: [0, 0, 1], dtype: int}}}
"""
    )
    default, larger, near, number, frozen = f.cases
    assert [case.name for case in f.cases] == ["default", "larger", "near zero", "1e-6", "frozen"]
    assert larger.constants == {"n": 5, "slope": 0.5}
    assert larger.inputs == f.inputs
    assert larger.inputs["x"].resolved_shape(larger.constants) == (5,)
    assert larger.check == CheckOptions(rtol=1e-6, order=2)
    assert larger.expect == Expectation("fail")
    assert near.inputs["x"].value == (1e-9, 0.0, -1e-9)
    assert near.inputs["t"] == f.inputs["t"]
    assert near.check == CheckOptions(rtol=1e-6, order=1)
    assert near.expect == Expectation("pass")
    assert near.location.line == 11
    assert number.inputs == default.inputs
    assert frozen.inputs["t"].value == (0, 0, 1)


def test_a_case_may_hold_an_input_fixed() -> None:
    f = function(
        """
inputs: {x: 1.0, t: 2.0}
forward: x * t
backward: {x: grad * t, t: grad * x}
cases:
  fixed: {inputs: {t: {value: 0.5, requires_grad: false}}}
"""
    )
    assert not f.cases[1].inputs["t"].requires_grad


def test_functions_call_functions() -> None:
    spec = loads(
        """
functions:
  twice:
    inputs: {x: 1.0}
    forward: pair(x)[0] + later(x, y=x)
  pair:
    inputs: {x: 1.0}
    outputs: [a, b]
    forward: |
      return x, later(x, x)
    backward: |
      return grad_a + relu(grad_b)
  later: {inputs: {x: 1.0, y: 2.0}, forward: x * y}
  relu: {inputs: {x: 1.0}, forward: "maximum(x, 0)"}
"""
    )
    assert spec.functions["twice"].calls == {"pair", "later"}
    assert spec.functions["pair"].calls == {"later", "relu"}
    assert list(spec.functions) == ["twice", "pair", "later", "relu"]


def test_an_input_wins_over_a_function_of_its_name() -> None:
    text = "functions:\n  f: {inputs: {g: 1.0}, forward: 2 * g}\n  g: {inputs: {x: 1.0}, forward: f(x)}"
    assert loads(text).functions["f"].calls == set()


def test_a_long_chain_of_calls() -> None:
    rows = [f"  f{i}: {{inputs: {{x: 1.0}}, forward: f{i + 1}(x)}}" for i in range(limits.FUNCTIONS - 1)]
    last = f"  f{limits.FUNCTIONS - 1}: {{inputs: {{x: 1.0}}, forward: x}}"
    assert len(loads("\n".join(["functions:", *rows, last])).functions) == limits.FUNCTIONS


@pytest.mark.parametrize("path", sorted(SPECS.rglob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_specs_load(path: Path) -> None:
    assert load(path).functions


def test_load_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(FIRST, encoding="utf-8")
    spec = load(path)
    assert isinstance(spec, SpecFile)
    assert spec.path == str(path)
    assert load(str(path)).functions.keys() == spec.functions.keys()


# What cannot be read at all.


def refused(path: Path | str) -> str:
    with pytest.raises(SpecError) as caught:
        load(path)
    return str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    assert "cannot be read: No such file" in refused(tmp_path / "no.yaml")
    assert "NUL" in refused("a\0.yaml")


def test_directory(tmp_path: Path) -> None:
    assert "this is a directory" in refused(tmp_path)


def test_devices_and_pipes(tmp_path: Path) -> None:
    assert "no regular file" in refused("/dev/zero")
    os.mkfifo(tmp_path / "pipe")
    assert "no regular file" in refused(tmp_path / "pipe")


def test_not_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes("functions:\n  größe: ".encode() + b"\xe4\xf6\n")
    assert f"{path}:2:10: a spec must be UTF-8; found byte 0xE4" in refused(path)
    path.write_text(FIRST, encoding="utf-16")
    assert "1:1: a spec must be UTF-8" in refused(path)


def test_characters_that_are_refused() -> None:
    for character, name in [("\x00", "U+0000"), ("\x1b", "U+001B"), ("\x85", "U+0085"), ("\u202e", "U+202E")]:
        assert f"a.yaml:4:10: the character {name}" in mistakes(FIRST.replace("f(x)", f"{character}f(x)"))
    assert "U+D800" in mistakes("a: \ud800")
    assert loads(FIRST.replace("x^2", "x² ≥ 0, größer 算")).functions


@pytest.mark.slow
def test_limits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"#" * (limits.FILE_BYTES + 1))
    assert "at most 1048576 bytes; this one has 1048577" in refused(path)
    assert "at most 1048576 bytes" in mistakes("#" * (limits.FILE_BYTES + 1))
    assert "at most 100000 keys and values" in mistakes("a: [" + "1, " * 200_000 + "]")
    assert "at most 100000 keys and values" in mistakes("a: [" + "[], " * 200_000 + "]")
    row = "[" + ", ".join(["1"] * 50_001) + "]"
    assert "at most 50000 elements; found 50001" in mistakes(FIRST.replace("3.0", row))
    function = "{inputs: {x: 1.0}, forward: x}"
    many = "".join(f"\n  f{i}: {function}" for i in range(limits.FUNCTIONS + 1))
    axes = ", ".join(["9" * 399] * 32)
    assert "at most 2000000 elements; its shape has far more" in mistakes(FIRST.replace("3.0", f"{{shape: [{axes}]}}"))
    assert "functions: at most 1000 are allowed; found 1001" in mistakes(f"functions:{many}")
    many = "".join(f"\n      c{i}: {{}}" for i in range(limits.CASES + 1))
    assert "cases: at most 1000 are allowed; found 1001" in mistakes(f"{FIRST}    cases:{many}")
    name = "x" * 101
    assert "has 101 characters, at most 100" in mistakes(f"functions: {{f: {{inputs: {{{name}: 1}}, forward: 1}}}}")


def test_a_file_of_mistakes_is_refused_soon() -> None:
    with pytest.raises(SpecError) as caught:
        loads("functions:\n" + "".join(f"  f{i}: {{input: 1}}\n" for i in range(900)))
    assert len(caught.value.mistakes) == limits.MISTAKES + 1
    assert "further mistakes are not shown" in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "[" * 500_000,
        "{a: " * 200_000,
        "- " * 500_000,
        "? " * 300_000,
        "a: [&a [x]" + ", *a" * 200_000 + "]",
        "{" + "a, " * 300_000 + "}",
        "a: !" + "x" * 1_000_000,
        "a: '" + "x\n " * 300_000 + "'",
        "functions: {f: {inputs: {x: 1.0}, forward: " + "-" * 1_000_000 + "x}}",
        "functions: {f: {inputs: {x: " + "9" * 1_000_000 + "}, forward: x}}",
        "functions: {f: {inputs: {x: " + "-" * 1_000_000 + "}, forward: x}}",
        "functions: {f: {inputs: {" + "x" * 1_000_000 + ": 1.0}, forward: x}}",
        "functions: {f: {" + ", ".join(f"input{i}: 1" for i in range(40_000)) + "}}",
    ],
    ids=range(13),
)
def test_bombs(text: str) -> None:
    assert len(mistakes(text)) < 100_000


def test_a_literal_of_a_million_digits() -> None:
    assert "fits into float64" in mistakes("functions: {f: {inputs: {x: " + "9" * 5_000 + "}, forward: x}}")


PARTS = """
functions inputs forward backward f x a: b: - ? | > ' " [ ] { } , : # & * ! % @ ` << ~ null true 1 1e-6 .inf grad
shape: value: dtype: spd: cases: check: expect: rtol: return = + ( ) --- ... é \u202e \x01
"""
WORDS = st.sampled_from([*PARTS.split(), "\n", "\n\n", "\t", "\x00"])
LINES = st.sampled_from(FIRST.strip("\n").split("\n"))


@settings(max_examples=300, deadline=None)
@given(st.lists(WORDS | LINES | st.sampled_from(["\n", "\n  ", "\n    ", "\n      ", " "]), max_size=40))
@example(["functions:\n  f:\n    inputs: {x: 1.0}\n    forward: x\n    backward: {x: ", "*", "}"])
def test_yaml_like_text_is_loaded_or_refused(parts: list[str]) -> None:
    load_or_refuse("".join(parts))


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(FIRST)), st.integers(0, 12), st.text(max_size=4) | WORDS)
def test_a_damaged_file_is_loaded_or_refused(at: int, length: int, instead: str) -> None:
    load_or_refuse(FIRST[:at] + instead + FIRST[at + length :])


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_bytes_are_loaded_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "random.yaml"
    path.write_bytes(data)
    with pytest.raises(SpecError):
        load(path)


def load_or_refuse(text: str) -> None:
    try:
        loads(text)
    except SpecError as error:
        check_places(text, error)


def check_places(text: str, error: SpecError) -> None:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff").split("\n")
    for mistake in error.mistakes:
        assert 1 <= mistake.location.line <= len(lines)
        assert 1 <= mistake.location.column <= len(lines[mistake.location.line - 1]) + 1
    assert str(error).replace("\n", "").isprintable()


def test_the_python_parser_gives_the_same() -> None:
    """Where PyYAML was built without libyaml, files load and are refused all the same."""
    folder = Path(__file__).parent
    script = (
        "import sys, pathlib, yaml\n"
        "if sys.argv[2] == 'pure': del yaml.CLoader\n"
        "from gradcheck_cli.errors import SpecError\n"
        "from gradcheck_cli.spec.loader import load\n"
        "for path in sorted(pathlib.Path(sys.argv[1]).glob('*.yaml')):\n"
        "    try: load(path)\n"
        "    except SpecError as e: print(path.name, *((m.location.line, m.message) for m in e.mistakes))\n"
    )
    found = [
        subprocess.run(
            [sys.executable, "-c", script, str(folder / "malformed"), parser],
            capture_output=True, text=True, check=True, cwd=folder.parent,
        ).stdout
        for parser in ("pure", "c")
    ]  # fmt: skip
    assert found[0] == found[1]


def test_numpy_is_not_needed_to_import_the_loader() -> None:
    script = "import sys, gradcheck_cli.spec.loader; sys.exit('numpy' in sys.modules or 'yaml' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parent.parent)


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1, 2**32, 2**63 - 1])
def test_draws_are_those_of_numpy_for_the_same_seeds(seed: int) -> None:
    import numpy as np

    from gradcheck_cli.spec.build import case_inputs

    file = loads("functions:\n  f:\n    inputs: {x: {shape: [2, 3]}}\n    forward: x")
    spec = file.functions["f"]
    (x,) = case_inputs(file, spec, spec.cases[0], seed, point=2)
    numbers = [seed, 2, *(crc32(text) for text in (b"f", b"default", b"x"))]
    assert np.array_equal(x.value, np.random.default_rng(numbers).standard_normal((2, 3)))


def test_what_is_read_holds_no_cycles() -> None:
    """A file's functions are freed with it: nothing waits for a collection."""
    text = (SPECS / "recurrent.yaml").read_text()
    loads(text)
    gc.collect()
    gc.disable()
    try:
        loads(text)
        assert gc.collect() == 0
    finally:
        gc.enable()
