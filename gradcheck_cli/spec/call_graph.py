"""Who calls whom in a file: the order in which functions are translated, and the cycles, which are refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping


def callees_first(calls: Mapping[str, Iterable[str]]) -> tuple[list[str], list[list[str]]]:
    """The functions, each after those that it calls, and a cycle for each function that closes one.

    Iterative: a chain of calls may be as long as the file.
    """
    order: list[str] = []
    cycles: list[list[str]] = []
    finished: set[str] = set()
    open_now: set[str] = set()
    for start in calls:
        if start in finished:
            continue
        path, closed = [start], set[str]()
        open_now.add(start)
        pending: list[Iterator[str]] = [iter(calls[start])]
        while path:
            callee = next(pending[-1], None)
            if callee is None:
                pending.pop()
                finished.add(path[-1])
                open_now.discard(path[-1])
                order.append(path.pop())
            elif callee in open_now:
                if path[-1] not in closed:
                    cycles.append(path[path.index(callee) :])
                closed.add(path[-1])
            elif callee not in finished:
                path.append(callee)
                open_now.add(callee)
                pending.append(iter(calls[callee]))
    return order, cycles
