"""How a cost grows: exponents and straight lines through a few sizes."""

from collections.abc import Sequence

import numpy as np


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Returns b of cost = a · size^b, by least squares of the logarithms.

    What a stage costs however little it does pulls b down.

    Args:
      sizes: Above 0, at least two different ones.
      costs: Above 0.

    >>> round(exponent([1, 10, 100], [2, 20, 200]), 6)
    1.0
    >>> round(exponent([1, 10, 100], [3, 3, 3]), 6)
    0.0
    """
    slope, _ = np.polyfit(np.log(sizes), np.log(costs), 1)
    return float(slope)


def per_unit(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Returns what one more costs, between the two largest sizes.

    >>> per_unit([1, 10, 30], [5.0, 7.0, 11.0])
    0.2
    """
    return (costs[-1] - costs[-2]) / (sizes[-1] - sizes[-2])


def fitted(sizes: Sequence[int], found: Sequence[dict]) -> dict:
    """Says how costs grow.

    Args:
      sizes: Ascending.
      found: What `measuring.measure` returned for each.
    """
    cpu = [max(row["cpu_seconds"], 1e-5) for row in found]
    told: dict = {
        "exponent": round(exponent(sizes, cpu), 2),
        "per_unit": {
            "cpu_seconds": per_unit(sizes, cpu),
            "bytes": 1e6 * per_unit(sizes, [r["peak_mb"] for r in found]),
        },
    }
    if "megabytes" in found[0]:
        written = [row["megabytes"] for row in found]
        told["per_unit"]["bytes_written"] = 1e6 * per_unit(sizes, written)
    return told
