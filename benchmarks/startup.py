"""How long a whole `gradcheck run` of one small spec takes, against the whole process `python -c "import numpy"`.

    python benchmarks/startup.py [runs]

The two are run in turn, so that what else the machine does falls on both. Target: a ratio of at most 1.6.
"""

from __future__ import annotations

import compileall
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parent.parent
SPEC = """
functions:
  quadratic:
    inputs: {x: 3.0, a: 2.0, b: 1.0, c: 4.0}
    forward: a * x**2 + b * x + c
    backward:
      x: grad * (2 * a * x + b)
      a: grad * x**2
      b: grad * x
      c: grad
"""
PARTS = ("gradcheck_cli", "numpy", "click", "yaml")


def environment() -> dict[str, str]:
    """As an installed package has it: bytecode may be read and written."""
    kept = {n: v for n, v in os.environ.items() if n != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPATH": str(ROOT)}


def seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment(), cwd="/")
    return time.perf_counter() - start


def breakdown(command: list[str]) -> dict[str, float]:
    """Milliseconds of import by top-level package, everything else being the standard library's."""
    done = subprocess.run([sys.executable, "-X", "importtime", *command[1:]], check=True, capture_output=True, text=True,
                          env=environment(), cwd="/")  # fmt: skip
    found: dict[str, float] = defaultdict(float)
    for line in done.stderr.splitlines():
        timed = re.match(r"import time: +(\d+) \| +\d+ \| +([\w.]+)", line)
        if timed:
            part = timed[2].split(".")[0]
            found[part if part in PARTS else "standard library"] += int(timed[1]) / 1000
    return found


def main(runs: int) -> None:
    compileall.compile_dir(str(ROOT / "gradcheck_cli"), quiet=2)
    with tempfile.TemporaryDirectory() as folder:
        spec = Path(folder, "quadratic.yaml")
        spec.write_text(SPEC)
        check = [sys.executable, "-m", "gradcheck_cli", "run", str(spec)]
        commands = {
            'python -c "import numpy"': [sys.executable, "-c", "import numpy"],
            "gradcheck run quadratic.yaml": check,
            "gradcheck --version": [sys.executable, "-m", "gradcheck_cli", "--version"],
        }
        for command in commands.values():
            seconds(command)
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(runs):
            for name, command in commands.items():
                times[name].append(seconds(command))
        parts = [breakdown(check) for _ in range(max(3, runs // 4))]
    base, whole = (times[name] for name in list(commands)[:2])
    print(f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores, {runs} runs each\n")
    print("| process | median ms | fastest ms |\n|---|---|---|")
    for name, taken in times.items():
        print(f"| `{name}` | {1e3 * statistics.median(taken):.0f} | {1e3 * min(taken):.0f} |")
    medians = statistics.median(whole) / statistics.median(base)
    print(f"\nratio of the medians {medians:.2f}, of the fastest {min(whole) / min(base):.2f} (target: 1.6)\n")
    print("| imports of the run | median ms (self, under -X importtime) |\n|---|---|")
    for part in (*PARTS, "standard library"):
        print(f"| {part} | {statistics.median(p[part] for p in parts):.1f} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
