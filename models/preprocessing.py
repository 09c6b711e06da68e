"""Transform's two graphs: items, and behaviour (`preprocessing_fn`s of TFX).

Both walk the table in `models.features`. What a graph learns (vocabularies,
price quantiles, the newest listing) it learns from the data that Transform
analyses; the pipeline has it analyse the train splits only.
"""

import tensorflow as tf
import tensorflow_transform as tft

from models import features
from models.local_time import local_hour, local_weekday
from schema.contract import CATEGORY_SEPARATOR, EVENT_TYPES
from schema.errors import DataError

_DAY = 86400
# A guard against vocabularies that no model could train.
_MAX_VOCABULARY = 200_000
# A tag that one item alone has is a second id of it: it tells nothing of
# other items, and it would show in content what id dropout hides.
_MIN_ITEMS_OF_A_WORD = 2


def event_indices(event_types: tf.Tensor) -> tf.Tensor:
    """Numbers event types from 1 in the contract's order; 0 is unknown."""
    # Compared one by one: Transform would initialise a table anew in every
    # call of its graph.
    same = event_types[..., None] == tf.constant(EVENT_TYPES)
    numbers = tf.range(1, len(EVENT_TYPES) + 1, dtype=tf.int64)
    return tf.reduce_sum(tf.cast(same, tf.int64) * numbers, -1)


def _index(values, feature):
    # TFT leaves the empty string out of vocabularies, so it becomes 0.
    return 1 + tft.compute_and_apply_vocabulary(
        values,
        default_value=-1,
        top_k=_MAX_VOCABULARY,
        frequency_threshold=_MIN_ITEMS_OF_A_WORD if feature.is_list else None,
        vocab_filename=feature.name,
        name=feature.name,
    )


def _category_level(values, feature):
    """Keeps the first levels of a path; a shorter path stays as it is."""
    part = f"[^{CATEGORY_SEPARATOR}]*"
    kept = part + f"(?:{CATEGORY_SEPARATOR}{part})" * (feature.level - 1)
    prefix = tf.strings.regex_replace(values, f"^({kept}).*$", r"\1")
    return _index(prefix, feature)


def _known_prices(values):
    return tf.boolean_mask(values, values >= 0)


def _price_bucket(values, feature):
    boundaries = tft.quantiles(
        _known_prices(values),
        num_buckets=features.PRICE_BUCKETS,
        epsilon=0.001,
        name=feature.name,
    )
    buckets = 1 + tft.apply_buckets(values, boundaries)
    return tf.where(values >= 0, buckets, 0)


def _log_price(values, feature):
    """Standardises log(1 + price); unknown becomes the mean, 0."""
    logs = tf.math.log1p(_known_prices(values))
    mean = tft.mean(logs, name=f"{feature.name}_mean")
    deviation = tf.sqrt(tft.var(logs, name=f"{feature.name}_var"))
    # No known price, or one for all: nothing to tell items apart by.
    usable = tf.math.is_finite(deviation) & (deviation > 1e-6)
    scaled = (tf.math.log1p(tf.maximum(values, 0.0)) - mean) / tf.where(
        usable, deviation, 1.0
    )
    return tf.where((values >= 0) & usable, scaled, 0.0)


def _age_bucket(values, feature):
    """Buckets how long before the newest listing an item was listed.

    Relative to the newest listing that was analysed, a constant of the graph,
    so that it means the same at serving; whatever is listed later counts as
    just listed.
    """
    newest = tft.max(values, name=feature.name)
    days = tf.maximum((newest - values) // _DAY, 0)
    bucket = 1 + tf.cast(
        tf.math.log(tf.cast(days + 1, tf.float32) + 0.5) / tf.math.log(2.0),
        tf.int64,
    )
    bucket = tf.minimum(bucket, features.AGE_BUCKETS)
    return tf.where(values > 0, bucket, 0)


TRANSFORMS = {
    "pass": lambda values, _: values,
    "vocabulary": _index,
    "category_level": _category_level,
    "price_bucket": _price_bucket,
    "log_price": _log_price,
    "age_bucket": _age_bucket,
    "event_type": lambda values, _: event_indices(values),
    "hour": lambda values, _: local_hour(values),
    "weekday": lambda values, _: local_weekday(values),
}


def _one_each(values, default):
    """Makes [batch] of a dense [batch, 1] or of a sparse feature."""
    if isinstance(values, tf.SparseTensor):
        shape = tf.stack([values.dense_shape[0], tf.constant(1, tf.int64)])
        values = tf.sparse.to_dense(
            tf.sparse.SparseTensor(values.indices, values.values, shape),
            default,
        )
    return tf.reshape(values, [-1])


def _transform(table, inputs, where):
    outputs = {}
    for feature in features.transformed(table):
        if feature.source not in inputs:
            raise DataError(
                f"{where}: feature {feature.source!r} is not in the schema; "
                f"found: {', '.join(sorted(inputs))}"
            )
        values = inputs[feature.source]
        transform = TRANSFORMS[feature.transform]
        if feature.is_list or feature.is_vector:
            if isinstance(values, tf.RaggedTensor):
                values = values.to_sparse()
            outputs[feature.name] = tf.SparseTensor(
                values.indices,
                transform(values.values, feature),
                values.dense_shape,
            )
        else:
            outputs[feature.name] = transform(
                _one_each(values, feature.default), feature
            )
    return outputs


def item_preprocessing_fn(inputs: dict) -> dict:
    """Transforms catalogue examples (`preprocessing_fn` of ItemTransform).

    Args:
      inputs: Raw features of `schema/catalogue.pbtxt`.

    Returns:
      The features of `models.features.ITEM_FEATURES`, lists and vectors
      sparse and the others [batch].

    Raises:
      DataError: A feature is missing from the schema.
    """
    return _transform(features.ITEM_FEATURES, inputs, "catalogue")


def behavior_preprocessing_fn(
    inputs: dict, custom_config: dict | None = None
) -> dict:
    """Transforms behaviour examples (of BehaviorTransform).

    Args:
      inputs: Raw features of `schema/behavior.pbtxt`.
      custom_config: `{"heads": ["click=view,click", …]}` names the labels
        that must be there; without it, every `label_*` is passed on.

    Returns:
      The features of `models.features.BEHAVIOR_FEATURES`, lists sparse and
      the others [batch], and the labels.

    Raises:
      DataError: A feature or a label is missing from the schema.
    """
    outputs = _transform(features.BEHAVIOR_FEATURES, inputs, "behaviour")
    heads = (custom_config or {}).get("heads")
    if heads is None:
        labels = [n for n in inputs if n.startswith(features.LABEL_PREFIX)]
    else:
        labels = [features.label_name(h.partition("=")[0]) for h in heads]
    for label in labels:
        if label not in inputs:
            raise DataError(
                f"behaviour: label {label!r} is not in the schema; "
                f"found: {', '.join(sorted(inputs))}"
            )
        outputs[label] = _one_each(inputs[label], 0.0)
    return outputs
