"""Writes the trained model with its functions (docs/architecture.md)."""

import functools

import tensorflow as tf
import tensorflow_transform as tft

from models import features, inputs, new_items
from models.cooccurrence import neighbours
from models.ranking import order
from models.recommender import Recommender
from models.requests import request_spec, retrieved_spec

# Nothing here branches on a tensor, and looking for it takes long.
_traced = functools.partial(tf.function, autograph=False)


class TrainedModel(tf.Module):
    """What `Trainer` saves; other nodes call its functions by name.

    Requests are strings and times: the transform graph, the text encoder and
    the vectors of all items are inside. Loading it takes TensorFlow and
    TensorFlow Text only.

    Args:
      model: Trained, with its items frozen.
      transform: The transform graph of behaviour.
      item_transform: The transform graph of items.
      encoder: A `models.text.hub.TextEncoder`, or None where there is no text.
    """

    def __init__(
        self,
        model: Recommender,
        transform: tft.TFTransformOutput,
        item_transform: tft.TFTransformOutput,
        encoder: tf.Module | None,
    ):
        super().__init__(name="trained_model")
        raw_spec = {
            name: spec
            for name, spec in transform.raw_feature_spec().items()
            if not name.startswith(features.LABEL_PREFIX)
        }
        settings, items = model.settings, model.items
        # Saving loses track of tables and variables that are not attributes.
        # Not the Keras model itself: neither its optimiser nor the vectors of
        # ids are needed, which the representations have taken in.
        self.transform = transform.transform_features_layer()
        self.encoder = encoder
        self.items = items
        self.item_transform = item_transform.transform_features_layer()
        item_spec = item_transform.raw_feature_spec()
        self.weights = [
            *model.query_tower.variables,
            *model.ranking.variables,
            *model.item_tower.content_weights(),
            model.item_tower.unknown,
            *model.item_text.variables,
            *(model.item_image.variables if model.item_image else ()),
            *model.query_text.variables,
            model.representations,
            *model.neighbours.variables,
        ]

        def encode(texts, role="query"):
            if encoder is None:
                return tf.zeros([tf.shape(texts)[0], 0])
            return encoder.encode_distinct(texts, role=role)

        def prepare(request):
            transformed = _dense(self.transform(_raw_features(request)))
            events = tf.reshape(
                transformed["history_event_indices"],
                tf.shape(request["history_event_types"]),
            )
            batch = {
                **transformed,
                **request,
                "history_event_indices": events,
            }
            return inputs.request_inputs(batch, settings, items.lookup)

        def read(request):
            found = prepare(request)
            return {**found, **found.pop("context")}

        def retrieve(request, text):
            searching = request["query"] != ""
            return neighbours.retrieve(model, prepare(request), text, searching)

        def rank_scores(request, text, retrieved, item_rows):
            return order.rank(
                model, prepare(request), text, retrieved, item_rows
            )

        def rank_examples(examples):
            parsed = tf.io.parse_example(examples, raw_spec)
            batch = _dense(self.transform(parsed))
            chances = model.rank(
                inputs.request_inputs(batch, settings, items.lookup),
                encode(batch["query"]),
                items.lookup(batch["item_id"])[:, None],
            )
            return {head: chance[:, 0] for head, chance in chances.items()}

        def item_vectors():
            return model.score_vectors(model.representations[1:])

        def text_vectors():
            return tf.identity(items.text[1:])

        def put_items(examples, text):
            raw = tf.io.parse_example(examples, item_spec)
            new_items.put(model, raw, self.item_transform, text)

        strings = tf.TensorSpec([None], tf.string)
        encoded = tf.TensorSpec(
            [None, items.text_dimension], tf.float32, name="text"
        )
        rows = tf.TensorSpec([None, None], tf.int32, name="item_rows")
        self.encode_queries = _traced(
            lambda texts: encode(texts, "query"), input_signature=[strings]
        )
        self.encode_items = _traced(
            lambda texts: encode(texts, "item"), input_signature=[strings]
        )
        self.put_items = _traced(
            put_items,
            input_signature=[
                tf.TensorSpec([None], tf.string, name="examples"),
                encoded,
            ],
        )
        self.features = _traced(read, input_signature=[request_spec()])
        self.query_vectors = _traced(
            lambda request: retrieve(request, encode(request["query"]))[
                "query"
            ],
            input_signature=[request_spec()],
        )
        self.retrieve = _traced(
            retrieve, input_signature=[request_spec(), encoded]
        )
        self.rank_scores = _traced(
            rank_scores,
            input_signature=[request_spec(), encoded, retrieved_spec(), rows],
        )
        self.rank_examples = _traced(
            rank_examples,
            input_signature=[tf.TensorSpec([None], tf.string, name="examples")],
        )
        self.item_vectors = _traced(item_vectors, input_signature=[])
        self.text_vectors = _traced(text_vectors, input_signature=[])
        self.item_ids = _traced(items.item_ids, input_signature=[])
        self.choices = _traced(items.choices, input_signature=[])
        self.lookup = _traced(
            items.lookup, input_signature=[tf.TensorSpec(None, tf.string)]
        )


def _raw_features(request):
    """Shapes a request as raw examples are parsed: [B, 1], lists sparse.

    The sparse lists hold every column, padding too, so that what becomes of
    them still lines up with the request's columns.
    """
    raw = {}
    for name, values in request.items():
        if values.shape.rank == 1:
            raw[name] = values[:, None]
        else:
            everywhere = tf.where(tf.ones_like(values, tf.bool))
            raw[name] = tf.SparseTensor(
                everywhere,
                tf.reshape(values, [-1]),
                tf.shape(values, tf.int64),
            )
    return raw


def _dense(transformed):
    return {
        name: tf.sparse.to_dense(values)
        if isinstance(values, tf.SparseTensor)
        else values
        for name, values in transformed.items()
    }


def save(trained: TrainedModel, folder: str) -> None:
    """Writes the SavedModel; `serving_default` reads raw examples."""
    tf.saved_model.save(
        trained, folder, signatures={"serving_default": trained.rank_examples}
    )
