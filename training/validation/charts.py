"""The dossier's charts as inline SVG: title and description for readers who do not see, a table beside each in the page.

Each is 360 units wide, so that its words can be read on a phone. Colour is never the only sign.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from markupsafe import Markup, escape

WIDTH = 360
Label = str | tuple[str, str]
"""One text, or one in Chinese and one in English."""

_LEFT, _RIGHT, _TOP, _ROW = 46.0, 16.0, 10.0, 38.0
_DECADES = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)


@dataclass(frozen=True, slots=True)
class Mark:
    """One row of a forest chart: a value with its interval, and where the prediction lies; None draws nothing."""

    label: Label
    value: float | None
    low: float | None = None
    high: float | None = None
    expected: float | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart: its points in the order they are joined."""

    name: Label
    points: Sequence[tuple[float, float]]
    style: str = "a"


def forest(
    name: str, title: Label, marks: Sequence[Mark], *, lines: Sequence[float] = (), digits: str = ".1%", is_logarithmic: bool = False
) -> Markup:
    """Draw values with their intervals one below the other: a dot, a bar, and a hollow diamond where one was predicted.

    ``lines`` are drawn across all rows. On a logarithmic axis what is too small for it, 0 above all, stands at its left end.
    """
    numbers = [n for mark in marks for n in (mark.value, mark.low, mark.high, mark.expected) if n is not None] + list(lines)
    least = max(1e-4, min((n for n in numbers if n > 0.0), default=1.0) / 1.5)

    def placed(value: float) -> float:
        return log10(max(value, least)) if is_logarithmic else value

    low, high = _span([placed(n) for n in numbers])
    height = _TOP + _ROW * len(marks) + 26
    ticks = [(placed(n), n) for n in _DECADES if low <= placed(n) <= high and n >= least] if is_logarithmic else _even(low, high)
    parts = [_axis(ticks, low, high, height - 22, digits)]
    for line in lines:
        x = _x(placed(line), low, high)
        parts.append(f'<line class="bound" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{height - 24:.1f}"/>')
    for place, mark in enumerate(marks):
        y = _TOP + _ROW * place + 25
        parts.append(_text(mark.label, 4, y - 11))
        if mark.low is not None and mark.high is not None:
            x1, x2 = _x(placed(mark.low), low, high), _x(placed(mark.high), low, high)
            parts.append(f'<line class="whisker" x1="{x1:.1f}" x2="{x2:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>')
        if mark.value is not None:
            parts.append(f'<circle class="dot" cx="{_x(placed(mark.value), low, high):.1f}" cy="{y:.1f}" r="4"/>')
        if mark.expected is not None:
            x = _x(placed(mark.expected), low, high)
            parts.append(f'<path class="expected" d="M{x:.1f} {y - 6:.1f} l6 6 l-6 6 l-6 -6 z"/>')
    return _svg(name, title, height, parts)


def bars(name: str, title: Label, rows: Sequence[tuple[Label, float, float | None]], *, digits: str = ".2f") -> Markup:
    """Draw a bar per row from zero, negative to the left; a tick marks the third number where there is one."""
    numbers = [n for _, value, tick in rows for n in (value, tick) if n is not None]
    low, high = _span([0.0, *numbers])
    height = _TOP + _ROW * len(rows) + 26
    zero = _x(0.0, low, high)
    parts = [
        _axis(_even(low, high), low, high, height - 22, digits),
        f'<line class="zero" x1="{zero:.1f}" x2="{zero:.1f}" y1="{_TOP}" y2="{height - 24:.1f}"/>',
    ]
    for place, (label, value, tick) in enumerate(rows):
        top, x = _TOP + _ROW * place, _x(value, low, high)
        parts.append(_text(label, 4, top + 14))
        parts.append(f'<rect class="bar" x="{min(x, zero):.1f}" y="{top + 19:.1f}" width="{max(0.8, abs(x - zero)):.1f}" height="11"/>')
        if tick is not None:
            at = _x(tick, low, high)
            parts.append(f'<line class="tick" x1="{at:.1f}" x2="{at:.1f}" y1="{top + 17:.1f}" y2="{top + 32:.1f}"/>')
    return _svg(name, title, height, parts)


def curves(
    name: str, title: Label, series: Sequence[Series], *, x_digits: str = ".0%", y_digits: str = ".0%", diagonal: bool = False
) -> Markup:
    """Draw lines over two number axes, the name of each in the legend below."""
    xs = [x for one in series for x, _ in one.points]
    ys = [y for one in series for _, y in one.points]
    (left, right), (low, high) = _span(xs), _span([0.0, *ys])
    plot = 190.0
    height = _TOP + plot + 40 + 18 * len(series)

    def y_of(value: float) -> float:
        return _TOP + plot * (1.0 - (value - low) / (high - low))

    parts = [_axis(_even(left, right), left, right, _TOP + plot, x_digits)]
    for value, _ in _even(low, high):
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y_of(value):.1f}" y2="{y_of(value):.1f}"/>')
        parts.append(f'<text class="axis" x="{_LEFT - 5}" y="{y_of(value) + 4:.1f}" text-anchor="end">{value:{y_digits}}</text>')
    if diagonal:
        ends = f'x1="{_x(left, left, right):.1f}" y1="{y_of(left):.1f}" x2="{_x(right, left, right):.1f}" y2="{y_of(right):.1f}"'
        parts.append(f'<line class="bound" {ends}/>')
    for place, one in enumerate(series):
        path = " ".join(f"{_x(x, left, right):.1f},{y_of(y):.1f}" for x, y in one.points)
        parts.append(f'<polyline class="line {one.style}" points="{path}"/>')
        y = _TOP + plot + 36 + 18 * place
        parts.append(f'<line class="line {one.style}" x1="{_LEFT}" x2="{_LEFT + 30}" y1="{y - 4:.1f}" y2="{y - 4:.1f}"/>')
        parts.append(_text(one.name, _LEFT + 38, y))
    return _svg(name, title, height, parts)


def _text(label: Label, x: float, y: float) -> str:
    """Return a label's text elements: one, or one per language of which the page shows one."""
    texts = [("label", label)] if isinstance(label, str) else [("label zh", label[0]), ("label en", label[1])]
    return "".join(f'<text class="{style}" x="{x:.0f}" y="{y:.1f}">{escape(text)}</text>' for style, text in texts)


def _svg(name: str, title: Label, height: float, parts: Sequence[str]) -> Markup:
    inside = "".join(parts)
    head = f'<svg class="chart" viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-labelledby="chart-{name}">'
    return Markup(f'{head}<title id="chart-{name}">{escape(title if isinstance(title, str) else " / ".join(title))}</title>{inside}</svg>')


def _axis(ticks: Sequence[tuple[float, float]], low: float, high: float, bottom: float, digits: str) -> str:
    """Return grid lines and their numbers; each tick is its place on the axis and the number it stands for."""
    parts = []
    for place, value in ticks:
        x = _x(place, low, high)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{bottom:.1f}"/>')
        parts.append(f'<text class="axis" x="{x:.1f}" y="{bottom + 15:.1f}" text-anchor="middle">{value:{digits}}</text>')
    return "".join(parts)


def _x(value: float, low: float, high: float) -> float:
    return _LEFT + (WIDTH - _LEFT - _RIGHT) * (value - low) / (high - low)


def _span(numbers: Sequence[float]) -> tuple[float, float]:
    low, high = (min(numbers), max(numbers)) if numbers else (0.0, 1.0)
    margin = 0.04 * (high - low) or 0.5 * abs(high) or 0.5
    return (low if low == 0.0 else low - margin), high + (margin if high != 1.0 or low < 0.0 else 0.0)


def _even(low: float, high: float) -> list[tuple[float, float]]:
    """Return three to six round numbers between two: steps of 1, 2 or 5 of a power of ten."""
    power = 10.0 ** floor(log10((high - low) / 5.5))
    step = next(power * factor for factor in (1.0, 2.0, 5.0, 10.0) if (high - low) / (power * factor) <= 5.5)
    first = ceil(low / step - 1e-9)
    ticks = [round(k * step, 10) + 0.0 for k in range(first, floor(high / step + 1e-9) + 1)]
    return list(zip(ticks, ticks, strict=True))
