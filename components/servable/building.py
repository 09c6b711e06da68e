"""Builds the servable out of artifacts; knows nothing of TFX."""

import dataclasses
import json
import logging
import pathlib
from typing import Any

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
from components.servable.campaigns import read_campaigns
from components.servable.catalogue import read_catalogue
from components.servable.queries import frequent_queries
from models.index.blocks import Blocks
from models.index.blocks_graph import BlocksIndex
from models.index.exact import ExactIndex
from models.index.lexical import LexicalIndex
from models.index.scann import read_plan
from models.index.settings import IndexSettings
from models.requests import from_examples
from models.serving_graph import signatures
from models.serving_graph.campaigns import Campaigns
from models.serving_graph.explanations import Explanations
from models.serving_graph.filters import Filters
from models.serving_graph.intent import LikelyCategories
from models.serving_graph.item_table import CatalogueColumns, ItemTable
from models.serving_graph.known_queries import KnownQueries
from models.serving_graph.serving_recommender import ServingRecommender
from models.serving_graph.settings import ServableSettings
from models.serving_graph.similar import SimilarItems
from models.serving_graph.text_search import TextSearch
from models.serving_graph.warmup import warmup_requests, write_warmup
from schema.errors import DataError

_NOT_SERVED = (
    "signatures",
    "rank_examples",
    "query_vectors",
    "put_items",
    "encode_items",
    "text_vectors",
    "item_transform",
)


def build(
    *,
    model_dir: pathlib.Path,
    index_dir: pathlib.Path,
    catalogue_split: pathlib.Path,
    behaviour_splits: list[pathlib.Path],
    folder: pathlib.Path,
    settings: ServableSettings,
    campaigns_split: pathlib.Path | None = None,
) -> None:
    """Writes one SavedModel that retrieves, leaves out and ranks.

    Args:
      model_dir: The trained SavedModel.
      index_dir: The artifact `ItemIndex` made from it.
      catalogue_split: Folder of the catalogue's examples.
      behaviour_splits: Folders of behaviour examples; they tell the frequent
        queries, and the first that has any the users of warm-up requests.
      folder: Where the SavedModel is written.
      settings: Of the servable.
      campaigns_split: Folder of the campaigns' examples, if there are any.

    Raises:
      DataError: The artifacts do not belong together.
    """
    model = tf.saved_model.load(str(model_dir))
    item_ids = read_item_ids(index_dir / ITEM_IDS_FILE)
    if item_ids != model.item_ids().numpy().tolist():
        raise DataError(
            f"{index_dir} was built from another model than {model_dir}: "
            "their items differ"
        )
    assemble(
        Parts(
            model=model,
            index_dir=index_dir,
            vectors=np.load(index_dir / VECTORS_FILE),
            columns=read_catalogue(catalogue_split, item_ids),
            users=some_users(behaviour_splits, settings),
            queries=frequent_queries(behaviour_splits, settings.known_queries),
            campaigns=read_campaigns(campaigns_split),
        ),
        folder,
        settings,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Parts:
    """What a servable is put together from, all in the model's rows.

    Attributes:
      model: The loaded trained model.
      index_dir: The artifact of `ItemIndex`: which index, and its plan.
      vectors: float32 [N, d], of the items.
      columns: What is shown of the items.
      users: A request of some real users, for warm-up.
      queries: Frequent ones.
      campaigns: Item ids and category paths that each is about.
    """

    model: Any
    index_dir: pathlib.Path
    vectors: np.ndarray
    columns: CatalogueColumns
    users: dict[str, np.ndarray]
    queries: list[bytes]
    campaigns: dict[bytes, list[bytes]]


def assemble(
    parts: Parts, folder: pathlib.Path, settings: ServableSettings
) -> ServingRecommender:
    """Puts the parts together and writes the SavedModel.

    Returns:
      What was written.

    Raises:
      DataError: The parts do not belong together.
    """
    columns = parts.columns
    facts = json.loads((parts.index_dir / INDEX_FILE).read_text("utf-8"))
    items = ExactIndex(parts.vectors, columns.in_stock)
    texts = _text_index(parts)
    table = ItemTable(columns)
    recommender = ServingRecommender(
        model=_for_serving(parts.model),
        index=_retrieval_index(parts.index_dir, facts, items, columns),
        queries=KnownQueries(parts.queries, parts.model.encode_queries),
        texts=_text_search(texts, columns, settings),
        similar=SimilarItems(items, texts, settings.similar_text_weight),
        table=table,
        filters=Filters(columns, Campaigns(columns, parts.campaigns)),
        categories=LikelyCategories(columns),
        explanations=Explanations(
            table,
            parts.model.choices().numpy(),
            parts.model.lookup,
            settings.max_history,
        ),
        settings=settings,
    )
    signatures.save(recommender, settings, str(folder))
    titles = [title for title in columns.titles if title]
    count = write_warmup(
        folder,
        warmup_requests(
            parts.users,
            np.array(columns.item_ids, object),
            titles[0] if titles else columns.item_ids[0],
            settings.default_k,
        ),
    )
    logging.getLogger(__name__).info(
        "servable of %d items, %d in stock, index %s, %d warm-up requests",
        len(columns.item_ids),
        int(columns.in_stock.sum()),
        facts["kind"],
        count,
    )
    return recommender


def _for_serving(model):
    """Takes off a loaded trained model what only other nodes call.

    It would be saved along: what TFMA calls, and what takes new items in.
    """
    for name in _NOT_SERVED:
        if hasattr(model, name):
            delattr(model, name)
    # Where queries have an encoder of their own, that of the items goes too.
    encoder = getattr(model, "encoder", None)
    if encoder is not None and hasattr(encoder, "items"):
        del encoder.items
    return model


def _retrieval_index(index_dir, facts, items, columns: CatalogueColumns):
    if facts["kind"] == "exact":
        return items
    if facts["kind"] == "blocks":
        blocks = Blocks.load(index_dir).of(items.vectors.numpy())
        return BlocksIndex(items, blocks)
    # Loads ScaNN's ops, which only a servable of this kind needs.
    from models.index.scann_graph import ScannGraphIndex

    if not columns.in_stock.any():
        raise DataError(
            "no item of the catalogue is in stock: there is nothing to index"
        )
    return ScannGraphIndex(
        items,
        read_plan(index_dir / SCANN_FOLDER),
        IndexSettings.from_json(json.dumps(facts["settings"])),
    )


def _text_index(parts: Parts) -> ExactIndex | None:
    """Indexes the text vectors that the model was trained with.

    Training may have changed the encoder, so those of `TextVectors` may lie
    in another space than its queries.
    """
    vectors = parts.model.text_vectors().numpy()
    if not vectors.shape[1]:
        # A model that was trained without text encodes to nothing.
        return None
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return ExactIndex(
        vectors / np.maximum(norms, 1e-12),
        parts.columns.in_stock & (norms[:, 0] > 0),
    )


def _text_search(
    texts: ExactIndex | None,
    columns: CatalogueColumns,
    settings: ServableSettings,
) -> TextSearch | None:
    if texts is None:
        return None
    words = LexicalIndex(columns.texts)
    return TextSearch(texts, words, settings.search_words_weight)


def some_users(
    splits: list[pathlib.Path], settings: ServableSettings
) -> dict[str, np.ndarray]:
    """Reads a request of the first users that there are.

    Args:
      splits: Folders of behaviour examples; the first with any counts.
      settings: How many users, and steps of history.

    Raises:
      DataError: No folder has an example.
    """
    for split in splits:
        batches = examples_of(split).batch(settings.num_warmup).take(1)
        for rows in batches:
            request = from_examples(rows, settings.max_history)
            return {name: value.numpy() for name, value in request.items()}
    raise DataError(
        "no behaviour examples to make warm-up requests of in "
        + ", ".join(str(split) for split in splits)
    )
