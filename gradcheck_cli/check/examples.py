"""A wrong and a right example of every finding that a rule can make; `gradcheck explain` shows them, and a test runs them.

A text that starts with `inputs:` is the body of a function in a spec; any other is Python that calls `verify`.
"""

from __future__ import annotations

from typing import NamedTuple


class Example(NamedTuple):
    """What makes the finding, and what does not."""

    wrong: str
    right: str


EXAMPLES: dict[str, Example] = {
    "GC101": Example(
        """
inputs: {x: [0.5, 2.0], w: [3.0, -1.0]}
forward: x * w
backward: |
  return grad * w
""",
        """
inputs: {x: [0.5, 2.0], w: [3.0, -1.0]}
forward: x * w
backward: |
  return grad * w, grad * x
""",
    ),
    "GC102": Example(
        """
inputs: {x: [[1.0, 2.0, 3.0], [4.0, 5.0, 7.0]], b: [0.5, -1.0, 2.0]}
forward: x + b
backward: {x: grad, b: grad}
""",
        """
inputs: {x: [[1.0, 2.0, 3.0], [4.0, 5.0, 7.0]], b: [0.5, -1.0, 2.0]}
forward: x + b
backward: {x: grad, b: "sum(grad, axis=0)"}
""",
    ),
    "GC103": Example(
        """
inputs: {x: [-1.0, 2.0, 0.5]}
forward: maximum(x, 0)
backward: {x: x > 0}
""",
        """
inputs: {x: [-1.0, 2.0, 0.5]}
forward: maximum(x, 0)
backward: {x: grad * (x > 0)}
""",
    ),
    "GC104": Example(
        """
inputs: {x: [0.0, 2.0]}
forward: x**2
backward: {x: 2 * grad * out / x}
""",
        """
inputs: {x: [0.0, 2.0]}
forward: x**2
backward: {x: 2 * grad * x}
""",
    ),
    "GC105": Example(
        """
inputs: {x: [0.5, 2.0], scale: 3.0}
forward: x * scale
backward: {x: grad * scale, scale: none}
""",
        """
inputs: {x: [0.5, 2.0], scale: 3.0}
forward: x * scale
backward: {x: grad * scale, scale: sum(grad * x)}
""",
    ),
    "GC106": Example(
        """
inputs: {x: {shape: [2, 3]}, w: {shape: [3, 4]}}
forward: x @ w
backward: {x: grad @ w, w: x.T @ grad}
""",
        """
inputs: {x: {shape: [2, 3]}, w: {shape: [3, 4]}}
forward: x @ w
backward: {x: grad @ w.T, w: x.T @ grad}
""",
    ),
    "GC110": Example(
        """
inputs: {x: [0.5, 2.0]}
forward: sin(x)
backward: {x: abs(grad) * cos(x)}
""",
        """
inputs: {x: [0.5, 2.0]}
forward: sin(x)
backward: {x: grad * cos(x)}
""",
    ),
    "GC111": Example(
        """
last = {}

def forward(x):
    last["x"] = x.copy()
    return np.sin(x)

def rule(grad, x):
    return grad * np.cos(last["x"])

verify(forward, [np.array([0.5, 2.0])], backward=rule)
""",
        """
def rule(grad, x):
    return grad * np.cos(x)

verify(np.sin, [np.array([0.5, 2.0])], backward=rule)
""",
    ),
    "GC112": Example(
        """
def rule(grad, x):
    linear = np.lib.stride_tricks.as_strided(grad, (grad.size,), (8,))
    return linear.reshape(x.shape) * np.cos(x)

x = np.array([[0.5, 2.0, 1.0], [0.1, 3.0, 0.7]])
verify(np.sin, [x], backward=rule)
""",
        """
def rule(grad, x):
    linear = np.ascontiguousarray(grad).ravel()
    return linear.reshape(x.shape) * np.cos(x)

x = np.array([[0.5, 2.0, 1.0], [0.1, 3.0, 0.7]])
verify(np.sin, [x], backward=rule)
""",
    ),
    "GC113": Example(
        """
def rule(grad, x):
    grad *= np.cos(x)
    return grad

verify(np.sin, [np.array([0.5, 2.0])], backward=rule)
""",
        """
def rule(grad, x):
    return grad * np.cos(x)

verify(np.sin, [np.array([0.5, 2.0])], backward=rule)
""",
    ),
    "GC114": Example(
        """
def rule(grad, x):
    np.cos(x, out=x)
    return grad * x

verify(np.sin, [np.array([0.5, 2.0])], backward=rule)
""",
        """
def rule(grad, x):
    return grad * np.cos(x)

verify(np.sin, [np.array([0.5, 2.0])], backward=rule)
""",
    ),
    "GC115": Example(
        """
def rule(grad, x):
    return x[:]

verify(lambda x: 0.5 * np.sum(x * x), [np.array([0.5, 2.0])], backward=rule)
""",
        """
def rule(grad, x):
    return grad * x

verify(lambda x: 0.5 * np.sum(x * x), [np.array([0.5, 2.0])], backward=rule)
""",
    ),
    "GC116": Example(
        """
kept = {}

def rule(grad, x):
    if "slope" not in kept:
        kept["slope"] = np.cos(x)
    return grad * kept["slope"]

verify(np.sin, [np.array([0.5, 2.0])], backward=rule)
""",
        """
def rule(grad, x):
    return grad * np.cos(x)

verify(np.sin, [np.array([0.5, 2.0])], backward=rule)
""",
    ),
    "GC117": Example(
        """
inputs: {x: {shape: [3, 4]}, w: {shape: [4]}}
forward: x @ w
backward:
  x: astype(astype(grad, "float32"), "float64")[:, None] * w
  w: x.T @ grad
""",
        """
inputs: {x: {shape: [3, 4]}, w: {shape: [4]}}
forward: x @ w
backward: {x: "grad[:, None] * w", w: x.T @ grad}
""",
    ),
    "GC201": Example(
        """
inputs: {x: [0.5, 2.0]}
forward: x * exp(x)
backward: {x: grad * exp(x)}
""",
        """
inputs: {x: [0.5, 2.0]}
forward: x * exp(x)
backward: {x: grad * exp(x) * (1 + x)}
""",
    ),
    "GC202": Example(
        """
inputs: {x: [0.0, 2.0]}
forward: abs(x)
backward:
  x: grad * where(x == 0, 3, sign(x))
""",
        """
inputs: {x: [0.0, 2.0]}
forward: abs(x)
backward: {x: grad * sign(x)}
""",
    ),
    "GC203": Example(
        """
inputs: {x: [0.5, 2.0]}
forward: sin(x)
backward: {x: grad * cos(x)}
jvp: -t_x * cos(x)
""",
        """
inputs: {x: [0.5, 2.0]}
forward: sin(x)
backward: {x: grad * cos(x)}
jvp: t_x * cos(x)
""",
    ),
    "GC204": Example(
        """
inputs: {x: [0.5, 2.0]}
forward: sin(x)
backward: {x: grad * cos(x)}
jvp: 1.00001 * t_x * cos(x)
""",
        """
inputs: {x: [0.5, 2.0]}
forward: sin(x)
backward: {x: grad * cos(x)}
jvp: t_x * cos(x)
""",
    ),
    "GC205": Example(
        """
inputs: {x: [0.5, 2.0]}
forward: sin(x)
backward: {x: grad * stop_gradient(cos(x))}
check: {order: 2}
""",
        """
inputs: {x: [0.5, 2.0]}
forward: sin(x)
backward: {x: grad * cos(x)}
check: {order: 2}
""",
    ),
    "GC301": Example(
        """
inputs: {x: [2.0, -3.0]}
forward: abs(x) + 1e15
backward: {x: grad * sign(x) * (1 + 1e-6)}
""",
        """
inputs: {x: [2.0, -3.0]}
forward: abs(x) + 1.0
backward: {x: grad * sign(x)}
""",
    ),
    "GC302": Example(
        """
inputs: {x: [0.0, 1.0]}
forward: exp(1.5 * log(x))
backward: {x: grad * 1.5 * sqrt(x)}
""",
        """
inputs: {x: [0.1, 1.0]}
forward: exp(1.5 * log(x))
backward: {x: grad * 1.5 * sqrt(x)}
""",
    ),
    "GC303": Example(
        """
inputs: {x: [0.0, 1.5]}
forward: sign(x) + x
backward: {x: grad}
""",
        """
inputs: {x: [0.5, 1.5]}
forward: sign(x) + x
backward: {x: grad}
""",
    ),
    "GC304": Example(
        """
inputs: {x: [-1.0, 2.0]}
forward: log(x)
backward: {x: grad / x}
""",
        """
inputs: {x: [1.0, 2.0]}
forward: log(x)
backward: {x: grad / x}
""",
    ),
    "GC401": Example(
        """
inputs: {x: [0.5, 2.0]}
forward: sin(x)
backward: {x: grad * cos(x)}
expect: fail
""",
        """
inputs: {x: [0.5, 2.0]}
forward: sin(x)
backward: {x: -grad * cos(x)}
expect: fail
""",
    ),
    "GC402": Example(
        """
inputs: {x: [0.5, 2.0]}
forward: abs(x)
backward: {x: grad * sign(x)}
expect: kink
""",
        """
inputs: {x: [0.0, 2.0]}
forward: abs(x)
backward: {x: grad * sign(x)}
expect: kink
""",
    ),
    "GC403": Example(
        """
inputs: {x: [0.5, 2.0]}
forward: sin(x)
backward: {x: -grad * cos(x)}
expect: fail GC102
""",
        """
inputs: {x: [0.5, 2.0]}
forward: sin(x)
backward: {x: -grad * cos(x)}
expect: fail GC201
""",
    ),
    "GC501": Example(
        """
def rule(grad, x):
    return grad

verify(lambda x: x.no_such_method(), [np.array([0.5, 2.0])], backward=rule)
""",
        """
def rule(grad, x):
    return grad

verify(lambda x: x.copy(), [np.array([0.5, 2.0])], backward=rule)
""",
    ),
    "GC502": Example(
        """
def forward(x):
    return x * np.random.rand(2)

verify(forward, [np.array([0.5, 2.0])], backward=lambda grad, x: grad)
""",
        """
def forward(x, mask):
    return x * mask

def rule(grad, x, mask):
    return grad * mask

verify(forward, [np.array([0.5, 2.0]), np.array([1, 0])], backward=rule)
""",
    ),
    "GC503": Example(
        """
def forward(x):
    x *= 2
    return x

verify(forward, [np.array([0.5, 2.0])], backward=lambda grad, x: 2 * grad)
""",
        """
def forward(x):
    return 2 * x

verify(forward, [np.array([0.5, 2.0])], backward=lambda grad, x: 2 * grad)
""",
    ),
    "GC608": Example(
        """
def rule(grad, x):
    print("grad is", grad)
    return grad * np.cos(x)

verify(np.sin, [np.array([0.5, 2.0])], backward=rule)
""",
        """
def rule(grad, x):
    return grad * np.cos(x)

verify(np.sin, [np.array([0.5, 2.0])], backward=rule)
""",
    ),
    "GC601": Example(
        """
inputs: {x: [0.3, 1.8]}
forward: round(x)
backward: {x: grad}
surrogate: true
""",
        """
inputs: {x: [0.3, 1.8]}
forward: x
backward: {x: grad}
""",
    ),
    "GC603": Example(
        """
inputs: {x: {shape: [30]}}
forward: sin(x)
backward: {x: grad * cos(x)}
check: {mode: projected}
""",
        """
inputs: {x: {shape: [30]}}
forward: sin(x)
backward: {x: grad * cos(x)}
check: {mode: full}
""",
    ),
    "GC602": Example(
        """
inputs: {x: [1.0, 1.0], w: [0.5, -2.0]}
forward: x**2 * w
backward: {x: 2 * grad * w * x, w: grad * x**2}
""",
        """
inputs: {x: [0.7, 1.3], w: [0.5, -2.0]}
forward: x**2 * w
backward: {x: 2 * grad * w * x, w: grad * x**2}
""",
    ),
    "GC605": Example(
        """
inputs: {A: {shape: [3, 3]}, b: {shape: [3]}}
forward: A @ b
backward: {A: "outer(grad, b)", b: A.T @ grad}
""",
        """
inputs: {A: {shape: [4, 3]}, b: {shape: [3]}}
forward: A @ b
backward: {A: "outer(grad, b)", b: A.T @ grad}
""",
    ),
    "GC606": Example(
        """
inputs: {x: [1.0, 1.0]}
forward: x**2
backward: {x: 2 * grad}
""",
        """
inputs: {x: [1.0, 1.5]}
forward: x**2
backward: {x: 2 * grad * x}
""",
    ),
    "GC607": Example(
        """
inputs: {x: 0.7}
forward: sin(x)
backward: {x: 1.05 * grad * cos(x)}
check: {rtol: 0.1}
""",
        """
inputs: {x: 0.7}
forward: sin(x)
backward: {x: grad * cos(x)}
""",
    ),
}

WITHOUT_EXAMPLE: dict[str, str] = {
    "GC505": "Comes of a check that runs out of memory, and of what happens to processes with -j, --timeout or --dask: the one "
    "that does the check is killed, and so is the one that tries it once more.",
    "GC506": "Comes of `gradcheck run --timeout SECONDS`, where a check takes longer.",
    "GC599": "Comes of an exception that this program does not expect; no rule and no forward should be able to raise it.",
    "GC604": "Comes of an exception in the search for a likely cause; the verdict stands.",
}
"""How the other findings come about: no function makes them."""
