"""Losses, which have one output and many inputs: `python benchmarks/losses.py [N ...]`.

Forward evaluations of a whole check by `verify`, every entry, of the right rule, and of one with an entry off by 1e-5; single
columns would take two evaluations for each input at least.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from gradcheck_cli import verify

Rule = Callable[[np.ndarray], np.ndarray]


def losses(t: np.ndarray) -> dict[str, tuple[Callable[[np.ndarray], Any], Rule]]:
    """Each with its gradient, for the targets."""
    signs = np.sign(t)
    return {
        "mean of squares": (lambda x: np.mean((x - t) ** 2), lambda x: 2 * (x - t) / x.size),
        "logsumexp": (lambda x: np.log(np.sum(np.exp(x))), lambda x: np.exp(x) / np.sum(np.exp(x))),
        "norm": (lambda x: np.sqrt(np.sum(x * x)), lambda x: x / np.sqrt(np.sum(x * x))),
        "cross entropy": (lambda x: np.mean(np.log1p(np.exp(-x * signs))), lambda x: -signs / (1 + np.exp(x * signs)) / x.size),
    }


def evaluations(loss: Callable[[np.ndarray], Any], gradient: Rule, x: np.ndarray, factor: Any, verdict: str) -> int:
    (found,) = verify(loss, [x], backward=lambda g, x: g * gradient(x) * factor).checks
    assert found.verdict == verdict, found.findings
    return found.forward_evaluations


def main() -> None:
    """Print the table."""
    rng = np.random.default_rng(0)
    print("| loss | inputs | right rule | one entry off by 1e-5 |\n|---|---|---|---|")
    for n in map(int, sys.argv[1:] or ("300", "3000", "10000")):
        x, t = rng.standard_normal((2, n))
        wrong = np.where(np.arange(n) == n // 2, 1 + 1e-5, 1.0)
        for name, (loss, gradient) in losses(t).items():
            right = evaluations(loss, gradient, x, 1.0, "pass")
            print(f"| {name} | {n:,} | {right:,} | {evaluations(loss, gradient, x, wrong, 'fail'):,} |")


if __name__ == "__main__":
    main()
