"""Retrieve, leave out, rank: what the signatures compute."""

import tensorflow as tf

from models.index.exact import LOWEST, all_but, best_rows
from models.requests import HISTORY_NAMES, pack_history
from models.serving_graph.filters import ITEMS as ONLY_ITEMS
from models.serving_graph.filters import Filters
from models.serving_graph.inputs import (
    EXCLUDE,
    K,
    answer_specs,
    checked,
    filled,
)
from models.serving_graph.intent import LikelyCategories
from models.serving_graph.item_table import ItemTable
from models.serving_graph.neighbours import join_neighbours
from models.serving_graph.settings import ServableSettings
from models.serving_graph.similar import SimilarItems
from models.serving_graph.text_search import TextSearch

# Standard scores beyond this add nothing: one outlier must not decide.
_MAX_STANDARD_SCORE = 3.0
_HISTORY_ITEMS = HISTORY_NAMES[0]
# Functions of a loaded model forget the ranks of what they return.
_RETRIEVED_RANKS = {
    "query": 2,
    "neighbours": 2,
    "added": 2,
    "unseen_offset": 1,
}


class ServingRecommender(tf.Module):
    """The trained model, the index and the item table as one.

    History travels in the request; nothing is known of users here, so that an
    unknown one is served like any other.
    """

    def __init__(
        self,
        *,
        model,
        index: tf.Module,
        texts: TextSearch | None,
        similar: SimilarItems,
        table: ItemTable,
        filters: Filters,
        categories: LikelyCategories,
        settings: ServableSettings,
    ):
        """Puts the parts together.

        Args:
          model: The loaded trained model; docs/architecture.md lists its
            functions.
          index: Finds items by query vector; `models/index` says how.
          texts: Finds items by text; None where there are no texts.
          similar: Finds items by item.
          table: Shows items.
          filters: Say which items fit a request.
          categories: Of the items.
          settings: Of the servable.
        """
        super().__init__(name="recommender")
        self.model = model
        self.index = index
        self.texts = texts
        self.similar_items = similar
        self.table = table
        self.filters = filters
        self.categories = categories
        self._settings = settings
        self._num_candidates = min(settings.retrieve_k, similar.items.num_rows)

    def recommend(self, inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Answers what this user may want next.

        Args:
          inputs: A request and the inputs of `answer_specs`.

        Returns:
          What `ItemTable.describe` returns and `p_<head>` float32 [B, k],
          k the largest of the batch; slots beyond a row's own k are empty.
        """
        inputs, request, allowed = self._prepare(inputs)
        rows, _ = self._candidates(request, allowed)
        ranked = self._rank(request, rows)
        return self._answer(rows, ranked, ranked["score"], inputs[K])

    def search(self, inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Answers a search; the query leads, the user's taste follows.

        Candidates are those of the query vector, which knows the user, and
        those whose text fits best, which needs no history. They are put in
        order by standard scores of both, because cosines and probabilities
        have no common scale.

        Args:
          inputs: As for `recommend`; `query` may not be empty.

        Returns:
          As `recommend`; `scores` are the blend.
        """
        inputs["query"] = filled("query", inputs["query"])
        inputs, request, allowed = self._prepare(inputs)
        rows, _ = self._candidates(request, allowed)
        if self.texts is None:
            ranked = self._rank(request, rows)
            return self._answer(rows, ranked, ranked["score"], inputs[K])
        text = tf.math.l2_normalize(
            tf.ensure_shape(
                self.model.encode_queries(request["query"]), [None, None]
            ),
            axis=1,
        )
        query = request["query"]
        by_text, _ = self.texts.search(
            text, query, self._num_candidates, allowed
        )
        twice = tf.reduce_any(
            by_text[:, :, tf.newaxis] == rows[:, tf.newaxis], axis=2
        )
        rows = tf.concat([rows, tf.where(twice, -1, by_text)], axis=1)
        ranked = self._rank(request, rows)
        similarity = self.texts.score_rows(text, query, tf.maximum(rows, 0))
        weight = self._settings.search_text_weight
        blend = weight * standard_scores(similarity, rows >= 0)
        blend += (1 - weight) * standard_scores(ranked["score"], rows >= 0)
        return self._answer(rows, ranked, blend, inputs[K])

    def similar(self, inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Answers items like an item; none for an unknown one.

        Args:
          inputs: `item_ids` string [B] and the inputs of `answer_specs`.

        Returns:
          What `ItemTable.describe` returns, k as in `recommend`.
        """
        inputs = checked(inputs, "item_ids", self._settings.retrieve_k)
        rows, scores = self.similar_items.search(
            self._rows_of(inputs["item_ids"]),
            tf.reduce_max(inputs[K]),
            self._allowed(inputs),
        )
        rows = tf.where(asked_slots(inputs[K]), rows, -1)
        return self.table.describe(rows, scores)

    def rank(self, inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Puts given items in order, best first; unknown ones fall out.

        Args:
          inputs: A request and `item_ids` string [B or 1, C], C at least 1.

        Returns:
          As `recommend`, with k = C.
        """
        width = tf.shape(inputs["item_ids"])[1]
        with tf.control_dependencies(
            [
                tf.debugging.Assert(
                    width > 0, ["item_ids has no columns; send at least one"]
                )
            ]
        ):
            inputs["item_ids"] = tf.identity(inputs["item_ids"])
        inputs, request, _ = self._asked(inputs)
        rows = self._rows_of(inputs["item_ids"])
        ranked = self._rank(request, rows)
        return self._answer(rows, ranked, ranked["score"], width[tf.newaxis])

    def intent(self, inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Says what the user is after: chances of items, likely categories.

        Args:
          inputs: A request and `item_ids` string [B or 1, C].

        Returns:
          `p_<head>` float32 [B, C], 0 for an unknown item; `categories`
          string and `category_chances` float32 [B, 10], best first.
        """
        inputs, request, _ = self._asked(inputs)
        asked = self._rows_of(inputs["item_ids"])
        batch = tf.shape(asked)[0]
        items = self.similar_items.items
        everything = tf.ones([batch, items.num_rows], tf.bool)
        names, chances = self.categories.best(
            *self._candidates(request, everything)
        )
        answer = {"categories": names, "category_chances": chances}
        for name, values in self._rank(request, asked).items():
            if name.startswith("p_"):
                answer[name] = tf.where(asked >= 0, values, 0.0)
        return answer

    def embed_query(self, inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Gives the vectors of requests.

        Args:
          inputs: A request.

        Returns:
          `vectors` float32 [B, d], for dot products with those of items.
        """
        _, request, _ = self._asked(inputs)
        vectors = tf.ensure_shape(
            self.model.query_vectors(request), [None, None]
        )
        return {"vectors": vectors}

    def embed_item(self, inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Gives the vectors of items.

        Args:
          inputs: `item_ids` string [B].

        Returns:
          `vectors` float32 [B, d], zeros for an unknown item, and `known`
          bool [B].
        """
        rows = self._rows_of(inputs["item_ids"])
        known = rows >= 0
        items = self.similar_items.items
        vectors = tf.gather(items.vectors, tf.maximum(rows, 0))
        vectors = tf.where(
            known[:, tf.newaxis], tf.cast(vectors, tf.float32), 0.0
        )
        return {"vectors": vectors, "known": known}

    def _prepare(self, inputs):
        inputs, request, history_rows = self._asked(inputs)
        seen = history_rows if self._settings.exclude_seen else None
        return inputs, request, self._allowed(inputs, seen)

    def _asked(self, inputs):
        """Returns checked inputs, the request in them, rows of its history."""
        inputs = checked(inputs, _HISTORY_ITEMS, self._settings.retrieve_k)
        history_rows = self._rows_of(inputs[_HISTORY_ITEMS])
        return inputs, self._packed(inputs, history_rows), history_rows

    def _allowed(self, inputs, seen=None):
        """Returns bool [B, N], which rows the request lets through."""
        exclude = self._rows_of(inputs[EXCLUDE])
        if seen is not None:
            exclude = tf.concat([exclude, seen], axis=1)
        only = self._rows_of(inputs[ONLY_ITEMS])
        allowed = all_but(exclude, self.similar_items.items.num_rows)
        return allowed & self.filters.mask(inputs, only)

    def _packed(self, inputs, history_rows):
        request = {
            name: value
            for name, value in inputs.items()
            if name not in ("item_ids", *answer_specs())
        }
        return pack_history(
            request, history_rows >= 0, self._settings.max_history
        )

    def _rows_of(self, item_ids):
        return tf.ensure_shape(self.model.lookup(item_ids), item_ids.shape)

    def _candidates(self, request, allowed):
        """Returns rows int32 and scores float32 [B, retrieve_k], best first."""
        retrieved = {
            name: tf.ensure_shape(value, [None] * _RETRIEVED_RANKS[name])
            for name, value in self.model.retrieve(request).items()
        }
        return join_neighbours(
            self.index.search(
                retrieved["query"], self._num_candidates, allowed
            ),
            retrieved,
            items=self.similar_items.items,
            trained=tf.ensure_shape(self.model.trained(), [None]),
            allowed=allowed,
        )

    def _rank(self, request, rows):
        ranked = self.model.rank_scores(request, tf.maximum(rows, 0))
        return {
            name: tf.ensure_shape(values, [None, None])
            for name, values in ranked.items()
        }

    def _answer(self, rows, ranked, scores, k):
        scores = tf.where(rows >= 0, scores, LOWEST)
        columns, scores = best_rows(scores, None, tf.reduce_max(k))
        known = (columns >= 0) & asked_slots(k)
        columns = tf.maximum(columns, 0)
        rows = tf.where(known, tf.gather(rows, columns, batch_dims=1), -1)
        answer = self.table.describe(rows, scores)
        for name, values in ranked.items():
            if name.startswith("p_"):
                chosen = tf.gather(values, columns, batch_dims=1)
                answer[name] = tf.where(known, chosen, 0.0)
        return answer


def asked_slots(k: tf.Tensor) -> tf.Tensor:
    """Returns which slots of an answer each row asked for.

    Args:
      k: int32 [B or 1], how many items.

    Returns:
      bool [B or 1, max(k)].
    """
    return tf.range(tf.reduce_max(k)) < k[:, tf.newaxis]


def standard_scores(scores: tf.Tensor, valid: tf.Tensor) -> tf.Tensor:
    """Takes mean and spread out of each row, so that rows can be blended.

    Args:
      scores: float32 [B, C].
      valid: bool [B, C], candidates that count.

    Returns:
      float32 [B, C], within plus and minus 3; 0 where all are alike.
    """
    weights = tf.cast(valid, tf.float32)
    count = tf.maximum(tf.reduce_sum(weights, axis=1, keepdims=True), 1.0)
    mean = tf.reduce_sum(scores * weights, axis=1, keepdims=True) / count
    centred = (scores - mean) * weights
    spread = tf.sqrt(
        tf.reduce_sum(tf.square(centred), axis=1, keepdims=True) / count
    )
    return tf.clip_by_value(
        centred / tf.maximum(spread, 1e-6),
        -_MAX_STANDARD_SCORE,
        _MAX_STANDARD_SCORE,
    )
