"""Writes a trained model that recommends from histories, and nothing else.

The servable of the pipeline answers with texts, filters and ranks, and is made
of a run's Transform graphs. This one is made of the model alone, so that
whoever trains on a notebook can ask what was trained, and TensorFlow Serving
can too.
"""

import tensorflow as tf

from models import inputs
from models.cooccurrence.neighbours import add_scores, retrieve
from models.local_time import local_hour, local_weekday
from models.recommender import Recommender
from schema.contract import EVENT_TYPES


class Retriever(tf.Module):
    """Recommends items after a history.

    Of the request's context only the time is known to it: scene, city, device
    and profile are those of nobody known, and there is no search text.

    Args:
      model: Trained, with its items frozen and its neighbours learned.
    """

    def __init__(self, model: Recommender):
        super().__init__(name="retriever")
        # Tables and variables are lost where they are no attributes.
        self.items = model.items
        self.weights = [
            *model.query_tower.variables,
            *model.item_tower.content_weights(),
            *model.query_text.variables,
            model.representations,
            *model.neighbours.variables,
        ]
        self.event_types = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(EVENT_TYPES),
                tf.range(1, len(EVENT_TYPES) + 1, dtype=tf.int64),
            ),
            default_value=0,
        )

        def recommend(item_ids, event_types, timestamps, timestamp, k):
            context = {
                feature.name: tf.zeros_like(timestamp)
                for feature in inputs.CONTEXT
            }
            request = inputs.request_inputs(
                {
                    **context,
                    "hour": local_hour(timestamp),
                    "weekday": local_weekday(timestamp),
                    "timestamp": timestamp,
                    "history_item_ids": item_ids,
                    "history_event_indices": self.event_types.lookup(
                        event_types
                    ),
                    "history_timestamps": timestamps,
                },
                model.settings,
                model.items.lookup,
            )
            found = retrieve(
                model,
                request,
                tf.zeros([tf.size(timestamp), model.items.text_dimension]),
                tf.zeros_like(timestamp, tf.bool),
            )
            vectors = model.score_vectors(model.representations[1:])
            scores = tf.matmul(found["query"], vectors, transpose_b=True)
            unseen = tf.cast(model.items.choices() == 0, tf.float32)
            scores += unseen * found["unseen_offset"][:, None]
            scores = add_scores(scores, found["neighbours"], found["added"])
            if model.settings.exclude_seen:
                lowest = tf.fill(tf.shape(request["rows"]), scores.dtype.min)
                scores = add_scores(scores, request["rows"], lowest)
            best, rows = tf.math.top_k(
                scores, tf.minimum(k, tf.shape(scores)[1])
            )
            ids = tf.gather(model.items.item_ids(), rows)
            return {"item_ids": ids, "scores": best}

        def spec(name, dtype, *shape):
            return tf.TensorSpec(shape, dtype, name=name)

        self.recommend = tf.function(
            recommend,
            autograph=False,
            input_signature=[
                spec("history_item_ids", tf.string, None, None),
                spec("history_event_types", tf.string, None, None),
                spec("history_timestamps", tf.int64, None, None),
                spec("timestamp", tf.int64, None),
                spec("k", tf.int32),
            ],
        )


def save(model: Recommender, folder: str) -> None:
    """Writes the SavedModel; `serving_default` is `Retriever.recommend`."""
    retriever = Retriever(model)
    tf.saved_model.save(
        retriever, folder, signatures={"serving_default": retriever.recommend}
    )
