"""What the node `ItemUnderstanding` fills in where categories are hidden."""

import dataclasses
import math

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from applications.understanding.reader import texts_of
from components.item_understanding.learning import Teller, best
from components.item_understanding.settings import ItemUnderstandingSettings
from schema.errors import DataError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Filled:
    """What the node told of items whose category was hidden.

    Attributes:
      right: bool [hidden], whether the likeliest category is the true one.
      answered: bool [hidden], whether it is sure enough to be filled in.
      facts: What is reported of it.
    """

    right: NDArray[np.bool_]
    answered: NDArray[np.bool_]
    facts: dict


def fill(
    items: pa.Table, categories: NDArray[np.object_], hidden: NDArray[np.bool_]
) -> Filled:
    """Learns from the other items as the node does, and tells the hidden ones.

    Args:
      items: The contract's table.
      categories: Of each, "" where not known.
      hidden: bool [items], whose category is not shown.

    Raises:
      DataError: The others are all of one category.
    """
    settings = ItemUnderstandingSettings()
    titles, descriptions = texts_of(items)
    words = pa.table(
        {
            "title": titles,
            "description": descriptions,
            "category": pa.array(categories.tolist(), pa.string()),
        }
    )
    teller = Teller.learn(
        words.filter(pa.array(~hidden & (categories != ""))), settings
    )
    if teller is None:
        raise DataError("the items have one category in all")
    asked = words.filter(pa.array(hidden))
    told, _ = best(teller.leaves, asked)
    sure = np.array(teller.tell(asked), object) != ""
    right = np.array(told, object) == categories[hidden]
    measured = teller.certainty
    return Filled(
        right=right,
        answered=sure,
        facts={
            "wanted precision": settings.precision,
            "threshold": None
            if math.isinf(measured.threshold)
            else measured.threshold,
            "filled in": float(sure.mean()),
            "precision": float(right[sure].mean()) if sure.any() else 0.0,
            "told by its own held-out items": {
                "asked": measured.asked,
                "accuracy": measured.accuracy,
                "filled in": measured.answered,
                "precision": measured.precision,
            },
        },
    )
