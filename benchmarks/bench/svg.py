"""SVG, as much of it as bars and lines need."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

INK, FAINT, GRID = "#24292f", "#6e7781", "#d8dee4"
ACCENT, ACCENT_LIGHT = "#0969da", "#80b3ee"
OTHER, OTHER_LIGHT = "#8c959f", "#d0d7de"
_FONT = 'font-family="system-ui, sans-serif"'


@dataclass(frozen=True)
class Panel:
    """A drawing of its own coordinates, from 0, 0."""

    width: float
    height: float
    content: str


def page(panels: Sequence[Sequence[Panel]], title: str, caption: str) -> str:
    """Put rows of panels on a white page."""
    margin, gap, y = 16.0, 24.0, 64.0
    width = max(sum(p.width + gap for p in row) - gap for row in panels) + 2 * margin
    content = [
        text(margin, 26, title, size=16, weight="bold"),
        text(margin, 46, caption, fill=FAINT),
    ]
    for row in panels:
        x = margin
        for panel in row:
            content.append(f'<g transform="translate({x:.1f} {y:.1f})">{panel.content}</g>')
            x += panel.width + gap
        y += max(panel.height for panel in row) + gap
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {y:.0f}" '
        f'width="{width:.0f}" height="{y:.0f}" {_FONT}>\n'
        f'<rect width="100%" height="100%" fill="#ffffff"/>\n' + "\n".join(content) + "\n</svg>\n"
    )


def text(  # noqa: PLR0913 - SVG has so many attributes
    x: float,
    y: float,
    words: str,
    *,
    size: int = 12,
    anchor: str = "start",
    fill: str = INK,
    weight: str = "normal",
) -> str:
    """Write words at a baseline."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" '
        f'font-weight="{weight}" fill="{fill}">{escape(words)}</text>'
    )


def box(x: float, y: float, width: float, height: float, fill: str) -> str:
    """Fill a rectangle."""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{height:.1f}" '
        f'fill="{fill}"/>'
    )


def line(points: Sequence[tuple[float, float]], stroke: str, *, dash: str = "none") -> str:
    """Draw through points."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return (
        f'<polyline points="{path}" fill="none" stroke="{stroke}" stroke-width="1.5" '
        f'stroke-dasharray="{dash}"/>'
    )


def dot(x: float, y: float, fill: str) -> str:
    """Mark a point."""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{fill}"/>'


@dataclass(frozen=True)
class LogScale:
    """Whole decades along one side of a panel."""

    first: int
    last: int
    start: float
    stop: float

    def __call__(self, value: float) -> float:
        """Return where a value lies."""
        share = (math.log10(value) - self.first) / (self.last - self.first)
        return self.start + share * (self.stop - self.start)

    def ticks(self) -> list[float]:
        """Return the decades."""
        return [10.0**power for power in range(self.first, self.last + 1)]


def log_scale(values: Sequence[float], start: float, stop: float) -> LogScale:
    """Return the scale that holds the values; they are above zero."""
    first = math.floor(math.log10(min(values)))
    last = max(math.ceil(math.log10(max(values))), first + 1)
    return LogScale(first, last, start, stop)
