"""Items that are often chosen with those of a history.

A vector of a few dozen numbers forgets which two items go together exactly;
a table of the nearest items by co-occurrence does not. The retrieval score of
an item is the dot product of query and item vector plus what the steps of the
history say through this table:

    Σ_s weight(s) · similarity(item of step s, item)

The weight of a step depends on its type, its age and how many steps came
after it, and is learned on targets that training has not seen, since in its
own sequences co-occurrence knows the answer.

The table says nothing of items that training has not seen, so it must not push
them down: what it adds to the others only redistributes their chances, and
items without any get as much as keeps the sum of theirs (`unseen_offset`).
"""

import typing

import numpy as np
import scipy.sparse as sp
import tensorflow as tf

from models.towers import TIME_GAP_BUCKETS, time_gap_bucket

if typing.TYPE_CHECKING:
    from models.recommender import Recommender

# Its exponential is a number still.
_MOST_ADDED = 50.0


class History(typing.NamedTuple):
    """Steps as the table reads them, oldest first, padded on the right.

    Attributes:
      rows: int32 [B, L], of the items; -1 for none.
      types: int32 [B, L], indices of event types.
      ages: int64 [B, L], seconds from the step to the request.
      length: int32 [B], steps that are there.
      searching: bool [B], whether the request has a search text.
    """

    rows: tf.Tensor
    types: tf.Tensor
    ages: tf.Tensor
    length: tf.Tensor
    searching: tf.Tensor

    @classmethod
    def of_request(cls, request: dict, searching: tf.Tensor) -> "History":
        """Takes what `models.inputs.request_inputs` returns."""
        return cls(
            rows=request["rows"],
            types=request["types"],
            ages=request["timestamp"][:, None] - request["times"],
            length=request["length"],
            searching=searching,
        )


class StepWeights(tf.Module):
    """How much each step of a history counts, above 0.

    Args:
      num_event_types: Indices of event types, 0 included.
      name: Of the weights.
    """

    def __init__(self, num_event_types: int, name: str):
        super().__init__(name=name)

        def zeros(*shape, name):
            return tf.Variable(tf.zeros(shape), trainable=False, name=name)

        self.scale = zeros(name="scale")
        self.searching = zeros(name="searching")
        self.types = zeros(num_event_types, name="types")
        self.ages = zeros(TIME_GAP_BUCKETS, name="ages")
        self.places = zeros(TIME_GAP_BUCKETS, name="places")

    def __call__(self, history: History) -> tf.Tensor:
        """Returns float32 [B, L], 0 where there is no known item."""
        step = tf.range(tf.shape(history.rows)[1])
        after = history.length[:, None] - 1 - step
        searching = tf.cast(history.searching, tf.float32)
        logs = (
            (self.scale + self.searching * searching)[:, None]
            + tf.gather(self.types, history.types)
            + tf.gather(self.ages, time_gap_bucket(history.ages))
            + tf.gather(self.places, time_gap_bucket(after))
        )
        return tf.where(history.rows >= 0, tf.exp(logs), 0.0)


class Neighbours(tf.Module):
    """The table and the weights.

    Args:
      num_items: N, items in the model's table.
      number: K, neighbours of each item.
      repeats: Whether an item of the history is a neighbour of itself, with
        weights of its own.
      num_event_types: Indices of event types, 0 included.

    Attributes:
      enabled: Variable float32 [], 1 from when the weights are learned.
      sharpness: Variable float32 [], factor on dot products that makes their
        softmax, with what is added, that of the choices.
      log_sum: Variable float32 [], logarithm of the sum of its exponentials
        over the items that training saw, the mean over requests.
    """

    def __init__(
        self, num_items: int, number: int, repeats: bool, num_event_types: int
    ):
        super().__init__(name="neighbours")
        self.number = number
        self.repeats = repeats
        # Row 0 is of no item, as in the other tables.
        shape = [num_items + 1, number]
        self.rows = tf.Variable(
            np.full(shape, -1, np.int32), trainable=False, name="rows"
        )
        self.similarity = tf.Variable(
            np.zeros(shape, np.float16), trainable=False, name="similarity"
        )
        self.weights = StepWeights(num_event_types, "neighbours")
        self.own_weights = StepWeights(num_event_types, "repeats")
        self.enabled = tf.Variable(0.0, trainable=False, name="enabled")
        self.sharpness = tf.Variable(1.0, trainable=False, name="sharpness")
        self.log_sum = tf.Variable(0.0, trainable=False, name="log_sum")

    def set_similarity(self, similarity: sp.csr_array) -> None:
        """Takes the nearest items, at most K, of each.

        Args:
          similarity: float32 [N, N], at most K values in a row.
        """
        rows = np.full(self.rows.shape, -1, np.int32)
        values = np.zeros(self.rows.shape, np.float16)
        item = np.repeat(
            np.arange(similarity.shape[0]), np.diff(similarity.indptr)
        )
        place = np.arange(similarity.nnz) - similarity.indptr[item]
        rows[item + 1, place] = similarity.indices
        values[item + 1, place] = similarity.data
        self.rows.assign(rows)
        self.similarity.assign(values)

    def learned(self) -> list[tf.Variable]:
        """Returns the variables of the weights."""
        parts = (
            [self.weights, self.own_weights] if self.repeats else [self.weights]
        )
        return [variable for part in parts for variable in part.variables]

    def __call__(self, history: History) -> tuple[tf.Tensor, tf.Tensor]:
        """Finds the neighbours of all steps; an item may come several times.

        Args:
          history: Of the requests.

        Returns:
          rows int32 [B, M], -1 for none, and what each adds to the score,
          float32 [B, M], at least 0; M is L times K, or K + 1 with repeats.
        """
        here = tf.where(history.rows < self.rows.shape[0] - 1, history.rows, -1)
        rows = tf.gather(self.rows, here + 1)
        similarity = tf.cast(tf.gather(self.similarity, here + 1), tf.float32)
        scores = self.weights(history)[:, :, None] * similarity
        if self.repeats:
            rows = tf.concat([rows, history.rows[:, :, None]], 2)
            own = self.own_weights(history)[:, :, None]
            scores = tf.concat([scores, own], 2)
        flat = tf.stack([tf.shape(rows)[0], tf.reduce_prod(tf.shape(rows)[1:])])
        scores *= self.enabled / self.sharpness
        return tf.reshape(rows, flat), tf.reshape(scores, flat)

    def unseen_offset(self, scores: tf.Tensor, added: tf.Tensor) -> tf.Tensor:
        """Says by how much neighbours raise all items together.

        Args:
          scores: float32 [B, M], dot products with each neighbour, each once.
          added: float32 [B, M], what they add, 0 where there is none.

        Returns:
          float32 [B], at least 0, for the items that training has not seen.
        """
        share = tf.exp(tf.minimum(self.sharpness * scores - self.log_sum, 0.0))
        raised = tf.math.expm1(tf.minimum(self.sharpness * added, _MOST_ADDED))
        total = tf.reduce_sum(share * raised, axis=1)
        return tf.math.log1p(total) / self.sharpness


def add_scores(
    scores: tf.Tensor, rows: tf.Tensor, added: tf.Tensor
) -> tf.Tensor:
    """Adds to the scores of a catalogue what neighbours add.

    Args:
      scores: float32 [B, N].
      rows: int32 [B, M], -1 for none.
      added: float32 [B, M].

    Returns:
      float32 [B, N].
    """
    there = tf.where(rows >= 0)
    places = tf.stack(
        [there[:, 0], tf.cast(tf.gather_nd(rows, there), tf.int64)], 1
    )
    return tf.tensor_scatter_nd_add(scores, places, tf.gather_nd(added, there))


def distinct(rows: tf.Tensor, scores: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Sums the scores of rows that come several times.

    >>> rows = tf.constant([[7, 2, 7, -1]])
    >>> found, scores = distinct(rows, tf.constant([[1.0, 2.0, 3.0, 0.0]]))
    >>> found.numpy().tolist(), scores.numpy().tolist()
    ([[2, 7, -1, -1]], [[2.0, 4.0, 0.0, 0.0]])

    Args:
      rows: int32 [B, M], -1 for none.
      scores: float32 [B, M].

    Returns:
      Of the same shapes: each row once, ascending, then -1 with score 0.
    """
    # The largest number stands behind all rows.
    keys = tf.where(rows >= 0, rows, rows.dtype.max)
    order = tf.argsort(keys, axis=1)
    keys = tf.gather(keys, order, batch_dims=1)
    scores = tf.gather(scores, order, batch_dims=1)
    new = tf.concat(
        [tf.ones_like(keys[:, :1], tf.bool), keys[:, 1:] != keys[:, :-1]], 1
    )
    batch, width = tf.unstack(tf.shape(keys))
    place = tf.cumsum(tf.cast(new, tf.int32), axis=1) - 1
    place += width * tf.range(batch)[:, None]

    def joined(reduce, values):
        parts = reduce(
            tf.reshape(values, [-1]), tf.reshape(place, [-1]), batch * width
        )
        return tf.reshape(parts, tf.shape(keys))

    found = joined(tf.math.unsorted_segment_max, keys)
    total = joined(tf.math.unsorted_segment_sum, scores)
    there = (found >= 0) & (found < rows.dtype.max)
    return tf.where(there, found, -1), tf.where(there, total, 0.0)


def retrieve(
    model: "Recommender", request: dict, text: tf.Tensor, searching: tf.Tensor
) -> dict[str, tf.Tensor]:
    """Says what decides which items are retrieved for requests.

    The score of an item is its dot product with the query, what a neighbour
    of the history adds to it, and the offset where training has not seen it.

    Args:
      model: Trained, with its items frozen.
      request: What `models.inputs.request_inputs` returns.
      text: float32 [B, text dimension], of the search, zeros for none.
      searching: bool [B], whether there is a search.

    Returns:
      `query` float32 [B, d]; `neighbours` int32 [B, M], rows, each once or
      -1; `added` float32 [B, M]; `unseen_offset` float32 [B].
    """
    query = model.query(request, text, model.frozen(request["rows"]))
    rows, added = distinct(
        *model.neighbours(History.of_request(request, searching))
    )
    near = model.score_vectors(model.frozen(rows))
    offset = model.neighbours.unseen_offset(
        tf.linalg.matvec(near, query), added
    )
    return {
        "query": query,
        "neighbours": rows,
        "added": added,
        "unseen_offset": offset,
    }


def scores_of_rows(
    model: "Recommender", found: dict[str, tf.Tensor], rows: tf.Tensor
) -> tf.Tensor:
    """Returns the retrieval scores of some items, float32 [B, C].

    Args:
      model: Trained, with its items frozen.
      found: What `retrieve` returned.
      rows: int32 [B, C], -1 for what is unknown.
    """
    vectors = model.score_vectors(model.frozen(rows))
    scores = tf.einsum("bd,bcd->bc", found["query"], vectors)
    # Rows ascend, and the largest number stands behind them; one more of it,
    # because the search wants something to work on.
    last = rows.dtype.max
    near = tf.where(found["neighbours"] >= 0, found["neighbours"], last)
    near = tf.pad(near, [[0, 0], [0, 1]], constant_values=last)
    added = tf.pad(found["added"], [[0, 0], [0, 1]])
    place = tf.searchsorted(near, rows)
    same = tf.gather(near, place, batch_dims=1) == rows
    scores += tf.where(same, tf.gather(added, place, batch_dims=1), 0.0)
    unseen = tf.gather(model.items.choices(), tf.maximum(rows, 0)) == 0
    return scores + tf.where(unseen, found["unseen_offset"][:, None], 0.0)
