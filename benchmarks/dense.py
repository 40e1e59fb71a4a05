"""A dense Jacobian of 300 x 300: `python benchmarks/dense.py`.

Times whole checks of a layer norm at the default tolerance against a floor in the same run: plain central differences of the
same function at one fixed step, entry by entry of the input, without bounds, without a rule, and without a verdict. One core.
"""

from __future__ import annotations

import os
import statistics
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from gradcheck_cli import verify

N, RUNS = 300, 7
X = np.random.default_rng(0).standard_normal(N)


def layer_norm(x: np.ndarray) -> np.ndarray:
    c = x - np.mean(x)
    return c / np.sqrt(np.mean(c**2) + 1e-5)


def rule(grad: np.ndarray, x: np.ndarray) -> np.ndarray:
    c = x - np.mean(x)
    r = 1 / np.sqrt(np.mean(c**2) + 1e-5)
    h = c * r
    return r * (grad - np.mean(grad) - h * np.mean(grad * h))


def one_entry_wrong(grad: np.ndarray, x: np.ndarray) -> np.ndarray:
    g = rule(grad, x)
    g[17] *= 1 + 1e-6
    return g


def floor() -> np.ndarray:
    rows = []
    for j in range(N):
        step = np.zeros(N)
        step[j] = 1e-6
        rows.append((layer_norm(X + step) - layer_norm(X - step)) / 2e-6)
    return np.array(rows)


def seconds(call) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main() -> None:
    calls = {
        "plain central differences": floor,
        "verify, the right rule": lambda: verify(layer_norm, [X], backward=rule),
        "verify, one entry off by 1e-6": lambda: verify(layer_norm, [X], backward=one_entry_wrong),
    }
    assert verify(layer_norm, [X], backward=rule).ok
    assert not verify(layer_norm, [X], backward=one_entry_wrong).ok
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(RUNS):
        for name, call in calls.items():
            times[name].append(seconds(call))
    base = statistics.median(times["plain central differences"])
    for name, found in times.items():
        median = statistics.median(found)
        print(f"{name:<32} {median * 1e3:8.1f} ms   {median / base:6.1f} x the floor")


if __name__ == "__main__":
    main()
