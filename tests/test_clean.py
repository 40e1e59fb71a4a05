"""The one sanitiser."""

from __future__ import annotations

import html
import json
import unicodedata

import pytest
from markdown_it import MarkdownIt
from reports import HOSTILE

from gradcheck_cli.report.clean import (
    clean,
    fenced,
    for_dot,
    for_github,
    for_github_property,
    for_html,
    for_json,
    for_markdown,
    for_mermaid,
    for_xml,
    one_line,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("two\nlines", "two\nlines"),
        ("é 中 😀 ±", "é 中 😀 ±"),
        ("\x1b[31m\x00\t\r", "\\x1b[31m\\x00\\t\\r"),
        ("\u202e\u200b\u2028\ufeff", "\\u202e\\u200b\\u2028\\ufeff"),
        ("\u3164\ufe0f\U000e0100", "\\u3164\\ufe0f\\U000e0100"),
        ("\ud800", "\\ud800"),
        ("::error::x", ": :error::x"),
        ("  ::error::x", "  : :error::x"),
        ("a\n::stop-commands::b", "a\n: :stop-commands::b"),
        ("##[group]", "# #[group]"),
        ("a[::2], b[:, ::-1], c::d", "a[::2], b[:, ::-1], c::d"),
    ],
)
def test_clean(text, shown):
    assert clean(text) == shown
    assert clean(shown) == shown


def test_every_character_that_nobody_sees_is_spelt_out():
    """Controls, formats, surrogates, separators but the space, and what has no picture although Python calls it printable."""
    for code in range(0x110000):
        char = chr(code)
        if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") and char != "\n":
            assert clean(char) == char.encode("unicode_escape").decode()


@pytest.mark.parametrize("text", HOSTILE)
def test_every_language_gives_the_text_back(text):
    cleaned = clean(text)
    assert html.unescape(for_xml(text)) == cleaned
    assert html.unescape(for_html(text)) == cleaned
    assert not set(for_xml(text)) & set("<>\"'")
    assert json.loads(for_json([{text: text}])) == [{cleaned: cleaned}]
    assert for_json(text).isascii()
    for written in (for_github(text), for_github_property(text), for_dot(text), for_mermaid(text)):
        assert "\n" not in written
    assert not set(for_github_property(text)) & set(":,")
    assert html.unescape(for_markdown(text)).removeprefix("<code>").removesuffix("</code>").strip() == one_line(text).strip()


@pytest.mark.parametrize("text", HOSTILE)
def test_a_fence_holds(text):
    (fence,) = MarkdownIt("commonmark").parse(fenced(text, "sh"))
    assert (fence.type, fence.info, fence.content) == ("fence", "sh", clean(text).rstrip("\n") + "\n")


def test_one_line():
    assert one_line("a\nb") == "a b"
    assert one_line("abcdef", 5) == "ab..."
    assert one_line("abcde", 5) == "abcde"
