"""The signature `campaigns`: a servable of its own beside the recommender's.

It takes a person as `recommend` does, and what the person did with campaigns
before, and gives the campaigns of that moment in order. What may not be shown
is masked in the graph, so that no request can bring it back.
"""

import pathlib
from typing import Any

import numpy as np
import tensorflow as tf

from models.campaigns import scorer as scoring
from models.campaigns.features import HEADS, CampaignFeatures, Person
from models.campaigns.table import CampaignTable
from models.index.allowed import LOWEST
from models.index.exact import best_rows
from models.requests import HISTORY_NAMES, REQUEST, pack_history
from models.serving_graph.inputs import (
    K,
    checked,
    context_specs,
    required_specs,
)
from models.serving_graph.paging import asked_slots
from models.serving_graph.signatures import signature

SIGNATURE = "campaigns"
CAMPAIGN_IDS = "history_campaign_ids"
CAMPAIGN_TYPES = "history_campaign_types"
EXCLUDE = "exclude_campaign_ids"
MOST_CAMPAIGNS = 1000
DEFAULT_K = 10
# Of a loaded trained model, what the graph below does not read.
_NOT_SERVED = (
    "choices",
    "encode_items",
    "encode_queries",
    "features",
    "item_ids",
    "item_transform",
    "item_vectors",
    "put_items",
    "rank_examples",
    "rank_scores",
    "retrieve",
    "signatures",
    "text_vectors",
)
_TEXT_LISTS = (CAMPAIGN_IDS, CAMPAIGN_TYPES, EXCLUDE)


class CampaignRecommender(tf.Module):
    """Query tower, campaigns and scorer as one."""

    def __init__(
        self,
        *,
        model: Any,
        features: CampaignFeatures,
        scorer: tf.Module,
        popularity: np.ndarray,
        goals: tuple[str, ...],
        max_history: int,
    ):
        """Puts the parts together.

        Args:
          model: The loaded trained model (docs/architecture.md).
          features: Of persons and campaigns.
          scorer: Maps them to chances; `scorer.build_scorer` makes it.
          popularity: float32 [C, heads], logits of the share of viewers who
            took part until now.
          goals: Heads, one or more: campaigns are in order of the chance that
            any of these comes true.
          max_history: Steps of a history that are read.
        """
        super().__init__(name="campaign_recommender")
        self.model = model
        self.features = features
        self.table: CampaignTable = features.table
        self.scorer = scorer
        self.popularity = tf.Variable(
            popularity, trainable=False, dtype=tf.float32, name="popularity"
        )
        self._goals = tuple(HEADS.index(goal) for goal in goals)
        self._max_history = max_history

    def campaigns(self, inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Answers which campaigns a person may want to take part in now.

        Args:
          inputs: A request, and the inputs of `campaign_specs`.

        Returns:
          What `CampaignTable.describe` returns and `p_<head>` float32 [B, k],
          k the largest of the batch; slots beyond a row's own k, and those
          for which there is no campaign, are empty. `scores` are the chance
          that one of the goals comes true.
        """
        inputs = checked(inputs, HISTORY_NAMES[0], MOST_CAMPAIGNS)
        made = self.make_features(inputs, self.popularity[tf.newaxis])
        chances = scoring.chances(self.scorer, made)
        missed = 1.0
        for goal in self._goals:
            missed *= 1.0 - chances[:, :, goal]
        exclude = self.table.rows_of(inputs[EXCLUDE])
        allowed = self.table.allowed(inputs["timestamp"], exclude)
        scores = tf.where(allowed, 1.0 - missed, LOWEST)
        rows, scores = best_rows(scores, None, tf.reduce_max(inputs[K]))
        rows = tf.where(asked_slots(inputs[K]), rows, -1)
        answer = self.table.describe(rows, scores)
        for number, head in enumerate(HEADS):
            told = tf.gather(
                chances[:, :, number], tf.maximum(rows, 0), batch_dims=1
            )
            answer[f"p_{head}"] = tf.where(rows >= 0, told, 0.0)
        return answer

    def make_features(
        self, inputs: dict[str, tf.Tensor], popularity: tf.Tensor
    ) -> tf.Tensor:
        """Makes features of all campaigns, allowed or not.

        Args:
          inputs: A request, `CAMPAIGN_IDS` and `CAMPAIGN_TYPES`.
          popularity: float32 [B or 1, C, heads], as of the requests.

        Returns:
          float32 [B, C, features].
        """
        rows = self._rows_of(inputs[HISTORY_NAMES[0]])
        request = pack_history(
            {feature.name: inputs[feature.name] for feature in REQUEST},
            rows >= 0,
            self._max_history,
        )
        query = tf.ensure_shape(self.model.query_vectors(request), [None, None])
        person = Person(
            query=query,
            history_rows=self._rows_of(request[HISTORY_NAMES[0]]),
            campaign_ids=inputs[CAMPAIGN_IDS],
            campaign_types=inputs[CAMPAIGN_TYPES],
            now=inputs["timestamp"],
        )
        return self.features(person, popularity)

    def _rows_of(self, item_ids):
        return tf.ensure_shape(self.model.lookup(item_ids), item_ids.shape)


def campaign_specs() -> dict[str, tf.TensorSpec]:
    """Returns the inputs that a client may leave out beside the context."""
    return {
        **{n: tf.TensorSpec([None, None], tf.string, n) for n in _TEXT_LISTS},
        K: tf.TensorSpec([None], tf.int32, K),
    }


def save(recommender: CampaignRecommender, folder: pathlib.Path) -> None:
    """Writes the SavedModel with its signature.

    The trained model loses what the signature does not read.
    """
    model = recommender.model
    for name in _NOT_SERVED:
        if name in vars(model):
            delattr(model, name)
    tf.saved_model.save(
        recommender,
        str(folder),
        signatures={
            SIGNATURE: signature(
                recommender.campaigns,
                required_specs(),
                context_specs() | campaign_specs(),
                DEFAULT_K,
            )
        },
    )
