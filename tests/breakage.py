"""What breaks while checks run: killed workers, signals, full and read-only disks.

Each trial runs `gradcheck run` on the same spec as a process, breaks something at a random time, and looks at what is left: no
wrong verdict, no lost result, no stray process, no stray or half-written file.

    python tests/breakage.py [--runs 100] [KIND ...]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

CHECKS = 60
WRONG = frozenset(range(4, CHECKS, 10))


def spec() -> str:
    """`CHECKS` functions, some tens of milliseconds each; those whose numbers are in `WRONG` are wrong."""
    one = "  f{k}:\n    inputs: {{x: {{shape: [12, 12]}}}}\n    forward: softmax(tanh(x), axis=-1)\n"
    rule = '    backward:\n      x: "(out * (grad - sum(grad * out, axis=-1, keepdims=True))) * (1 - tanh(x)**2){wrong}"\n'
    return "functions:\n" + "".join((one + rule).format(k=k, wrong=" * 1.001" if k in WRONG else "") for k in range(CHECKS))


class Outcome(NamedTuple):
    code: int
    report: dict[str, Any] | None
    """None where nothing was printed."""
    err: str


class Trial:
    """One process, in a folder of its own."""

    def __init__(self, folder: Path, *options: str) -> None:
        (folder / "spec.yaml").write_text(spec())
        self.optional: set[str] = set()
        command = [sys.executable, "-m", "gradcheck_cli", "run", "spec.yaml", "--output-format", "json", *options]
        self.folder, self.expected = folder, {"spec.yaml"}
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
        self.process = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, env=environment
        )

    def end(self, seconds: float = 60) -> Outcome:
        """What it printed. Raises AssertionError where it left a process or a file behind, or printed half an object."""
        try:
            out, err = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired as error:
            left = self.members()
            os.killpg(self.process.pid, signal.SIGKILL)
            raise AssertionError(f"it hangs, with {left}") from error
        deadline = time.monotonic() + 5
        while (left := self.members()) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not left, f"left processes: {left}"
        found = {p.name for p in self.folder.iterdir()}
        assert found - self.optional == self.expected, f"left files: {found - self.expected}, lost: {self.expected - found}"
        try:
            report = json.loads(out) if out.strip() else None
        except ValueError as error:
            raise AssertionError(f"half an object, exit code {self.process.returncode}, {err.decode()[-1000:]}") from error
        return Outcome(self.process.returncode, report, err.decode())

    def members(self) -> dict[int, str]:
        """The processes of its session that live: their command lines."""
        found = {}
        for path in Path("/proc").iterdir():
            if path.name.isdigit() and int(path.name) != self.process.pid:
                try:
                    state, _, _, session = (path / "stat").read_text().rpartition(")")[2].split()[:4]
                    if int(session) == self.process.pid and state != "Z":
                        found[int(path.name)] = (path / "cmdline").read_text().replace("\0", " ")
                except (OSError, ValueError):
                    pass
        return found

    def workers(self) -> list[int]:
        """The worker processes; neither the server that forks them nor the tracker of semaphores."""
        children = {pid: parent_of(pid) for pid in self.members()}
        return [pid for pid, parent in children.items() if parent in children]


def parent_of(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError):
        return 0


def judged_right(report: dict[str, Any]) -> None:
    """Every check that is in the report has the right verdict, and none is missing in between."""
    for check in report["checks"]:
        assert check["verdict"] == ("fail" if int(check["function"][1:]) in WRONG else "pass"), check["function"]
    assert [c["function"] for c in report["checks"]] == [f"f{k}" for k in range(len(report["checks"]))]


def killed_worker(folder: Path, rng: random.Random) -> str:
    trial = Trial(folder, "-j", "2")
    time.sleep(rng.uniform(0.2, 1.5))
    workers = trial.workers()
    for pid in workers[:1]:
        os.kill(pid, signal.SIGKILL)
    outcome = trial.end()
    assert outcome.report is not None
    assert len(outcome.report["checks"]) == CHECKS
    judged_right(outcome.report)
    assert outcome.code == 1
    return f"{'a' if workers else 'no'} worker killed, nothing lost"


def interrupted(number: int, *options: str) -> Callable[[Path, random.Random], str]:
    def trial(folder: Path, rng: random.Random) -> str:
        running = Trial(folder, *options, "--report", "json=report.json")
        running.optional = {"report.json"}
        time.sleep(rng.uniform(0.05, 1.8))
        os.kill(running.process.pid, number)
        start = time.monotonic()
        outcome = running.end()
        assert time.monotonic() - start < 10, "it must end at once"
        if (folder / "report.json").exists():
            judged_right(json.loads((folder / "report.json").read_text()))
        if outcome.report is None:
            assert outcome.code in (-number, 130), outcome
            assert "Traceback" not in outcome.err, outcome.err
            return "before anything was known"
        judged_right(outcome.report)
        count = len(outcome.report["checks"])
        assert outcome.code == (130 if outcome.report["interrupted"] else 1), outcome
        assert outcome.report["interrupted"] or count == CHECKS
        assert "Traceback" not in outcome.err, outcome.err
        return "in the middle" if count < CHECKS else "at the end"

    return trial


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """A small file system in memory; for the superuser only."""
    where = folder / "disk"
    where.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", where], check=True)
    try:
        yield where
    finally:
        subprocess.run(["umount", where], check=True)


def unwritable(options: str) -> Callable[[Path, random.Random], str]:
    def trial(folder: Path, rng: random.Random) -> str:
        with mounted(folder, options) as disk:
            old = disk / "old.json"
            if "ro" not in options.split(","):
                old.write_text("{}")
            target = rng.choice(["old.json", "new.json"])
            running = Trial(folder, "-k", f"f{rng.randrange(CHECKS)}", "--report", f"json=disk/{target}")
            running.expected |= {"disk"}
            outcome = running.end()
            assert outcome.code == 4
            assert outcome.report is not None
            assert f"error: disk/{target}: cannot be written: " in outcome.err
            left = {p.name: p.read_text() for p in disk.iterdir()}
            assert left in ({}, {"old.json": "{}"}), left
        return "refused"

    return trial


KINDS: dict[str, Callable[[Path, random.Random], str]] = {
    "killed worker": killed_worker,
    "SIGINT": interrupted(signal.SIGINT),
    "SIGTERM": interrupted(signal.SIGTERM),
    "SIGINT, two processes": interrupted(signal.SIGINT, "-j", "2"),
    "SIGTERM, two processes": interrupted(signal.SIGTERM, "-j", "2"),
    "full disk": unwritable("size=4k"),
    "read-only disk": unwritable("ro,size=4k"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", metavar="KIND", choices=[[], *KINDS])
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    for kind in arguments.kinds or KINDS:
        found: Counter[str] = Counter()
        for run in range(arguments.runs):
            with tempfile.TemporaryDirectory() as folder:
                try:
                    found[KINDS[kind](Path(folder), random.Random(arguments.seed + run))] += 1
                except AssertionError as error:
                    found[f"BROKEN: {str(error)[-1500:]}"] += 1
        print(f"{kind}: {dict(found)}", flush=True)


if __name__ == "__main__":
    main()
