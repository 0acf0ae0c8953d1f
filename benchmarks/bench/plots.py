"""The plots: rates and CPU as bars, growth as lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from bench import svg
from bench.results import (
    BOTH_CPU,
    CPU,
    PEAK_RSS,
    RATE,
    REQUESTS,
    SERVER_CPU,
    WALL,
    Outcome,
    Report,
    Sample,
    figure,
    shown,
)
from bench.scenarios.growth import BYTES, FILES
from bench.svg import Panel

_LABEL, _BAR, _VALUE, _ROW, _HEAD = 96, 150, 52, 22, 26
_CHART_WIDTH, _CHART_HEIGHT, _AXIS, _FOOT = 320, 180, 56, 34

_Bar: TypeAlias = Callable[[Sequence[Sample], Callable[[float], float], str, float], str]


def plots(report: Report) -> Mapping[str, str]:
    """Return each plot as SVG, by name."""
    outcomes = {outcome.name: outcome for outcome in report.outcomes if outcome.samples}
    caption = " ".join(report.machine[:2])
    rates = [
        _bars(outcome, by, _rate_bar(by))
        for by in (RATE, REQUESTS)
        for outcome in _with_peers(outcomes, by)
    ]
    costs = [
        _bars(outcome, BOTH_CPU, _cost_bar)
        for by in (RATE, REQUESTS)
        for outcome in _with_peers(outcomes, by)
    ]
    growth = [
        [_chart(outcomes[name], by, unit) for name, unit in _GROWTH.items() if name in outcomes]
        for by in (WALL, CPU, PEAK_RSS)
    ]
    pages = {
        "rates": ([rates], "How fast: more is better", caption),
        "cpu": ([costs], "CPU time: less is better; dark is the server, light the client", caption),
        "growth": (growth, "Growth with files and with bytes; dashed: linear", caption),
    }
    return {name: svg.page(*parts) for name, parts in pages.items() if any(parts[0])}


_GROWTH = {FILES: "files", BYTES: "MB"}
_NAMES = {WALL: "time, s", CPU: "server's CPU, s", PEAK_RSS: PEAK_RSS}
_COMPARISONS = ("album", "thumbnails", "little album")


def _with_peers(outcomes: Mapping[str, Outcome], by: str) -> list[Outcome]:
    found = [outcomes[name] for name in _COMPARISONS if name in outcomes]
    return [outcome for outcome in found if by in outcome.samples[outcome.ours][0]]


def _bars(outcome: Outcome, by: str, bar: _Bar) -> Panel:
    """Draw one bar for each server."""
    most = max(figure(rounds, by).most for rounds in outcome.samples.values())

    def length(value: float) -> float:
        return value / most * _BAR

    content = [svg.text(0, 12, f"{outcome.name}, {by}", weight="bold")]
    y = float(_HEAD)
    for name, rounds in outcome.samples.items():
        is_ours = name == outcome.ours
        weight = "bold" if is_ours else "normal"
        value = figure(rounds, by)
        content += [
            svg.text(_LABEL - 6, y + 13, name, anchor="end", weight=weight),
            bar(rounds, length, svg.ACCENT if is_ours else svg.OTHER, y),
            svg.line([(_LABEL + length(v), y + 9) for v in (value.least, value.most)], svg.INK),
            svg.text(_LABEL + length(value.most) + 5, y + 13, shown(value.median), weight=weight),
        ]
        y += _ROW
    return Panel(_LABEL + _BAR + _VALUE, y, "".join(content))


def _rate_bar(by: str) -> _Bar:
    def bar(rounds: Sequence[Sample], length: Callable[[float], float], fill: str, y: float) -> str:
        return svg.box(_LABEL, y, length(figure(rounds, by).median), _ROW - 4, fill)

    return bar


def _cost_bar(
    rounds: Sequence[Sample], length: Callable[[float], float], fill: str, y: float
) -> str:
    server = length(figure(rounds, SERVER_CPU).median)
    both = length(figure(rounds, BOTH_CPU).median)
    light = svg.ACCENT_LIGHT if fill == svg.ACCENT else svg.OTHER_LIGHT
    return svg.box(_LABEL, y, both, _ROW - 4, light) + svg.box(_LABEL, y, server, _ROW - 4, fill)


def _chart(outcome: Outcome, by: str, unit: str) -> Panel:
    """Draw one figure over the sizes, both in decades."""
    points = [(float(size), figure(rounds, by).median) for size, rounds in outcome.samples.items()]
    x_scale = svg.log_scale([x for x, _ in points], _AXIS, _CHART_WIDTH - 24)
    y_scale = svg.log_scale([y for _, y in points], _CHART_HEIGHT - _FOOT, _HEAD)
    content = [svg.text(0, 12, f"{_NAMES[by]}, by {unit}", weight="bold")]
    for tick in x_scale.ticks():
        x = x_scale(tick)
        content.append(svg.line([(x, y_scale.start), (x, y_scale.stop)], svg.GRID))
        content.append(
            svg.text(
                x, y_scale.start + 16, f"{tick:,.0f}", size=10, anchor="middle", fill=svg.FAINT
            )
        )
    for tick in y_scale.ticks():
        y = y_scale(tick)
        content.append(svg.line([(x_scale.start, y), (x_scale.stop, y)], svg.GRID))
        content.append(
            svg.text(_AXIS - 6, y + 4, f"{tick:g}", size=10, anchor="end", fill=svg.FAINT)
        )
    if by != PEAK_RSS:
        content.append(_linear(points, x_scale, y_scale))
    drawn = [(x_scale(x), y_scale(y)) for x, y in points]
    content.append(svg.line(drawn, svg.ACCENT))
    content += [svg.dot(x, y, svg.ACCENT) for x, y in drawn]
    return Panel(_CHART_WIDTH, _CHART_HEIGHT, "".join(content))


def _linear(
    points: Sequence[tuple[float, float]], x_scale: svg.LogScale, y_scale: svg.LogScale
) -> str:
    """Draw the line that is proportional to the size, through the last point, within the plot."""
    x, y = points[-1]
    lowest = max(points[0][0], x * y_scale.ticks()[0] / y)
    ends = ((lowest, y * lowest / x), (x, y))
    return svg.line([(x_scale(a), y_scale(b)) for a, b in ends], svg.FAINT, dash="4 4")
