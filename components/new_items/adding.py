"""Makes a servable of a run's model and of items that it was not trained on.

The model stays as it is, so that all answers about other items do; new items
get vectors by the item tower, rows behind the others in the lookup, in the
item table and in the index, and the servable is put together by the code of
the node `Servable`.
"""

import dataclasses
import pathlib
import tempfile

import numpy as np
import pyarrow as pa
import tensorflow as tf
import tensorflow_text  # noqa: F401  (registers the ops of the text encoder)
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

from components.catalogue import tables
from components.item_index.building import (
    ITEM_IDS_FILE,
    examples_of,
    read_item_ids,
)
from components.new_items.added import Added
from components.servable import building
from components.servable.campaigns import read_campaigns
from components.servable.catalogue import read_catalogue
from models import new_items
from models.serving_graph.settings import ServableSettings

SERVABLE, CATALOGUE, ADDED = "servable", "catalogue", "added"
_SPLIT = "Split-all"
_HISTORY = "history_item_ids"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Base:
    """What a run left; see `components.servable.building.build`.

    Attributes:
      model_dir: The trained SavedModel.
      index_dir: The artifact of `ItemIndex`.
      catalogue_split: Folder of the catalogue's examples.
      behaviour_splits: Folders of behaviour examples.
      settings: Of the servable.
      campaigns_split: Folder of the campaigns' examples, if there are any.
    """

    model_dir: pathlib.Path
    index_dir: pathlib.Path
    catalogue_split: pathlib.Path
    behaviour_splits: list[pathlib.Path]
    settings: ServableSettings
    campaigns_split: pathlib.Path | None = None

    def item_ids(self) -> list[bytes]:
        """Returns the ids that the model was trained with, by row."""
        return read_item_ids(self.index_dir / ITEM_IDS_FILE)

    def dates_items(self) -> bool:
        """Says whether the catalogue knows when items were listed."""
        spec = {"listed_at": tf.io.FixedLenFeature([], tf.int64, 0)}
        batches = (
            examples_of(self.catalogue_split)
            .batch(4096)
            .map(lambda rows: tf.io.parse_example(rows, spec)["listed_at"])
        )
        return any(bool((times > 0).numpy().any()) for times in batches)


def build(
    base: Base, before: Added, rows: pa.Table, folder: pathlib.Path
) -> None:
    """Writes a servable with more items, and what the next one starts from.

    Args:
      base: Of the run.
      before: Items that were added since the run.
      rows: Items to add or to replace, as `checking.check` returns them.
      folder: Gets `servable/`, `catalogue/Split-all/` (the run's and all
        added ones) and `added/` (all added ones with their text vectors).

    Raises:
      DataError: The model is too old, or artifacts do not belong together.
    """
    base_ids = base.item_ids()
    with tempfile.TemporaryDirectory() as made:
        copy = pathlib.Path(made) / "model"
        # The lookup is made when the model is loaded, so the ids come first.
        fresh = [i.encode() for i in rows["item_id"].to_pylist()]
        known = before.plus(fresh, [b""] * len(fresh), np.zeros(len(fresh)))
        item_ids = known.behind(base_ids)
        new_items.copy_with_ids(base.model_dir, item_ids, copy)
        model = new_items.load(copy)
        texts = tf.constant(rows["text"].to_pylist(), tf.string)
        added = before.plus(
            fresh, _examples(rows), model.encode_items(texts).numpy()
        )
        model.put_items(tf.constant(added.examples), tf.constant(added.vectors))
        split = folder / CATALOGUE / _SPLIT
        added.write_catalogue(base.catalogue_split, split)
        added.write(folder / ADDED)
        building.assemble(
            building.Parts(
                model=model,
                index_dir=base.index_dir,
                vectors=model.item_vectors().numpy(),
                columns=read_catalogue(split, item_ids),
                campaigns=read_campaigns(base.campaigns_split),
                users=_who_chose(
                    fresh[-1],
                    building.some_users(base.behaviour_splits, base.settings),
                ),
            ),
            folder / SERVABLE,
            base.settings,
        )


def _examples(rows: pa.Table) -> list[bytes]:
    encoder = RecordBatchToExamplesEncoder()
    return [
        example
        for batch in rows.combine_chunks().to_batches()
        for example in encoder.encode(tables.list_columns(batch))
    ]


def _who_chose(item_id: bytes, users: dict[str, np.ndarray]) -> dict:
    """Lets the first user's last step be on an item.

    Warm-up and validation ask what these users ask, so a servable that does
    not know the new item is never pushed.
    """
    history = users[_HISTORY].copy()
    steps = int(np.count_nonzero(history[0] != b""))
    history[0, max(steps - 1, 0)] = item_id
    return users | {_HISTORY: history}
