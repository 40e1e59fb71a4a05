"""The edit of a rule's text that a report names: where it is, what it says, and when none is named."""

from __future__ import annotations

from textwrap import dedent, indent

import pytest

from gradcheck_cli import verify
from gradcheck_cli.run import run_specs
from gradcheck_cli.spec import repair

HEAD = "functions:\n  f:\n"
MATRICES = "inputs: {x: {shape: [2, 3]}, w: {shape: [3, 4]}}\nforward: x @ w\n"
ROWS = "inputs: {x: {shape: [3, 4]}, b: {shape: [4]}}\nforward: x * b\n"

# «...» marks the part that has to be changed; behind => what it has to be changed to.
EDITS = {
    "sign": ("inputs: {x: {shape: [4]}}\nforward: cos(x)\nbackward: {x: «grad * sin(x)»}", "-grad * sin(x)"),
    "sign of a term": (
        "inputs: {x: {shape: [4]}}\nforward: sin(x) * exp(x)\nbackward:\n  x: grad * exp(x) * (cos(x) «-» sin(x))",
        "+ sin(x)",
    ),
    "factor": ("inputs: {x: {shape: [4]}}\nforward: x**2\nbackward:\n  x: «grad * x»", "2 * grad * x"),
    "one factor too many": (
        "inputs: {x: {shape: [4]}}\nforward: sin(x)\nbackward:\n  x: «grad * cos(x) * x»",
        "grad * cos(x)",
    ),
    "transpose that is missing": (f"{MATRICES}backward:\n  x: grad @ w.T\n  w: «x» @ grad", "x.T"),
    "transpose one too many": (
        "inputs: {x: {shape: [3, 3]}, w: {shape: [3, 3]}}\nforward: x @ w\nbackward:\n  x: grad @ w.T\n  w: x.T @ «grad.T»",
        "grad",
    ),
    "transpose of matrices in a batch": (
        "inputs: {a: {shape: [2, 3, 4]}, b: {shape: [2, 4, 2]}}\nforward: a @ b\nbackward:\n  a: grad @ «b»\n"
        "  b: swapaxes(a, 1, 2) @ grad",
        "b.mT",
    ),
    "swapped name": (
        "inputs: {x: {shape: [4]}, y: {shape: [4]}}\nforward: x * y + x\nbackward:\n  x: grad * y + grad\n  y: grad * «y»",
        "x",
    ),
    "output for input": ("inputs: {x: {shape: [4]}}\nforward: sin(x)\nbackward:\n  x: grad * cos(«out»)", "x"),
    "input for output": ("inputs: {x: {shape: [4]}}\nforward: exp(x)\nbackward:\n  x: grad * «x»", "out"),
    "sum over a broadcast axis": (f"{ROWS}backward:\n  x: grad * b\n  b: «grad * x»", "sum_to(grad * x, b.shape)"),
    "sum within a rule": (
        "inputs: {x: {shape: [2, 3]}}\nforward: softmax(x, axis=-1)\nbackward: |\n"
        "  s = «grad * out»\n  return out * (grad - s)",
        "sum(grad * out, axis=-1, keepdims=True)",
    ),
    "mean for sum": (
        "inputs: {x: {shape: [4]}, c: 0.3}\nforward: x * c\nbackward:\n  x: grad * c\n  c: «mean»(grad * x)",
        "sum(grad * x)",
    ),
    "a factor by name": (
        "inputs: {t: [0.4, 1.1], k: 0.7}\nforward: exp(-k * t) * sin(t)\nbackward:\n"
        "  t: grad * exp(-k * t) * (cos(t) - «sin(t)»)\n  k: -sum(grad * t * out)",
        "k * sin(t)",
    ),
    "a factor within a product of matrices": (
        "inputs: {x: {shape: [2, 3]}, w: {shape: [3, 4]}, s: {shape: [3, 4]}}\nforward: x @ (s * w)\nbackward:\n"
        "  x: grad @ «w».T\n  w: s * (x.T @ grad)\n  s: w * (x.T @ grad)",
        "(s * w)",
    ),
    "a factor of the right operand": (
        "inputs: {x: {shape: [2, 3]}, w: {shape: [3, 4]}, s: {shape: [2, 4]}}\nforward: (x @ w) * s\nbackward:\n"
        "  x: (grad * s) @ w.T\n  w: x.T @ «grad»\n  s: grad * (x @ w)",
        "(s * grad)",
    ),
    "a division by name": (
        "inputs: {x: {shape: [4]}, s: 1.7}\nforward: sin(x / s)\nbackward:\n  x: «grad * cos(x / s)»\n"
        "  s: -sum(grad * x * cos(x / s)) / s**2",
        "grad * cos(x / s) / s",
    ),
    "the cotangent": ("inputs: {x: {shape: [4]}}\nforward: sin(x)\nbackward:\n  x: «cos(x)»", "grad * cos(x)"),
    "power": ("inputs: {x: {shape: [4]}}\nforward: x**4\nbackward:\n  x: grad * 4 * x**«4»", "3"),
    "a square that is missing": (
        "inputs: {x: {shape: [4]}}\nforward: tanh(x)\nbackward:\n  x: grad * (1 - «out»)",
        "out**2",
    ),
    "a number off by one": ("inputs: {x: {shape: [4]}}\nforward: x**3\nbackward:\n  x: grad * «2» * x**2", "3"),
    "not linear": ("inputs: {x: {shape: [4]}}\nforward: sin(x)\nbackward:\n  x: «abs(grad)» * cos(x)", "grad"),
    "not linear, a square": ("inputs: {x: {shape: [4]}}\nforward: sin(x)\nbackward:\n  x: «grad**2» * cos(x)", "grad"),
    "in a block": (
        "inputs: {x: {shape: [2, 3]}, w: {shape: [3, 4]}}\nforward: tanh(x @ w)\nbackward: |\n  # the rule of a dense layer\n"
        "  g = grad * (1 - out**2)\n  return g @ w.T, «g.T @ x»",
        "(g.T @ x).T",
    ),
    "in a block with names": (
        "inputs: {x: {shape: [4]}, y: {shape: [4]}}\nforward: x * exp(y)\nbackward: |\n"
        "  e = exp(y)\n  return {x: grad * e, y: «grad * e»}",
        "x * grad * e",
    ),
    "two inputs at once": (
        "inputs: {x: {shape: [4]}, y: {shape: [4]}}\nforward: sin(x) * sin(y)\nbackward: |\n"
        "  g = «grad»\n  return -g * cos(x) * sin(y), -g * sin(x) * cos(y)",
        "-grad",
    ),
    "in a rule that raises": (f"{MATRICES}backward:\n  x: grad @ «w»\n  w: x.T @ grad", "w.T"),
    "in a jvp rule": (
        "inputs: {x: {shape: [4]}}\nforward: sin(x)\nbackward: {x: grad * cos(x)}\njvp: «t_x * cos(x) * x»",
        "t_x * cos(x)",
    ),
    "a sign in a jvp rule": (
        "inputs: {x: {shape: [4]}}\nforward: cos(x)\nbackward: {x: -grad * sin(x)}\njvp: «t_x * sin(x)»",
        "-t_x * sin(x)",
    ),
}


def written(tmp_path, function):
    """A spec file with one function; where the mark is, as line and column."""
    marked = HEAD + indent(dedent(function), "    ") + "\n"
    before, _, rest = marked.partition("«")
    file = tmp_path / "f.yaml"
    file.write_text(marked.replace("«", "").replace("»", ""))
    return str(file), rest.partition("»")[0], (before.count("\n") + 1, len(before) - before.rfind("\n"))


def hints(path, **options):
    report = verify(path, **options)
    return [d.message for c in report.checks for f in c.findings for d in f.diagnosis if d.cause == "edit"]


@pytest.mark.parametrize("name", EDITS)
def test_the_edit_is_named_with_its_place(tmp_path, name):
    function, after = EDITS[name]
    path, before, (line, column) = written(tmp_path, function)
    found = set(hints(path))
    assert len(found) == 1
    first = found.pop().split("; so does")[0].removesuffix(" mends the rule")
    changed, _, place = first.partition(" at ")
    assert place == f"{path}:{line}:{column}"
    assert changed.startswith(f"changing `{before}")
    assert changed.endswith(f"to `{after}`")


SILENT = {
    "two mistakes": "inputs: {x: {shape: [4]}}\nforward: sin(x) * exp(x)\nbackward:\n  x: grad * cos(x) * (exp(x) - 3)",
    "another function": "inputs: {x: {shape: [4]}}\nforward: sin(x)\nbackward:\n  x: grad * log(2 + x**2)",
    "right at this point only": "inputs: {x: [1.0, 1.0]}\nforward: x**3\nbackward:\n  x: grad * (x + 1)",
    "a surrogate": "inputs: {x: {shape: [4]}}\nforward: round(x)\nsurrogate: true\nbackward:\n  x: grad * abs(grad)",
}


@pytest.mark.parametrize("name", SILENT)
def test_no_edit_is_named_where_none_mends_the_rule(tmp_path, name):
    path, _, _ = written(tmp_path, SILENT[name])
    report = verify(path)
    assert report.checks[0].verdict == "fail"
    assert hints(path) == []


def test_more_edits_than_a_few_are_not_named(tmp_path, monkeypatch):
    path, _, _ = written(tmp_path, EDITS["factor"][0])
    assert hints(path)
    monkeypatch.setattr(repair, "ALTERNATIVES", 0)
    assert hints(path) == []


def test_edits_of_equal_worth_are_all_named(tmp_path):
    function = "inputs: {x: {shape: [4]}}\nforward: cos(x)\nbackward: |\n  s = sin(x)\n  return grad * s"
    path, _, _ = written(tmp_path, function)
    assert hints(path) == [
        f"changing `sin(x)` to `-sin(x)` at {path}:6:11 mends the rule; "
        f"so does changing `grad * s` to `-grad * s` at {path}:7:14"
    ]


def test_another_name_is_not_left_out_for_a_sign(tmp_path):
    function = "inputs: {x: {shape: [4]}}\nconstants: {low: -1.5, high: 1.5}\nforward: high * x\nbackward: {x: grad * low}"
    path, _, _ = written(tmp_path, function)
    assert hints(path) == [
        f"changing `grad * low` to `-grad * low` at {path}:6:19 mends the rule; so does changing `low` to `high` at {path}:6:26"
    ]


def test_an_edit_has_to_mend_every_case(tmp_path):
    one = "inputs: {x: {shape: [4]}, n: {value: 2.0, requires_grad: false}}\nforward: x**n\nbackward: {x: grad * x}"
    path, _, _ = written(tmp_path, one)
    assert hints(path) == [f"changing `grad * x` to `2 * grad * x` at {path}:5:19 mends the rule"]
    path, _, _ = written(tmp_path, one + "\ncases:\n  cube: {inputs: {n: {value: 3.0, requires_grad: false}}}")
    assert hints(path) == []


@pytest.mark.parametrize("options", [{"eps": 1e-6}, {"rtol": 1e-3}])
def test_no_edit_is_looked_for_where_a_check_is_coarse(tmp_path, options):
    path, _, _ = written(tmp_path, EDITS["factor"][0])
    report = verify(path, **options)
    assert report.checks[0].verdict == "fail"
    assert hints(path, **options) == []


def test_no_edit_is_looked_for_where_a_rule_is_to_fail(tmp_path, monkeypatch):
    path, _, _ = written(tmp_path, EDITS["factor"][0] + "\nexpect: fail")
    monkeypatch.setattr(repair, "mended", None)
    assert verify(path).ok


def test_how_many_edits_are_tried_depends_on_sizes_alone(tmp_path, monkeypatch):
    path, _, _ = written(tmp_path, EDITS["a factor by name"][0])
    tried = []
    passes = repair.Screen.passes
    monkeypatch.setattr(repair.Screen, "passes", lambda *given: tried.append(1) or passes(*given))
    assert hints(path)
    count = len(tried)
    assert hints(path)
    assert len(tried) == 2 * count
    tried.clear()
    monkeypatch.setattr(repair, "WORK", 70)
    assert hints(path) == []
    assert len(tried) <= 2 * (70 // 6)


def test_a_search_that_takes_too_long_names_no_edit(tmp_path, monkeypatch):
    path, _, _ = written(tmp_path, EDITS["a factor by name"][0])
    assert hints(path)
    monkeypatch.setattr(repair, "STATEMENTS", 500)
    check = verify(path).checks[0]
    assert check.verdict == "fail"
    assert [f.code for f in check.findings] == ["GC201"]
    assert hints(path) == []


def test_a_failure_of_the_search_costs_no_verdict(tmp_path, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("no way")

    path, _, _ = written(tmp_path, EDITS["factor"][0])
    monkeypatch.setattr(repair.Screen, "passes", broken)
    check = verify(path).checks[0]
    assert check.verdict == "fail"
    assert [f.code for f in check.findings] == ["GC201", "GC604"]
    assert "ZeroDivisionError: no way" in check.findings[-1].message


def test_a_case_without_inputs_does_not_end_the_search(tmp_path):
    function = EDITS["factor"][0] + "\ncases:\n  absent: {inputs: {x: {file: absent.npy}}}"
    path, _, _ = written(tmp_path, function)
    report = run_specs([path])
    assert [d.cause for f in report.checks[0].findings for d in f.diagnosis][:1] == ["edit"]
    assert report.exit_code == 2
