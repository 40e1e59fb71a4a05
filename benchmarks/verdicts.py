"""How often the verdict is right: `python benchmarks/verdicts.py [--seeds 0:5] [--rtol 1e-7] [--peers]`.

Every case is checked with its exact Jacobian (60 digits), and again with a relative error in one entry, of every size. Printed:
right entries accused, errors accepted although ten times `rtol` or more, entries that stay inconclusive, forward evaluations
per input entry; and, with --peers, the same for the rules of PyTorch, JAX and HIPS autograd, and for Ridders' table and
scipy.differentiate as verdicts, on the same cases.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from exact import exact_jacobian
from verdict_cases import Case, all_cases

from gradcheck_cli.check.check import check
from gradcheck_cli.check.problem import Input, Problem, Pulled, Settings
from gradcheck_cli.check.verdict import FAILING, KINKS, PASSING, Verdict
from gradcheck_cli.engine.counts import GraphCounts

SIZES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
FIXED = 13
"""Evaluations that every tensor needs once: two at the point to see that the forward is a function, two to take the
differences from, and 9 to probe its noise. Nine more, where the ladder is needed, count."""


def problem_of(case: Case, x: np.ndarray, J: np.ndarray, settings: Settings) -> Problem:
    """The case as a problem whose rule claims J."""
    y = np.asarray(case.function(x))

    def vjp(cotangents: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
        return [(np.ravel(cotangents[0]) @ J).reshape(x.shape)]

    def many(arrays: Sequence[np.ndarray], flags: Sequence[bool]) -> Sequence[np.ndarray]:
        return [np.stack([np.asarray(case.function(copy)) for copy in arrays[0]])]

    return Problem(
        case.name,
        (Input("x", x),),
        lambda a: (np.asanyarray(case.function(a)),),
        lambda arrays: Pulled((y,), vjp, GraphCounts),
        settings=settings,
        batched_primal=many,
    )


class Tally:
    """Counts of entries over all cases of a group."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.evaluations = self.inputs = self.tensors = 0
        self.notes: list[str] = []

    def right(self, case: Case, seed: int, x: np.ndarray, J: np.ndarray, settings: Settings) -> None:
        """Check the exact Jacobian, and then one wrong entry of each size."""
        result = check(problem_of(case, x, J, settings)).inputs[0]
        v = result.verdicts
        self.counts["entries"] += v.size
        self.counts["agree"] += int(np.isin(v, PASSING).sum())
        self.counts["kinks"] += int(np.isin(v, KINKS).sum())
        self.counts["undecided"] += int((~np.isin(v, PASSING) & ~np.isin(v, FAILING)).sum())
        for i, j in zip(*np.nonzero(np.isin(v, FAILING)), strict=True):
            self.counts["accused"] += 1
            self.notes.append(
                f"ACCUSED {case.name} seed {seed} [{i},{j}] {Verdict(v[i, j]).name}: "
                f"x {x.ravel()[j]!r} claimed {J[i, j]!r} numeric {result.numeric[i, j]!r} ± {result.error_bound[i, j]:.2e}"
            )
        off = np.abs(result.numeric - J) > result.error_bound
        settled = v == Verdict.AGREE
        self.counts["bound broken"] += int((off & settled).sum())
        for i, j in zip(*np.nonzero(off & settled), strict=True):
            self.notes.append(
                f"BOUND {case.name} seed {seed} [{i},{j}] J {J[i, j]!r} D - J {result.numeric[i, j] - J[i, j]:.2e} "
                f"E {result.error_bound[i, j]:.2e}"
            )

    def wrong(self, case: Case, seed: int, x: np.ndarray, J: np.ndarray, settings: Settings, rng: Any) -> None:
        """One random entry that is not zero, off by each size in turn."""
        places = np.argwhere(J != 0)
        if not len(places):
            return
        i, j = places[rng.integers(len(places))]
        for size in SIZES:
            K = J.copy()
            K[i, j] *= 1 + size * rng.choice([-1, 1])
            result = check(problem_of(case, x, K, settings)).inputs[0]
            verdict = Verdict(result.verdicts[i, j])
            self.counts[f"tried {size:g}"] += 1
            if verdict in FAILING:
                self.counts[f"caught {size:g}"] += 1
            elif verdict not in PASSING and case.ordinary:
                self.notes.append(
                    f"OPEN {size:g} {case.name} seed {seed} [{i},{j}] {verdict.name} x {x.ravel()[j]!r} J {J[i, j]!r} "
                    f"± {result.error_bound[i, j]:.1e}"
                )
            elif verdict in PASSING:
                self.counts[f"missed {size:g}"] += 1
                self.notes.append(f"MISSED {size:g} {case.name} seed {seed} [{i},{j}] x {x.ravel()[j]!r} J {J[i, j]!r}")

    def per_entry(self) -> float:
        """Forward evaluations per entry of the input, but for those that every tensor needs once."""
        return (self.evaluations - FIXED * self.tensors) / max(1, self.inputs)

    def line(self, name: str) -> str:
        c, n = self.counts, max(1, self.counts["entries"])
        found = [(size, c[f"caught {size:g}"], max(1, c[f"tried {size:g}"]), c[f"missed {size:g}"]) for size in SIZES]
        sizes = "  ".join(f"{size:g}: {100 * caught / tried:5.1f} ({missed})" for size, caught, tried, missed in found)
        return (
            f"{name:<10} entries {n:6}  accused {c['accused']:3}  undecided {100 * c['undecided'] / n:5.2f} %  "
            f"kinks {c['kinks']:3}  bound broken {c['bound broken']:3}  "
            f"evals/input entry {self.per_entry():5.2f} (+ {FIXED} a tensor)  "
            f"caught % (missed) {sizes}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", default="0:3", help="first:end")
    parser.add_argument("--rtol", type=float, default=1e-7)
    parser.add_argument("--peers", action="store_true", help="other tools' rules on the same cases")
    parser.add_argument("--only", default="", help="cases whose name holds this")
    parser.add_argument("--undecided", action="store_true", help="list the cases with undecided entries")
    options = parser.parse_args()
    settings = Settings(rtol=options.rtol)
    cases = [c for c in all_cases() if options.only in c.name]
    tallies = {True: Tally(), False: Tally()}
    undecided: Counter[str] = Counter()
    first, end = map(int, options.seeds.split(":"))
    start = time.perf_counter()
    points = []
    for seed in range(first, end):
        for k, case in enumerate(cases):
            rng = np.random.default_rng([seed, k])
            x = np.asarray(case.draw(rng), float)
            points.append((case, x, exact_jacobian(case.function, x)))
            _, _, J = points[-1]
            tally = tallies[case.ordinary]
            before = tally.counts["undecided"]
            tally.right(case, seed, x, J, settings)
            result = check(problem_of(case, x, J, settings))
            tally.evaluations += result.forward_evaluations
            tally.inputs += x.size
            tally.tensors += 1
            undecided[case.name] += tally.counts["undecided"] - before
            tally.wrong(case, seed, x, J, settings, rng)
    print(f"{len(cases)} cases, seeds {options.seeds}, rtol {options.rtol:g}, {time.perf_counter() - start:.0f} s")
    for ordinary, tally in tallies.items():
        print(tally.line("ordinary" if ordinary else "hard"))
        for note in tally.notes:
            print("  ", note)
    total = sum((t.counts for t in tallies.values()), Counter())
    share = 100 * total["undecided"] / max(1, total["entries"])
    everything = Tally()
    for name in ("evaluations", "inputs", "tensors"):
        setattr(everything, name, sum(getattr(t, name) for t in tallies.values()))
    print(f"all: accused {total['accused']}, undecided {share:.2f} %, evaluations per input entry {everything.per_entry():.2f}")
    for ordinary, tally in tallies.items():
        each = tally.evaluations / max(1, tally.counts["entries"])
        print(f"{'ordinary' if ordinary else 'hard'}: {each:.2f} evaluations per Jacobian entry, all included")
    if options.undecided:
        for name, count in undecided.most_common():
            if count:
                print(f"   undecided {count:4} {name}")
    if options.peers:
        from verdict_peers import compare

        compare(points, SIZES)


if __name__ == "__main__":
    main()
