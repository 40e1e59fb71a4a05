"""Whole checks, every entry: `python benchmarks/speed.py [--runs N] [CASE ...]`.

Each work is checked by `verify`, with a NumPy function and a rule by hand. In turn with it, in the same process and on one
thread, run the floor (forward and backward once, in plain NumPy) and, where they are installed, PyTorch's gradcheck in its fast
mode, JAX's check_grads and HIPS autograd's check_grads, which look at one random projection each. PyTorch's full mode, which
looks at every entry, is timed once, where its Jacobian fits into memory.

Printed are medians in ms, `verify` also as a multiple of the floor, and how many times longer PyTorch's full mode takes.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
os.environ.setdefault("JAX_ENABLE_X64", "1")

import numpy as np

from gradcheck_cli import verify

rng = np.random.default_rng(0)
LARGEST = 2.0e9
"""Jacobian entries, in a whole Jacobian of PyTorch's full mode."""


class Work(NamedTuple):
    """A function, its rule, and the point."""

    forward: Callable[..., Any]
    """Of the array library, which is its first argument, and the arrays."""
    rule: Callable[..., Any]
    arrays: list[np.ndarray]


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


def softmax(xp: Any, x: Any) -> Any:
    e = xp.exp(x)
    return e / xp.sum(e, -1)[..., None]


def softmax_rule(g: np.ndarray, x: np.ndarray) -> np.ndarray:
    y = softmax(np, x)
    return y * (g - np.sum(g * y, axis=-1, keepdims=True))


def layer_norm(xp: Any, x: Any) -> Any:
    c = x - xp.mean(x, -1)[..., None]
    return c / xp.sqrt(xp.mean(c * c, -1) + 1e-5)[..., None]


def layer_norm_rule(g: np.ndarray, x: np.ndarray) -> np.ndarray:
    c = x - np.mean(x, axis=-1, keepdims=True)
    r = 1 / np.sqrt(np.mean(c * c, axis=-1, keepdims=True) + 1e-5)
    h = c * r
    return r * (g - np.mean(g, axis=-1, keepdims=True) - h * np.mean(g * h, axis=-1, keepdims=True))


WORKS = {
    "chain 4,096": Work(chain, chain_rule, [rng.standard_normal(4096)]),
    "chain 1,000,000": Work(chain, chain_rule, [rng.standard_normal(1_000_000)]),
    "softmax 512 x 8": Work(softmax, softmax_rule, [rng.standard_normal((512, 8))]),
    "layer norm 64 x 64": Work(layer_norm, layer_norm_rule, [rng.standard_normal((64, 64))]),
    "matmul 64 x 64": Work(
        lambda xp, a, b: a @ b, lambda g, a, b: (g @ b.T, a.T @ g), [rng.standard_normal((64, 64)) for _ in range(2)]
    ),
    "layer norm 300": Work(layer_norm, layer_norm_rule, [rng.standard_normal(300)]),
}


def floor(work: Work) -> Callable[[], Any]:
    g = np.ones_like(work.forward(np, *work.arrays))
    return lambda: (work.forward(np, *work.arrays), work.rule(g, *work.arrays))


def ours(work: Work) -> Callable[[], Any]:
    def call() -> None:
        assert verify(lambda *arrays: work.forward(np, *arrays), work.arrays, backward=work.rule).ok

    return call


def torch_check(work: Work, fast: bool) -> Callable[[], Any]:
    torch = importlib.import_module("torch")
    torch.set_num_threads(1)

    def call() -> None:
        arrays = tuple(torch.tensor(x, requires_grad=True) for x in work.arrays)
        assert torch.autograd.gradcheck(lambda *xs: work.forward(torch, *xs), arrays, fast_mode=fast)

    return call


def jax_check(work: Work) -> Callable[[], Any]:
    check_grads = importlib.import_module("jax.test_util").check_grads
    xp = importlib.import_module("jax.numpy")
    return lambda: check_grads(lambda *xs: work.forward(xp, *xs), work.arrays, order=1, modes="rev")


def hips_check(work: Work) -> Callable[[], Any]:
    check_grads = importlib.import_module("autograd.test_util").check_grads
    xp = importlib.import_module("autograd.numpy")
    return lambda: check_grads(lambda *xs: work.forward(xp, *xs), modes=["rev"])(*work.arrays)


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
    if importlib.util.find_spec("torch") is None or outputs * sum(map(np.size, work.arrays)) > LARGEST:
        return None
    return once(torch_check(work, fast=False))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("works", nargs="*", metavar="CASE", help="part of a case's name")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    peers = {name: make for name, (module, make) in PEERS.items() if importlib.util.find_spec(module)}
    print(f"| work | floor ms | verify ms | x the floor | {' | '.join(peers)} | PyTorch full | full / verify |")
    print("|" + "---|" * (6 + len(peers)))
    for name, work in WORKS.items():
        if options.works and not any(part in name for part in options.works):
            continue
        calls = {"floor": floor(work), "verify": ours(work)} | {peer: make(work) for peer, make in peers.items()}
        found = medians(calls, options.runs)
        full = full_mode(work)
        cells = [f"{found['floor']:.2f}", f"{found['verify']:.1f}", f"{found['verify'] / found['floor']:.0f}"]
        cells += [f"{found[peer]:.1f}" for peer in peers]
        cells += ["-", "-"] if full is None else [f"{full:.0f}", f"{full / found['verify']:.0f}"]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
