"""Inputs, cases and draws that would take more time or memory than there is."""

from __future__ import annotations

from attacks.attack import JUDGED, REFUSED, Attack, function

INPUTS = {
    "a huge draw": "{x: {shape: [1000000000]}}",
    "a huge matrix": "{x: {shape: [100000, 100000]}}",
    "a negative size": "{x: {shape: [-1]}}",
    "a boolean size": "{x: {shape: [true]}}",
    "a fraction of a size": "{x: {shape: [1.5]}}",
    "an overflowing size": "{x: {shape: [9223372036854775808]}}",
    "an overflowing product": "{x: {shape: [4294967296, 4294967296]}}",
    "zero times huge": "{x: {shape: [0, 1000000000000]}}",
    "65 axes": "{x: {shape: [" + ", ".join(["1"] * 65) + "]}}",
    "5,000 axes": "{x: {shape: [" + ", ".join(["1"] * 5000) + "]}}",
    "a huge positive definite matrix": "{x: {shape: [20000, 20000], spd: 10.0}}",
    "a positive definite matrix of 3,000": "{x: {shape: [3000, 3000], spd: 10.0}}",
    "a condition of infinity": "{x: {shape: [3, 3], spd: .inf}}",
    "a condition of NaN": "{x: {shape: [3, 3], spd: .nan}}",
    "a condition below one": "{x: {shape: [3, 3], spd: 0.5}}",
    "an infinite range": "{x: {shape: [3], uniform: [-.inf, .inf]}}",
    "an empty range": "{x: {shape: [3], uniform: [2, 1]}}",
    "a range of NaN": "{x: {shape: [3], uniform: [.nan, 1]}}",
    "an overflowing range": "{x: {shape: [3], uniform: [-1.7e308, 1.7e308]}}",
    "a negative deviation": "{x: {shape: [3], normal: [0, -1]}}",
    "integers beyond int64": "{x: 1.0, k: {shape: [3], integers: [0, 99999999999999999999], requires_grad: false}}",
    "bounds the wrong way round": "{x: {value: 1.5, bounds: [2, 1]}}",
    "bounds that leave the point out": "{x: {value: 1.5, bounds: [2, 3]}}",
    "bounds of NaN": "{x: {value: 1.5, bounds: [.nan, 3]}}",
    "a huge literal": "{x: [" + ", ".join(["1"] * 60_000) + "]}",
    "a deep literal": "{x: " + "[" * 39 + "1" + "]" * 39 + "}",
    "a thousand inputs": "{" + ", ".join(f"x{k}: {{shape: [100000]}}" for k in range(1000)) + "}",
    "a hundred large inputs": "{x: 1.0, " + ", ".join(f"x{k}: {{shape: [9000000]}}" for k in range(100)) + "}",
    "three large inputs": "{x: 1.0, " + ", ".join(f"x{k}: {{shape: [9000000]}}" for k in range(3)) + "}",
    "an unknown constant": "{x: {shape: [n]}}",
    "a long name of an input": "{x: 1.5, " + "y" * 5000 + ": 1}",
}
HONEST = {"a huge literal", "zero times huge"}

CASES = "    cases:\n" + "".join(f"      c{k}: {{inputs: {{x: {k}.5}}}}\n" for k in range(1100))
DRAWN = "".join(f"      c{k}: {{inputs: {{x: {{shape: [2]}}}}}}\n" for k in range(900))
DRAWS = f"    check: {{points: 1000}}\n    cases:\n{DRAWN}"
WORK = {
    "a large elementwise chain": ("x" + "".join(f" + sin(x * {k})" for k in range(200)), "{x: {shape: [1000000]}}"),
    "a large product": ("x @ x", "{x: {shape: [1500, 1500]}}"),
    "a large inverse": ("inv(x)", "{x: {shape: [400, 400], spd: 10.0}}"),
    "a large sort": ("sort(x)", "{x: {shape: [5000000]}}"),
    "a large convolution by loops": (
        "y = 0 * x\nfor a in range(300):\n  for b in range(300):\n    y[a] += x[b]\nreturn y", "{x: {shape: [300]}}",
    ),
    "all against all": ("sum(exp(-(x[:, None] - x[None, :])**2))", "{x: {shape: [3000]}}"),
    "a long scan": ("y = x\nfor k in range(30000):\n  y = sin(y)\nreturn y", "{x: {shape: [2]}}"),
    "many outputs": ("broadcast_to(x, (3000, 3000)) * 1.0", "{x: 1.5}"),
    "a dense Jacobian": ("x @ ones((2000, 2000))", "{x: {shape: [2000]}}"),
    "ten million entries": ("sin(x)", "{x: {shape: [10000000]}}"),
}  # fmt: skip

ATTACKS = [
    *(Attack(f"input: {name}", function(inputs=text), JUDGED if name in HONEST else REFUSED) for name, text in INPUTS.items()),
    Attack("cases: too many", function(more=CASES)),
    Attack("cases: too many draws", function(inputs="{x: {shape: [2]}}", more=DRAWS)),
    Attack("points: too many", function(inputs="{x: {shape: [2]}}", more="    check: {points: 1000000}\n")),
    Attack(
        "mode full: too many entries",
        function("x @ ones((3000, 3000))", "{x: grad}", "{x: {shape: [3000]}}", "    check: {mode: full}\n"),
    ),
    Attack("points: a fraction", function(inputs="{x: {shape: [2]}}", more="    check: {points: 1.5}\n")),
    Attack("order: too high", function(more="    check: {order: 3}\n")),
    *(Attack(f"work: {name}", function(text, "{x: grad}", inputs), JUDGED) for name, (text, inputs) in WORK.items()),
]
