"""What the pytest plugin costs a run that has no spec: a run of one empty test with it, and with `-p no:gradcheck`.

    python benchmarks/plugin.py [runs]

The two are run in turn, so that what else the machine does falls on both, and what is taken is processor time. The package must
be installed, for pytest to find its entry point.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import tempfile
from importlib.metadata import entry_points
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

RUN = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_nothing.py"]
IMPORT = """
import time
import pytest
start = time.perf_counter()
import gradcheck_cli.pytest_plugin
print(1e3 * (time.perf_counter() - start))
"""
COMMANDS = {"pytest": RUN, "pytest -p no:gradcheck": [*RUN, "-p", "no:gradcheck"]}


def environment() -> dict[str, str]:
    """As an installed package has it: bytecode may be read and written."""
    return {n: v for n, v in os.environ.items() if n not in ("PYTHONDONTWRITEBYTECODE", "PYTEST_ADDOPTS")}


def seconds(command: list[str], folder: str) -> float:
    """Of the processor, not of the clock."""
    before = getrusage(RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment(), cwd=folder)
    after = getrusage(RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def import_ms(folder: str) -> float:
    """Milliseconds of importing the plugin where pytest is imported already."""
    done = subprocess.run([sys.executable, "-c", IMPORT], check=True, capture_output=True, env=environment(), cwd=folder)
    return float(done.stdout)


def main(runs: int) -> None:
    assert entry_points(group="pytest11", name="gradcheck"), "pytest does not find the plugin: install the package first"
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "test_nothing.py").write_text("def test_nothing():\n    pass\n")
        for command in COMMANDS.values():
            seconds(command, folder)
        times: dict[str, list[float]] = {name: [] for name in COMMANDS}
        for _ in range(runs):
            for name, command in COMMANDS.items():
                times[name].append(seconds(command, folder))
        imports = statistics.median(import_ms(folder) for _ in range(runs))
    print(f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores, {runs} runs each\n")
    print("| process | median ms of CPU | fastest |\n|---|---|---|")
    for name, taken in times.items():
        print(f"| `{name}` | {1e3 * statistics.median(taken):.0f} | {1e3 * min(taken):.0f} |")
    with_it, without = times.values()
    medians, fastest = statistics.median(with_it) / statistics.median(without), min(with_it) / min(without)
    print(f"\nratio of the medians {medians:.3f}, of the fastest {fastest:.3f}; importing the plugin {imports:.2f} ms")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
