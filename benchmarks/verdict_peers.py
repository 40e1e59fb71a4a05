"""Other tools' rules on the cases of `verdicts.py`, beside ours: `python benchmarks/verdicts.py --seeds 100:105 --peers`.

The rules are written out here as the tools state them, so that none of the tools is needed. All of them see the same points,
the same exact Jacobians, and the same errors in them. Where a rule needs a length to start with, it is given the scale of the
coordinate, which no user would have to know.

    PyTorch   torch/autograd/gradcheck.py, gradcheck(): every entry; central differences with eps = 1e-6;
              |a - n| <= atol + rtol |n| with atol = 1e-5, rtol = 1e-3
    JAX       jax/_src/public_test_util.py, check_vjp(): one number v'Ju for normal u and v; central differences with
              eps = 1e-4; |a - n| <= atol + rtol |n| with atol = rtol = 1e-5, for float64
    HIPS      autograd/test_util.py, check_vjp(): one number v'Ju for normal u and v; central differences over +-5e-7;
              |a - n| < 1e-6 or |a - n| / |a + n| < 1e-6
    Ridders   Numerical Recipes, dfridr(): steps that shrink by 1.4, ten rows, stopped where the table gets worse by twice;
              its own error estimate
    SciPy     scipy.differentiate.derivative() as it is, with its own error estimate

An estimate D +- E serves as a verdict thus: right where |a - D| and E are within the tolerance, rtol max(|a|, |D|); wrong where
|a - D| exceeds tolerance and E together; undecided otherwise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from verdict_cases import Case
from verdicts import FIXED, problem_of

from gradcheck_cli.check.check import check
from gradcheck_cli.check.problem import Settings
from gradcheck_cli.check.verdict import FAILING, PASSING

Array = np.ndarray[Any, Any]
Point = tuple[Case, Array, Array]
RIGHT, WRONG, OPEN = 1, -1, 0
"""What a rule says of an entry, or of the whole check."""


class Error(NamedTuple):
    """One entry of a Jacobian, off by a relative `size`."""

    place: tuple[int, int]
    size: float
    jacobian: Array


class Rule(NamedTuple):
    """A rule, made ready for a point: from a claimed Jacobian to what it says."""

    says: Callable[[Array], Array]
    """RIGHT, WRONG or OPEN for every entry; for a rule that looks at one number only, a single one."""
    evaluations: int


class Forward:
    """A case's forward as rows of numbers, NaN where it is not defined; counted."""

    def __init__(self, case: Case, x: Array) -> None:
        self.case, self.x, self.calls = case, x, 0
        self.outputs = np.size(case.function(x))

    def __call__(self, x: Array) -> Array:
        self.calls += 1
        try:
            with np.errstate(all="ignore"):
                return np.ravel(self.case.function(x))
        except np.linalg.LinAlgError:
            return np.full(self.outputs, np.nan)

    def along(self, direction: Array, t: float) -> Array:
        return self(self.x + t * direction)

    def unit(self, j: int) -> Array:
        direction = np.zeros(self.x.size)
        direction[j] = 1.0
        return direction.reshape(self.x.shape)


def scales(x: Array) -> Array:
    """max(|x_j|, max|x| / 128), or 1 where all of x is 0."""
    size = np.maximum(np.abs(np.ravel(x)), np.max(np.abs(x)) / 128)
    return np.where(size > 0, size, 1.0)


# The rules.


def torch(case: Case, x: Array, J: Array, rng: Any, rtol: float) -> Rule:
    f, eps = Forward(case, x), 1e-6
    D = np.stack([(f.along(f.unit(j), eps) - f.along(f.unit(j), -eps)) / (2 * eps) for j in range(x.size)], axis=1)
    return Rule(lambda a: np.where(np.abs(a - D) <= 1e-5 + 1e-3 * np.abs(D), RIGHT, WRONG), f.calls)


def jax(case: Case, x: Array, J: Array, rng: Any, rtol: float) -> Rule:
    f, eps = Forward(case, x), 1e-4
    u, v = rng.normal(size=x.shape), rng.normal(size=len(J))
    n = v @ ((f.along(u, eps) - f.along(u, -eps)) * (0.5 / eps))

    def says(a: Array) -> Array:
        return np.array(RIGHT if abs(v @ a @ np.ravel(u) - n) <= 1e-5 + 1e-5 * abs(n) else WRONG)

    return Rule(says, f.calls)


def hips(case: Case, x: Array, J: Array, rng: Any, rtol: float) -> Rule:
    f, eps = Forward(case, x), 1e-6
    u, v = rng.normal(size=x.shape), rng.normal(size=len(J))
    n = v @ ((f.along(u, eps / 2) - f.along(u, -eps / 2)) / eps)

    def says(a: Array) -> Array:
        b = v @ a @ np.ravel(u)
        with np.errstate(all="ignore"):
            return np.array(RIGHT if abs(b - n) < 1e-6 or abs(b - n) / abs(b + n) < 1e-6 else WRONG)

    return Rule(says, f.calls)


def ridders(case: Case, x: Array, J: Array, rng: Any, rtol: float) -> Rule:
    f = Forward(case, x)
    columns = [
        _ridders(lambda h, j=j: (f.along(f.unit(j), h) - f.along(f.unit(j), -h)) / (2 * h), scales(x)[j]) for j in range(x.size)
    ]
    D, E = (np.stack(part, axis=1) for part in zip(*columns, strict=True))
    return Rule(lambda a: by_estimate(a, D, E, rtol), f.calls)


def _ridders(quotient: Callable[[float], Array], scale: float, con: float = 1.4, rows: int = 10) -> tuple[Array, Array]:
    """T[q] of row k from T[q-1] of rows k and k-1; the error is the larger change of the two, the least one wins."""
    h = 0.1 * scale
    last = [quotient(h)]
    value, error = last[0], np.full(len(last[0]), np.inf)
    running = np.ones(len(value), bool)
    for _ in range(1, rows):
        h /= con
        row = [quotient(h)]
        with np.errstate(all="ignore"):
            for q, above in enumerate(last):
                factor = con ** (2 * (q + 1))
                row.append((row[q] * factor - above) / (factor - 1))
                change = np.maximum(np.abs(row[-1] - row[q]), np.abs(row[-1] - above))
                better = running & (change <= error)
                value, error = np.where(better, row[-1], value), np.where(better, change, error)
            running &= ~(np.abs(row[-1] - last[-1]) >= 2 * error)
        last = row
    return value, error


def scipy(case: Case, x: Array, J: Array, rng: Any, rtol: float) -> Rule:
    from scipy.differentiate import derivative

    f = Forward(case, x)
    f0 = f(x)
    D, E = np.full(J.shape, np.nan), np.full(J.shape, np.inf)
    for j in range(x.size):
        # All outputs are differenced at the same steps, so each step is evaluated once for all of them. Less their value at
        # the point, so that the difference of an output that does not move is 0, not the rounding of a weighted sum.
        def column(t: Array, j: int = j) -> Array:
            steps = t.reshape(len(J), -1)[0]
            return np.stack([f.along(f.unit(j), step) - f0 for step in steps], axis=1).reshape(t.shape)

        with np.errstate(all="ignore"):
            found = derivative(column, np.zeros(len(J)), initial_step=0.5 * scales(x)[j], preserve_shape=True)
        D[:, j], E[:, j] = found.df, found.error
    return Rule(lambda a: by_estimate(a, D, E, rtol), f.calls)


def by_estimate(a: Array, D: Array, E: Array, rtol: float) -> Array:
    with np.errstate(all="ignore"):
        tol, error = rtol * np.maximum(np.abs(a), np.abs(D)), np.abs(a - D)
        return np.where((tol >= E) & (error <= tol), RIGHT, np.where(error > tol + E, WRONG, OPEN))


def ours(case: Case, x: Array, J: Array, rng: Any, rtol: float) -> Rule:
    settings = Settings(rtol=rtol)

    def says(a: Array) -> Array:
        v = check(problem_of(case, x, a, settings)).inputs[0].verdicts
        return np.where(np.isin(v, FAILING), WRONG, np.where(np.isin(v, PASSING), RIGHT, OPEN))

    return Rule(says, check(problem_of(case, x, J, settings)).forward_evaluations - FIXED)


RULES = {"ours": ours, "PyTorch": torch, "JAX": jax, "HIPS autograd": hips, "Ridders": ridders, "SciPy": scipy}


# What they say.


class Score:
    """Counts of what one rule says of right and wrong Jacobians."""

    def __init__(self, sizes: Sequence[float]) -> None:
        self.sizes = sizes
        self.counts: Counter[str] = Counter()

    def hear(self, rule: Rule, J: Array, errors: Sequence[Error]) -> None:
        """What `rule` says of J, which is right, and of J with each of the errors."""
        right = rule.says(J)
        self.single = right.ndim == 0
        self.counts["checks"] += 1
        self.counts["entries"] += right.size
        self.counts["checks accused"] += bool((right == WRONG).any())
        self.counts["entries accused"] += int((right == WRONG).sum())
        self.counts["open"] += int((right == OPEN).sum())
        self.counts["inputs"] += J.shape[1]
        self.counts["evaluations"] += rule.evaluations
        for error in errors:
            place = () if self.single else error.place
            verdict = rule.says(error.jacobian)[place]
            self.counts[f"tried {error.size:g}"] += 1
            self.counts[f"caught {error.size:g}"] += int(verdict == WRONG and right[place] != WRONG)
            self.counts[f"missed {error.size:g}"] += int(verdict == RIGHT)

    def cells(self) -> list[str]:
        c = self.counts
        return [
            f"{c['checks accused']} of {c['checks']}",
            "-" if self.single else f"{c['entries accused']} of {c['entries']}",
            "-" if self.single else f"{100 * c['open'] / max(1, c['entries']):.2f} %",
            *(f"{100 * c[f'caught {s:g}'] / max(1, c[f'tried {s:g}']):.1f} ({c[f'missed {s:g}']})" for s in self.sizes),
            f"{c['evaluations'] / max(1, c['inputs']):.2f}",
        ]


def errors_in(J: Array, sizes: Sequence[float], rng: Any) -> list[Error]:
    """J with one random entry that is not zero off by each size in turn, up or down."""
    places = np.argwhere(J != 0)
    if not len(places):
        return []
    place = tuple(int(i) for i in places[rng.integers(len(places))])
    found = []
    for size in sizes:
        wrong = J.copy()
        wrong[place] *= 1 + size * rng.choice([-1, 1])
        found.append(Error(place, size, wrong))
    return found


def compare(points: Sequence[Point], sizes: Sequence[float], rtol: float = 1e-7) -> None:
    """Print a table of all rules for the ordinary cases, and one for the hard ones."""
    groups = {"Ordinary operations": True, "Hard cases": False}
    scores = {title: {name: Score(sizes) for name in RULES} for title in groups}
    for k, (case, x, J) in enumerate(points):
        errors = errors_in(J, sizes, np.random.default_rng([2, k]))
        for title, ordinary in groups.items():
            if case.ordinary == ordinary:
                for name, rule in RULES.items():
                    scores[title][name].hear(rule(case, x, J, np.random.default_rng([3, k]), rtol), J, errors)
    for title, by_rule in scores.items():
        print(f"\n{title}\n")
        print("\n".join(table(by_rule, sizes)))
    print(f"\nours: and {FIXED} evaluations once for every tensor")


def table(by_rule: dict[str, Score], sizes: Sequence[float]) -> Iterator[str]:
    """Caught: the wrong entry (or check) is rejected, and the right one was not. In brackets how many were accepted."""
    heads = ["rule", "right checks accused", "right entries accused", "undecided"]
    heads += [f"{size:g}: caught % (missed)" for size in sizes]
    rows = [[*heads, "evaluations per input entry"]]
    rows += [[name, *score.cells()] for name, score in by_rule.items() if score.counts["checks"]]
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    for number, row in enumerate(rows):
        yield "| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) + " |"
        if number == 0:
            yield "|" + "|".join("-" * (w + 2) for w in widths) + "|"
