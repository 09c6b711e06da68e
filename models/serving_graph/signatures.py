"""Named, typed signatures with defaults, and the SavedModel that has them."""

from collections.abc import Callable

import tensorflow as tf

from models.serving_graph.examples import INPUTS
from models.serving_graph.inputs import (
    answer_specs,
    context_specs,
    defaults,
    page_specs,
    required_specs,
)
from models.serving_graph.serving_recommender import ServingRecommender
from models.serving_graph.settings import ServableSettings


def signatures(
    recommender: ServingRecommender, settings: ServableSettings
) -> dict[str, Callable]:
    """Returns the signatures by name.

    Inputs that a client may leave out have a default in the SignatureDef,
    which TensorFlow Serving fills in.

    Args:
      recommender: What computes the answers.
      settings: The default k.
    """
    request = required_specs()
    query = {"query": context_specs()["query"]}
    answer = answer_specs()
    page = answer | page_specs()
    serialized = {INPUTS: tf.TensorSpec([None], tf.string, INPUTS)}
    parts = {
        "recommend": (
            recommender.recommend,
            request,
            context_specs() | page,
        ),
        "search": (
            recommender.search,
            request | query,
            context_specs(without=("query",)) | page,
        ),
        "similar": (
            recommender.similar,
            {"item_ids": tf.TensorSpec([None], tf.string, "item_ids")},
            answer,
        ),
        "rank": (
            recommender.rank,
            request
            | {"item_ids": tf.TensorSpec([None, None], tf.string, "item_ids")},
            context_specs(),
        ),
        "intent": (
            recommender.intent,
            request,
            context_specs()
            | {"item_ids": tf.TensorSpec([None, None], tf.string, "item_ids")},
        ),
        "classify": (recommender.classify, serialized, {}),
        "regress": (recommender.regress, serialized, {}),
        "embed_query": (recommender.embed_query, request, context_specs()),
        "embed_item": (
            recommender.embed_item,
            {"item_ids": tf.TensorSpec([None], tf.string, "item_ids")},
            {},
        ),
    }
    return {
        name: signature(method, required, optional, settings.default_k)
        for name, (method, required, optional) in parts.items()
    }


def save(
    recommender: ServingRecommender, settings: ServableSettings, folder: str
) -> None:
    """Writes the SavedModel with its signatures to a folder."""
    tf.saved_model.save(
        recommender, folder, signatures=signatures(recommender, settings)
    )


def signature(
    method: Callable, required: dict, optional: dict, default_k: int
) -> Callable:
    """Makes a signature of a method that takes a dictionary.

    Args:
      method: Maps tensors by name to tensors by name.
      required: Specifications of what a client must send.
      optional: Of what it may leave out.
      default_k: Where `k` is left out.
    """
    unsent = defaults(optional, default_k)

    # SavedModel takes a signature's defaults from those of its function, in
    # the order of flattened arguments: dictionaries flatten by sorted key,
    # specifications and defaults alike.
    @tf.function(input_signature=[required, optional], autograph=False)
    def answer(must, may=unsent):
        return method({**must, **may})

    return answer
