"""Learns how much the steps of a history count through their neighbours."""

import numpy as np
import tensorflow as tf

from models.cooccurrence import counting
from models.cooccurrence.neighbours import History, add_scores
from models.cooccurrence.sequences import of_examples
from models.losses import weighted_mean
from models.recommender import Recommender
from models.settings import TrainingSettings

# Of the similarity: makes few common users count less.
_SHRINK = 10.0
# Held-out targets that are learned from: at most, and too few to learn from.
_MOST_TARGETS = 4096
_FEWEST_TARGETS = 100
_STEPS = 300
_LEARNING_RATE = 0.03
# How far a weight is expected to be from 0, as a standard deviation, before
# any target is seen; keeps those that few targets tell of near 0.
_SPREAD = 0.5
# Scores that are held at once, and queries that they are of at most.
_MOST_SCORES = 16_000_000
_MOST_QUERIES = 256
_LOWEST = -1e9


def fit_neighbours(
    model: Recommender,
    sequences: tf.data.Dataset,
    settings: TrainingSettings,
    *,
    held_out: bool = True,
) -> list[dict]:
    """Fills the model's table of neighbours and learns its weights.

    The towers stay as they are. With too few held-out targets the table stays
    empty, and nothing is added to what the towers say.

    Args:
      model: With its towers trained and its items frozen.
      sequences: What it was trained on.
      settings: Of the training.
      held_out: Whether held-out targets count in the table in the end.

    Returns:
      A row with the number of `targets` and their mean `loss` before and
      after; none where nothing was learned.
    """
    if not model.neighbours.number:
        return []
    targets = _held_out_targets(model, sequences, settings)
    if len(targets["row"]) < _FEWEST_TARGETS:
        return []
    _fill(model, of_examples(sequences))
    row = _learn(model, targets, settings.seed)
    _fill(model, of_examples(sequences, held_out=held_out))
    return [row]


def _fill(model, steps):
    model.neighbours.set_similarity(
        counting.similarity(
            steps,
            model.items.num_items,
            shrink=_SHRINK,
            neighbours=model.neighbours.number,
        )
    )


def _held_out_targets(model, sequences, settings):
    """Collects targets that training held out, and how they were asked for.

    Returns:
      `query` float32 [V, d], `row` int32 [V], `weight` float32 [V], and the
      arrays of `History` [V, …].
    """

    @tf.function(reduce_retracing=True, autograph=False)
    def ask(batch):
        step = tf.range(tf.shape(batch["rows"])[1])
        place = tf.where(batch["validation"])
        row, length = place[:, 0], tf.cast(place[:, 1], tf.int32)
        before = step < length[:, None]
        times = tf.gather(batch["target_times"], row)
        own = tf.gather_nd(batch["target_times"], place)
        queries = model.sequence_queries(batch, model.frozen)
        return {
            "query": tf.gather_nd(queries, place),
            "row": tf.gather_nd(batch["targets"], place),
            "rows": tf.where(before, tf.gather(batch["rows"], row), -1),
            "types": tf.gather(batch["types"], row),
            "ages": own[:, None] - times[:, :-1],
            "length": length,
            "weight": model.recency_weight(own),
            "searching": tf.gather_nd(batch["query_rows"], place) > 0,
        }

    held_out = sequences.filter(lambda x: tf.reduce_any(x["validation"]))
    found = [
        tf.nest.map_structure(lambda x: x.numpy(), ask(batch))
        for batch in held_out.batch(settings.sequence_batch)
    ]
    if not found:
        return {"row": np.zeros(0, np.int32)}
    joined = {
        name: np.concatenate([part[name] for part in found])
        for name in found[0]
    }
    order = np.random.default_rng(settings.seed).permutation(len(joined["row"]))
    return {
        name: values[order[:_MOST_TARGETS]] for name, values in joined.items()
    }


def _learn(model, targets, seed):
    neighbours = model.neighbours
    vectors = model.score_vectors(model.representations[1:])
    seen = tf.boolean_mask(vectors, model.items.choices() > 0)
    log_sharpness = tf.Variable(0.0)
    learned = [log_sharpness, *neighbours.learned()]
    optimizer = tf.keras.optimizers.Adam(_LEARNING_RATE)
    pull = 1 / (_SPREAD**2 * len(targets["row"]))
    batch = int(_MOST_SCORES // model.items.num_items)
    batch = min(max(batch, 8), _MOST_QUERIES)

    def losses(part):
        history = History(*(part[name] for name in History._fields))
        scores = tf.matmul(part["query"], vectors, transpose_b=True)
        scores = add_scores(
            tf.exp(log_sharpness) * scores, *neighbours(history)
        )
        if model.settings.exclude_seen:
            seen = tf.fill(tf.shape(history.rows), _LOWEST)
            scores = add_scores(scores, history.rows, seen)
        return tf.nn.sparse_softmax_cross_entropy_with_logits(
            part["row"], scores
        )

    def log_sum(part):
        scores = tf.matmul(part["query"], seen, transpose_b=True)
        return tf.reduce_logsumexp(neighbours.sharpness * scores, 1).numpy()

    @tf.function(reduce_retracing=True, autograph=False)
    def step(part):
        with tf.GradientTape() as tape:
            tape.watch(learned)
            loss = weighted_mean(losses(part), part["weight"])
            loss += pull * tf.add_n([tf.nn.l2_loss(w) for w in learned])
        optimizer.apply_gradients(
            zip(tape.gradient(loss, learned), learned, strict=True)
        )

    whole = tf.data.Dataset.from_tensor_slices(targets)

    def mean_loss():
        parts = [losses(part).numpy() for part in whole.batch(batch)]
        return float(
            np.average(np.concatenate(parts), weights=targets["weight"])
        )

    before = mean_loss()
    neighbours.enabled.assign(1.0)
    neighbours.sharpness.assign(1.0)
    for part in (
        whole.repeat()
        .shuffle(len(targets["row"]), seed=seed)
        .batch(batch)
        .take(_STEPS)
    ):
        step(part)
    after = mean_loss()
    neighbours.sharpness.assign(tf.exp(log_sharpness))
    neighbours.log_sum.assign(
        np.average(
            np.concatenate([log_sum(part) for part in whole.batch(batch)]),
            weights=targets["weight"],
        )
    )
    return {
        "targets": len(targets["row"]),
        "loss_before": before,
        "loss_after": after,
    }
