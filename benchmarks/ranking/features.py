"""What is known of an impression, as a table with a row for each.

The same that the ranking heads read, but for the retrieval score; and, which
they do not know, how often items had been chosen till then.
"""

import dataclasses

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.retrieval_evaluator.requests import split_files
from models import inputs
from models.catalogue_files import align, read_items, read_text_vectors
from models.item_table import ItemTable
from models.settings import ModelSettings
from models.training import trainer
from schema.contract import EVENT_TYPES

_BATCH = 512
_DAY = 86_400.0
# Above any time, in seconds.
_LATEST = 2**40
_MATCHED = (
    *("category_1", "category_2", "category_3"),
    *("brand_index", "shop_id_index", "price_bucket"),
)
_CATEGORIES = (*_MATCHED, "age_bucket")


@dataclasses.dataclass(frozen=True)
class Table:
    """Impressions of a split.

    Attributes:
      columns: Name → float32 [n]; unknown is NaN, categories are indices.
      labels: float32 [n, heads].
      weights: float32 [n].
      users: Ids, [n].
      held_out: bool [n], of users that training validates on.
    """

    columns: dict[str, NDArray[np.float32]]
    labels: NDArray[np.float32]
    weights: NDArray[np.float32]
    users: NDArray[np.object_]
    held_out: NDArray[np.bool_]


def categories(names: list[str]) -> list[str]:
    """Returns the columns whose numbers are names, and have no order."""
    context = {feature.name for feature in inputs.CONTEXT}
    kinds = {*_CATEGORIES, *context} - {"hour"}
    return [name for name in names if name in kinds]


def read(
    sources: trainer.Sources,
    split: str,
    settings: ModelSettings,
    *,
    validation_share: float,
    folder: str,
) -> Table:
    """Makes the table of a split of transformed ranking examples.

    Args:
      sources: Of a finished run.
      split: `train` or `eval`.
      settings: Of its model.
      validation_share: As training has it.
      folder: For a file of item ids.
    """
    keys, vectors, _ = read_text_vectors(sources.text_vectors, "item_id")
    columns = read_items(split_files(sources.items, "all"))
    table = ItemTable(
        columns,
        align(columns["item_id"], keys, vectors),
        f"{folder}/item_ids-{split}.txt",
    )
    choices = _Choices(sources, table)
    of_queries = dict(
        zip(*read_text_vectors(sources.text_vectors, "query")[:2], strict=True)
    )
    spec = inputs.parsing_spec(settings.head_names)
    found: dict[str, list] = {}
    labels, weights, users, held_out = [], [], [], []
    records = tf.data.TFRecordDataset(
        split_files(sources.examples, split), compression_type="GZIP"
    )
    for serialized in records.batch(_BATCH):
        batch = tf.io.parse_example(serialized, spec)
        asked = inputs.ranking_inputs(
            batch, settings, table.lookup, lambda text: text
        )
        for name, values in _columns(asked, table, choices, of_queries).items():
            found.setdefault(name, []).append(np.asarray(values, np.float32))
        labels.append(asked["labels"].numpy())
        weights.append(asked["weight"].numpy())
        users.append(batch["user_id"].numpy())
        held_out.append(
            inputs.held_out_users(batch["user_id"], validation_share).numpy()
        )
    return Table(
        {name: np.concatenate(parts) for name, parts in found.items()},
        np.concatenate(labels),
        np.concatenate(weights),
        np.concatenate(users),
        np.concatenate(held_out),
    )


def _columns(asked, table, choices, of_queries):
    candidates = asked["candidates"][:, 0]
    rows = asked["rows"]
    length = asked["length"].numpy()
    here = np.arange(rows.shape[1])[None] < length[:, None]
    item = {k: v.numpy() for k, v in table.features(candidates).items()}
    steps = {k: v.numpy() for k, v in table.features(rows).items()}
    found = {f"{name}": item[name] for name in _CATEGORIES}
    found |= {name: v.numpy() for name, v in asked["context"].items()}
    found["log_price"] = item["log_price"]
    times, now = asked["times"].numpy(), asked["timestamp"].numpy()
    listed = table.listed(candidates).numpy()
    found["days_listed"] = np.where(listed > 0, (now - listed) / _DAY, np.nan)
    rows_of = candidates.numpy()
    for days in (1, 7, 10_000):
        found[f"choices_{days}_days"] = choices.between(
            rows_of, np.maximum(now - int(days * _DAY), 0), now
        )
    found["history"] = length
    same = (rows.numpy() == candidates.numpy()[:, None]) & here
    types = asked["types"].numpy()
    for number, name in enumerate(EVENT_TYPES, 1):
        found[f"own_{name}"] = (same & (types == number)).sum(1)
        found[f"all_{name}"] = (here & (types == number)).sum(1)
    last = np.where(same, times, 0).max(1, initial=0)
    found["days_since_own"] = np.where(last, (now - last) / _DAY, np.nan)
    for name in _MATCHED:
        match = (steps[name] == item[name][:, None]) & here
        match &= item[name][:, None] != 0
        found[f"same_{name}"] = match.sum(1)
        last = np.where(match, times, 0).max(1, initial=0)
        found[f"days_since_{name}"] = np.where(
            last, (now - last) / _DAY, np.nan
        )
    tags = (
        steps["tags_index"][:, :, :, None]
        == item["tags_index"][:, None, None, :]
    )
    tags &= item["tags_index"][:, None, None, :] != 0
    found["same_tags"] = (tags.any((2, 3)) & here).sum(1)
    prices = np.where(here, steps["log_price"], np.nan)
    with np.errstate(all="ignore"):
        mean = np.nansum(prices, 1) / np.maximum(length, 1)
    found["price_beside_history"] = np.where(
        length > 0, item["log_price"] - mean, np.nan
    )
    return found | _texts(asked, item, steps, here, of_queries)


def _texts(asked, item, steps, here, of_queries):
    """Returns cosines of the candidate's text with the search and the past."""
    texts = list(asked["query_rows"].numpy())
    zero = np.zeros(item["text"].shape[1], np.float32)
    queries = np.stack([of_queries.get(text, zero) for text in texts])
    past = (steps["text"] * here[:, :, None]).sum(1)
    each = np.einsum("blt,bt->bl", _unit(steps["text"]), _unit(item["text"]))
    each = np.where(here, each, -1.0).max(1, initial=-1.0)
    return {
        "searched": np.array([text != b"" for text in texts]),
        "text_of_search": _cosine(item["text"], queries),
        "text_of_history": _cosine(item["text"], past),
        "text_of_nearest": np.where(here.any(1), each, np.nan),
    }


def _unit(vectors):
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.maximum(norms, 1e-9)


def _cosine(one, other):
    there = np.abs(other).sum(1) > 0
    return np.where(there, (_unit(one) * _unit(other)).sum(1), np.nan)


class _Choices:
    """How often items stood in the log before a moment."""

    def __init__(self, sources: trainer.Sources, table: ItemTable):
        spec = {
            "history_item_ids": tf.io.VarLenFeature(tf.string),
            "history_timestamps": tf.io.VarLenFeature(tf.int64),
        }
        records = tf.data.TFRecordDataset(
            split_files(sources.examples, "sequence_train"),
            compression_type="GZIP",
        )
        keys = []
        for serialized in records.batch(_BATCH):
            steps = tf.io.parse_example(serialized, spec)
            rows = table.lookup(steps["history_item_ids"].values).numpy()
            times = steps["history_timestamps"].values.numpy()
            keys.append(_key(rows, times)[rows >= 0])
        self._keys = np.sort(np.concatenate(keys))

    def between(self, rows, first, last):
        """Returns int [n], from `first` to before `last`, Unix seconds."""
        begin, end = (
            np.searchsorted(self._keys, _key(rows, times))
            for times in (first, last)
        )
        return np.where(rows >= 0, end - begin, 0)


def _key(rows, times):
    return rows.astype(np.int64) * _LATEST + times
