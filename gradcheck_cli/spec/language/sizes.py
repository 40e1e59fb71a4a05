"""How large a call's result will be, known before it is computed: what would not fit is refused.

Each rule takes the call's arguments by parameter name and gives the number of entries that the call makes, or an upper
bound of it; with it, where they matter, the number of multiplications. An op without a rule has inputs that broadcast
against each other, or makes nothing larger than its input.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import ceil, prod
from typing import TYPE_CHECKING, Any

from gradcheck_cli.spec import limits
from gradcheck_cli.spec.language.pieces import NUMBERS, SEQUENCES
from gradcheck_cli.spec.language.statics import shape_of, whole

if TYPE_CHECKING:
    from gradcheck_cli.spec.language.pieces import Place
    from gradcheck_cli.spec.language.program import Budget

Arguments = Mapping[str, Any]
Shape = tuple[int, ...]
Count = int | tuple[int, int]
"""Entries; or entries and multiplications."""


def entries(value: Any) -> int:
    """The number of entries of anything that an expression can hold."""
    if type(value) in NUMBERS:
        return 1
    size = getattr(value, "size", None)
    return size if size is not None else sum(map(entries, value)) if type(value) in SEQUENCES else 1


def require_room(count: int) -> None:
    """Raise ValueError if a result of `count` entries is too large."""
    if not count <= limits.RESULT_ELEMENTS:
        more = limits.aside("RESULT_ELEMENTS", count)
        raise ValueError(f"the result would have more than {limits.RESULT_ELEMENTS:,} entries: {limits.count(count)}{more}")


def require_broadcast(values: Iterable[Any]) -> None:
    """Refuse values that broadcast to something too large. Shapes that do not broadcast are left to the op."""
    values = [*values]
    if prod(max(1, entries(value)) for value in values) > limits.RESULT_ELEMENTS:
        require_room(_broadcast([shape_of(value) for value in values]))


def _broadcast(shapes: Iterable[Shape]) -> int:
    longest: list[int] = []
    for shape in shapes:
        longest += [1] * (len(shape) - len(longest))
        for axis, size in enumerate(reversed(shape)):
            longest[axis] = max(longest[axis], size)
    return prod(longest)


def require_indexed(value: Any, index: Any) -> None:
    """Refuse an index by arrays whose result is too large."""
    parts = [part for part in (index if type(index) is tuple else (index,)) if part is not None]
    axes = [_axes_of(part) for part in parts]
    sizes = [*shape_of(value)]
    rest = max(0, len(sizes) - sum(axes))
    axes = [rest if part is Ellipsis else n for n, part in zip(axes, parts, strict=True)]
    kept, picked, axis = 1, [], 0
    for part, n in zip(parts, axes, strict=True):
        if getattr(part, "shape", ()):
            picked.append(part.shape if not _is_mask(part) else (entries(part),))
        elif part is Ellipsis or type(part) is slice:
            kept *= prod(sizes[axis : axis + n])
        axis += n
    require_room(_broadcast(picked) * kept * prod(sizes[axis:]))


def _is_mask(part: Any) -> bool:
    return str(getattr(part, "dtype", "")) == "bool"


def _axes_of(part: Any) -> int:
    """How many axes of the indexed value one part of an index uses up."""
    if part is Ellipsis:
        return 0
    return len(part.shape) if _is_mask(part) else 1


def spend(name: str, arguments: Arguments, budget: Budget, place: Place) -> None:
    """Refuse a call of the op `name` that would make or cost too much. Raises ValueError, SpecError.

    The result's entries are counted by whoever made them; here only multiplications are.
    """
    rule = RULES.get(name)
    if rule is None:
        require_broadcast(v for v in arguments.values() if hasattr(v, "shape"))
        return
    found = rule(arguments)
    made, multiplications = found if isinstance(found, tuple) else (found, 0)
    require_room(made)
    work = multiplications // limits.MULTIPLICATIONS_PER_ELEMENT
    if work > limits.RUN_ELEMENTS:
        most = limits.RUN_ELEMENTS * limits.MULTIPLICATIONS_PER_ELEMENT
        more = limits.aside("RUN_ELEMENTS", work)
        raise ValueError(f"this takes more than {most:,} multiplications: {limits.count(multiplications)}{more}")
    if work > limits.SMALL_ELEMENTS:
        budget.spend_work(work, place)


def needs_check(name: str, tensors: int) -> bool:
    """Whether `spend` can refuse a call of an op with this many tensor inputs."""
    return name in RULES or (tensors > 1 and name not in _SMALLER)


def _dimensions(shape: Any) -> int:
    """The entries of an array of this shape; a dimension of zero does not hide a huge one."""
    sizes = [whole(n) for n in (shape if type(shape) in SEQUENCES else entries_of(shape))]
    if any(n < -1 for n in sizes):
        raise ValueError("a shape has no negative sizes")
    return prod(max(1, n) for n in sizes)


def entries_of(value: Any) -> list[Any]:
    """A number or an array of static numbers as a list."""
    if type(value) in SEQUENCES:
        return [part for item in value for part in entries_of(item)]
    return list(value.ravel()) if shape_of(value) else [value]


def _shape(a: Arguments) -> int:
    return _dimensions(a["shape"])


def _eye(a: Arguments) -> int:
    rows = whole(a["N"])
    columns = a.get("M")
    return max(1, rows) * max(1, rows if columns is None else whole(columns))


def _arange(a: Arguments) -> int:
    start, stop = a.get("start", 0), a.get("stop")
    start, stop = (0, start) if stop is None else (start, stop)
    count: int = ceil((stop - start) / a.get("step", 1))
    return max(0, count)


def _repeat(a: Arguments) -> int:
    repeats = [whole(n) for n in entries_of(a["repeats"])]
    return entries(a["a"]) * max(1, *repeats, 1)


def _pad(a: Arguments) -> int:
    widest = max([0, *(whole(n) for n in entries_of(a["pad_width"]))])
    return prod(n + 2 * widest for n in shape_of(a["array"]))


def _diag(a: Arguments) -> int:
    shape = shape_of(a["v"])
    return (shape[0] + abs(whole(a.get("k", 0)))) ** 2 if len(shape) == 1 else prod(shape)


def _take(a: Arguments) -> int:
    shape, axis = shape_of(a["a"]), a.get("axis")
    kept = 1 if axis is None or not shape else prod(shape) // max(1, shape[whole(axis)])
    return entries(a["indices"]) * kept


def _pair(a: Arguments) -> tuple[Any, Any]:
    first, second, *_ = a.values()
    return first, second


def _times(a: Arguments) -> int:
    first, second = _pair(a)
    return max(1, entries(first)) * max(1, entries(second))


def _matmul(a: Arguments) -> Count:
    left, right = (shape_of(v) or (1,) for v in _pair(a))
    rows, inner = (left[-2] if len(left) > 1 else 1), left[-1]
    columns = right[-1] if len(right) > 1 else 1
    lead = prod(max(1, n) for n in left[:-2]), prod(max(1, n) for n in right[:-2])
    copies = max(lead) if min(lead) == 1 or left[:-2] == right[:-2] else lead[0] * lead[1]
    return copies * rows * columns, copies * rows * columns * inner


def _dot(a: Arguments) -> Count:
    left, right = (shape_of(v) for v in _pair(a))
    inner = max(1, left[-1]) if left and right else 1
    both = prod(left) * prod(right)
    return both // inner**2, both // inner


def _tensordot(a: Arguments) -> Count:
    axes = a.get("axes", 2)
    left, right = (shape_of(v) for v in _pair(a))
    if type(axes) is int:
        inner = prod(left[len(left) - axes :]) if 0 < axes <= len(left) else 1
    else:
        inner = prod(left[whole(k)] for k in entries_of(axes[0]))
    both = prod(left) * prod(right)
    return both // max(1, inner) ** 2, both // max(1, inner)


def _einsum(a: Arguments) -> Count:
    """The whole space of all letters, for every operand at once; an ellipsis counts as all the axes it may stand for."""
    subscripts, *operands = a.values()
    if type(subscripts) is not str:
        raise TypeError("the first argument is a string: einsum('ij,j->i', a, x)")
    operands = operands[0] if len(operands) == 1 and type(operands[0]) in SEQUENCES else operands
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    sizes: dict[str, int] = {}
    for letters, operand in zip(inputs.split(","), operands, strict=False):
        shape = shape_of(operand)
        before, dots, after = letters.partition("...")
        axes = [*zip(before, shape, strict=False), *zip(reversed(after), reversed(shape), strict=False)]
        if dots:
            axes.append(("...", prod(shape[len(before) : len(shape) - len(after)])))
        for letter, size in axes:
            sizes[letter] = max(size, sizes.get(letter, 1))
    if not arrow:  # the output's letters are those that come once
        output = "".join(letter for letter in sizes if letter == "..." or inputs.count(letter) == 1)
    return prod(size for letter, size in sizes.items() if letter in output), prod(sizes.values())


def _matrix(multiplications: int, square: bool = False) -> Callable[[Arguments], Count]:
    """A factorisation of the last two axes, which takes as long as so many matrix products of that size.

    `square`: one of its results may have the longer side twice.
    """

    def rule(a: Arguments) -> Count:
        shape = shape_of(next(iter(a.values())))
        if len(shape) < 2:
            return 1
        copies, short, long = prod(shape[:-2]), min(shape[-2:]), max(shape[-2:])
        made = copies * long * (long if square else short)
        return made, multiplications * copies * long * short * short

    return rule


def _solve(a: Arguments) -> Count:
    left, right = _pair(a)
    shape = shape_of(left)
    return entries(right), (entries(left) + entries(right)) * (shape[-1] if shape else 1)


def _norm(a: Arguments) -> Count:
    by_values = a.get("ord") in (2, -2, "nuc") and len(shape_of(a["x"])) > 1
    return _matrix(60)(a) if by_values else entries(a["x"])


RULES: dict[str, Callable[[Arguments], Count]] = {
    "zeros": _shape, "ones": _shape, "full": _shape, "broadcast_to": _shape, "reshape": _shape, "eye": _eye,
    "arange": _arange, "linspace": lambda a: whole(a.get("num", 50)),
    "tile": lambda a: entries(a["A"]) * _dimensions(a["reps"]), "repeat": _repeat, "pad": _pad, "diag": _diag,
    "concatenate": lambda a: sum(map(entries, next(iter(a.values())))),
    "stack": lambda a: sum(map(entries, next(iter(a.values())))),
    "outer": _times, "kron": _times, "matmul": _matmul, "dot": _dot, "inner": _dot, "tensordot": _tensordot,
    "einsum": _einsum, "take": _take, "one_hot": lambda a: entries(a["i"]) * max(1, whole(a["n"])),
    "svd": _matrix(60, square=True), "qr": _matrix(10, square=True), "eigh": _matrix(20), "pinv": _matrix(60),
    "inv": _matrix(6), "det": _matrix(2), "logdet": _matrix(2), "slogdet": _matrix(2), "cholesky": _matrix(2),
    "eigvalsh": _matrix(20), "norm": _norm, "solve": _solve, "solve_triangular": _solve,
}  # fmt: skip
"""The ops whose result may be larger than their inputs, or costs more than its size tells."""

_SMALLER = frozenset({"sum_to", "searchsorted", "vdot", "index_get", "index_set", "index_add", "add_at"})
