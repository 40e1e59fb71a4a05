"""What a spec file says, resolved: every name exists, every option is in range, every expression is translated.

Named tuples: they are made in a fraction of a dataclass's time, and every run of the command line makes them.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from gradcheck_cli.errors import Location

if TYPE_CHECKING:
    from gradcheck_cli.spec.expressions import Program

Constant = Any
"""An int, a float, a bool, a str, or nested tuples of one of these."""


class InputSpec(NamedTuple):
    """One input of one case: a literal, a file, or how to draw it."""

    name: str
    location: Location
    kind: str
    """`literal`, `file`, `normal`, `uniform`, `spd` or `integers`."""
    dtype: str = "float64"
    """`float64`, `float32`, `int64`, `bool` or `complex128`."""
    requires_grad: bool = True
    value: Any = None
    """Of a literal: a number or nested tuples of them, as `dtype` says. Of a file: its path, relative to the spec."""
    shape: tuple[int | str, ...] = ()
    """Of a literal and of a draw; a text names an integer constant. Unknown, and empty, for a file."""
    low: float = 0.0
    """Of `uniform` and `integers`, inclusive."""
    high: float = 0.0
    """Of `uniform` and `integers`, exclusive."""
    mean: float = 0.0
    std: float = 1.0
    condition: float = 1.0
    """Condition number of `spd`."""
    structure: str = ""
    """`symmetric`, `lower`, or nothing."""
    bounds: tuple[float, float] | None = None
    """Where the function is defined, infinities included."""

    def resolved_shape(self, constants: dict[str, Constant]) -> tuple[int, ...]:
        """`shape` with the constants' values for their names."""
        return tuple([constants[axis] if isinstance(axis, str) else axis for axis in self.shape])

    def size(self, constants: dict[str, Constant]) -> int:
        """The number of elements; 1 for a file, whose shape is not known here."""
        return prod(self.resolved_shape(constants))


class CheckOptions(NamedTuple):
    """How to check; None where nothing was said."""

    rtol: float | None = None
    atol: float | None = None
    eps: float | None = None
    order: int | None = None
    points: int | None = None
    mode: str | None = None
    kinks: str | None = None
    seed: int | None = None

    def over(self, other: CheckOptions) -> CheckOptions:
        """These options, and `other`'s where nothing was said."""
        if self == NOTHING:
            return other
        pairs = zip(self._fields, self, other, strict=True)
        merged: dict[str, Any] = {name: theirs if mine is None else mine for name, mine, theirs in pairs}
        return CheckOptions(**merged)


NOTHING = CheckOptions()


class Expectation(NamedTuple):
    """What the file says the verdict will be."""

    verdict: str = "pass"
    """`pass`, `fail` or `kink`."""
    code: str = ""
    """The finding that must be there, such as `GC201`; empty when any will do."""


PASSES = Expectation()


class Rule(NamedTuple):
    """A backward rule, in one of two forms: `programs` by input name, or one `block`."""

    location: Location
    programs: dict[str, Program | None] | None = None
    """Of the mapping form; None where the rule returns no gradient. An input that is left out has derivative zero."""
    block: Program | None = None
    """Returns values by name, or in the order of the function's own inputs that require a gradient.

    How many it returns is not checked here: too few or too many are a finding, not a mistake of the file.
    """
    locations: dict[str, Location] | None = None
    """Where each input's rule stands; in the block form all stand at its last `return`."""
    nones: frozenset[str] = frozenset()
    """The inputs for which the rule returns no gradient."""


class Case(NamedTuple):
    """One set of inputs, complete: what the case does not override is the function's own."""

    name: str
    location: Location
    inputs: dict[str, InputSpec]
    constants: dict[str, Constant]
    check: CheckOptions
    """The case's options over the function's over the file's."""
    expect: Expectation


class FunctionSpec(NamedTuple):
    """One function of a file: forward, rules, and the cases to check them on."""

    name: str
    location: Location
    inputs: dict[str, InputSpec]
    constants: dict[str, Constant]
    forward: Program
    outputs: tuple[str, ...]
    """The outputs' names; `out` for a single one that has no name of its own."""
    cases: tuple[Case, ...]
    """The first is `default`, the function's own inputs."""
    backward: Rule | None = None
    jvp: Program | None = None
    jvp_location: Location | None = None
    surrogate: bool = False
    doc: str = ""
    source: str = ""

    @property
    def calls(self) -> frozenset[str]:
        """The functions of the file that forward or a rule calls."""
        programs = [self.forward, self.jvp]
        if self.backward is not None:
            programs += [self.backward.block, *(self.backward.programs or {}).values()]
        return frozenset().union(*(program.calls for program in programs if program is not None))


class SpecFile(NamedTuple):
    """A file: its functions in their order."""

    path: str
    functions: dict[str, FunctionSpec]
    text: str = ""
    """What was read, before it was translated."""
    folder: str = ""
    """Where its array files are; empty: beside it."""
    base: CheckOptions = NOTHING
    """What holds where the file says nothing."""
