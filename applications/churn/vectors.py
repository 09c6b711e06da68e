"""What the shared towers make of users: their query vectors as features.

The pushed servable's `embed_query` is asked, in this process, with the
history as it was at the as-of time. Its towers have themselves learned from
the log up to some second. Before that second a vector knows what it could not
have known then, be it only that an item would sell; so vectors are used where
every cut lies after it, and nowhere else.
"""

import dataclasses
import pathlib

import numpy as np

from applications.churn.features import Table
from applications.churn.words import Feature, vector_features
from applications.shop_log import ShopLog
from components.behavior_log.histories import user_histories
from components.behavior_log.steps import Steps
from schema.errors import DataError
from serving.model_server.errors import ServingError
from serving.model_server.servable import Servable
from serving.requests import HISTORY_FIELDS

SIGNATURE = "embed_query"
# A vector of the towers has more numbers than some hundred users can fill.
DIRECTIONS = 8
_BATCH = 256
_CONTEXT = ("scene", "city", "device", "gender", "age_band", "level")


class QueryVectors:
    """Asks a servable for the vectors of users at some time."""

    def __init__(
        self,
        servable_dir: pathlib.Path,
        *,
        learned_until: int,
        max_history: int,
    ):
        """Loads a version folder.

        Args:
          servable_dir: The pushed SavedModel.
          learned_until: Unix seconds; the towers learned from what came
            before.
          max_history: Steps of a history that are sent.

        Raises:
          DataError: It cannot be loaded or does not embed queries.
        """
        try:
            self._servable = Servable(str(servable_dir))
        except ServingError as error:
            raise DataError(
                f"{servable_dir} cannot be loaded: {error.message}"
            ) from error
        if SIGNATURE not in self._servable.signatures:
            raise DataError(f"{servable_dir} has no signature {SIGNATURE!r}")
        self.learned_until = learned_until
        self._max_history = max_history

    def at(self, past: ShopLog, as_of: int) -> np.ndarray:
        """Embeds every user of the past.

        Args:
          past: `log.before(as_of)`.
          as_of: Unix seconds.

        Returns:
          float32 [users, d].

        Raises:
          DataError: The towers know of later events.
        """
        if as_of < self.learned_until:
            raise DataError(
                f"the towers learned from events up to {self.learned_until}, "
                f"so their vectors as of {as_of} know the future"
            )
        state = user_histories(
            Steps.of(past.events),
            past.profiles,
            past.items["item_id"].combine_chunks(),
            self._max_history,
        )
        parts = []
        for first in range(0, state.num_rows, _BATCH):
            rows = state.slice(first, _BATCH)
            answer = self._servable.answer(SIGNATURE, _request(rows, as_of))
            parts.append(answer["vectors"])
        return np.concatenate(parts)


def _request(rows, as_of):
    """Returns the inputs of the signature: histories padded on the right."""
    inputs = {
        name: np.asarray(rows[name].to_pylist(), object) for name in _CONTEXT
    }
    inputs["query"] = np.full(rows.num_rows, "", object)
    inputs["timestamp"] = np.full(rows.num_rows, as_of)
    histories = {name: rows[name].to_pylist() for name in HISTORY_FIELDS}
    width = max(1, *map(len, histories[HISTORY_FIELDS[0]]))
    for name, lists in histories.items():
        empty = 0 if name == "history_timestamps" else ""
        kind = np.int64 if empty == 0 else object
        inputs[name] = np.array(
            [values + [empty] * (width - len(values)) for values in lists],
            kind,
        )
    return inputs


@dataclasses.dataclass(frozen=True)
class Directions:
    """The directions in which vectors differ most (principal components).

    Attributes:
      mean: float64 [d].
      axes: float64 [d, directions].
    """

    mean: np.ndarray
    axes: np.ndarray

    @classmethod
    def of(cls, vectors: np.ndarray) -> "Directions":
        """Finds them in what is learned from, [rows, d]."""
        mean = vectors.mean(0)
        _, _, axes = np.linalg.svd(vectors - mean, full_matrices=False)
        return cls(mean, axes[:DIRECTIONS].T)

    @property
    def features(self) -> tuple[Feature, ...]:
        """What the columns of `add` are called."""
        return vector_features(self.axes.shape[1])

    def add(self, table: Table, vectors: np.ndarray) -> Table:
        """Returns the table with a column for each direction."""
        places = (vectors - self.mean) @ self.axes
        columns = {
            feature.name: places[:, n].astype(float)
            for n, feature in enumerate(self.features)
        }
        return dataclasses.replace(table, columns=table.columns | columns)
