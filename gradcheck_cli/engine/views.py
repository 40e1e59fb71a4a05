"""Views: tensors that show the memory of another one, their base.

When the base, or another of its views, is modified in place and thereby becomes the result of a new operation, a view
has to be the view of that result. Its place in the graph (`grad_fn`, `output_nr`, `_requires_grad`) is then *deleted*,
and made anew on the next look at it (`Tensor.__getattr__`), by repeating on the base the steps that made the view.
So only tensors that were overtaken pay for it.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gradcheck_cli.engine.modes import MODE, enable_grad
from gradcheck_cli.engine.operators import TABLE
from gradcheck_cli.errors import InPlaceError

if TYPE_CHECKING:
    from gradcheck_cli.engine.hooks import Hooks
    from gradcheck_cli.engine.tensor import Tensor

Steps = tuple[tuple[str, dict[str, Any]], ...]

PLACE = ("grad_fn", "output_nr", "_requires_grad")
"""What a view that was overtaken has to find anew."""

REASONS = {
    "several": "it is one of several views that one operation returned; use an out-of-place operation instead",
    "no_grad": "it was made under no_grad(); make the view and modify it both inside no_grad(), or both outside",
    "custom": "a Function returned it; use an out-of-place operation, or clone() it in the Function's forward",
}
"""Why a view cannot follow its base through modifications that are recorded, by its origin."""


class View(NamedTuple):
    """How a view came out of its base: by one op, from the view `above` it or from the base itself."""

    base: Tensor
    above: View | None
    name: str
    params: dict[str, Any]
    origin: str
    """A key of REASONS, or '' for a view that can follow its base."""

    @property
    def steps(self) -> Steps:
        """Ops, by name, and their parameters, from the base on."""
        steps: list[tuple[str, dict[str, Any]]] = []
        view: View | None = self
        while view is not None:
            steps.append((view.name, view.params))
            view = view.above
        return tuple(reversed(steps))


class Extras:
    """What few tensors have: hooks of a leaf, the origin of a view, the views of a base."""

    __slots__ = ("hooks", "retains", "room", "view", "views")

    def __init__(self) -> None:
        self.hooks: Hooks | None = None
        self.retains = False
        """Whether a view without a place keeps its gradient."""
        self.view: View | None = None
        self.views: list[weakref.ref[Tensor]] = []
        """Those that know their place in the graph."""
        self.room = 16

    def add_view(self, view: Tensor) -> None:
        """Remember a view that knows its place, as long as it lives."""
        if len(self.views) > self.room:
            self.views = [known for known in self.views if known() is not None]
            self.room = 2 * len(self.views) + 16
        self.views.append(weakref.ref(view))

    def own_hooks(self) -> Hooks:
        """The hooks, made on first use."""
        from gradcheck_cli.engine.hooks import Hooks

        if self.hooks is None:
            self.hooks = Hooks()
        return self.hooks


def shows_memory_of(y: Any, x: Any) -> bool:
    """Whether the array `y`, which an op made of the array `x`, is a view of it."""
    return y is x or (y.base is not None and (y.base is x or y.base is x.base))


def note_view(y: Tensor, x: Tensor, name: str, params: dict[str, Any], origin: str = "") -> None:
    """Note that `y` is a view of `x`, made by the op `name`; a view of a view is one of the same base."""
    above = x._extras.view if x._extras is not None else None
    origin = (above.origin if above is not None else "") or origin or ("" if MODE.enabled else "no_grad")
    view = View(x if above is None else above.base, above, name, params, origin)
    y._own_extras().view = view
    view.base._own_extras().add_view(y)


def overtake(base: Tensor) -> None:
    """The base was modified: its views no longer know their place in the graph."""
    extras = base._extras
    if extras is not None and extras.views and base.requires_grad:
        views, extras.views = extras.views, []
        for reference in views:
            view = reference()
            if view is not None:
                view._own_extras().retains = view.stop_retaining()
                for name in PLACE:
                    delattr(view, name)


def find_place(y: Tensor) -> None:
    """Give a view that was overtaken its place in the graph again. Raises InPlaceError where it cannot follow."""
    extras = y._own_extras()
    assert extras.view is not None
    base, origin = extras.view.base, extras.view.origin
    if not base.requires_grad:  # it was detached in place
        y.grad_fn, y.output_nr, y._requires_grad = None, 0, False
    elif origin:
        raise InPlaceError(
            "this tensor is a view whose base, or another view of its base, has been modified in place, and it cannot "
            f"follow: {REASONS[origin]}"
        )
    else:
        made, MODE.made = MODE.made, None  # when a view is looked at is nothing that a checkpoint repeats
        try:
            with enable_grad():
                found = follow(base, extras.view.steps)
        finally:
            MODE.made = made
        y.grad_fn, y.output_nr, y._requires_grad = found.grad_fn, found.output_nr, True
    base._own_extras().add_view(y)
    if extras.retains and y.requires_grad:
        y.retain_grad()


def follow(x: Any, steps: Sequence[tuple[str, dict[str, Any]]]) -> Any:
    """The view that these steps make of `x`, an array or a tensor."""
    for name, params in steps:
        x = TABLE[name](x, **params)
    return x


def own_index(index: Any) -> Any:
    """An index that the graph may keep: copies in place of the caller's lists and arrays."""
    if type(index) is tuple:
        return tuple([own_index(i) for i in index])
    return np.array(index) if type(index) is np.ndarray or (type(index) is list and index) else index


def as_writable(array: Any) -> Any:
    """The array, writable: NumPy makes the views that diagonal() and broadcast_to() give read-only.

    Raises ValueError where the memory itself is read-only.
    """
    if not array.flags.writeable:
        array = array.view()
        array.flags.writeable = True
    return array
