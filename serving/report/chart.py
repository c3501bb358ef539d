"""Where do the points of the trend's chart lie? Worked out here, so that the template only draws."""

from dataclasses import dataclass
from datetime import date
from typing import Final

from credit.grade import Grade
from serving.report.trend import TrendPoint

WIDTH: Final = 360
HEIGHT: Final = 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 36.0, 318.0, 20.0, 160.0
_LABEL: Final = 30.0
"""So wide are the points written beside a dot; the highest and the lowest are named in the text, too, where there is no room."""
_LEAST_SPAN: Final = 40.0
"""Points the chart spans at least, so that a calm score does not look wild."""


@dataclass(frozen=True, slots=True)
class Dot:
    """One month on the chart; ``label`` where its points are written beside it."""

    x: float
    y: float
    as_of: date
    points: int
    label: bool


@dataclass(frozen=True, slots=True)
class Edge:
    """Where one grade ends and a better one, ``above``, begins."""

    y: float
    points: int
    above: str


@dataclass(frozen=True, slots=True)
class TrendChart:
    """Geometry in the units of a view box of `WIDTH` x `HEIGHT`; ``line`` goes through all dots."""

    dots: tuple[Dot, ...]
    edges: tuple[Edge, ...]
    line: str
    lowest: int
    highest: int


def trend_chart(trend: tuple[TrendPoint, ...], edges: tuple[tuple[int, Grade], ...]) -> TrendChart:
    """Lay out a trend of at least two points; ``edges`` are the points from which on each grade begins."""
    points = [each.points for each in trend]
    low, high = min(points), max(points)
    room = max((_LEAST_SPAN - (high - low)) / 2, (high - low) * 0.08)
    bottom, top = low - room, high + room
    days = (trend[-1].as_of - trend[0].as_of).days

    def height(value: float) -> float:
        return _BOTTOM - (value - bottom) / (top - bottom) * (_BOTTOM - _TOP)

    across = [round(_LEFT + (each.as_of - trend[0].as_of).days / days * (_RIGHT - _LEFT), 1) for each in trend]
    ends = {0, len(trend) - 1}
    inner = (points.index(high), points.index(low))
    labelled = ends | {place for place in inner if all(abs(across[place] - across[end]) >= _LABEL for end in ends)}
    dots = tuple(
        Dot(
            across[place],
            round(height(each.points), 1),
            each.as_of,
            each.points,
            place in labelled,
        )
        for place, each in enumerate(trend)
    )
    lines = tuple(Edge(round(height(at), 1), at, grade.name) for at, grade in edges if bottom < at < top)
    return TrendChart(dots, lines, " ".join(f"{dot.x},{dot.y}" for dot in dots), low, high)
