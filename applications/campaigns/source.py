"""What a finished run knows of campaigns, put together for training."""

import dataclasses
import pathlib
import typing

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow as tf
import tensorflow_text  # noqa: F401  (registers the ops of the text encoder)
from numpy.typing import NDArray

from applications.campaigns import popularity, scopes, views
from applications.campaigns.persons import Persons
from applications.campaigns.popularity import Popularity
from applications.campaigns.settings import CampaignSettings
from applications.campaigns.views import Views
from applications.shop_log import ShopLog
from components.servable.catalogue import read_catalogue
from models.campaigns.features import CampaignFeatures
from models.campaigns.recommender import CampaignRecommender
from models.campaigns.table import CampaignColumns, CampaignTable
from models.serving_graph.item_table import CatalogueColumns
from schema.errors import DataError

_BATCH = 256


@dataclasses.dataclass(frozen=True)
class Source:
    """A model, a log and its campaigns.

    Attributes:
      model: The loaded trained model.
      items: Of it.
      columns: The campaigns.
      text_match: float32 [N, C], cosines of texts less a campaign's mean.
      log: The events.
      persons: Of the log.
      views: All views of campaigns.
      popularity: As known at any moment.
      split: Unix seconds; the model has learned from what came before, and
        campaigns are learned from the same.
      settings: How.
      max_history: Steps that the model reads.
    """

    model: typing.Any
    items: CatalogueColumns
    columns: CampaignColumns
    text_match: NDArray[np.float32]
    log: ShopLog
    persons: Persons
    views: Views
    popularity: Popularity
    split: int
    settings: CampaignSettings
    max_history: int

    def recommender(
        self,
        scorer: tf.Module | None,
        rows: NDArray[np.int64] | None = None,
        as_of: int | None = None,
    ) -> CampaignRecommender:
        """Puts the graph together.

        Args:
          scorer: Trained; None to make features alone.
          rows: Campaigns that are recommended; all by default.
          as_of: When popularity is told of, Unix seconds; the split by
            default.
        """
        rows = np.arange(len(self.columns)) if rows is None else rows
        table = CampaignTable(
            self.columns.take(rows), self.items.in_stock, self.columns
        )
        shares, _ = self.popularity.at(np.array([as_of or self.split]))
        return CampaignRecommender(
            model=self.model,
            features=CampaignFeatures(
                table,
                self.model.item_vectors().numpy(),
                self.text_match[:, rows],
            ),
            scorer=scorer,
            popularity=popularity.logits(shares[0, rows]),
            goals=self.settings.goals,
            max_history=self.max_history,
        )

    def features(
        self, users: NDArray[np.int64], timestamps: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Makes features of persons and all campaigns, as known then.

        Args:
          users: int64 [n], rows of the log's users.
          timestamps: int64 [n], Unix seconds.

        Returns:
          float32 [n, C, features].
        """
        made = []
        recommender = self.recommender(None)
        for start in range(0, len(users), _BATCH):
            part = slice(start, start + _BATCH)
            shares, _ = self.popularity.at(timestamps[part])
            asked = self.persons.at(users[part], timestamps[part])
            made.append(
                recommender.make_features(
                    {name: tf.constant(v) for name, v in asked.items()},
                    tf.constant(popularity.logits(shares)),
                ).numpy()
            )
        return np.concatenate(made)

    def settled_views(self) -> Views:
        """Returns the views whose outcome was known before the split."""
        known_at = self.views.timestamp + self.settings.window_seconds
        return self.views.take(known_at < self.split)

    def view_features(self, chosen: Views) -> NDArray[np.float32]:
        """Returns those of views and their own campaigns, [n, features]."""
        made = self.features(chosen.user, chosen.timestamp)
        return made[np.arange(len(chosen)), chosen.campaign]


def open_source(
    *,
    data: pathlib.Path,
    log: ShopLog,
    model_dir: pathlib.Path,
    catalogue: pathlib.Path,
    split: int,
    max_history: int,
    settings: CampaignSettings,
) -> Source:
    """Reads what training and recommending need.

    Args:
      data: Folder of the contract's tables.
      log: Of the events in them.
      model_dir: The trained model.
      catalogue: Its items, the artifact's split.
      split: Unix seconds, until when the model has learned.
      max_history: Steps that it reads.
      settings: Of the campaigns.

    Raises:
      DataError: There are no campaigns, or nobody looked at one.
    """
    model = tf.saved_model.load(str(model_dir))
    items = read_catalogue(catalogue, model.item_ids().numpy().tolist())
    columns, texts = scopes.read_columns(data, items)
    if not len(columns):
        raise DataError(f"{data}/campaigns holds no campaign")
    about = views.campaigns_of_events(log, columns.campaign_ids)
    found = views.find_views(
        log, about, _covers(log, items, columns), settings.window_seconds
    )
    if not len(found):
        raise DataError(
            f"{data}/events has no event of type campaign_view about one of "
            f"the {len(columns)} campaigns; there is nothing to learn from"
        )
    return Source(
        model=model,
        items=items,
        columns=columns,
        text_match=_text_match(model, texts),
        log=log,
        persons=Persons(log, settings, max_history),
        views=found,
        popularity=Popularity(
            found, CampaignTable(columns, items.in_stock).kind.numpy(), settings
        ),
        split=split,
        settings=settings,
        max_history=max_history,
    )


def _covers(log, items, columns):
    """Scopes in the rows of the log's items."""
    known = pa.array([one.decode() for one in items.item_ids], pa.string())
    ids = log.items["item_id"].combine_chunks().cast(pa.string())
    row = np.asarray(pc.fill_null(pc.index_in(ids, known), -1), np.int64)
    return columns.members[np.maximum(row, 0)] & (row >= 0)[:, None]


def _text_match(model, texts):
    of_items = model.text_vectors().numpy()
    of_campaigns = model.encode_queries(tf.constant(texts)).numpy()
    if not of_items.shape[1]:
        # A model that was trained without text encodes to nothing.
        return np.zeros((len(of_items), len(texts)), np.float32)
    match = _unit(of_items) @ _unit(of_campaigns).T
    # Some texts are near to everything, which says nothing of a person.
    return match - match.mean(0)


def _unit(vectors):
    # All texts of an encoder lie near each other; what tells them apart is
    # where they lie from their middle.
    vectors = vectors - vectors.mean(0)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(norms, 1e-12)
