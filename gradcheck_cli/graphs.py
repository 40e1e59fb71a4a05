"""Graphs to look at: of spec files and of tensors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from gradcheck_cli.errors import GradcheckError, Mistake, SpecError, UsageError, nearest
from gradcheck_cli.planning import Planned, plan
from gradcheck_cli.report.formats import PICTURES
from gradcheck_cli.report.graph import Picture, draw
from gradcheck_cli.report.graph.table import Measured

if TYPE_CHECKING:
    from gradcheck_cli.engine import Tensor
    from gradcheck_cli.selection import Selection

NAMED = 6
"""Names in a hint."""


def draw_graph(
    outputs: Tensor | Iterable[Tensor],
    format: str = "svg",
    params: Mapping[str, Tensor] | None = None,
    show_saved: bool = True,
    title: str = "",
) -> str:
    """The graph below `outputs` as text in the language `dot`, `mermaid` or `svg`.

    `params` names leaves that are to be drawn as parameters; what else has a name (`Tensor.name`) is called by it.
    `show_saved`: whether the values that are kept for backward are drawn. Raises UsageError for an unknown format, where no
    output requires grad, and where the graph is too large for the format.
    """
    from gradcheck_cli.engine.graph import describe

    if format not in PICTURES:
        raise UsageError(f"format must be one of {', '.join(PICTURES)}; found {format!r}{nearest(str(format), PICTURES)}")
    graph = describe(outputs, params)
    names = ", ".join(y.name for y in graph.outputs)
    return draw(Picture(graph, title or f"graph of {names}", show_saved), format)


def spec_statistics(
    paths: Sequence[str], selection: Selection, seed: int = 0, expand: bool = False
) -> tuple[list[Measured], list[Mistake]]:
    """Statistics of the graph of each selected case, and what is wrong with those that have none."""
    from gradcheck_cli.engine.statistics import graph_stats

    planned, mistakes = plan(paths, selection)
    found: list[Measured] = []
    for item in planned:
        try:
            outputs = _outputs(item, seed, expand)
        except SpecError as error:
            mistakes += error.mistakes
        else:
            own_rule = item.function.backward is not None and not expand
            found.append(Measured(item.name, graph_stats(outputs), own_rule))
    return found, mistakes


def spec_picture(
    paths: Sequence[str], selection: Selection, format: str, seed: int = 0, expand: bool = False, show_saved: bool = True
) -> str:
    """The graph of the selected function; of its cases the first. '' where nothing is selected.

    Raises UsageError where several functions are.
    """
    from gradcheck_cli.engine.graph import describe

    planned, mistakes = plan(paths, selection)
    if mistakes:
        raise SpecError(mistakes)
    if not planned:
        return ""
    _check_single(planned, format)
    item = planned[0]
    title = f"{item.name}, the ops of its forward" if expand and item.function.backward is not None else item.name
    return draw(Picture(describe(_outputs(item, seed, expand)), title, show_saved), format)


def _check_single(planned: Sequence[Planned], format: str) -> None:
    functions = list(dict.fromkeys((p.file.path, p.function.name) for p in planned))
    if len(functions) == 1:
        return
    names = [name for _, name in functions]
    exact = next((name for name in names if sum(name in other for other in names) == 1), names[0])
    shown = ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")
    raise UsageError(
        f"format {format} draws one function, but {len(functions)} are selected: {shown}; "
        f"choose one, as with -k '{exact}[default]'"
    )


def _outputs(item: Planned, seed: int, expand: bool) -> list[Tensor]:
    """The outputs of a case's forward, with their graph. Raises SpecError."""
    import numpy as np

    from gradcheck_cli.spec.build import graph_outputs

    try:
        with np.errstate(all="ignore"):
            return graph_outputs(item.file, item.function, item.case, seed, expand)
    except SpecError:
        raise
    except GradcheckError as error:
        raise SpecError([Mistake(item.case.location, f"{item.name}: {error}")]) from error
