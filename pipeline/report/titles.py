"""Looks up the titles of the few items that a report shows."""

from collections.abc import Iterable

import tensorflow as tf

_BATCH = 4096
_SPEC = {
    "item_id": tf.io.FixedLenFeature([], tf.string),
    "title": tf.io.FixedLenFeature([], tf.string, ""),
}


def shown_items(examples: Iterable[dict]) -> set[str]:
    """Returns the ids of all items in what `examples.json` holds."""
    found = set()
    for example in examples:
        found.add(example["target_item_id"])
        found.update(step["item_id"] for step in example["history"])
        for items in example["recommendations"].values():
            found.update(item["item_id"] for item in items)
    return found


def read_titles(catalogue_dir: str | None, wanted: set[str]) -> dict[str, str]:
    """Reads titles out of the catalogue, in one pass.

    Args:
      catalogue_dir: Examples of the node `Catalogue`, None without one.
      wanted: Item ids.

    Returns:
      Item id → title; items that are not there are absent.
    """
    if not wanted or catalogue_dir is None:
        return {}
    files = sorted(tf.io.gfile.glob(f"{catalogue_dir}/Split-all/*"))
    if not files:
        return {}
    keys = tf.constant(sorted(wanted))
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(keys, tf.ones_like(keys, tf.int32)),
        0,
    )
    titles: dict[str, str] = {}
    dataset = tf.data.TFRecordDataset(files, "GZIP").batch(_BATCH)
    for records in dataset:
        parsed = tf.io.parse_example(records, _SPEC)
        hit = table.lookup(parsed["item_id"]) > 0
        ids = tf.boolean_mask(parsed["item_id"], hit).numpy()
        texts = tf.boolean_mask(parsed["title"], hit).numpy()
        titles.update(
            (item.decode(), text.decode("utf-8", "replace"))
            for item, text in zip(ids, texts, strict=True)
        )
    return titles
