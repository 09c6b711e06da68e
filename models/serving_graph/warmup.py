"""Warm-up requests, which TensorFlow Serving plays before it takes traffic."""

import pathlib
from collections.abc import Iterator

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import model_pb2, predict_pb2, prediction_log_pb2

from models.serving_graph.diversity import DIVERSITY
from models.serving_graph.examples import INPUTS
from models.serving_graph.explanations import EXPLAIN
from models.serving_graph.inputs import (
    EXCLUDE,
    answer_specs,
    defaults,
    page_specs,
)

MODEL_NAME = "daogou"
WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"

_RANKED_ITEMS = 10
# What a graph does only where it is asked to.
_ALL_OF_A_PAGE = {
    DIVERSITY: np.array([0.2], np.float32),
    EXPLAIN: np.array([True]),
}


def warmup_requests(
    request: dict[str, np.ndarray],
    item_ids: np.ndarray,
    fallback_query: bytes,
    default_k: int,
) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Makes requests for every signature out of what real users did.

    Args:
      request: The arrays of a request of B real users.
      item_ids: bytes [M], items of the catalogue, M at least 1.
      fallback_query: What is searched for where no user searched.
      default_k: How many items are asked for.

    Yields:
      Name of a signature, and its inputs for one user.
    """
    answer, page = (
        {
            name: value.numpy()
            for name, value in defaults(specs, default_k).items()
        }
        for specs in (answer_specs(), page_specs())
    )
    answer[EXCLUDE] = item_ids[np.newaxis, :1]
    page |= answer
    some = item_ids[np.newaxis, :_RANKED_ITEMS]
    for user in range(len(request["timestamp"])):
        one = {name: value[user : user + 1] for name, value in request.items()}
        yield "recommend", one | page
        yield "recommend", one | page | _ALL_OF_A_PAGE
        searched = [q for q in one["history_queries"][0] if q]
        query = one["query"][0] or next(iter(searched[::-1]), fallback_query)
        yield "search", one | page | {"query": np.array([query], object)}
        clicked = [i for i in one["history_item_ids"][0] if i]
        item = next(iter(clicked[::-1]), item_ids[0])
        yield "similar", {"item_ids": np.array([item], object)} | answer
        yield "rank", one | {"item_ids": some}
        yield "intent", one | {"item_ids": some}
        example = np.array([_example(one, item)], object)
        yield "classify", {INPUTS: example}
        yield "regress", {INPUTS: example}
        yield "embed_query", one
        yield "embed_item", {"item_ids": np.array([item], object)}


def _example(request, item_id):
    """Serialises a request of one user and an item."""
    features = {"item_id": _feature([item_id])}
    for name, value in request.items():
        features[name] = _feature(np.ravel(value).tolist())
    return tf.train.Example(
        features=tf.train.Features(feature=features)
    ).SerializeToString()


def _feature(values):
    if values and isinstance(values[0], int):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))
    encoded = [tf.compat.as_bytes(value) for value in values]
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=encoded))


def write_warmup(
    folder: pathlib.Path,
    requests: Iterator[tuple[str, dict[str, np.ndarray]]],
    model: str = MODEL_NAME,
) -> int:
    """Writes requests where TensorFlow Serving looks for them.

    Args:
      folder: Of the SavedModel.
      requests: Signature and inputs.
      model: What the servable is served as.

    Returns:
      How many were written.
    """
    path = folder / WARMUP_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, inputs in requests:
            spec = model_pb2.ModelSpec(name=model, signature_name=signature)
            log = prediction_log_pb2.PredictionLog(
                predict_log=prediction_log_pb2.PredictLog(
                    request=predict_pb2.PredictRequest(
                        model_spec=spec,
                        inputs={
                            name: tf.make_tensor_proto(value)
                            for name, value in inputs.items()
                        },
                    )
                )
            )
            writer.write(log.SerializeToString())
            count += 1
    return count
