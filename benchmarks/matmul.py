"""What an encoder has to compute, and how fast the machine multiplies."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, kw_only=True)
class Network:
    """The sizes of a BERT that decide what it costs.

    Attributes:
      layers: How many.
      hidden: Length of a token's vector.
      feed_forward: Width of the feed-forward networks.
    """

    layers: int
    hidden: int
    feed_forward: int

    def dense_shapes(self) -> list[tuple[int, int]]:
        """Returns [in, out] of a layer's kernels: qkv, output, wide, narrow."""
        return [
            (self.hidden, 3 * self.hidden),
            (self.hidden, self.hidden),
            (self.hidden, self.feed_forward),
            (self.feed_forward, self.hidden),
        ]

    def flops(self, lengths: np.ndarray) -> int:
        """Counts the floating point operations of encoding texts.

        Only matrix products count, a multiplication and an addition for each
        of their terms; embeddings, norms, softmax and GELU are overhead.

        Args:
          lengths: Tokens of each text, padding not among them, int [texts].

        >>> network = Network(layers=2, hidden=4, feed_forward=8)
        >>> network.flops(np.array([1, 3]))
        2368
        """
        lengths = np.asarray(lengths, np.int64)
        dense = sum(2 * rows * cols for rows, cols in self.dense_shapes())
        # Queries by keys, and weights by values.
        attention = 2 * (2 * self.hidden) * (lengths**2).sum()
        return int(self.layers * (dense * lengths.sum() + attention))


def dense_flops(network: Network, tokens: int) -> int:
    """Counts one layer's dense products on `tokens` rows."""
    return sum(2 * tokens * i * o for i, o in network.dense_shapes())
