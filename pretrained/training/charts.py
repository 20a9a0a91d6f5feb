"""How are numbers drawn, with nothing but text? As SVG, which every browser shows without a network."""

import math
from collections.abc import Mapping, Sequence
from html import escape

Points = Sequence[tuple[float, float]]

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP, _RIGHT = 460, 240, 56, 36, 24, 12
_COLOURS = ("#3b82f6", "#ef4444", "#10b981", "#a855f7", "#f59e0b", "#06b6d4")


def lines(title: str, series: Mapping[str, Points], *, across: str = "step") -> str:
    """Curves over one axis that begins at 0, each with its name."""
    points = [point for curve in series.values() for point in curve if math.isfinite(point[1])]
    if not points:
        return ""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    low_x, high_x = 0.0, max(xs)
    x_ticks, y_ticks = ticks(low_x, high_x), ticks(min(ys), max(ys))
    low_y, high_y = min(y_ticks[0], min(ys)), max(y_ticks[-1], max(ys))

    def place(x: float, y: float) -> tuple[float, float]:
        wide, high = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _BOTTOM - _TOP
        return (
            _LEFT + (x - low_x) / (high_x - low_x or 1) * wide,
            _TOP + (1 - (y - low_y) / (high_y - low_y or 1)) * high,
        )

    parts = [_text(_WIDTH / 2, 14, title, "middle", "bold")]
    for y in y_ticks:
        at = place(low_x, y)[1]
        parts.append(f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{at:.1f}" y2="{at:.1f}" class="grid"/>')
        parts.append(_text(_LEFT - 6, at + 4, f"{y:g}", "end"))
    for x in (x for x in x_ticks if low_x <= x <= high_x):
        parts.append(_text(place(x, low_y)[0], _HEIGHT - _BOTTOM + 16, f"{x:g}", "middle"))
    parts.append(_text(_WIDTH / 2, _HEIGHT - 4, across, "middle"))
    for number, (name, curve) in enumerate(series.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        path = " ".join("{:.1f},{:.1f}".format(*place(x, y)) for x, y in curve if math.isfinite(y))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.8"/>')
        if len(curve) == 1:
            x, y = place(*curve[0])
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>')
        if name == title:  # says it already
            continue
        down = _TOP + 12 + 14 * number
        parts.append(f'<text x="{_LEFT + 8}" y="{down}" style="fill: {colour}">{escape(name)}</text>')
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" role="img">{"".join(parts)}</svg>'


def bars(title: str, counts: Sequence[tuple[str, float]]) -> str:
    """A bar for each name, from the left."""
    if not counts:
        return ""
    largest = max(count for _, count in counts) or 1
    height = 30 + 18 * len(counts)
    parts = [_text(_WIDTH / 2, 14, title, "middle", "bold")]
    for row, (name, count) in enumerate(counts):
        top = 26 + 18 * row
        parts.append(_text(136, top + 11, name if len(name) < 22 else name[:20] + "…", "end"))
        parts.append(f'<rect x="142" y="{top}" width="{count / largest * 250:.1f}" height="13" fill="{_COLOURS[0]}"/>')
        parts.append(_text(146 + count / largest * 250, top + 11, f"{count:g}", "start"))
    return f'<svg viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" role="img">{"".join(parts)}</svg>'


def matrix(rows: Sequence[str], columns: Sequence[str], counts: Sequence[Sequence[int]]) -> str:
    """A table whose cells are the darker the more they hold: what was wanted down, what was said across."""
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = []
    for name, line in zip(rows, counts, strict=True):
        total = sum(line) or 1
        cells = "".join(
            f'<td style="background: rgba(37, 99, 235, {0.75 * count / total:.2f})">{count}</td>' for count in line
        )
        body.append(f"<tr><th>{escape(name)}</th>{cells}</tr>")
    return f'<table class="matrix"><tr><td>wanted ↓ said →</td>{head}</tr>{"".join(body)}</table>'


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers that span a range."""
    if high <= low:
        around = 0.1 * abs(low) or 1.0
        return ticks(low - around, low + around, count)
    rough = (high - low) / count
    unit = 10 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
    first = math.floor(low / step)
    return [round(number * step, 12) for number in range(first, math.ceil(high / step) + 1)]


def _text(x: float, y: float, text: str, anchor: str, weight: str = "normal") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}">{escape(text)}</text>'
