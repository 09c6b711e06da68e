"""Cuts texts into batches that waste little on padding."""

import numpy as np

# What starting a batch costs, in tokens: the time of a matrix product over n
# rows is that of n + 84 rows at full speed (one core, 384 x 1536, float32).
BATCH_OVERHEAD = 84


def pack(token_counts: np.ndarray, budget: int) -> list[np.ndarray]:
    """Sorts texts by length and cuts where the budget is used up.

    A batch costs its rows times its longest row, as shorter rows are padded.
    It also ends where the next length would add more padding than
    `BATCH_OVERHEAD`.

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
        most = max(1, budget // int(token_counts[order[start]]))
        lengths = token_counts[order[start : start + most]]
        costs = lengths * np.arange(1, len(lengths) + 1)
        # Costs rise, as lengths do.
        rows = max(1, int(np.searchsorted(costs, budget, side="right")))
        padding = np.arange(1, rows) * np.diff(lengths[:rows])
        if len(cuts := np.flatnonzero(padding > BATCH_OVERHEAD)):
            rows = int(cuts[0]) + 1
        batches.append(order[start : start + rows])
        start += rows
    return batches


def budget_for(batch_tokens: int, threads: int) -> int:
    """Gives every two threads a full batch of rows to multiply.

    A matrix product is cut into rows for the threads, and each needs some
    hundred of them to run at full speed.

    >>> [budget_for(1024, threads) for threads in (1, 2, 3, 16)]
    [1024, 1024, 1024, 8192]
    """
    return batch_tokens * max(1, threads // 2)
