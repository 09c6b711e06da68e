"""Whether chances come true: a table of bins and a picture of it."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from models.metrics.ranking import auc, log_loss, prior_log_loss

_SIDE, _MARGIN = 320, 44


@dataclasses.dataclass(frozen=True)
class Bin:
    """Pairs with chances near each other.

    Attributes:
      count: Pairs.
      predicted: Their mean chance.
      observed: Share of them that came true.
    """

    count: int
    predicted: float
    observed: float


def bins(
    labels: NDArray[np.int64], chances: NDArray[np.float32], most: int = 10
) -> list[Bin]:
    """Cuts pairs in order of chance into bins of equal numbers.

    Args:
      labels: 0 or 1, [pairs].
      chances: [pairs].
      most: Bins.
    """
    order = np.argsort(chances, kind="stable")
    parts = np.array_split(order, min(most, max(len(order), 1)))
    return [
        Bin(
            len(part),
            float(chances[part].mean()),
            float(labels[part].mean()),
        )
        for part in parts
        if len(part)
    ]


def figures(labels: NDArray[np.int64], chances: NDArray[np.float32]) -> dict:
    """Returns what the chances are worth; `calibration_error` is over bins."""
    cut = bins(labels, chances)
    weight = sum(one.count for one in cut)
    gap = sum(one.count * abs(one.predicted - one.observed) for one in cut)
    mean = float(labels.mean()) if len(labels) else 0.0
    return {
        "pairs": len(labels),
        "positives": int(labels.sum()),
        "auc": auc(labels, chances),
        "log_loss": log_loss(labels, chances),
        "prior_log_loss": prior_log_loss(mean),
        "calibration_error": gap / weight if weight else float("nan"),
        "bins": [dataclasses.asdict(one) for one in cut],
    }


def plot(cut: list[Bin], title: str) -> str:
    """Draws predicted against observed shares as SVG, on equal scales.

    Args:
      cut: As `bins` made them.
      title: Above the picture.
    """
    most = max([1e-3, *(max(b.predicted, b.observed) for b in cut)]) * 1.1

    def place(predicted, observed):
        inner = _SIDE - 2 * _MARGIN
        return (
            _MARGIN + inner * predicted / most,
            _SIDE - _MARGIN - inner * observed / most,
        )

    low, high = place(0, 0), place(most, most)
    dots = [place(one.predicted, one.observed) for one in cut]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in dots)
    circles = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4"><title>{one.count} pairs: '
        f"{one.predicted:.4f} predicted, {one.observed:.4f} observed</title>"
        "</circle>"
        for one, (x, y) in zip(cut, dots, strict=True)
    )
    ticks = "".join(
        f'<text x="{place(v, 0)[0]:.0f}" y="{_SIDE - _MARGIN + 16}" '
        f'text-anchor="middle">{v:.3f}</text>'
        f'<text x="{_MARGIN - 4}" y="{place(0, v)[1] + 4:.0f}" '
        f'text-anchor="end">{v:.3f}</text>'
        for v in (0, most / 2, most)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_SIDE}" '
        f'height="{_SIDE}" viewBox="0 0 {_SIDE} {_SIDE}" '
        'font-family="sans-serif" font-size="11" fill="#333">'
        f'<text x="{_SIDE / 2}" y="18" text-anchor="middle">{title}</text>'
        f'<line x1="{low[0]}" y1="{low[1]}" x2="{high[0]:.1f}" '
        f'y2="{high[1]:.1f}" stroke="#bbb" stroke-dasharray="4"/>'
        f'<polyline points="{path}" fill="none" stroke="#0a6"/>'
        f'<g fill="#0a6">{circles}</g>{ticks}'
        f'<text x="{_SIDE / 2}" y="{_SIDE - 6}" text-anchor="middle">'
        "predicted</text>"
        f'<text x="12" y="{_SIDE / 2}" transform="rotate(-90 12 {_SIDE / 2})" '
        'text-anchor="middle">observed</text></svg>\n'
    )
