"""Reading HTML strictly: what a browser would forgive is an error here."""

from __future__ import annotations

import re
from html.parser import HTMLParser

VOID = {"meta", "input"}
SHAPES = {"path", "rect", "circle"}
TAGS = {
    *(*VOID, *SHAPES, *("html", "head", "title", "style", "script", "body", "header", "main", "section", "article", "div")),
    *("form", "fieldset", "legend", "label", "button", "output", "h1", "h2", "h3", "h4", "p", "span", "b", "i", "a", "mark"),
    *("code", "pre", "del", "ins", "dl", "dt", "dd", "ul", "li", "table", "thead", "tbody", "tr", "th", "td"),
    *("details", "summary", "figure", "figcaption", "svg", "g", "defs", "pattern", "text", "desc"),
}
INSIDE = {"li": {"ul"}, "tr": {"thead", "tbody"}, "td": {"tr"}, "th": {"tr"}, "dt": {"dl", "div"}, "dd": {"dl", "div"}}


class Page(HTMLParser):
    """A page's elements, after checking that each is closed, known, where it may be, and does nothing by its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        assert text.startswith("<!DOCTYPE html>\n")
        self.feed(text)
        self.close()
        assert self.open == []
        ids = [a["id"] for _, a in self.elements if "id" in a]
        assert len(ids) == len(set(ids))
        targets = {a["href"] for tag, a in self.elements if tag == "a"}
        assert {t.lstrip("#") for t in targets if t} <= set(ids)

    def handle_starttag(self, tag, attrs):
        assert tag in TAGS, tag
        assert tag not in INSIDE or self.open[-1] in INSIDE[tag], (tag, self.open)
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), attrs
        for name, value in attrs:
            assert not name.startswith("on")
            assert name not in ("style", "src", "srcset", "action", "background")
            assert name != "href" or re.fullmatch(r"#[\w-]+", value), value
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        assert tag in SHAPES, tag
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)

    def handle_comment(self, data):
        raise AssertionError("a comment")

    def handle_pi(self, data):
        raise AssertionError("a processing instruction")

    def count(self, tag, **attributes):
        return sum(t == tag and all(a.get(n) == v for n, v in attributes.items()) for t, a in self.elements)
