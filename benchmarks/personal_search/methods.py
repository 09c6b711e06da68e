"""What answers a search: a servable, texts alone, what is popular."""

import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow as tf
import tensorflow_text  # noqa: F401  (registers the ops of the text encoder)
from numpy.typing import NDArray

from applications.shop_log import ShopLog
from benchmarks.personal_search.searches import CHOICES
from models.serving_graph.item_table import CatalogueColumns
from schema.errors import DataError
from serving.model_server.servable import Servable

K = 10
_BATCH = 32
_CONTEXT = ("city", "device", "gender", "age_band", "level")
_HISTORY = (
    "history_item_ids",
    "history_event_types",
    "history_queries",
    "history_timestamps",
)


class Popular:
    """Items by how often they were chosen before a time."""

    def __init__(self, log: ShopLog, until: int, items: CatalogueColumns):
        """Counts choices.

        Args:
          log: The events.
          until: Unix seconds; only earlier ones count.
          items: Of the model; what is not in stock is not shown.
        """
        events = log.events
        early = log.is_type(*CHOICES) & (events.timestamp < until)
        counts = np.bincount(
            events.item[early], minlength=len(log.items)
        ).astype(float)
        known = pa.array([one.decode() for one in items.item_ids], pa.string())
        row = np.asarray(
            pc.fill_null(
                pc.index_in(
                    known,
                    log.items["item_id"].combine_chunks().cast(pa.string()),
                ),
                -1,
            )
        )
        counts = np.where(row >= 0, counts[np.maximum(row, 0)], 0)
        self._counts = np.where(items.in_stock, counts, -1.0)
        self._ids = [one.decode() for one in items.item_ids]
        self._category = np.asarray(items.categories, object)

    def everywhere(self) -> list[str]:
        """Returns the ids chosen most."""
        return self._first(self._counts)

    def beside(self, item_id: str) -> list[str]:
        """Returns the ids chosen most in the category of an item."""
        category = self._category[self._ids.index(item_id)]
        return self._first(
            np.where(self._category == category, self._counts, -1.0)
        )

    def _first(self, counts):
        best = np.argsort(-counts, kind="stable")[:K]
        return [self._ids[row] for row in best if counts[row] >= 0]


class Servant:
    """Asks the signature `search` of a servable, many at a time."""

    def __init__(self, folder: pathlib.Path):
        """Loads a version folder."""
        self._servable = Servable(str(folder))

    def search(
        self, asked: dict[str, np.ndarray], query: NDArray, *, person: bool
    ) -> list[list[str]]:
        """Returns the first ten ids for each query.

        Args:
          asked: As `Persons.at` returns.
          query: Text objects [n].
          person: Whether who asks is told.
        """
        found: list[list[str]] = []
        for start in range(0, len(query), _BATCH):
            part = slice(start, start + _BATCH)
            rows = len(query[part])
            inputs = {name: asked[name][part] for name in _HISTORY}
            if not person:
                inputs = {
                    name: np.zeros_like(values[:, :1])
                    if name == "history_timestamps"
                    else np.full((rows, 1), "", object)
                    for name, values in inputs.items()
                }
            for name in _CONTEXT:
                values = asked[name][part]
                inputs[name] = values if person else np.full(rows, "", object)
            inputs |= {
                "timestamp": asked["timestamp"][part],
                "query": query[part],
                "k": np.full(rows, K, np.int32),
            }
            answer = self._servable.answer("search", inputs)
            found += [
                [one.decode() for one in row if one]
                for row in answer["item_ids"]
            ]
        return found


def by_text(model, items: CatalogueColumns, query: NDArray) -> list[list[str]]:
    """Returns the first ten ids by cosine of text vectors."""
    vectors = _unit(model.text_vectors().numpy())
    if not vectors.shape[1]:
        raise DataError("the model was trained without text: nothing to search")
    distinct, row = np.unique(query.astype(str), return_inverse=True)
    near = []
    for start in range(0, len(distinct), _BATCH):
        texts = tf.constant(distinct[start : start + _BATCH])
        scores = _unit(model.encode_queries(texts).numpy()) @ vectors.T
        scores = np.where(items.in_stock, scores, -np.inf)
        near.append(np.argsort(-scores, axis=1, kind="stable")[:, :K])
    return [
        [items.item_ids[one].decode() for one in best]
        for best in np.concatenate(near)[row]
    ]


def _unit(vectors):
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(norms, 1e-12)
