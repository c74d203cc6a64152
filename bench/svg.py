"""Draws line charts as SVG: the same figures give the same file everywhere."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 460, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 16, 76, 48
_TICKS = 5


@dataclass(frozen=True, slots=True)
class Line:
    """One curve and its color."""

    name: str
    colour: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Chart:
    """Curves over one pair of axes, which start at 0."""

    title: str
    across: str
    upward: str
    lines: Sequence[Line]


def page(charts: Sequence[Chart]) -> str:
    """Return the charts side by side as one document."""
    width = _WIDTH * len(charts)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {_HEIGHT}" '
        f'width="{width}" height="{_HEIGHT}" font-family="sans-serif" font-size="11">'
    )
    background = f'<rect width="{width}" height="{_HEIGHT}" fill="white"/>'
    drawn = [
        f'<g transform="translate({place * _WIDTH},0)">\n' + "\n".join(_drawn(chart)) + "\n</g>"
        for place, chart in enumerate(charts)
    ]
    return "\n".join([head, background, *drawn, "</svg>"]) + "\n"


def _drawn(chart: Chart) -> Iterator[str]:
    x_max = _rounded_up(max(x for line in chart.lines for x, _ in line.points))
    y_max = _rounded_up(max(y for line in chart.lines for _, y in line.points))
    across, upward = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    foot = _HEIGHT - _BOTTOM
    yield _text(_LEFT, 18, chart.title, size=14)
    for tick in range(_TICKS + 1):
        x, y = _LEFT + across * tick / _TICKS, foot - upward * tick / _TICKS
        yield (
            f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}" stroke="#ddd"/>'
        )
        yield _text(x, foot + 16, f"{x_max * tick / _TICKS:g}", anchor="middle")
        yield _text(_LEFT - 6, y + 4, f"{y_max * tick / _TICKS:g}", anchor="end")
    yield _text(_LEFT + across / 2, _HEIGHT - 10, chart.across, anchor="middle")
    yield _text(_LEFT - 50, _TOP - 10, chart.upward)
    for place, line in enumerate(chart.lines):
        points = " ".join(
            f"{_LEFT + across * x / x_max:.1f},{foot - upward * y / y_max:.1f}"
            for x, y in line.points
        )
        yield f'<polyline points="{points}" fill="none" stroke="{line.colour}" stroke-width="2"/>'
        yield _text(_LEFT + 130, 34 + 13 * place, f"— {line.name}", colour=line.colour)


def _text(
    x: float, y: float, text: str, *, size: int = 11, anchor: str = "start", colour: str = "#222"
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" '
        f'fill="{colour}">{escape(text)}</text>'
    )


def _rounded_up(value: float) -> float:
    """Return the next round number, the end of the axis."""
    magnitude = 10.0 ** (len(str(int(value))) - 1)
    return next(
        step * magnitude for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if step * magnitude >= value
    )
