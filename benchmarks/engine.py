"""What the engine costs: `python benchmarks/engine.py [--size N] [--rounds N]`.

First the backward pass of a chain of ten elementwise ops, of 1,000 entries: written by hand in NumPy from the values that the
forward has saved, by the engine, and where they are installed by PyTorch and by HIPS autograd. Then one op on a scalar: NumPy's
own call, and what the engine takes longer, without a graph and recording one. Medians of many runs in turn, on one thread.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np

from gradcheck_cli import Tensor, grad, ops

Backward = Callable[[], Any]
"""One backward pass through a graph that has been built before."""


def chain(np: Any, x: Any) -> Any:
    """Ten ops."""
    a = np.sin(x)
    b = a * x
    c = np.exp(b)
    d = c + x
    e = np.tanh(d)
    f = e * b
    h = np.sqrt(c)
    k = f - h
    m = k * k
    return np.cos(m)


def by_hand(x: Any, g: Any) -> Backward:
    """The same derivative, as one writes it."""
    a = np.sin(x)
    b = a * x
    c = np.exp(b)
    e = np.tanh(c + x)
    h = np.sqrt(c)
    k = e * b - h
    m = k * k

    def backward() -> Any:
        gk = -2.0 * g * np.sin(m) * k
        gd = gk * b * (1.0 - e * e)
        gb = gk * e + (gd - 0.5 * gk / h) * c
        return gd + gb * (a + x * np.cos(x))

    return backward


def by_engine(x: Any, g: Any) -> Backward:
    """This project's."""
    leaf = Tensor(x, requires_grad=True)
    y, seed = chain(ops, leaf), Tensor(g)
    return lambda: grad(y, leaf, seed, retain_graph=True)[0].data


def by_torch(x: Any, g: Any) -> Backward:
    """PyTorch's."""
    import torch

    torch.set_num_threads(1)
    leaf = torch.tensor(x, requires_grad=True)
    y, seed = chain(torch, leaf), torch.tensor(g)
    return lambda: torch.autograd.grad(y, leaf, seed, retain_graph=True)[0].numpy()


def by_autograd(x: Any, g: Any) -> Backward:
    """HIPS autograd's."""
    import autograd.numpy as anp
    from autograd import make_vjp

    pull, _ = make_vjp(lambda x: chain(anp, x))(x)
    return lambda: pull(g)


WAYS: dict[str, tuple[str, Callable[[Any, Any], Backward]]] = {
    "by hand": ("numpy", by_hand),
    "the engine": ("numpy", by_engine),
    "PyTorch": ("torch", by_torch),
    "HIPS autograd": ("autograd", by_autograd),
}
"""Name, the module that it needs, and how to prepare it."""


def medians(runs: dict[str, Callable[[], Any]], rounds: int, repeat: int) -> dict[str, float]:
    """Microseconds of each, run in turn."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            start = time.perf_counter()
            for _ in range(repeat):
                run()
            times[name].append((time.perf_counter() - start) / repeat * 1e6)
    return {name: statistics.median(found) for name, found in times.items()}


def print_chain(size: int, rounds: int) -> None:
    """The backward pass of the chain."""
    rng = np.random.default_rng(0)
    x, g = rng.uniform(0.2, 1.5, size), rng.standard_normal(size)
    runs = {name: way(x, g) for name, (module, way) in WAYS.items() if importlib.util.find_spec(module)}
    for name, run in runs.items():
        np.testing.assert_allclose(run(), runs["by hand"](), rtol=1e-10, err_msg=name)
    found = medians(runs, rounds, 20)
    print(f"Backward of ten elementwise ops, {size:,} entries\n\n| | µs | x by hand |\n|---|---|---|")
    for name, spent in found.items():
        print(f"| {name} | {spent:.1f} | {spent / found['by hand']:.2f} |")


def print_scalar(rounds: int) -> None:
    """One op on a scalar."""
    x = np.float64(0.7)
    plain, recorded = Tensor(x), Tensor(x, requires_grad=True)
    user = recorded * 1.0  # the leaf's own node lives as long as a user: it is not made for every op
    print("\nOne op on a scalar\n\n| op | NumPy µs | engine, without a graph | recording |\n|---|---|---|---|")
    for name in ("exp", "tanh", "multiply", "add"):
        two = name in ("multiply", "add")
        numpy, op = getattr(np, name), getattr(ops, name)
        calls = {
            "numpy": lambda f=numpy, a=(x, x)[: 1 + two]: f(*a),
            "plain": lambda f=op, a=(plain, plain)[: 1 + two]: f(*a),
            "recorded": lambda f=op, a=(recorded, recorded)[: 1 + two]: f(*a),
        }
        t = medians(calls, rounds, 200)
        print(f"| {name} | {t['numpy']:.2f} | +{t['plain'] - t['numpy']:.2f} | +{t['recorded'] - t['numpy']:.2f} |")
    assert user.requires_grad


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=1000, help="entries of the chain (1000)")
    parser.add_argument("--rounds", type=int, default=200, help="rounds of runs in turn (200)")
    arguments = parser.parse_args()
    print_chain(arguments.size, arguments.rounds)
    print_scalar(arguments.rounds)
