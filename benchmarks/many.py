"""Many small checks: `python benchmarks/many.py [--checks N] [--runs N]`.

A spec of 1,000 functions, each a scalar, a short vector or a small product, is checked in one process, warm, on one thread; and
in two processes. Printed are medians, in checks a second; and where it is installed those of PyTorch's gradcheck for the same
functions, fast and full, which has no file to read and no rule's contract to look at.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np

from gradcheck_cli.run import run_specs
from gradcheck_cli.spec.loader import loads
from gradcheck_cli.workers import Processes

KINDS = (
    """
  quadratic_{k}:
    inputs: {{x: 1.{k}, a: 2.0}}
    forward: a * x**2 + x
    backward: {{x: grad * (2 * a * x + 1), a: grad * x**2}}
""",
    """
  gelu_{k}:
    inputs: {{x: [0.3, -1.2, 2.{k}]}}
    forward: x * exp(-x**2)
    backward: {{x: grad * exp(-x**2) * (1 - 2 * x**2)}}
""",
    """
  linear_{k}:
    inputs: {{x: {{shape: [2, 3]}}, w: {{shape: [3, 2]}}}}
    forward: tanh(x @ w)
    backward: {{x: (grad * (1 - out**2)) @ w.T, w: x.T @ (grad * (1 - out**2))}}
""",
)


def torch_checks(count: int, fast: bool) -> Callable[[], Any]:
    """The same functions for PyTorch."""
    import torch

    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    functions = (lambda x, a: a * x**2 + x, lambda x: x * torch.exp(-(x**2)), lambda x, w: torch.tanh(x @ w))
    shapes = (((), ()), ((3,),), ((2, 3), (3, 2)))
    inputs = [[torch.tensor(rng.standard_normal(s), requires_grad=True) for s in shapes[k % 3]] for k in range(count)]

    def run() -> None:
        for k in range(count):
            assert torch.autograd.gradcheck(functions[k % 3], inputs[k], fast_mode=fast)

    return run


def median(run: Callable[[], Any], runs: int) -> float:
    """Seconds, after one run to warm up."""
    run()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checks", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    text = "functions:" + "".join(KINDS[k % len(KINDS)].format(k=k) for k in range(options.checks))
    with tempfile.TemporaryDirectory() as folder, Processes(2) as two:
        path = Path(folder) / "many.yaml"
        path.write_text(text)
        shown = {"dot_product": False}  # as `gradcheck run` says, which shows it with -v only
        report = run_specs([str(path)], options=shown)
        assert report.ok, report
        assert len(report.checks) == options.checks
        works = {
            "reading the file": lambda: loads(text),
            "one process": lambda: run_specs([str(path)], options=shown),
            "two processes": lambda: run_specs([str(path)], options=shown, executor=two),
        }
        if importlib.util.find_spec("torch"):
            works["PyTorch, fast mode"] = torch_checks(options.checks, True)
            works["PyTorch, full mode"] = torch_checks(options.checks, False)
        print("| | seconds | checks a second |\n|---|---|---|")
        for name, work in works.items():
            seconds = median(work, options.runs)
            print(f"| {name} | {seconds:.2f} | {options.checks / seconds:.0f} |")


if __name__ == "__main__":
    main()
