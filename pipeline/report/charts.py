"""Pictures as HTML: bars that flow with the page, and small SVG line charts.

Every text that comes from data goes through `escape`.
"""

import dataclasses
import html
import math
from collections.abc import Sequence

# Drawing area of an SVG chart; small, so that text stays readable on a phone.
_WIDTH, _HEIGHT = 340, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 12, 12, 40
_TICKS = 4


@dataclasses.dataclass(frozen=True)
class Bar:
    """One bar.

    Attributes:
      label: What it stands for.
      value: Its length, at least 0.
      shown: The value as people read it.
      tone: CSS class of its colour.
    """

    label: str
    value: float
    shown: str
    tone: str = ""


@dataclasses.dataclass(frozen=True)
class Line:
    """One line of a chart.

    Attributes:
      label: For the legend.
      points: (x, y) pairs, in order of x.
      tone: CSS class of its colour.
    """

    label: str
    points: Sequence[tuple[float, float]]
    tone: str


def escape(text: object) -> str:
    """Makes any text safe inside HTML, attributes included."""
    return html.escape(str(text), quote=True)


def bars(rows: Sequence[Bar], most: float | None = None) -> str:
    """Draws horizontal bars with a common scale.

    Args:
      rows: The bars.
      most: What a full bar stands for; the longest of them where absent.
    """
    most = most or max((bar.value for bar in rows), default=0.0) or 1.0
    drawn = (
        f'<div class="bar"><span class="bar-label">{escape(bar.label)}</span>'
        f'<span class="bar-track"><i class="{escape(bar.tone)}" '
        f'style="width:{100 * bar.value / most:.2f}%"></i></span>'
        f'<span class="bar-value">{escape(bar.shown)}</span></div>'
        for bar in rows
    )
    return f'<div class="bars">{"".join(drawn)}</div>'


def share_bar(parts: Sequence[Bar]) -> str:
    """Draws one bar cut into shares, with a legend below."""
    total = sum(part.value for part in parts) or 1.0
    pieces = "".join(
        f'<i class="{escape(part.tone)}" '
        f'style="width:{100 * part.value / total:.3f}%" '
        f'title="{escape(part.label)}: {escape(part.shown)}"></i>'
        for part in parts
        if part.value
    )
    return f'<div class="share">{pieces}</div>' + legend(
        [(f"{part.label} {part.shown}", part.tone) for part in parts]
    )


def legend(entries: Sequence[tuple[str, str]]) -> str:
    """Draws a legend of (label, CSS class) pairs."""
    drawn = (
        f'<span><i class="{escape(tone)}"></i>{escape(label)}</span>'
        for label, tone in entries
    )
    return f'<div class="legend">{"".join(drawn)}</div>'


def line_chart(title: str, lines: Sequence[Line], x_label: str) -> str:
    """Draws lines over a common scale that fits them."""
    lines = [
        dataclasses.replace(
            line,
            points=[p for p in line.points if all(map(math.isfinite, p))],
        )
        for line in lines
    ]
    points = [point for line in lines for point in line.points]
    if not points:
        return ""
    x_scale = _Scale.around([x for x, _ in points], _LEFT, _WIDTH - _RIGHT)
    y_scale = _Scale.around(
        [y for _, y in points], _HEIGHT - _BOTTOM, _TOP, nice=True
    )
    drawn = [_grid(x_scale, y_scale, x_label)]
    for line in lines:
        path = " ".join(
            f"{x_scale.place(x):.1f},{y_scale.place(y):.1f}"
            for x, y in line.points
        )
        drawn.append(f'<polyline class="{escape(line.tone)}" points="{path}"/>')
        if line.points:
            x, y = line.points[-1]
            drawn.append(
                f'<circle class="{escape(line.tone)}" r="3" '
                f'cx="{x_scale.place(x):.1f}" cy="{y_scale.place(y):.1f}"/>'
            )
    return _figure(title, drawn, [(line.label, line.tone) for line in lines])


def calibration_chart(title: str, buckets: Sequence[dict]) -> str:
    """Draws mean label over mean prediction; the diagonal is perfect.

    Args:
      title: Of the picture.
      buckets: With `prediction`, `label` and `weight`.
    """
    if not buckets:
        return ""
    most = max(max(b["prediction"], b["label"]) for b in buckets) or 1.0
    x_scale = _Scale.around([0.0, most], _LEFT, _WIDTH - _RIGHT)
    y_scale = _Scale.around([0.0, most], _HEIGHT - _BOTTOM, _TOP)
    heaviest = max(b["weight"] for b in buckets)
    drawn = [
        _grid(x_scale, y_scale, "predicted"),
        f'<line class="diagonal" x1="{x_scale.place(0):.1f}" '
        f'y1="{y_scale.place(0):.1f}" x2="{x_scale.place(most):.1f}" '
        f'y2="{y_scale.place(most):.1f}"/>',
    ]
    for bucket in buckets:
        radius = 3 + 5 * math.sqrt(bucket["weight"] / heaviest)
        drawn.append(
            f'<circle class="model soft" r="{radius:.1f}" '
            f'cx="{x_scale.place(bucket["prediction"]):.1f}" '
            f'cy="{y_scale.place(bucket["label"]):.1f}">'
            f"<title>predicted {bucket['prediction']:.4f}, happened "
            f"{bucket['label']:.4f}, weight {bucket['weight']:.0f}</title>"
            "</circle>"
        )
    return _figure(title, drawn, [])


@dataclasses.dataclass(frozen=True)
class _Scale:
    """Maps values from `low` to `high` to pixels from `start` to `stop`."""

    low: float
    high: float
    start: float
    stop: float

    @classmethod
    def around(cls, values, start, stop, nice=False):
        low, high = min(values), max(values)
        if low == high:
            low, high = low - 0.5, high + 0.5
        if nice:
            margin = 0.06 * (high - low)
            low, high = low - margin, high + margin
        return cls(low, high, start, stop)

    def place(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.stop - self.start)

    def ticks(self) -> list[float]:
        rough = (self.high - self.low) / _TICKS
        power = 10.0 ** math.floor(math.log10(rough))
        step = min(m * power for m in (1, 2, 5, 10) if m * power >= rough)
        first = math.ceil(self.low / step)
        last = math.floor(self.high / step)
        return [step * place for place in range(first, last + 1)]


def _grid(x_scale, y_scale, x_label):
    drawn = []
    for tick in y_scale.ticks():
        y = y_scale.place(tick)
        drawn.append(
            f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" '
            f'y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="y" x="{_LEFT - 6}" y="{y + 4:.1f}">{tick:.4g}</text>'
        )
    for tick in x_scale.ticks():
        drawn.append(
            f'<text class="x" x="{x_scale.place(tick):.1f}" '
            f'y="{_HEIGHT - 24}">{tick:.4g}</text>'
        )
    drawn.append(
        f'<text class="axis" x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 7}">'
        f"{escape(x_label)}</text>"
    )
    return "".join(drawn)


def _figure(title, drawn, entries):
    return (
        f"<figure><figcaption>{escape(title)}</figcaption>"
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{escape(title)}">{"".join(drawn)}</svg>'
        f"{legend(entries) if len(entries) > 1 else ''}</figure>"
    )
