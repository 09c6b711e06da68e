"""Retrieve, leave out, rank: what the signatures compute."""

import typing

import tensorflow as tf

from models.index.allowed import LOWEST, Allowed
from models.index.exact import best_rows
from models.requests import (
    HISTORY_NAMES,
    REQUEST,
    pack_history,
    retrieved_spec,
)
from models.serving_graph import examples
from models.serving_graph.blending import spread_of, standard_scores
from models.serving_graph.explanations import EXPLAIN, Explanations, Page
from models.serving_graph.filters import ITEMS as ONLY_ITEMS
from models.serving_graph.filters import Filters
from models.serving_graph.inputs import (
    EXCLUDE,
    K,
    checked,
    filled,
)
from models.serving_graph.intent import LikelyCategories
from models.serving_graph.item_table import ItemTable
from models.serving_graph.known_queries import KnownQueries
from models.serving_graph.neighbours import join_neighbours
from models.serving_graph.paging import asked_slots, choose_columns
from models.serving_graph.settings import ServableSettings
from models.serving_graph.similar import SimilarItems
from models.serving_graph.text_search import TextSearch

_HISTORY_ITEMS = HISTORY_NAMES[0]
_RETRIEVED = retrieved_spec()


class Asked(typing.NamedTuple):
    """What the model reads of a request.

    Attributes:
      request: Its tensors, with histories packed.
      text: float32 [B, t], of the search, zeros for none.
      retrieved: What `retrieve` of the model made of both.
    """

    request: dict[str, tf.Tensor]
    text: tf.Tensor
    retrieved: dict[str, tf.Tensor]


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
        queries: KnownQueries,
        texts: TextSearch | None,
        similar: SimilarItems,
        table: ItemTable,
        filters: Filters,
        categories: LikelyCategories,
        explanations: Explanations,
        settings: ServableSettings,
    ):
        """Puts the parts together.

        Args:
          model: The loaded trained model; docs/architecture.md lists its
            functions.
          index: Finds items by query vector; `models/index` says how.
          queries: Remembers what frequent ones are encoded to.
          texts: Finds items by text; None where there are no texts.
          similar: Finds items by item.
          table: Shows items.
          filters: Say which items fit a request.
          categories: Of the items.
          explanations: Say why items are shown.
          settings: Of the servable.
        """
        super().__init__(name="recommender")
        self.model = model
        self.index = index
        self.queries = queries
        self.texts = texts
        self.similar_items = similar
        self.table = table
        self.filters = filters
        self.categories = categories
        self.explanations = explanations
        self._settings = settings
        self._num_candidates = min(settings.retrieve_k, similar.items.num_rows)

    def recommend(self, inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Answers what this user may want next.

        Args:
          inputs: A request and the inputs of `answer_specs`, `page_specs`.

        Returns:
          What `ItemTable.describe` returns, `p_<head>` float32 [B, k] and
          what `Explanations.explain` returns, k the largest of the batch;
          slots beyond a row's own k are empty.
        """
        inputs, asked, allowed = self._prepare(inputs)
        rows, _ = self._candidates(asked, allowed)
        ranked = self._rank(asked, rows)
        columns = self._columns(inputs, rows, ranked["score"])
        answer, rows = self._answer(rows, ranked, ranked["score"], columns)
        return answer | self._explained(inputs, asked, Page.ranked(rows))

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
        if self.texts is None:
            return self.recommend(inputs)
        inputs, asked, allowed = self._prepare(inputs)
        rows, _ = self._candidates(asked, allowed)
        text = tf.math.l2_normalize(asked.text, axis=1)
        query = asked.request["query"]
        by_text, _ = self.texts.search(
            text, query, self._num_candidates, allowed
        )
        twice = tf.reduce_any(
            by_text[:, :, tf.newaxis] == rows[:, tf.newaxis], axis=2
        )
        rows = tf.concat([rows, tf.where(twice, -1, by_text)], axis=1)
        ranked = self._rank(asked, rows)
        similarity = self.texts.score_rows(text, query, tf.maximum(rows, 0))
        weight = self._settings.search_text_weight
        by_text = weight * standard_scores(similarity, rows >= 0)
        by_taste = (1 - weight) * standard_scores(ranked["score"], rows >= 0)
        blend = by_text + by_taste
        columns = self._columns(inputs, rows, blend)
        spread = spread_of(ranked["score"], rows >= 0)[:, 0]
        answer, chosen = self._answer(rows, ranked, blend, columns)
        page = Page(
            rows=chosen,
            ranking_weight=(1 - weight) / spread,
            search_share=tf.gather(
                by_text, tf.maximum(columns, 0), batch_dims=1
            ),
        )
        return answer | self._explained(inputs, asked, page)

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
        """Puts given items in order, best first.

        Unknown and removed ones fall out.

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
        inputs, asked = self._asked(inputs)
        rows = self._offered(inputs["item_ids"])
        ranked = self._rank(asked, rows)
        scores = tf.where(rows >= 0, ranked["score"], LOWEST)
        columns, _ = best_rows(scores, None, width)
        return self._answer(rows, ranked, scores, columns)[0]

    def intent(self, inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Says what the user is after: chances of items, likely categories.

        Args:
          inputs: A request and `item_ids` string [B or 1, C].

        Returns:
          `p_<head>` float32 [B, C], 0 for an unknown item; `categories`
          string and `category_chances` float32 [B, 10], best first.
        """
        inputs, asked = self._asked(inputs)
        rows = self._offered(inputs["item_ids"])
        batch = tf.shape(rows)[0]
        names, chances = self.categories.best(
            *self._candidates(asked, Allowed.everything(batch))
        )
        answer = {"categories": names, "category_chances": chances}
        for name, values in self._rank(asked, rows).items():
            if name.startswith("p_"):
                answer[name] = tf.where(rows >= 0, values, 0.0)
        return answer

    def classify(self, inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Tells the chances of one item for each user.

        Args:
          inputs: `inputs` string [B], what `examples.parse` reads.

        Returns:
          `classes` string [B, H], the heads, and `scores` float32 [B, H], 0
          for an unknown item.
        """
        ranked = self._ranked_examples(inputs)
        heads = sorted(name for name in ranked if name.startswith("p_"))
        scores = tf.stack([ranked[name] for name in heads], axis=1)
        names = tf.constant([name.removeprefix("p_") for name in heads])
        classes = tf.broadcast_to(names, tf.shape(scores))
        return {examples.CLASSES: classes, examples.SCORES: scores}

    def regress(self, inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Tells the ranking score of one item for each user.

        Args:
          inputs: As for `classify`.

        Returns:
          `outputs` float32 [B], 0 for an unknown item.
        """
        return {examples.OUTPUTS: self._ranked_examples(inputs)["score"]}

    def _ranked_examples(self, inputs):
        """Returns what `_rank` does, of one item each, [B]."""
        inputs, asked = self._asked(examples.parse(inputs[examples.INPUTS]))
        rows = self._offered(inputs["item_ids"])
        return {
            name: tf.where(rows >= 0, values, 0.0)[:, 0]
            for name, values in self._rank(asked, rows).items()
        }

    def embed_query(self, inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Gives the vectors of requests.

        Args:
          inputs: A request.

        Returns:
          `vectors` float32 [B, d], for dot products with those of items.
        """
        _, asked = self._asked(inputs)
        return {"vectors": asked.retrieved["query"]}

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
        inputs, asked = self._asked(inputs)
        seen = None
        if self._settings.exclude_seen:
            seen = self._rows_of(inputs[_HISTORY_ITEMS])
        return inputs, asked, self._allowed(inputs, seen)

    def _asked(self, inputs):
        """Returns checked inputs, and what the model makes of them."""
        inputs = checked(inputs, _HISTORY_ITEMS, self._settings.retrieve_k)
        request = pack_history(
            _request_of(inputs),
            self._rows_of(inputs[_HISTORY_ITEMS]) >= 0,
            self._settings.max_history,
        )
        text = self.queries.encode(request["query"], self.model.encode_queries)
        text = tf.ensure_shape(text, [None, None])
        return inputs, self._read(request, text)

    def _read(self, request, text):
        # Functions of a loaded model forget the ranks of what they return.
        retrieved = {
            name: tf.ensure_shape(value, _RETRIEVED[name].shape)
            for name, value in self.model.retrieve(request, text).items()
        }
        return Asked(request, text, retrieved)

    def _allowed(self, inputs, seen=None):
        exclude = self._rows_of(inputs[EXCLUDE])
        if seen is not None:
            exclude = tf.concat([exclude, seen], axis=1)
        only = self._rows_of(inputs[ONLY_ITEMS])
        return Allowed(self.filters.mask(inputs, only), exclude)

    def _rows_of(self, item_ids):
        return tf.ensure_shape(self.model.lookup(item_ids), item_ids.shape)

    def _offered(self, item_ids):
        return self.table.offered(self._rows_of(item_ids))

    def _candidates(self, asked, allowed):
        """Returns rows int32 and scores float32 [B, retrieve_k], best first."""
        choices = tf.ensure_shape(self.model.choices(), [None])
        return join_neighbours(
            self.index.search(
                asked.retrieved["query"], self._num_candidates, allowed
            ),
            asked.retrieved,
            items=self.similar_items.items,
            unseen=choices == 0,
            allowed=allowed,
        )

    def _rank(self, asked, rows):
        ranked = self.model.rank_scores(
            asked.request, asked.text, asked.retrieved, tf.maximum(rows, 0)
        )
        return {
            name: tf.ensure_shape(values, [None, None])
            for name, values in ranked.items()
        }

    def _columns(self, inputs, rows, scores):
        items = self.similar_items.items
        return choose_columns(inputs, rows, scores, items, self.filters)

    def _answer(self, rows, ranked, scores, columns):
        """Returns the answer, and its rows int32 [B, k]."""

        def chosen(values, otherwise):
            found = tf.gather(values, tf.maximum(columns, 0), batch_dims=1)
            return tf.where(columns >= 0, found, otherwise)

        rows = chosen(rows, -1)
        answer = self.table.describe(rows, chosen(scores, LOWEST))
        for name, values in ranked.items():
            if name.startswith("p_"):
                answer[name] = chosen(values, 0.0)
        return answer, rows

    def _explained(self, inputs, asked, page):
        return self.explanations.explain(
            inputs[EXPLAIN],
            _request_of(inputs),
            asked.text,
            page,
            lambda request, text, rows: self._rank(
                self._read(request, text), rows
            )["score"],
        )


def _request_of(inputs):
    return {feature.name: inputs[feature.name] for feature in REQUEST}
