"""Which items are of the head, and which of the long tail."""

import numpy as np
from numpy.typing import NDArray

# An item is of the head when it is among the fifth most popular and has more
# than these many training events.
HEAD_SHARE = 0.2
TAIL_EVENTS = 5


def of_the_head(counts: NDArray) -> NDArray[np.bool_]:
    """Says which items most choices go to; the others are the tail.

    Args:
      counts: [items], training events of each.

    Returns:
      bool [items].

    >>> of_the_head(np.array([100, 90, 4, 3, 2, 2, 1, 1, 0, 0])).tolist()[:3]
    [True, True, False]
    """
    edge = np.quantile(counts, 1.0 - HEAD_SHARE)
    return (counts > edge) & (counts > TAIL_EVENTS)
