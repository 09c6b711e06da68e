"""Builds the servable out of artifacts; knows nothing of TFX."""

import json
import logging
import pathlib

import numpy as np
import tensorflow as tf
import tensorflow_text  # noqa: F401  (registers the ops of the text encoder)

from components.item_index.building import (
    INDEX_FILE,
    ITEM_IDS_FILE,
    SCANN_FOLDER,
    VECTORS_FILE,
    examples_of,
    read_item_ids,
)
from components.servable.catalogue import read_catalogue, read_text_vectors
from models.index.exact import ExactIndex
from models.index.scann import read_plan
from models.index.settings import IndexSettings
from models.requests import from_examples
from models.serving_graph import signatures
from models.serving_graph.item_table import CatalogueColumns, ItemTable
from models.serving_graph.recommender import ServingRecommender
from models.serving_graph.settings import ServableSettings
from models.serving_graph.similar import SimilarItems
from models.serving_graph.warmup import warmup_requests, write_warmup
from schema.errors import DataError


def build(
    *,
    model_dir: pathlib.Path,
    index_dir: pathlib.Path,
    catalogue_split: pathlib.Path,
    behaviour_splits: list[pathlib.Path],
    text_vectors_dir: pathlib.Path | None,
    folder: pathlib.Path,
    settings: ServableSettings,
) -> None:
    """Writes one SavedModel that retrieves, leaves out and ranks.

    Args:
      model_dir: The trained SavedModel.
      index_dir: The artifact `ItemIndex` made from it.
      catalogue_split: Folder of the catalogue's examples.
      behaviour_splits: Folders of behaviour examples; the first that has any
        gives the users of warm-up requests.
      text_vectors_dir: The artifact `TextVectors`; without it search goes by
        the query vector alone.
      folder: Where the SavedModel is written.
      settings: Of the servable.

    Raises:
      DataError: The artifacts do not belong together.
    """
    model = _load_model(model_dir)
    item_ids = read_item_ids(index_dir / ITEM_IDS_FILE)
    if item_ids != model.item_ids().numpy().tolist():
        raise DataError(
            f"{index_dir} was built from another model than {model_dir}: "
            "their items differ"
        )
    columns = read_catalogue(catalogue_split, item_ids)
    items = ExactIndex(np.load(index_dir / VECTORS_FILE), columns.in_stock)
    texts = _text_index(model, text_vectors_dir, columns)
    facts = json.loads((index_dir / INDEX_FILE).read_text("utf-8"))
    recommender = ServingRecommender(
        model=model,
        index=_retrieval_index(index_dir, facts, items, columns),
        texts=texts,
        similar=SimilarItems(items, texts, settings.similar_text_weight),
        table=ItemTable(columns),
        settings=settings,
    )
    signatures.save(recommender, settings, str(folder))
    titles = [title for title in columns.titles if title]
    count = write_warmup(
        folder,
        warmup_requests(
            _some_users(behaviour_splits, settings),
            np.array(item_ids, object),
            titles[0] if titles else item_ids[0],
            settings.default_k,
        ),
    )
    logging.getLogger(__name__).info(
        "servable of %d items, %d in stock, index %s, %d warm-up requests",
        len(item_ids),
        int(columns.in_stock.sum()),
        facts["kind"],
        count,
    )


def _load_model(model_dir: pathlib.Path):
    model = tf.saved_model.load(str(model_dir))
    # What TFMA calls is of no use here and would be saved along.
    if hasattr(model, "signatures"):
        del model.signatures
    return model


def _retrieval_index(index_dir, facts, items, columns: CatalogueColumns):
    if facts["kind"] == "exact":
        return items
    # Loads ScaNN's ops, which only a servable of this kind needs.
    from models.index.scann_graph import ScannGraphIndex

    if not columns.in_stock.any():
        raise DataError(
            "no item of the catalogue is in stock: there is nothing to index"
        )
    return ScannGraphIndex(
        items.vectors.numpy(),
        columns.in_stock,
        read_plan(index_dir / SCANN_FOLDER),
        IndexSettings.from_json(json.dumps(facts["settings"])),
    )


def _text_index(
    model, folder: pathlib.Path | None, columns: CatalogueColumns
) -> ExactIndex | None:
    if folder is None:
        return None
    width = model.encode_queries(tf.constant([""])).shape[1]
    if not width:
        # A model that was trained without text encodes to nothing.
        return None
    vectors = read_text_vectors(folder, columns.item_ids)
    if width != vectors.shape[1]:
        raise DataError(
            f"{folder} holds vectors of {vectors.shape[1]} numbers, the "
            f"model encodes queries to {width}; both must come from one "
            "encoder"
        )
    return ExactIndex(vectors, columns.in_stock & (vectors != 0).any(axis=1))


def _some_users(
    splits: list[pathlib.Path], settings: ServableSettings
) -> dict[str, np.ndarray]:
    for split in splits:
        batches = examples_of(split).batch(settings.num_warmup).take(1)
        for rows in batches:
            request = from_examples(rows, settings.max_history)
            return {name: value.numpy() for name, value in request.items()}
    raise DataError(
        "no behaviour examples to make warm-up requests of in "
        + ", ".join(str(split) for split in splits)
    )
