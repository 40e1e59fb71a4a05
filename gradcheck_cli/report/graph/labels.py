"""What a picture says in words: the same in every format. Names come from outside and are cleaned and shortened here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcheck_cli.report.clean import clean

if TYPE_CHECKING:
    from gradcheck_cli.engine.graph import Graph, GraphEdge, GraphNode, SavedValue, Value

LONGEST = 36
"""Characters of a name that are shown."""
LONGEST_TITLE = 100
MOST_SAVED = 6
"""Saved values of a node that are shown."""
KINDS = {"leaf": "leaf", "parameter": "parameter", "op": "operation", "custom": "custom rule", "output": "output"}
"""The kinds of nodes, and how they are called."""


def shown(name: str, longest: int = LONGEST) -> str:
    """A name as one line of at most `longest` characters, without anything that acts on whoever shows it."""
    text = clean(name[: 2 * longest]).replace("\n", "\\n")
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def caption(node: GraphNode) -> list[str]:
    """The node's name, and its kind where that is not an operation; of an operation the parameters."""
    if node.kind == "op":
        return [shown(node.name), *(shown(f"{name}={value}") for name, value in node.params)]
    return [shown(node.name), KINDS[node.kind]] if node.name else [KINDS[node.kind]]


def value_text(value: Value) -> str:
    """`(2,3)`; with the dtype where it is not float64."""
    shape = f"({','.join(map(str, value.shape))}{',' if len(value.shape) == 1 else ''})"
    return shape if value.dtype == "float64" else f"{shape} {shown(value.dtype)}"


def edge_text(graph: Graph, edge: GraphEdge) -> str:
    """`w (3,) -> mul.x2`, for who points at it."""
    source, target = (shown(graph.nodes[k].name) or "leaf" for k in (edge.source, edge.target))
    part = f"[{edge.output_nr}]" if len(graph.nodes[edge.source].outputs) > 1 else ""
    of = f".{shown(edge.input_name)}" if edge.input_name else ""
    return f"{source}{part} {value_text(graph.value(edge))} -> {target}{of}"


def saved_lines(node: GraphNode) -> list[str]:
    """A line for each saved value: `saves x1 = w (3,) 24 B`."""
    if node.freed:
        return ["saved values freed"]
    lines = [f"saves {_saved(s)}" for s in node.saved[:MOST_SAVED]]
    more = node.saved[MOST_SAVED:]
    return lines + ([f"and {len(more)} more, {size(sum(s.nbytes for s in more))}"] if more else [])


def _saved(saved: SavedValue) -> str:
    same = f" = {shown(saved.leaf)}" if saved.leaf and saved.leaf != saved.name else ""
    shape = f" {value_text(saved.value)}" if saved.value.shape or saved.value.dtype != "float64" else ""
    name = shown(saved.name.replace("saved ", "tensor ", 1))  # as a Function counts those that it saves
    return f"{name}{same}{shape} {size(saved.nbytes)}"


def size(nbytes: int) -> str:
    """`96 B`, `12.3 kB` (of 1000 bytes)."""
    return f"{scaled(nbytes)}{'' if nbytes >= 10_000 else ' '}B"


def scaled(number: int) -> str:
    """`9999`, `12.3 k`, `1.2 G`."""
    value = float(number)
    for prefix in ("", "k", "M", "G", "T"):
        if value < (10_000 if not prefix else 999.95) or prefix == "T":
            break
        value /= 1000
    return f"{value:.1f} {prefix}" if prefix else str(number)


def described(graph: Graph) -> str:
    """A sentence for those who do not see the picture."""
    counts = {kind: sum(n.kind == kind for n in graph.nodes) for kind in KINDS}
    words = [f"{n} {KINDS[kind]}{'' if n == 1 else 's'}".replace("leafs", "leaves") for kind, n in counts.items() if n]
    names = ", ".join(shown(y.name) for y in graph.outputs[:8])
    return f"{len(graph.nodes)} nodes ({', '.join(words)}) and {len(graph.edges)} edges; outputs: {names}."
