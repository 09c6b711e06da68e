"""Reads what campaigns are about."""

import pathlib

import tensorflow as tf

from components.item_index.building import examples_of

_FEATURES = {
    "campaign_id": tf.io.FixedLenFeature([], tf.string),
    "scope": tf.io.RaggedFeature(tf.string),
}


def read_campaigns(split: pathlib.Path | None) -> dict[bytes, list[bytes]]:
    """Reads item ids and category paths by campaign.

    Args:
      split: Folder of the campaigns' examples; None where there are none.
    """
    if split is None:
        return {}
    found: dict[bytes, list[bytes]] = {}
    for rows in examples_of(split).batch(1024):
        parsed = tf.io.parse_example(rows, _FEATURES)
        ids = parsed["campaign_id"].numpy().tolist()
        found |= dict(zip(ids, parsed["scope"].to_list(), strict=True))
    return found
