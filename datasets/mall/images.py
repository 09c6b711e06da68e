"""Made-up image vectors: what the eye sees of the items.

Each is a linear view, the same for all, of what the item is, of its style and
of its quality, with noise. Words tell a part of the first two; of quality they
say nothing. There are no pictures behind them, and what shoppers do does not
depend on whether an item has one.
"""

import numpy as np

from datasets.mall.catalogue import STYLE_DIMENSION, Catalogue
from datasets.mall.randomness import generator
from datasets.mall.settings import MallSettings

# Of each number of an image; a style's numbers spread by 0.35.
_NOISE = 0.25
# What items of a leaf have in common to the eye.
_KIND_DIMENSION = 4


def image_vectors(
    settings: MallSettings, catalogue: Catalogue
) -> list[np.ndarray | None]:
    """Makes the images of the items, by row of the catalogue.

    Args:
      settings: Seed, `image_width` and `image_missing_share`.
      catalogue: What there is.

    Returns:
      float32 [image_width] each, None where an item has no image.
    """
    if not settings.image_width:
        return [None] * len(catalogue)
    rng = generator(settings.seed, "images")
    kinds = rng.normal(0, 0.5, (len(catalogue.leaves), _KIND_DIMENSION))
    seen = np.concatenate(
        [
            kinds[catalogue.leaf],
            catalogue.style,
            catalogue.quality[:, None],
        ],
        axis=1,
    )
    width = settings.image_width
    shape = (_KIND_DIMENSION + STYLE_DIMENSION + 1, width)
    view = rng.normal(0, width**-0.5, shape)
    images = seen @ view + rng.normal(0, _NOISE, (len(catalogue), width))
    missing = rng.random(len(catalogue)) < settings.image_missing_share
    return [
        None if gone else image
        for image, gone in zip(
            images.astype(np.float32), missing.tolist(), strict=True
        )
    ]
