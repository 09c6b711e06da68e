"""From transformed examples and requests to the numbers the model reads.

Strings end here: ids become rows in the input pipeline, so that no string op
runs in a train step. Training and serving share these functions.
"""

from collections.abc import Callable

import tensorflow as tf

from models import features
from models.local_time import local_hour, local_weekday
from models.settings import ModelSettings
from models.towers import time_gap_bucket
from schema.contract import EVENT_TYPES

Lookup = Callable[[tf.Tensor], tf.Tensor]

_HISTORY = ("history_item_ids", "history_event_indices", "history_timestamps")
CONTEXT = features.tower_features(features.BEHAVIOR_FEATURES, "context")


def parsing_spec(heads: tuple[str, ...]) -> dict:
    """Says how transformed behaviour examples are parsed, lists padded."""
    spec = {}
    for feature in features.transformed(features.BEHAVIOR_FEATURES):
        dtype = tf.as_dtype(feature.dtype)
        if feature.is_list:
            spec[feature.name] = tf.io.FixedLenSequenceFeature(
                [], dtype, allow_missing=True
            )
        else:
            spec[feature.name] = tf.io.FixedLenFeature([], dtype)
    for head in heads:
        spec[features.label_name(head)] = tf.io.FixedLenFeature([], tf.float32)
    return spec


def last_steps(
    batch: dict, names: tuple[str, ...], length: int
) -> tuple[dict, tf.Tensor]:
    """Cuts or pads histories to their last `length` steps.

    Args:
      batch: `history_item_ids` string [B, W] padded on the right with "",
        and the other `names`, [B, W] each.
      names: Which lists to cut.
      length: Steps that stay, static.

    Returns:
      The lists, [B, length] padded on the right, and the number of steps
      int32 [B].
    """
    ids = batch["history_item_ids"]
    width = tf.shape(ids)[1]
    number = tf.reduce_max(
        tf.where(ids != "", tf.range(1, width + 1)[None, :], 0), axis=1
    )
    number = tf.maximum(number, 0)  # reduce_max of no column at all
    start = tf.maximum(number - length, 0)
    place = start[:, None] + tf.range(length)[None, :]
    # Column `width`, padded on, stands for no step.
    place = tf.where(place < number[:, None], place, width)
    cut = {}
    for name in names:
        padded = tf.pad(
            batch[name],
            [[0, 0], [0, 1]],
            constant_values="" if batch[name].dtype == tf.string else 0,
        )
        cut[name] = tf.gather(padded, place, batch_dims=1)
        cut[name].set_shape([None, length])
    return cut, number - start


def _history(cut, number, length, lookup):
    times = cut["history_timestamps"]
    gaps = time_gap_bucket(times[:, 1:] - times[:, :-1])
    gaps = tf.pad(gaps, [[0, 0], [1, 0]])
    here = tf.range(length)[None, :] < number[:, None]
    return {
        "rows": tf.where(here, lookup(cut["history_item_ids"]), -1),
        "types": tf.cast(cut["history_event_indices"], tf.int32),
        "gaps": tf.where(here, gaps, 0),
        "times": times,
        "length": number,
    }


def request_inputs(
    batch: dict, settings: ModelSettings, lookup: Lookup
) -> dict:
    """Prepares requests, or ranking examples, all but the search text.

    Args:
      batch: Transformed behaviour features, lists padded: [B] or [B, W].
      settings: Of the model.
      lookup: Item ids to rows.

    Returns:
      `rows`, `types`, `gaps` int32 [B, max_history], `times` int64, `length`
      int32 [B] and `context`, a dictionary of int [B].
    """
    length = settings.max_history
    cut, number = last_steps(batch, _HISTORY, length)
    history = _history(cut, number, length, lookup)
    last = tf.gather(history["times"], tf.maximum(number - 1, 0), batch_dims=1)
    recency = time_gap_bucket(batch["timestamp"] - last)
    context = {feature.name: batch[feature.name] for feature in CONTEXT}
    context["recency"] = tf.where(number > 0, recency, 0)
    return {**history, "context": context, "timestamp": batch["timestamp"]}


def ranking_inputs(
    batch: dict,
    settings: ModelSettings,
    lookup: Lookup,
    query_lookup: Lookup,
) -> dict:
    """Prepares ranking examples: a request, a candidate and labels.

    Returns:
      What `request_inputs` does, and `query_rows`, `candidates` int32
      [B, 1], `positions` int64 [B, 1], `labels` float32 [B, heads], `weight`
      float32 [B].
    """
    labels = [batch[features.label_name(h)] for h in settings.head_names]
    return {
        **request_inputs(batch, settings, lookup),
        "query_rows": query_lookup(batch["query"]),
        "candidates": lookup(batch["item_id"])[:, None],
        "positions": batch["position"][:, None],
        "labels": tf.stack(labels, 1),
        "weight": batch["weight"],
    }


def sequence_inputs(
    batch: dict,
    settings: ModelSettings,
    lookup: Lookup,
    query_lookup: Lookup,
    *,
    validation_share: float,
    validation_steps: int,
) -> dict:
    """Prepares sequences: every step is a target, given those before it.

    The context of a target is that of its own step (its hour, the gap before
    it, the search that led to it), as a request would have it.

    Args:
      batch: Transformed `sequence_train` examples.
      settings: Of the model.
      lookup: Item ids to rows.
      query_lookup: Search texts to rows of the training queries.
      validation_share: Share of users with held-out targets.
      validation_steps: Held-out targets of such a user, the last ones.

    Returns:
      `rows`, `types`, `gaps` int32 [B, max_history]; `context`, int [B, T]
      or [B, 1] each; `number` int32 [B], steps that are there; and with
      T = max_history + 1 for each target: `targets`, `query_rows` int32
      [B, T], `target_times` int64 [B, T], `train` and `validation` bool
      [B, T].
    """
    length = settings.max_history + 1
    cut, number = last_steps(batch, (*_HISTORY, "history_queries"), length)
    steps = _history(cut, number, length, lookup)
    times, targets = steps["times"], steps["rows"]
    context = {
        feature.name: batch[feature.name][:, None] for feature in CONTEXT
    }
    context["hour"] = local_hour(times)
    context["weekday"] = local_weekday(times)
    context["recency"] = steps["gaps"]
    valid = (targets >= 0) & _is_positive(steps["types"], settings)
    if settings.exclude_seen:
        valid &= ~seen_before(targets)
    chosen = held_out_users(batch["user_id"], validation_share)
    held_out = _last(valid, validation_steps) & chosen[:, None]
    return {
        **{name: steps[name][:, :-1] for name in ("rows", "types", "gaps")},
        "context": context,
        "number": number,
        "targets": targets,
        "target_times": times,
        "query_rows": query_lookup(cut["history_queries"]),
        "train": valid & ~held_out,
        "validation": held_out,
    }


def without_padding(batch: dict) -> dict:
    """Cuts a batch of `sequence_inputs` to its longest sequence."""
    longest = tf.maximum(tf.reduce_max(batch["number"]), 1)

    def cut(name, values):
        if values.shape.rank == 1:
            return values
        history = name in ("rows", "types", "gaps")
        return values[:, : longest - 1 if history else longest]

    return {
        name: {key: cut(key, value) for key, value in values.items()}
        if isinstance(values, dict)
        else cut(name, values)
        for name, values in batch.items()
    }


def _is_positive(types, settings):
    positive = [
        1 + EVENT_TYPES.index(name) for name in settings.positive_event_types
    ]
    return tf.reduce_any(types[..., None] == tf.constant(positive), -1)


def seen_before(rows: tf.Tensor) -> tf.Tensor:
    """Says which steps repeat an item of an earlier step, bool [B, T].

    >>> seen_before(tf.constant([[3, 4, 3]])).numpy().tolist()
    [[False, False, True]]
    """
    same = rows[:, :, None] == rows[:, None, :]
    length = rows.shape[1]
    earlier = tf.linalg.band_part(tf.ones([length, length], tf.bool), -1, 0)
    earlier &= ~tf.eye(length, dtype=tf.bool)
    return tf.reduce_any(same & earlier, -1)


def steps_seen(rows: tf.Tensor) -> tf.Tensor:
    """Returns the items up to each step, each once, int32 [B, T, T] or -1.

    >>> steps_seen(tf.constant([[3, 4, 3]])).numpy().tolist()
    [[[3, -1, -1], [3, 4, -1], [3, 4, -1]]]
    """
    length = tf.shape(rows)[1]
    earlier = tf.linalg.band_part(tf.ones([length, length], tf.bool), -1, 0)
    new = ~seen_before(rows)
    return tf.where(earlier[None] & new[:, None, :], rows[:, None, :], -1)


def _last(valid, number):
    """Says which valid steps are among the last `number` of a row."""
    from_the_end = tf.cumsum(tf.cast(valid, tf.int32), axis=1, reverse=True)
    return valid & (from_the_end <= number)


def held_out_users(user_ids: tf.Tensor, share: float) -> tf.Tensor:
    """Says which users are kept for validation, by a hash of the id.

    Args:
      user_ids: string [...].
      share: Of users, 0 to 1.

    Returns:
      bool [...].
    """
    buckets = 10_000
    bucket = tf.strings.to_hash_bucket_fast(user_ids, buckets)
    return bucket < int(share * buckets)
