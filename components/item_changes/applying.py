"""Makes a servable of a run's model and of items that have changed since.

The model stays as it is, so that all answers about other items do. New items
get vectors by the item tower, rows behind the others in the lookup, in the
item table and in the index; removed ones keep their rows and are shown no
more. The servable is put together by the code of the node `Servable`.
"""

import dataclasses
import json
import pathlib
import tempfile
from collections.abc import Collection

import numpy as np
import pyarrow as pa
import tensorflow as tf
import tensorflow_text  # noqa: F401  (registers the ops of the text encoder)
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

from components.catalogue import tables
from components.catalogue.cleaning import IMAGE
from components.item_changes import drift
from components.item_changes.changes import Changes
from components.item_index.building import (
    INDEX_FILE,
    ITEM_IDS_FILE,
    examples_of,
    query_vectors,
    read_item_ids,
)
from components.servable import building
from components.servable.campaigns import read_campaigns
from components.servable.catalogue import read_catalogue
from components.servable.queries import frequent_queries
from models import new_items
from models.index.settings import IndexSettings
from models.serving_graph.settings import ServableSettings
from schema.errors import DataError

SERVABLE, CATALOGUE, CHANGES = "servable", "catalogue", "changes"
SPLIT = "Split-all"
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

    def image_width(self) -> int:
        """Returns the width of the catalogue's images, 0 where it has none."""
        spec = {IMAGE: tf.io.VarLenFeature(tf.float32)}
        batches = examples_of(self.catalogue_split).batch(4096)
        widths = (
            int(tf.io.parse_example(rows, spec)[IMAGE].dense_shape[1])
            for rows in batches
        )
        return next(filter(None, widths), 0)

    def examples(
        self, changes: Changes, ids: Collection[bytes]
    ) -> dict[bytes, bytes]:
        """Returns the catalogue's examples of items, as they are now.

        Args:
          changes: Since the run.
          ids: Of the items; those that are not there are left out.
        """
        wanted = set(ids)
        spec = {"item_id": tf.io.FixedLenFeature([], tf.string)}
        found: dict[bytes, bytes] = {}
        for batch in examples_of(self.catalogue_split).batch(4096):
            names = tf.io.parse_example(batch, spec)["item_id"].numpy()
            for at in np.flatnonzero([name in wanted for name in names]):
                found[names[at]] = batch[at].numpy()
        changed = wanted & changes.items.keys()
        return found | {i: changes.items[i][0] for i in changed}

    def index_facts(self) -> dict:
        """Returns what `ItemIndex` says of its index."""
        text = (self.index_dir / INDEX_FILE).read_text(encoding="utf-8")
        return json.loads(text)


def build(
    base: Base,
    before: Changes,
    folder: pathlib.Path,
    *,
    rows: pa.Table | None = None,
    removed: Collection[bytes] = (),
) -> drift.Drift | None:
    """Writes a servable of changed items, and what the next one starts from.

    Args:
      base: Of the run.
      before: What was changed since the run.
      folder: Gets `servable/`, `catalogue/Split-all/` (the run's and all
        changed items) and `changes/` (all of them, with text vectors).
      rows: Items to put in, or to put in the place of others, as
        `checking.check` returns them; None for none.
      removed: Ids of items to take out.

    Returns:
      How well the index finds what there is now; None where the search is
      exact.

    Raises:
      DataError: The model is too old, artifacts do not belong together, or
        nothing is left in stock.
    """
    base_ids = base.item_ids()
    with tempfile.TemporaryDirectory() as made:
        copy = pathlib.Path(made) / "model"
        # The lookup is made when the model is loaded, so the ids come first.
        put = [] if rows is None else rows["item_id"].to_pylist()
        fresh = [item_id.encode() for item_id in put]
        known = before.plus(fresh, [b""] * len(fresh), np.zeros(len(fresh)))
        item_ids = known.behind(base_ids)
        new_items.copy_with_ids(base.model_dir, item_ids, copy)
        model = new_items.load(copy)
        changes = before.without(removed)
        if rows is not None:
            texts = tf.constant(rows["text"].to_pylist(), tf.string)
            vectors = model.encode_items(texts).numpy()
            changes = changes.plus(fresh, _examples(rows), vectors)
        if changes.items:
            model.put_items(
                tf.constant(changes.examples), tf.constant(changes.vectors)
            )
        split = folder / CATALOGUE / SPLIT
        changes.write_catalogue(base.catalogue_split, split)
        changes.write(folder / CHANGES)
        columns = read_catalogue(split, item_ids).without(changes.removed)
        if not columns.in_stock.any():
            raise DataError(
                "no item would be left in stock; allowed: changes that leave "
                "something to show"
            )
        queries = _queries(base, model)
        users = building.some_users(base.behaviour_splits, base.settings)
        parts = building.Parts(
            model=model,
            index_dir=base.index_dir,
            vectors=model.item_vectors().numpy(),
            columns=columns,
            campaigns=read_campaigns(base.campaigns_split),
            users=_who_chose(fresh[-1], users) if fresh else users,
            queries=frequent_queries(
                base.behaviour_splits, base.settings.known_queries
            ),
        )
        recommender = building.assemble(parts, folder / SERVABLE, base.settings)
        if queries is None:
            return None
        facts = base.index_facts()
        k = IndexSettings.from_json(json.dumps(facts["settings"])).k
        return drift.measure(
            recommender.index,
            parts.vectors,
            columns.in_stock,
            queries,
            k=k,
            built=facts[f"recall@{k}"],
        )


def _queries(base: Base, model) -> np.ndarray | None:
    """Returns real query vectors, None where the search is exact."""
    facts = base.index_facts()
    if facts["kind"] == "exact":
        return None
    settings = IndexSettings.from_json(json.dumps(facts["settings"]))
    return query_vectors(model, base.behaviour_splits, settings)


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
