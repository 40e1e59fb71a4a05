"""Many checks with hostile ones among them: `python benchmarks/hostile.py [--checks 10000] [--jobs 2]`.

Writes spec files of 25 functions, of which one in a hundred is hostile when it runs (it asks for too much, raises, loops, is
NaN or a rule of another shape), and beside them files that cannot be loaded. Runs `gradcheck run` over all of them, and looks
whether every honest check has the right verdict, every hostile one is an error or a failure, and nothing is missing. Prints how
long it took, and how much memory the processes had at the beginning and at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HOSTILE = {
    "outer": ("outer(ones(10**5), ones(10**5)) * x", "{x: grad}"),
    "scan": ("|\n      y = x\n      for k in range(30000):\n        y = sin(y)\n      return y", "{x: grad}"),
    "raises": ("cholesky(-eye(3))[0, 0] * x", "{x: grad}"),
    "nan": ("x * nan", "{x: grad * nan}"),
    "infinite": ("x / 0.0", "{x: grad}"),
    "shape": ("sin(x)", '{x: "stack([grad, grad])"}'),
    "none": ("sin(x)", "{x: none}"),
    "squared": ("sin(x)", "{x: grad**2 * cos(x)}"),
    "repeat": ("sum(repeat(ones(1000), 10**6)) * x", "{x: grad}"),
    "power": ("|\n      y = x * ones(10)\n      for k in range(200):\n        y = outer(y, y)\n      return sum(y)", "{x: grad}"),
}
HONEST = [
    ("sin(x) * exp(-x)", "{x: grad * exp(-x) * (cos(x) - sin(x))}", True),
    ("tanh(x)", "{x: grad * (1 - out**2)}", True),
    ("x**3", "{x: 3 * grad * x**2}", True),
    ("sqrt(1 + x**2)", "{x: grad * x / out}", True),
    ("x**3", "{x: 3.0001 * grad * x**2}", False),
]
UNUSABLE = [
    *("functions: [\n", "functions: {f: {forward: x}}\n", "functions: !!python/name:os.system\n", "a: &a [*a]\n"),
    *("\0", "[" * 20_000),
]


def function(number: int) -> tuple[str, str]:
    """Text, and the verdict that it must get."""
    if number % 100 == 57:
        kind = list(HOSTILE)[number // 100 % len(HOSTILE)]
        forward, rule = HOSTILE[kind]
        verdict = {"nan": "inconclusive", "infinite": "inconclusive", "shape": "fail", "none": "fail", "squared": "fail"}
        expected = verdict.get(kind, "error")
    else:
        forward, rule, right = HONEST[number % len(HONEST)]
        expected = "pass" if right else "fail"
    point = 0.3 + number % 17 / 10
    return f"  f{number}:\n    inputs: {{x: {point}}}\n    forward: {forward}\n    backward: {rule}\n", expected


def write(folder: Path, count: int) -> dict[str, str]:
    """The files; the verdicts by function."""
    expected = {}
    for start in range(0, count, 25):
        text = "functions:\n"
        for number in range(start, start + 25):
            one, expected[f"f{number}"] = function(number)
            text += one
        (folder / f"a{start:06}.yaml").write_text(text)
    for number, text in enumerate(UNUSABLE):
        (folder / f"b{number}.yaml").write_text(text)
    return expected


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checks", type=int, default=10_000)
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "specs").mkdir()
        expected = write(folder / "specs", arguments.checks)
        command = [sys.executable, "-m", "gradcheck_cli", "run", "specs", "--output-format", "json", "-j", str(arguments.jobs)]
        start = time.monotonic()
        with (folder / "out").open("w") as out:
            process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=subprocess.DEVNULL, start_new_session=True)
            memory = [used(process.pid)]
            while process.poll() is None:
                time.sleep(0.2)
                memory.append(used(process.pid))
        seconds = time.monotonic() - start
        report = json.loads((folder / "out").read_text())
    found = {check["function"]: check["verdict"] for check in report["checks"]}
    # A function whose run is refused for its size is told of as a mistake of its file.
    refused = {e["file"] + ":" + str(e["line"]) for e in report["errors"]}
    wrong = {n: (v, found.get(n)) for n, v in expected.items() if found.get(n, "error") != v}
    tenth = max(1, len(memory) // 10)
    first, last = (max(part) / 1e6 for part in (memory[tenth : 2 * tenth], memory[-2 * tenth : -1]))
    print(f"{len(expected):,} checks in {seconds:.0f} s, exit code {process.returncode}")
    print(f"{len(wrong)} have another verdict than they must: {dict(list(wrong.items())[:10])}")
    print(f"{len(refused)} places refused in {len({e['file'] for e in report['errors']})} files")
    print(f"memory of all processes: {first:.0f} MB at most in the second tenth of the run, {last:.0f} MB in the last two")
    sys.exit(bool(wrong))


def used(session: int) -> int:
    """Resident bytes of all processes of a session, shared ones counted once for each."""
    total = 0
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                if int((path / "stat").read_text().rpartition(")")[2].split()[3]) == session:
                    total += int((path / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
            except (OSError, ValueError):
                pass
    return total


if __name__ == "__main__":
    main()
