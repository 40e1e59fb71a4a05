"""How a translated call runs: arguments, room for the result, the call itself, and the place of what goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gradcheck_cli.errors import RuleError
from gradcheck_cli.spec import limits
from gradcheck_cli.spec.language import sizes
from gradcheck_cli.spec.language.pieces import EXPECTED, NUMBERS, PLAIN, SEQUENCES, Piece, Place
from gradcheck_cli.spec.language.statics import as_array, number, settled

if TYPE_CHECKING:
    from gradcheck_cli.spec.language.program import Frame

Run = Callable[[Any], Any]


class Argument:
    """One argument of a call, with the parameter that it is for."""

    __slots__ = ("by_keyword", "kind", "name", "piece")

    def __init__(self, name: str, kind: str, piece: Piece, by_keyword: bool) -> None:
        self.name, self.kind, self.piece, self.by_keyword = name, kind, piece, by_keyword


def op_call(name: str, op: Callable[..., Any], bound: list[Argument], place: Place, static: bool) -> Run:
    """A call of an op."""
    checked = sizes.needs_check(name, sum(a.kind == "tensor" for a in bound))
    rest = bound[1:]
    if bound[0].kind == "tensor" and not checked and all(a.kind == "static" and a.piece.known for a in rest):
        run = _of_one(name, op, bound[0].piece.run, {a.name: a.piece.value for a in rest}, place)
    else:
        run = _of_many(name, op, bound, place, checked, NUMBERS | SEQUENCES if static else SEQUENCES)
    return (lambda frame: settled(run(frame))) if static else run


def _of_one(name: str, op: Callable[..., Any], argument: Run, options: dict[str, Any], place: Place) -> Run:
    """The most frequent calls, on the hot path of every difference: `exp(x)`, `sum(x, axis=0)`."""

    def run(
        frame: Frame,
        argument: Run = argument,
        op: Callable[..., Any] = op,
        options: dict[str, Any] = options,
        place: Place = place,
        name: str = name,
    ) -> Any:
        value = argument(frame)
        try:
            result = op(as_array(value) if type(value) in PLAIN else value, **options)
        except RuleError:
            raise
        except EXPECTED as error:
            raise place.trouble(name, error, (value,)) from error
        if getattr(result, "size", 1) > limits.SMALL_ELEMENTS:
            frame.budget.spend_work(result.size, place)
        return result

    return run


def _of_many(
    name: str, op: Callable[..., Any], bound: list[Argument], place: Place, checked: bool, converted: frozenset[type]
) -> Run:
    """Any other call; tensor arguments of the types `converted` become arrays (numbers beside tensors stay numbers)."""
    runs = [a.piece.run for a in bound]
    names = [a.name for a in bound]
    count = sum(not a.by_keyword for a in bound)
    arrays = [k for k, a in enumerate(bound) if a.kind == "tensor"]
    lists = [k for k, a in enumerate(bound) if a.kind == "tensors"]
    star = bool(lists) and lists[0] > 0  # einsum: each further argument is an array

    def run(frame: Frame) -> Any:
        values = [argument(frame) for argument in runs]
        try:
            for k in lists if star else arrays:
                if type(values[k]) in converted:
                    values[k] = as_array(values[k])
            if lists and not star:
                values[lists[0]] = _members(values[lists[0]])
            if checked:
                given = {"subscripts": values[0], "operands": values[1:]} if star else dict(zip(names, values, strict=True))
                sizes.spend(name, given, frame.budget, place)
            result = op(*values[:count], **dict(zip(names[count:], values[count:], strict=True)))
        except RuleError:
            raise
        except EXPECTED as error:
            raise place.trouble(name, error, tuple(values)) from error
        if getattr(result, "size", 1) > limits.SMALL_ELEMENTS:
            frame.budget.spend_work(result.size, place)
        return result

    return run


def _members(values: Any) -> list[Any]:
    """What `concatenate` and `stack` join: a list's members as arrays, or an array's along its first axis."""
    if type(values) not in SEQUENCES:
        return [values[k] for k in range(values.shape[0])] if getattr(values, "shape", ()) else [values]
    return [as_array(v) if type(v) in SEQUENCES else v for v in values]


def python_call(name: str, function: Callable[..., Any], op: Callable[..., Any], bound: list[Argument], place: Place) -> Run:
    """`max(2, n)`, `abs(n)`: Python's function where all arguments are numbers, the op otherwise."""
    runs = [a.piece.run for a in bound]
    otherwise = op_call(name, op, bound, place, static=True)

    def run(frame: Frame) -> Any:
        values = [argument(frame) for argument in runs]
        if len(values) == 1 and type(values[0]) in SEQUENCES and name not in ("abs", "round"):
            values = list(values[0])
        if not values or not all(type(value) in NUMBERS for value in values):
            return otherwise(frame)
        try:
            return number(function(values))
        except EXPECTED as error:
            raise place.trouble(name, error) from None

    return run


def file_call(name: str, runs: list[Run], place: Place) -> Run:
    """A call of a function of the file."""

    def run(frame: Frame) -> Any:
        values = [argument(frame) for argument in runs]
        try:
            function = frame.functions[name]
            return function(*[as_array(value) if type(value) in SEQUENCES else value for value in values])
        except RuleError:
            raise
        except EXPECTED as error:
            raise place.trouble(name, error, tuple(values)) from error

    return run
