"""The campaigns of a run in the rows of its model."""

import pathlib

import numpy as np
import tensorflow as tf

from applications.copywriting.campaigns import Campaign, read_campaigns
from models.campaigns.table import CampaignColumns
from models.serving_graph.campaigns import Campaigns
from models.serving_graph.item_table import CatalogueColumns


def read_columns(
    data: pathlib.Path, items: CatalogueColumns
) -> tuple[CampaignColumns, list[str]]:
    """Reads the contract's campaigns.

    Args:
      data: Folder of the tables.
      items: Of the model.

    Returns:
      The campaigns in the order of the table, and the text of each: title and
      description.

    Raises:
      DataError: There is no such table, or a column is missing.
    """
    ids = frozenset(one.decode() for one in items.item_ids)
    found = [*read_campaigns(data, ids).values()]
    return columns_of(found, items), [
        f"{one.title} {one.description}".strip() for one in found
    ]


def columns_of(
    campaigns: list[Campaign], items: CatalogueColumns
) -> CampaignColumns:
    """Finds the items of each scope; what is neither item nor category falls.

    Args:
      campaigns: As read.
      items: Of the model.
    """
    scopes = {
        one.campaign_id.encode(): [
            part.encode() for part in (*one.item_ids, *one.categories)
        ]
        for one in campaigns
    }
    members = np.zeros((len(items.item_ids), len(campaigns)), bool)
    if campaigns:
        ids = tf.constant([[name] for name in scopes])
        rows = Campaigns(items, scopes).rows_of(ids).numpy()
        campaign, place = np.nonzero(rows >= 0)
        members[rows[campaign, place], campaign] = True
    return CampaignColumns(
        campaign_ids=[one.campaign_id for one in campaigns],
        titles=[one.title for one in campaigns],
        kinds=[one.kind for one in campaigns],
        starts_at=np.array([one.starts_at for one in campaigns], np.int64),
        ends_at=np.array([one.ends_at for one in campaigns], np.int64),
        discount=np.array([one.discount for one in campaigns], np.float32),
        members=members,
    )
