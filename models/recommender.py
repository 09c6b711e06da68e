"""The one model: retrieval and ranking on shared towers."""

import typing

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs

from models import inputs as model_inputs
from models import losses, replicas, train_step
from models.cooccurrence.neighbours import Neighbours
from models.features import ITEM_FEATURES, tower_features
from models.item_table import ItemTable, open_ended
from models.layers.centering import Centering, known_mean
from models.layers.chosen_rows import on_rows
from models.ranking.funnel import FunnelRanking
from models.ranking.matches import text_nearness
from models.retrieval import (
    SequenceRetrieval,
    target_ranks,
    target_ranks_by_parts,
    training_targets,
)
from models.settings import ModelSettings, TrainingSettings
from models.towers import TIME_GAP_BUCKETS, ItemTower, QueryTower
from schema.contract import EVENT_TYPES

if typing.TYPE_CHECKING:
    from models.training.live_text import LiveText

# Items that held-out targets are ranked among in one go.
_RANKED_AT_ONCE = 200_000


class Recommender(tfrs.Model):
    """Item tower, query tower, retrieval task and ranking heads.

    The towers are trained on dictionaries `{"sequences": …}`; `freeze_items`
    stores every item's vector, which all inference reads; the ranking heads
    are trained on `{"ranking": …}` over towers that stay as they are.

    Args:
      settings: What the model is.
      training: How it is trained.
      items: The catalogue.
      counts: int64 [N], how often each item is a retrieval target.
      newest: Unix seconds of the last retrieval target.
      available_from: int64 [N], Unix seconds; it is a negative from then on.
      sizes: Number of indices of each categorical feature whose size the
        feature table leaves to a vocabulary.
      query_vectors: float32 [Q + 1, text dimension], the texts that training
        searches for; row 0 is no text, zeros.
    """

    def __init__(
        self,
        settings: ModelSettings,
        training: TrainingSettings,
        items: ItemTable,
        *,
        counts: np.ndarray,
        newest: int,
        available_from: np.ndarray,
        sizes: dict[str, int],
        query_vectors: np.ndarray,
    ):
        super().__init__(name="recommender")
        self.settings = settings
        self.training_settings = training
        # All devices return the figures of the whole batch; Keras sums them.
        self.distribute_reduction_method = "first"
        self.items = items
        self.newest = newest
        item_features = tower_features(ITEM_FEATURES, "item")
        known = (*item_features, *model_inputs.CONTEXT)
        sizes = {**{f.name: f.size for f in known if f.size > 0}, **sizes}
        self.item_tower = ItemTower(
            dimension=settings.dimension,
            num_items=items.num_items,
            features=item_features,
            sizes=sizes,
            id_dropout=settings.id_dropout,
            dropout=settings.dropout,
            images=items.image_dimension > 0,
            image_dropout=settings.image_dropout,
            fixed_shapes=training.fixed_shapes,
            table_bytes=training.table_megabytes * 1_000_000,
            name="item_tower",
        )
        self.query_tower = QueryTower(
            dimension=settings.dimension,
            num_blocks=settings.num_blocks,
            num_heads=settings.num_heads,
            feed_forward=settings.feed_forward,
            gated=settings.gated,
            dropout=settings.dropout,
            features=model_inputs.CONTEXT,
            sizes=sizes,
            num_event_types=len(EVENT_TYPES) + 1,
            name="query_tower",
        )
        self.ranking = FunnelRanking(
            head_names=settings.head_names,
            item_sizes={f.name: sizes[f.name] for f in item_features if f.size},
            lists=tuple(f.name for f in item_features if f.is_list),
            context_sizes={
                **{f.name: sizes[f.name] for f in model_inputs.CONTEXT},
                "recency": TIME_GAP_BUCKETS,
            },
            num_experts=settings.num_experts,
            width=settings.ranking_width,
            dropout=settings.ranking_dropout,
            name="ranking",
        )
        self.full = items.num_items <= training.full_softmax_items
        self.retrieval = SequenceRetrieval(
            counts,
            available_from,
            training.sampled_negatives,
            self.full,
            name="retrieval",
        )
        everything = tf.range(items.num_items)
        self.item_text = Centering(
            known_mean(items.features(everything)["text"].numpy())
        )
        # None where items have no images.
        self.item_image: Centering | None = None
        if items.image_dimension:
            image_mean = known_mean(items.images(everything).numpy())
            self.item_image = Centering(image_mean)
        self.query_text = Centering(known_mean(query_vectors[1:]))
        self.training_queries = tf.Variable(
            query_vectors, trainable=False, name="training_queries"
        )
        self.representations = open_ended(
            np.zeros([items.num_items + 1, settings.dimension], np.float32),
            "representations",
        )
        self.neighbours = Neighbours(
            items.num_items,
            settings.neighbours,
            repeats=not settings.exclude_seen,
            num_event_types=len(EVENT_TYPES) + 1,
        )
        # Unix seconds; while the heads are trained, the towers have learned
        # nothing of that moment and later.
        self.learned_until = 0
        # Of the learning rate, from when it is compiled.
        self.schedule: typing.Any = None
        # Trains the text encoder too, where it is set.
        self.live_text: LiveText | None = None
        self.retrieval_loss = tf.keras.metrics.Mean(name="retrieval_loss")
        self.ranking_loss = tf.keras.metrics.Mean(name="ranking_loss")

    def represent(self, rows: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Runs the item tower on rows, float [..., d]."""
        # Flat, because Keras fixes the rank of a layer's input at its first
        # call, and histories and samples differ in it.
        features = self.item_features(tf.reshape(rows, [-1]))
        flat = self.item_tower(features, training=training)
        shape = tf.concat([tf.shape(rows), [self.settings.dimension]], 0)
        vectors = tf.reshape(flat, shape)
        vectors.set_shape([*rows.shape, self.settings.dimension])
        return vectors

    def item_features(self, rows: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns what the item tower reads of rows, int32 [...]."""
        features = self.items.features(rows)
        if self.item_image is not None:
            features["image"] = self.items.images(rows)
        return self.centred(features)

    def centred(self, features: dict) -> dict[str, tf.Tensor]:
        """Centres texts and images, as the item tower reads them."""
        features = {**features, "text": self.item_text(features["text"])}
        if self.item_image is not None:
            features["image"] = self.item_image(features["image"])
        return features

    def set_text_vectors(self, items: np.ndarray, queries: np.ndarray) -> None:
        """Takes the vectors of another encoder, and their means.

        Args:
          items: float32 [N + 1, text dimension], row 0 zeros.
          queries: float32 [Q + 1, text dimension], row 0 zeros.
        """
        self.items.text.assign(items)
        self.training_queries.assign(queries)
        self.item_text.mean.assign(known_mean(items[1:]))
        self.query_text.mean.assign(known_mean(queries[1:]))

    def train_step(self, inputs: dict) -> dict[str, tf.Tensor]:
        """Takes a step on a batch; see `compute_loss`."""
        if self.live_text is not None:
            return self.live_text.train_step(inputs)
        if train_step.is_plain(self):
            return super().train_step(inputs)
        return train_step.take(self, inputs)

    def freeze_items(self) -> None:
        """Stores the representation of every item for inference."""
        for start in range(-1, self.items.num_items, 8192):
            stop = min(start + 8192, self.items.num_items)
            rows = tf.range(start, stop)
            found = tf.cast(self.represent(rows), tf.float32)
            for copy in replicas.copies(self.representations):
                copy[start + 1 : stop + 1].assign(found)

    def frozen(self, rows: tf.Tensor) -> tf.Tensor:
        """Returns stored representations of rows, float32 [..., d]."""
        return tf.gather(self.representations, rows + 1)

    def score_vectors(self, items: tf.Tensor) -> tf.Tensor:
        """Makes of representations what queries are multiplied with."""
        items = tf.cast(items, tf.float32)
        if self.settings.cosine:
            return tf.math.l2_normalize(items, -1)
        return items

    def _query(self, states, context, text, training):
        """Returns query vectors float32 [..., d]."""
        text = self.item_tower.text_projection(self.query_text(text))
        vector = self.query_tower.context_vector(context, text)
        vector += tf.zeros_like(states)
        query = self.query_tower.fuse(states, vector, text, training)
        query = tf.cast(query, tf.float32)
        if self.settings.cosine:
            query = tf.math.l2_normalize(query, -1)
            query /= self.settings.temperature
        return query

    def query(
        self,
        request: dict,
        text: tf.Tensor,
        items: tf.Tensor,
        training: bool = False,
    ) -> tf.Tensor:
        """Encodes requests.

        Args:
          request: What `models.inputs.request_inputs` returns.
          text: float32 [B, text dimension], of the search, zeros for none.
          items: float [B, L, d], representations of the history.
          training: Whether dropout is on.

        Returns:
          Query vectors float32 [B, d].
        """
        history = {
            "items": items,
            "types": request["types"],
            "gaps": request["gaps"],
        }
        states = self.query_tower.states(history, training=training)
        state = tf.gather(states, request["length"], batch_dims=1)
        return self._query(state, request["context"], text, training)

    def rank(
        self,
        request: dict,
        text: tf.Tensor,
        candidates: tf.Tensor,
        *,
        positions: tf.Tensor | None = None,
        query: tf.Tensor | None = None,
        training: bool = False,
    ) -> dict[str, tf.Tensor]:
        """Gives the probability of each head for candidates, [B, C] each.

        Reads the stored representations, so `freeze_items` comes first.

        Args:
          request: What `models.inputs.request_inputs` returns.
          text: float32 [B, text dimension].
          candidates: int32 [B, C], rows.
          positions: int64 [B, C], slots; none of them known without.
          query: float32 [B, d], what `query` gives, where that is known.
          training: Whether dropout of the ranking layers is on, and the
            retrieval score hidden where the towers learned from the request.
        """
        if positions is None:
            positions = -tf.ones_like(candidates, tf.int64)
        steps, found = map(self.items.features, (request["rows"], candidates))
        unlearned = tf.ones_like(request["timestamp"], tf.bool)
        if training and self.learned_until:
            unlearned = request["timestamp"] >= self.learned_until
            read = ("rows", "types", "gaps", "length", "context")
            scores = on_rows(
                unlearned,
                self._scores,
                ({name: request[name] for name in read}, text, candidates),
                fixed_shapes=self.training_settings.fixed_shapes,
            )
        else:
            scores = self._scores(request, text, candidates, query)
        return self.ranking(
            {
                **request,
                "history_features": steps,
                "candidate_features": found,
                "listed": self.items.listed(candidates),
                "text_nearness": text_nearness(
                    self.item_text(found["text"]),
                    self.item_text(steps["text"]),
                    self.query_text(text),
                ),
                "scores": scores,
                "unlearned": tf.cast(unlearned, tf.float32),
                "positions": positions,
            },
            training=training,
        )

    def _scores(self, request, text, candidates, query=None):
        """Returns what the towers score candidates with, float32 [B, C]."""
        if query is None:
            query = self.query(request, text, self.frozen(request["rows"]))
        vectors = self.score_vectors(self.frozen(candidates))
        return tf.einsum("bd,bcd->bc", query, vectors)

    def compute_loss(self, inputs, training: bool = False) -> tf.Tensor:
        """Returns the sum of the losses of the tasks in the batch, a scalar.

        Where several devices take the step together, it is this one's share
        of the loss of all their batches, so that shares and gradients add up.

        Args:
          inputs: `sequences` (what `models.inputs.sequence_inputs` returns),
            `ranking` (of `models.inputs.ranking_inputs`) or both.
          training: Whether dropout is on.
        """
        loss = 0.0
        if "sequences" in inputs:
            retrieval = self.sequence_loss(inputs["sequences"], training)
            self.retrieval_loss.update_state(replicas.total(retrieval))
            loss += retrieval
        if "ranking" in inputs:
            ranking = self.loss_of_ranking(inputs["ranking"], training)
            self.ranking_loss.update_state(replicas.total(ranking))
            loss += ranking
        return loss

    def loss_of_ranking(self, batch: dict, training: bool = False) -> tf.Tensor:
        """Returns `compute_loss` of `ranking`, and counts it nowhere."""
        probabilities = self.rank(
            batch,
            tf.gather(self.training_queries, batch["query_rows"]),
            batch["candidates"],
            positions=batch["positions"],
            training=training,
        )
        weight = batch["weight"] * self.recency_weight(batch["timestamp"])
        # An item that the towers do not know was never chosen till then, so
        # before that it can only be a negative, and tells nothing.
        known = self.items.features(batch["candidates"][:, 0])["trained"]
        late = batch["timestamp"] >= self.learned_until
        weight *= tf.maximum(known, tf.cast(late, tf.float32))
        return self.ranking.loss(probabilities, batch["labels"], weight)

    def sequence_queries(
        self, batch: dict, represent, training: bool = False
    ) -> tf.Tensor:
        """Encodes the query before every step, float32 [B, T, d].

        Args:
          batch: What `models.inputs.sequence_inputs` returns.
          represent: Rows to representations.
          training: Whether dropout is on.
        """
        history = {
            "items": represent(batch["rows"]),
            "types": batch["types"],
            "gaps": batch["gaps"],
        }
        states = self.query_tower.states(history, training=training)
        text = tf.gather(self.training_queries, batch["query_rows"])
        return self._query(states, batch["context"], text, training)

    def sequence_loss(self, batch: dict, training: bool = False) -> tf.Tensor:
        """Returns `compute_loss` of `sequences`, and counts it nowhere."""
        if self.full:
            everything = self.represent(
                tf.range(-1, self.items.num_items), training=training
            )

            def represent(rows):
                return tf.gather(everything, rows + 1)
        else:

            def represent(rows):
                return self.represent(rows, training=training)

        queries = self.sequence_queries(batch, represent, training)
        targets = training_targets(queries, batch, self.training_settings)
        targets["weights"] *= self.recency_weight(targets["times"])
        return self.retrieval(
            **targets,
            vectors=lambda rows: self.score_vectors(represent(rows)),
        )

    @tf.function(reduce_retracing=True, autograph=False)
    def validation_ranks(self, batch: dict) -> tuple[tf.Tensor, tf.Tensor]:
        """Ranks held-out targets among all items.

        Args:
          batch: What `models.inputs.sequence_inputs` returns. Uses the
            vectors of the last `freeze_items`.

        Returns:
          Ranks int32 [P], 0 the best, and how much each counts by its age,
          float32 [P].
        """
        held_out = batch["validation"]
        queries = self.sequence_queries(batch, self.frozen)
        seen = None
        if self.settings.exclude_seen:
            seen = model_inputs.steps_seen(batch["targets"])
            seen = tf.boolean_mask(seen, held_out)
        queries = tf.boolean_mask(queries, held_out)
        targets = tf.boolean_mask(batch["targets"], held_out)
        if self.items.num_items > _RANKED_AT_ONCE:
            ranks = target_ranks_by_parts(
                queries,
                targets,
                lambda rows: self.score_vectors(self.frozen(rows)),
                self.items.num_items,
                seen,
                part=_RANKED_AT_ONCE,
            )
        else:
            ranks = target_ranks(
                queries,
                targets,
                self.score_vectors(self.representations[1:]),
                seen,
            )
        times = tf.boolean_mask(batch["target_times"], held_out)
        return ranks, self.recency_weight(times)

    def recency_weight(self, times: tf.Tensor) -> tf.Tensor:
        """Returns how much choices of that time, int64 [...], count, float."""
        return losses.recency_weight(
            times, self.newest, self.settings.half_life_days
        )
