"""Made-up vectors of items and queries."""

import numpy as np
from numpy.typing import NDArray

_SEED = 9


def made_up(
    items: int, dimension: int, queries: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Draws vectors of unit length as training leaves them.

    Items lie in clusters of unequal size, which share 32 directions and have
    some noise of their own; a query lies between two clusters.
    """
    rng = np.random.default_rng(_SEED)
    clusters = max(50, items // 500)
    shared = rng.normal(size=(32, dimension)) / np.sqrt(32)
    centres = rng.normal(size=(clusters, 32)) @ shared
    centres += 0.3 * rng.normal(size=centres.shape)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    size = 1 / np.sqrt(1 + np.arange(clusters))
    size /= size.sum()

    def around(middle):
        noise = rng.normal(size=middle.shape).astype(np.float32)
        vectors = middle.astype(np.float32) + 0.9 / np.sqrt(dimension) * noise
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors.astype(np.float32)

    vectors = around(centres[rng.choice(clusters, items, p=size)])
    one, other = rng.choice(clusters, (2, queries), p=size)
    return vectors, around(centres[one] + 0.5 * centres[other])
