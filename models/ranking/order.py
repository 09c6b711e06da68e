"""In which order items are shown."""

import typing

import tensorflow as tf

from models.cooccurrence import neighbours
from models.settings import ModelSettings

if typing.TYPE_CHECKING:
    from models.recommender import Recommender

# No chance is less, so that it has a logarithm.
_LEAST = 1e-9


def order_score(
    chances: dict[str, tf.Tensor],
    retrieval: tf.Tensor,
    settings: ModelSettings,
) -> tf.Tensor:
    """Joins what becomes of an item with how likely it is the next choice.

    The heads know what happens to items that are shown, which somebody chose
    to show; the retrieval score knows what is chosen out of all. Either alone
    puts items in a worse order than the product of both chances, of which
    this is the logarithm but for what all items of a request share.

    Args:
      chances: Of each head, float32 [B, C].
      retrieval: float32 [B, C], scores of retrieval.
      settings: Of the model; `score_weights` counts.

    Returns:
      float32 [B, C].
    """
    weights = settings.score_weights or (1.0,) * len(settings.head_names)
    worth = tf.add_n(
        [
            weight * chances[name]
            for name, weight in zip(settings.head_names, weights, strict=True)
        ]
    )
    return retrieval + tf.math.log(tf.maximum(worth, _LEAST))


def rank(
    model: "Recommender",
    request: dict,
    text: tf.Tensor,
    retrieved: dict[str, tf.Tensor],
    rows: tf.Tensor,
) -> dict[str, tf.Tensor]:
    """Ranks items for requests.

    Args:
      model: Trained, with its items frozen.
      request: What `models.inputs.request_inputs` returns.
      text: float32 [B, text dimension], of the search, zeros for none.
      retrieved: What `neighbours.retrieve` returned for the same requests.
      rows: int32 [B, C], the items.

    Returns:
      `score` float32 [B, C], the higher the earlier; `p_<head>` float32
      [B, C], the chance of each head.
    """
    chances = model.rank(request, text, rows, query=retrieved["query"])
    scores = neighbours.scores_of_rows(model, retrieved, rows)
    scores *= model.neighbours.sharpness
    return {
        "score": order_score(chances, scores, model.settings),
        **{f"p_{head}": chance for head, chance in chances.items()},
    }
