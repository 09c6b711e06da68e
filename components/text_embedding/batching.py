"""Cuts texts into batches that waste little on padding."""

import numpy as np


def pack(token_counts: np.ndarray, budget: int) -> list[np.ndarray]:
    """Sorts texts by length and cuts them where the budget is used up.

    A batch costs its rows times its longest row, as shorter rows are padded.

    Args:
      token_counts: int [texts], at least 1.
      budget: Most tokens in a batch, padding included. A text that is longer
        has a batch of its own.

    Returns:
      Positions in `token_counts`, int64, one array a batch; together each
      position once.

    >>> [batch.tolist() for batch in pack(np.array([5, 2, 9, 2, 3]), 10)]
    [[1, 3, 4], [0], [2]]
    """
    order = np.argsort(token_counts, kind="stable")
    batches = []
    start = 0
    while start < len(order):
        longest = token_counts[order[start:]]
        costs = longest * np.arange(1, len(longest) + 1)
        # Costs rise, as lengths do.
        rows = max(1, int(np.searchsorted(costs, budget, side="right")))
        batches.append(order[start : start + rows])
        start += rows
    return batches
