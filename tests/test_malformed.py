"""Every file under malformed/ says in its first lines what is wrong with it: `# expect: LINE:COLUMN: message`.

Three dots inside a message stand for anything, the hint included.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from gradcheck_cli.errors import Mistake, SpecError
from gradcheck_cli.spec.loader import load

FOLDER = Path(__file__).parent / "malformed"
FILES = sorted(FOLDER.glob("*.yaml"))


def expectations(text: str) -> list[tuple[str, list[str]]]:
    found = []
    for line in text.splitlines():
        if not line.startswith("# expect: "):
            break
        line_number, column, message = line.removeprefix("# expect: ").split(":", 2)
        found.append((f"{line_number}:{column}", message.strip().split(" ... ")))
    return found


def fits(mistake: Mistake, place: str, parts: list[str]) -> bool:
    if place != f"{mistake.location.line}:{mistake.location.column}":
        return False
    rest = f"{mistake.message}\n{mistake.hint}"
    for part in parts:
        _, found, rest = rest.partition(part)
        if not found:
            return False
    return True


def test_there_are_many() -> None:
    assert len(FILES) >= 100


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_malformed(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    expected = expectations(text)
    assert expected, "the file says nothing about what is wrong with it"
    with pytest.raises(SpecError) as caught:
        load(path)
    mistakes = caught.value.mistakes
    for place, parts in expected:
        assert any(fits(mistake, place, parts) for mistake in mistakes), f"{place} {parts} not in:\n{caught.value}"
    assert len(mistakes) == len(expected), f"more was found than is expected:\n{caught.value}"
    assert "Traceback" not in str(caught.value)
    assert str(caught.value).replace("\n", "").isprintable()
    lines = text.split("\n")
    for mistake in mistakes:
        assert mistake.location.path == str(path)
        assert 1 <= mistake.location.line <= len(lines)
        assert 1 <= mistake.location.column <= len(lines[mistake.location.line - 1]) + 1
        assert len(mistake.message) < 200
