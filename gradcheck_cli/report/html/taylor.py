"""The Taylor remainder against the step, both in powers of ten, with lines that fall with h and with h^3."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, floor, isfinite, log10
from typing import TYPE_CHECKING

from gradcheck_cli.report.html.text import esc, n

if TYPE_CHECKING:
    from gradcheck_cli.check.taylor import Taylor

WIDTH, HEIGHT = 380.0, 264.0
LEFT, TOP, RIGHT, BOTTOM = 52.0, 10.0, 16.0, 38.0
MOST_TICKS = 7


def taylor(name: str, view: Taylor) -> str:
    """A figure; a sentence where every remainder is zero."""
    points = [(log10(h), log10(r)) for h, r in zip(view.h, view.remainder, strict=True) if isfinite(r) and r > 0]
    caption = f"Taylor remainder of {esc(name)}<span>falls with h³ where the rule is right, with h where it is wrong</span>"
    if len(points) < 2:
        drawn = '<p class="note">The remainder is zero, or not finite, at every step.</p>'
    else:
        drawn = "".join(_svg(points, f"Taylor remainder of {esc(name)} against the step"))
    return f'<figure class="taylor"><figcaption>{caption}</figcaption>{drawn}</figure>'


class _Axes:
    """From powers of ten to pixels."""

    def __init__(self, points: list[tuple[float, float]]) -> None:
        self.h = floor(min(h for h, _ in points)), ceil(max(h for h, _ in points))
        low, high = min(r for _, r in points), max(r for _, r in points)
        self.r = floor(low), max(ceil(high), floor(low) + 1)

    def x(self, h: float) -> float:
        """From the left edge."""
        return LEFT + (h - self.h[0]) / (self.h[1] - self.h[0]) * (WIDTH - LEFT - RIGHT)

    def y(self, r: float) -> float:
        """From the upper edge."""
        return TOP + (self.r[1] - r) / (self.r[1] - self.r[0]) * (HEIGHT - TOP - BOTTOM)

    def at(self, point: tuple[float, float]) -> str:
        """As a path has it."""
        return f"{n(self.x(point[0]))} {n(self.y(point[1]))}"


def _svg(points: list[tuple[float, float]], title: str) -> Iterator[str]:
    axes = _Axes(points)
    yield f'<svg role="img" aria-label="{title}" width="{n(WIDTH)}" height="{n(HEIGHT)}" viewBox="0 0 {n(WIDTH)} {n(HEIGHT)}">'
    yield from _ticks(axes)
    yield from _guide(axes, points[0], 1, "h")
    yield from _guide(axes, points[0], 3, "h³")
    yield f'<path class="curve" d="M{"L".join(map(axes.at, points))}"/>'
    for h, r in points:
        place = f'cx="{n(axes.x(h))}" cy="{n(axes.y(r))}"'
        yield f'<circle class="point" {place} r="2.6"><title>h = {10**h:.1e}, remainder {10**r:.1e}</title></circle>'
    yield "</svg>"


def _ticks(axes: _Axes) -> Iterator[str]:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    for k in _powers(*axes.h):
        x = n(axes.x(k))
        yield f'<path class="tick" d="M{x} {n(TOP)}V{n(bottom)}"/>'
        yield f'<text text-anchor="middle" x="{x}" y="{n(bottom + 15)}">1e{k}</text>'
    for k in _powers(*axes.r):
        y = axes.y(k)
        yield f'<path class="tick" d="M{n(LEFT)} {n(y)}H{n(right)}"/>'
        yield f'<text text-anchor="end" x="{n(LEFT - 6)}" y="{n(y + 4)}">1e{k}</text>'
    yield f'<path class="axis" d="M{n(LEFT)} {n(TOP)}V{n(bottom)}H{n(right)}"/>'
    yield f'<text class="name" text-anchor="middle" x="{n((LEFT + right) / 2)}" y="{n(HEIGHT - 6)}">step h</text>'


def _powers(low: int, high: int) -> range:
    return range(low, high + 1, max(1, ceil((high - low) / MOST_TICKS)))


def _guide(axes: _Axes, start: tuple[float, float], power: int, label: str) -> Iterator[str]:
    """A dashed line through the point of the largest step, as far as it stays in the picture; its name on the outer side."""
    h, r = start
    reach = min(h - axes.h[0], (r - axes.r[0]) / power)
    end = (h - reach, r - power * reach)
    x, y = axes.x(h - reach / 2), axes.y(r - power * reach / 2)
    yield f'<path class="guide" d="M{axes.at(start)}L{axes.at(end)}"/>'
    place = f'text-anchor="end" x="{n(x - 7)}" y="{n(y - 5)}"' if power == 1 else f'x="{n(x + 10)}" y="{n(y + 13)}"'
    yield f'<text class="name" {place}>{label}</text>'
