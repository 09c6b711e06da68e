"""The sequence model as a SavedModel that takes what a request holds."""

import pathlib

import tensorflow as tf

from applications.intent import tallies
from applications.intent.content import Content
from applications.intent.network import IntentNetwork
from applications.intent.settings import IntentSettings
from applications.intent.steps import KINDS, NOW_KIND

SIGNATURE = "intent"
NUM_CATEGORIES = 10
# A step longer ago than this is followed by a question at the request's time.
_STILL_THERE = 60


class IntentModule(tf.Module):
    """Signature `intent`: histories as `serving.requests` sends them.

    Takes `history_item_ids`, `history_event_types`, `history_queries` string
    [B, H], `history_timestamps` int64 [B, H], oldest first, padded with ""
    at the end, and `timestamp` int64 [B]. A step of type `search` is told by
    its query. Gives `categories` string [B, 10], `category_chances` float32
    [B, 10] and, for each horizon, `p_buy_<hours>h` float32 [B].
    """

    def __init__(
        self,
        network: IntentNetwork,
        content: Content,
        settings: IntentSettings,
    ):
        super().__init__(name="intent_module")
        # Not the model itself: what Keras would save with it nobody calls.
        self._weights = network.variables
        self._network = network.__call__
        self._num_categories = network.num_categories
        self._settings = settings
        self._items = _table(content.item_ids.to_pylist(), 1)
        self._queries = _table(
            content.queries.to_pylist(), 1 + content.num_items
        )
        self._kinds = _table(list(KINDS), 1)
        self._names = tf.Variable(["", *content.categories], trainable=False)

    def signature(self):
        """Returns the function to save."""
        texts = tf.TensorSpec([None, None], tf.string)
        return tf.function(
            self._answer,
            input_signature=[
                *(
                    tf.TensorSpec([None, None], tf.string, name=name)
                    for name in (
                        "history_item_ids",
                        "history_event_types",
                        "history_queries",
                    )
                ),
                tf.TensorSpec(texts.shape, tf.int64, name="history_timestamps"),
                tf.TensorSpec([None], tf.int64, name="timestamp"),
            ],
        )

    def _answer(
        self,
        history_item_ids,
        history_event_types,
        history_queries,
        history_timestamps,
        timestamp,
    ):
        kinds = self._kinds.lookup(history_event_types)
        searched = kinds == KINDS.index("search") + 1
        rows = tf.where(
            searched,
            self._queries.lookup(history_queries),
            self._items.lookup(history_item_ids),
        )
        # Only what is known of the past; packed to the left.
        known = (kinds > 0) & (history_timestamps <= timestamp[:, None])
        order = tf.argsort(tf.cast(~known, tf.int32), axis=1, stable=True)
        count = tf.reduce_sum(tf.cast(known, tf.int32), 1)
        kept = tf.range(self._settings.length - 1)[None]
        place = tf.maximum(count - (self._settings.length - 1), 0)[:, None]
        place += kept
        inside = place < count[:, None]
        place = tf.minimum(place, tf.maximum(tf.shape(rows)[1] - 1, 0))

        def packed(values):
            ordered = tf.gather(values, order, batch_dims=1)
            found = tf.gather(ordered, place, batch_dims=1)
            return tf.where(inside, found, tf.zeros_like(found))

        length = tf.reduce_sum(tf.cast(inside, tf.int32), 1)
        times = packed(history_timestamps)
        last = tf.reduce_max(times, 1)
        asked = (timestamp - last > _STILL_THERE) | (length == 0)
        where = tf.one_hot(length, self._settings.length, dtype=tf.int32)
        where *= tf.cast(asked, tf.int32)[:, None]
        now = tf.where(asked, timestamp, last)
        tallied = tallies.of_requests(
            tf.where(known, kinds, 0), history_timestamps, now
        )
        end = tf.where(asked, length, length - 1)
        here = tf.one_hot(end, self._settings.length)[..., None]
        logits, buys = self._network(
            {
                "tallies": here * tallied[:, None],
                "rows": _wider(packed(tf.cast(rows, tf.int32))),
                "kinds": _wider(packed(tf.cast(kinds, tf.int32)))
                + where * NOW_KIND,
                "times": _wider(times)
                + tf.cast(where, tf.int64) * timestamp[:, None],
            }
        )
        chances = tf.nn.softmax(tf.gather(logits, end, batch_dims=1))[:, 1:]
        shown = min(NUM_CATEGORIES, self._num_categories - 1)
        best, index = tf.math.top_k(chances, shown)
        empty = [[0, 0], [0, NUM_CATEGORIES - shown]]
        bought = tf.gather(buys, end, batch_dims=1)
        return {
            "categories": tf.pad(
                tf.gather(self._names, index + 1), empty, constant_values=""
            ),
            "category_chances": tf.pad(best, empty),
            **{
                f"p_buy_{hours}h": bought[:, place]
                for place, hours in enumerate(self._settings.horizons)
            },
        }


def save(
    network: IntentNetwork,
    content: Content,
    settings: IntentSettings,
    folder: pathlib.Path,
) -> None:
    """Writes the SavedModel."""
    module = IntentModule(network, content, settings)
    tf.saved_model.save(
        module, str(folder), signatures={SIGNATURE: module.signature()}
    )


def _wider(values):
    return tf.pad(values, [[0, 0], [0, 1]])


def _table(names, first):
    # A table without a key cannot be made.
    names = [*names, "\0"]
    rows = [*range(first, first + len(names) - 1), 0]
    return tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(names, tf.constant(rows, tf.int64)),
        default_value=tf.constant(0, tf.int64),
    )
