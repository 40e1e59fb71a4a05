"""Whole checks, every entry: `python benchmarks/speed.py [--runs N] [CASE ...]`.

Each work is checked in three ways: `spec`, a file with the function and its rule, read and checked as `gradcheck run` does;
`tensors`, `verify` of a function of tensors, whose rules are the engine's; and `arrays`, `verify` of NumPy functions, of which
nothing is known. In turn with them, in the same process and on one thread, run the floor (forward and backward once, in plain
NumPy) and, where they are installed, PyTorch's gradcheck in its fast mode, JAX's check_grads and HIPS autograd's check_grads,
which look at one random projection each. PyTorch's full mode, which looks at every entry, is timed once, where its Jacobian
fits into memory.

Printed are medians in ms; `spec` also as a multiple of the floor, and how many times longer PyTorch's full mode takes.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
os.environ.setdefault("JAX_ENABLE_X64", "1")

import numpy as np

from gradcheck_cli import ops, verify
from gradcheck_cli.engine import Tensor
from gradcheck_cli.run import run_specs

rng = np.random.default_rng(0)
LARGEST = 2.0e9
"""Jacobian entries, in a whole Jacobian of PyTorch's full mode."""


class Work(NamedTuple):
    """A function, its rule, and the point."""

    forward: Callable[..., Any]
    """Of the array library, which is its first argument, and the arrays."""
    rule: Callable[..., Any]
    arrays: list[np.ndarray]
    spec: str
    """The bodies of forward and rule in the spec language, between them a line of dashes."""


def chain(xp: Any, x: Any) -> Any:
    """Ten elementwise operations."""
    for _ in range(2):
        x = xp.exp(xp.tanh(xp.sin(x) * 0.5 + 0.25))
    return x


def chain_rule(g: np.ndarray, x: np.ndarray) -> np.ndarray:
    a = np.tanh(np.sin(x) * 0.5 + 0.25)
    y = np.exp(a)
    b = np.tanh(np.sin(y) * 0.5 + 0.25)
    return g * np.exp(b) * (1 - b * b) * 0.5 * np.cos(y) * y * (1 - a * a) * 0.5 * np.cos(x)


CHAIN = """
a = tanh(sin(x) * 0.5 + 0.25)
y = exp(a)
b = tanh(sin(y) * 0.5 + 0.25)
return exp(b)
---
return grad * out * (1 - b * b) * 0.5 * cos(y) * y * (1 - a * a) * 0.5 * cos(x)
"""


def softmax(xp: Any, x: Any) -> Any:
    e = xp.exp(x)
    return e / xp.sum(e, -1)[..., None]


def softmax_rule(g: np.ndarray, x: np.ndarray) -> np.ndarray:
    y = softmax(np, x)
    return y * (g - np.sum(g * y, axis=-1, keepdims=True))


SOFTMAX = """
e = exp(x)
return e / sum(e, axis=-1, keepdims=True)
---
return out * (grad - sum(grad * out, axis=-1, keepdims=True))
"""


def layer_norm(xp: Any, x: Any) -> Any:
    c = x - xp.mean(x, -1)[..., None]
    return c / xp.sqrt(xp.mean(c * c, -1) + 1e-5)[..., None]


def layer_norm_rule(g: np.ndarray, x: np.ndarray) -> np.ndarray:
    c = x - np.mean(x, axis=-1, keepdims=True)
    r = 1 / np.sqrt(np.mean(c * c, axis=-1, keepdims=True) + 1e-5)
    h = c * r
    return r * (g - np.mean(g, axis=-1, keepdims=True) - h * np.mean(g * h, axis=-1, keepdims=True))


LAYER_NORM = """
c = x - mean(x, axis=-1, keepdims=True)
r = 1 / sqrt(mean(c * c, axis=-1, keepdims=True) + 1e-5)
h = c * r
return h
---
return r * (grad - mean(grad, axis=-1, keepdims=True) - h * mean(grad * h, axis=-1, keepdims=True))
"""

MATMUL = """
return a @ b
---
return grad @ b.T, a.T @ grad
"""


def dense(xp: Any, x: Any, w: Any) -> Any:
    """Every output depends on every input, by entries of one size."""
    return xp.tanh(w @ x)


def dense_rule(g: np.ndarray, x: np.ndarray, w: np.ndarray) -> np.ndarray:
    y = np.tanh(w @ x)
    return w.T @ (g * (1 - y * y))


DENSE = """
return tanh(w @ x)
---
return w.T @ (grad * (1 - out * out))
"""

WORKS = {
    "chain 4,096": Work(chain, chain_rule, [rng.standard_normal(4096)], CHAIN),
    "chain 1,000,000": Work(chain, chain_rule, [rng.standard_normal(1_000_000)], CHAIN),
    "softmax 512 x 8": Work(softmax, softmax_rule, [rng.standard_normal((512, 8))], SOFTMAX),
    "layer norm 64 x 64": Work(layer_norm, layer_norm_rule, [rng.standard_normal((64, 64))], LAYER_NORM),
    "matmul 64 x 64": Work(
        lambda xp, a, b: a @ b,
        lambda g, a, b: (g @ b.T, a.T @ g),
        [rng.standard_normal((64, 64)) for _ in range(2)],
        MATMUL,
    ),
    "layer norm 300": Work(layer_norm, layer_norm_rule, [rng.standard_normal(300)], LAYER_NORM),
    "dense 300": Work(dense, dense_rule, [rng.standard_normal(300), rng.uniform(0.03, 0.06, (300, 300))], DENSE),
}
CONSTANT = {"w"}
"""Names of inputs that require no gradient."""


def differentiable(work: Work) -> int:
    """How many of the arrays, from the first, require a gradient."""
    return len([name for name in names(work) if name not in CONSTANT])


def names(work: Work) -> list[str]:
    """The inputs' names, as the spec has them."""
    return ["a", "b"] if work.spec is MATMUL else ["x", "w"][: len(work.arrays)]


def floor(work: Work) -> Callable[[], Any]:
    g = np.ones_like(work.forward(np, *work.arrays))
    return lambda: (work.forward(np, *work.arrays), work.rule(g, *work.arrays))


def of_spec(work: Work, folder: str) -> Callable[[], Any]:
    """The file reads the arrays of this very point."""
    inputs = []
    for name, array in zip(names(work), work.arrays, strict=True):
        np.save(Path(folder) / f"{name}.npy", array)
        inputs.append(f"{name}: {{file: {name}.npy{', requires_grad: false' if name in CONSTANT else ''}}}")
    forward, rule = (part.strip().replace("\n", "\n      ") for part in work.spec.split("---"))
    path = Path(folder) / "spec.yaml"
    path.write_text(
        f"functions:\n  f:\n    inputs: {{{', '.join(inputs)}}}\n"
        f"    forward: |\n      {forward}\n    backward: |\n      {rule}\n"
    )
    shown = {"dot_product": False}  # as `gradcheck run` says, which shows it with -v only

    def call() -> None:
        assert run_specs([str(path)], options=shown).ok

    return call


def of_tensors(work: Work) -> Callable[[], Any]:
    wanted = differentiable(work)

    def call() -> None:
        tensors = [Tensor(x, requires_grad=k < wanted) for k, x in enumerate(work.arrays)]
        assert verify(lambda *xs: work.forward(ops, *xs), tensors).ok

    return call


def of_arrays(work: Work) -> Callable[[], Any]:
    wanted = differentiable(work)
    held = work.arrays[wanted:]

    def call() -> None:
        found = verify(
            lambda *xs: work.forward(np, *xs, *held),
            work.arrays[:wanted],
            backward=lambda g, *xs: work.rule(g, *xs, *held),
        )
        assert found.ok

    return call


def torch_check(work: Work, fast: bool) -> Callable[[], Any]:
    torch = importlib.import_module("torch")
    torch.set_num_threads(1)
    wanted = differentiable(work)

    def call() -> None:
        arrays = tuple(torch.tensor(x, requires_grad=k < wanted) for k, x in enumerate(work.arrays))
        assert torch.autograd.gradcheck(lambda *xs: work.forward(torch, *xs), arrays, fast_mode=fast)

    return call


def jax_check(work: Work) -> Callable[[], Any]:
    check_grads = importlib.import_module("jax.test_util").check_grads
    xp = importlib.import_module("jax.numpy")
    wanted = differentiable(work)
    arrays, held = work.arrays[:wanted], work.arrays[wanted:]
    return lambda: check_grads(lambda *xs: work.forward(xp, *xs, *held), arrays, order=1, modes="rev")


def hips_check(work: Work) -> Callable[[], Any]:
    check_grads = importlib.import_module("autograd.test_util").check_grads
    xp = importlib.import_module("autograd.numpy")
    wanted = differentiable(work)
    arrays, held = work.arrays[:wanted], work.arrays[wanted:]
    return lambda: check_grads(lambda *xs: work.forward(xp, *xs, *held), modes=["rev"])(*arrays)


PEERS: dict[str, tuple[str, Callable[[Work], Callable[[], Any]]]] = {
    "PyTorch fast": ("torch", lambda work: torch_check(work, fast=True)),
    "JAX": ("jax", jax_check),
    "HIPS autograd": ("autograd", hips_check),
}


def once(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return 1e3 * (time.perf_counter() - start)


def medians(calls: dict[str, Callable[[], Any]], runs: int) -> dict[str, float]:
    """Of calls that are run in turn, after one run of each that does not count."""
    for call in calls.values():
        call()
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(runs):
        for name, call in calls.items():
            times[name].append(once(call))
    return {name: statistics.median(t) for name, t in times.items()}


def full_mode(work: Work) -> float | None:
    outputs = np.size(work.forward(np, *work.arrays))
    inputs = sum(map(np.size, work.arrays[: differentiable(work)]))
    if importlib.util.find_spec("torch") is None or outputs * inputs > LARGEST:
        return None
    return once(torch_check(work, fast=False))


def row(name: str, work: Work, runs: int, peers: dict[str, Callable[[Work], Callable[[], Any]]]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        ways = {"floor": floor(work), "spec": of_spec(work, folder), "tensors": of_tensors(work), "arrays": of_arrays(work)}
        found = medians(ways | {peer: make(work) for peer, make in peers.items()}, runs)
    full = full_mode(work)
    cells = [name, f"{found['floor']:.2f}", f"{found['spec']:.1f}", f"{found['spec'] / found['floor']:.0f}"]
    cells += [f"{found[way]:.1f}" for way in ("tensors", "arrays", *peers)]
    cells += ["-", "-"] if full is None else [f"{full:.0f}", f"{full / found['spec']:.0f}"]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("works", nargs="*", metavar="CASE", help="part of a case's name")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    peers = {name: make for name, (module, make) in PEERS.items() if importlib.util.find_spec(module)}
    heads = ["work", "floor ms", "spec ms", "x the floor", "tensors", "arrays", *peers, "PyTorch full", "full / spec"]
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for name, work in WORKS.items():
        if not options.works or any(part in name for part in options.works):
            print(row(name, work, options.runs, peers), flush=True)


if __name__ == "__main__":
    main()
