"""The layers: what may import what, read from the sources."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "gradcheck_cli"
ORDER = ["selection", "options", "project", "planning", "outlook", "workers", "run", "worker", "graphs", "selftest", "api"]
"""Within the layer that puts the others together."""
LAYERS = [{"errors"}, {"engine"}, {"check"}, {"spec", "report"}, set(ORDER), {"cli", "pytest_plugin"}]
"""From left to right. A module may import from its own part, and from the parts in layers to the left of its own."""
HEAVY = {"numpy", "rich", "scipy", "yaml", "gradcheck_cli.engine", "gradcheck_cli.check", "gradcheck_cli.spec"}


def part_of(path: Path) -> str:
    inside = path.relative_to(PACKAGE)
    return inside.parts[0].removesuffix(".py")


def rank(part: str) -> int:
    return next(k for k, parts in enumerate(LAYERS) if part in parts)


def imports(path: Path, top_level_only: bool = False) -> Iterator[str]:
    """The modules that a file imports, functions and TYPE_CHECKING blocks included unless `top_level_only`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body if top_level_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


SOURCES = sorted(p for p in PACKAGE.rglob("*.py") if part_of(p) not in ("__init__", "__main__"))


def test_every_part_has_a_layer() -> None:
    assert {part_of(p) for p in SOURCES} == set().union(*LAYERS)


def may_import(own: str, other: str) -> bool:
    if other in (own, "__version__"):
        return True
    return rank(other) < rank(own) or (own in ORDER and other in ORDER[: ORDER.index(own)])


def test_imports_point_left_only() -> None:
    found = [(str(path.relative_to(PACKAGE)), name) for path in SOURCES for name in imports(path)]
    own = [(path, name) for path, name in found if name.startswith("gradcheck_cli.")]
    assert len(own) > 100
    assert [f"{path} imports {name}" for path, name in own if not may_import(part_of(PACKAGE / path), name.split(".")[1])] == []


def test_rich_and_scipy_are_imported_where_they_are_used() -> None:
    found = [(path.name, name) for path in SOURCES for name in imports(path, top_level_only=True)]
    assert [name for name in found if name[1].split(".")[0] in ("rich", "scipy")] == []


COMMANDS = [f"cli/{p.stem}" for p in (PACKAGE / "cli").glob("*.py")]
LIGHT = ["__init__", "__main__", *COMMANDS, "pytest_plugin", "run", "selection", "errors"]


@pytest.mark.parametrize("name", LIGHT)
def test_start_is_light(name: str) -> None:
    found = list(imports(PACKAGE / f"{name}.py", top_level_only=True))
    assert not [n for n in found if any(n == heavy or n.startswith(heavy + ".") for heavy in HEAVY)]


def test_the_numeric_road_knows_no_engine() -> None:
    """What takes the differences and what judges them must not lean on what they judge."""
    for name in ("differences", "ladder", "verdict", "jacobian"):
        assert not [n for n in imports(PACKAGE / "check" / f"{name}.py") if n.startswith("gradcheck_cli.engine")]
