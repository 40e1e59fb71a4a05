"""Mutated inputs without end: `python tests/fuzz/fuzz.py [--inputs N] [--seed S] [--processes P] [TARGET ...]`.

Seeds are the project's specs, the malformed files and the attacks, cut into pieces that are flipped, dropped, doubled, swapped
and put together anew. What raises anything but the project's own errors, or takes longer than two seconds, is kept in a file
of `--keep`, and the exit code is 1. With Atheris (`pip install atheris`) the same targets are guided by coverage:

    python tests/fuzz/fuzz.py --atheris load -- -max_len=2000 -runs=1000000
"""

from __future__ import annotations

import argparse
import hashlib
import random
import re
import sys
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from importlib import import_module
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from targets import SMALL, TARGETS

ROOT = Path(__file__).parents[2]
SECONDS = 2.0
BATCH = 2_000
LARGEST = 4_000
"""Bytes of a mutated input."""
SHARES = {"load": 0.45, "expression": 0.5, "check": 0.05}
"""Of the inputs, where no target is named: a check takes a hundred times as long."""
WORD = re.compile(rb"[\w.]+|[-+*/@%()\[\]{},:]")


@cache
def seeds(target: str) -> list[bytes]:
    """Inputs to begin with."""
    if target == "expression":
        attacks = import_module("attacks.expressions")
        texts = [*attacks.BOMBS, *attacks.ESCAPES, *attacks.HOSTILE_BLOCKS, *(t[:200] for t in attacks.NESTED)]
        rules = [line.partition(": ")[2] for path in (ROOT / "specs").glob("*.yaml") for line in path.read_text().splitlines()]
        return [t.encode("utf-8", "surrogatepass") for t in [*texts, *filter(None, rules)]]
    files = [*(ROOT / "specs").rglob("*.yaml"), *(ROOT / "tests" / "malformed").glob("*.yaml")]
    cut = [b"functions:\n  " + part for path in files for part in re.split(rb"\n  (?=\w)", path.read_bytes())[1:]]
    return [text for text in [*(path.read_bytes() for path in files), *cut] if len(text) < LARGEST]


@cache
def words(target: str) -> list[bytes]:
    """Pieces of the seeds."""
    found = {word for text in seeds(target) for word in text.replace(b"\n", b" \n ").split(b" ") if 0 < len(word) < 30}
    odd = [b"\n", b"\n    ", b"  ", b": ", *(bytes([c]) for c in b"[]{}()\0\xff"), b"\xe2\x80\xae", b"1e999", b"-0.0", b".nan"]
    return [*sorted(found), *odd]


def mutated(target: str, rng: random.Random) -> bytes:
    """A seed, changed in one to eight ways."""
    data = bytearray(rng.choice(seeds(target)))
    for _ in range(rng.choice((1, 1, 2, 3, 5, 8) if target != "check" else (1, 1, 2))):
        at, to = sorted(rng.randrange(len(data) + 1) for _ in range(2))
        to = min(to, at + rng.choice((1, 4, 20, 200)))
        kind = rng.randrange(6) if rng.random() < 0.4 else -1
        if kind < 0:
            spans = [m.span() for m in WORD.finditer(data)]
            start, end = rng.choice(spans or [(0, 0)])
            data[start:end] = rng.choice([bytes(data[slice(*rng.choice(spans or [(0, 0)]))]), rng.choice(words(target))])
        elif kind == 0:
            data[at:at] = rng.choice(words(target))
        elif kind == 1:
            data[at:to] = rng.choice(words(target))
        elif kind == 2:
            del data[at:to]
        elif kind == 3:
            data[at:at] = data[at:to] * rng.choice((1, 2, 30))
        elif kind == 4 and data:
            data[at % len(data)] = rng.randrange(256)
        else:
            other = rng.choice(seeds(target))
            start = rng.randrange(len(other) + 1)
            data[at:to] = other[start : start + rng.choice((5, 50, 500))]
    return bytes(data[:LARGEST])


def batch(target: str | None, seed: int, count: int, keep: str) -> list[str]:
    """Try inputs; what went wrong with some of them."""
    from gradcheck_cli.spec import limits

    for name, value in SMALL.items():
        setattr(limits, name, value)
    rng, found = random.Random(seed), []
    for _ in range(count):
        which = target or rng.choices(list(SHARES), list(SHARES.values()))[0]
        data = mutated(which, rng)
        problem = tried(TARGETS[which], data)
        if problem:
            path = Path(keep) / f"{which}-{hashlib.sha256(data).hexdigest()[:12]}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            found.append(f"{path}: {problem}")
    return found


def tried(target: Callable[[bytes], None], data: bytes) -> str:
    """What went wrong."""
    start = time.process_time()
    try:
        target(data)
    except BaseException:
        return traceback.format_exc(limit=-3).strip()
    seconds = time.process_time() - start
    return f"took {seconds:.1f} s" if seconds > SECONDS else ""


def guided(target: str, arguments: list[str]) -> None:
    """By coverage, with Atheris, which does not return."""
    atheris = import_module("atheris")
    atheris.instrument_all()
    atheris.Setup([sys.argv[0], *arguments], TARGETS[target])
    atheris.Fuzz()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--keep", default="fuzz-findings")
    parser.add_argument("--atheris", choices=list(TARGETS), metavar="TARGET")
    arguments = parser.parse_args()
    if arguments.atheris:
        guided(arguments.atheris, arguments.targets)
        return
    start, done, found = time.time(), 0, []
    jobs = [(target, count) for target in arguments.targets or [None] for count in [BATCH] * -(-arguments.inputs // BATCH)]
    with ProcessPoolExecutor(arguments.processes) as pool:
        futures = [pool.submit(batch, t, arguments.seed + k, n, arguments.keep) for k, (t, n) in enumerate(jobs)]
        for future, (_, count) in zip(futures, jobs, strict=True):
            problems = future.result()
            done += count
            found += problems
            for problem in problems:
                print(problem, flush=True)
            print(f"{done:,} inputs, {len(found)} problems, {time.time() - start:.0f} s", file=sys.stderr, flush=True)
    print(f"{done:,} inputs, {len(found)} problems, {time.time() - start:.0f} s")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
