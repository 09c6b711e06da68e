"""What the model's order of logged pages would have earned.

The pages of the run's evaluation days are put in another order, and the clicks
that this would have brought are told from those that were logged
(`models.metrics.off_policy`), before anybody is shown anything. On the
simulated mall the truth is known and stands beside.
"""

import json
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import tensorflow as tf
import tensorflow_text  # noqa: F401  (registers the ops of the text encoder)
from numpy.typing import NDArray

from components.retrieval_evaluator.requests import split_files
from models.features import label_name
from models.metrics.intervals import bootstrap_means, interval
from models.metrics.off_policy import ips, position_bias
from schema.errors import DataError

HEAD = "click"
_BATCH = 512
_KEYS = ["user_id", "item_id", "timestamp"]
_ASKED = {
    "user_id": tf.io.FixedLenFeature([], tf.string),
    "item_id": tf.io.FixedLenFeature([], tf.string),
    "timestamp": tf.io.FixedLenFeature([], tf.int64),
    label_name(HEAD): tf.io.FixedLenFeature([], tf.float32),
}


def run(
    data_dir: pathlib.Path,
    examples: str,
    model_dir: pathlib.Path,
    *,
    seed: int = 0,
) -> dict:
    """Estimates what orders of the logged pages are worth.

    Args:
      data_dir: The contract tables of the run.
      examples: `BehaviorLog`'s examples.
      model_dir: The trained model.
      seed: Of the random order.

    Returns:
      `impressions`, `pages`, `examination` as told from the log and, of the
      mall, as it is, and for each order the clicks of a page and its lead
      over what was shown, with 95 % intervals by bootstrap over users;
      `sample` has both the estimated and the true lead on those impressions
      whose click chance the mall has written down.

    Raises:
      DataError: The log has no impressions with positions.
    """
    positions = _positions(data_dir)
    table = _asked(model_dir, examples).join(
        positions, _KEYS, join_type="inner"
    )
    if not table.num_rows:
        raise DataError(
            f"{data_dir} has no impressions with a position on the days of "
            "the evaluation: orders of pages cannot be compared"
        )
    page = _numbered(table, ["user_id", "timestamp"])
    position = table["position"].to_numpy()
    clicks = table["click"].to_numpy()
    items = table["item_id"].to_numpy(zero_copy_only=False)
    users = table["user_id"].to_numpy(zero_copy_only=False)
    look = _looks(positions, data_dir)
    rng = np.random.default_rng(seed)
    orders = {
        "daogou": table["score"].to_numpy(),
        "logged": -position.astype(np.float64),
        "popularity": _popularity(data_dir, items, table["timestamp"]),
        "random": rng.random(len(items)),
    }
    truth = _truth(data_dir, table)
    pages = int(page.max()) + 1
    scale = len(clicks) / pages
    told = {}
    for name, score in orders.items():
        slot = reordered(page, position, score)
        shown, other = look[position], look[slot]
        estimate = ips(clicks, shown, other, users)
        # The same clicks on both sides, so this is surer than either.
        lead = ips(clicks, shown, other - shown, users)
        told[name] = {
            "clicks_a_page": scale * estimate.value,
            "lead": scale * lead.value,
            "interval": [scale * lead.low, scale * lead.high],
            "effective_share": estimate.effective_samples / len(clicks),
        }
        if truth is not None:
            known, chance, real = truth
            before, after = real[position[known]], real[slot[known]]
            gained = scale * chance * (after / before - 1)
            draws = bootstrap_means(gained, users[known])
            told[name]["sample"] = {
                "lead": scale
                * ips(
                    clicks[known],
                    shown[known],
                    (other - shown)[known],
                    users[known],
                ).value,
                "true_lead": float(gained.mean()),
                "true_interval": list(interval(draws)),
            }
    return {
        "impressions": len(clicks),
        "pages": pages,
        "examination": {
            "told": look.round(4).tolist(),
            "true": None if truth is None else truth[2].tolist(),
        },
        "orders": told,
    }


def reordered(
    page: NDArray[np.int64],
    position: NDArray[np.int64],
    score: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Gives the slots of each page to its items in the order of a score.

    Args:
      page: int [n], the page of each impression.
      position: int [n], the slot in which it was shown.
      score: float [n], high for the first; equal ones stay as they were.

    Returns:
      int64 [n], the slot that each impression gets.

    >>> reordered(
    ...     np.array([0, 0, 1, 1]),
    ...     np.array([0, 2, 0, 1]),
    ...     np.array([0.1, 0.9, 0.5, 0.5]),
    ... ).tolist()
    [2, 0, 0, 1]
    """
    by_score = np.lexsort((position, -score, page))
    by_slot = np.lexsort((position, page))
    slot = np.empty_like(position)
    slot[by_score] = position[by_slot]
    return slot


def _asked(model_dir, examples):
    """Returns the evaluation's impressions with label and our chance."""
    model = tf.saved_model.load(str(model_dir))
    found: dict[str, list] = {name: [] for name in (*_KEYS, "click", "score")}
    records = tf.data.TFRecordDataset(
        split_files(str(examples), "eval"), compression_type="GZIP"
    )
    for serialized in records.batch(_BATCH):
        parsed = tf.io.parse_example(serialized, _ASKED)
        for name in _KEYS:
            found[name].append(parsed[name].numpy())
        found["click"].append(parsed[label_name(HEAD)].numpy())
        found["score"].append(model.rank_examples(serialized)[HEAD].numpy())
    columns = {name: np.concatenate(parts) for name, parts in found.items()}
    for name in ("user_id", "item_id"):
        columns[name] = pa.array(columns[name].tolist(), pa.binary()).cast(
            pa.string()
        )
    return (
        pa.table(columns)
        .group_by(_KEYS)
        .aggregate([("click", "max"), ("score", "max")])
        .rename_columns([*_KEYS, "click", "score"])
    )


def _positions(data_dir):
    """Returns every impression once, with its slot and its scene's item."""
    table = pq.read_table(
        data_dir / "events",
        columns=[*_KEYS, "event_type", "position", "scene"],
        filters=(pc.field("event_type") == "impression")
        & pc.field("position").is_valid()
        & (pc.field("position") >= 0),
    )
    return (
        table.group_by(_KEYS)
        .aggregate([("position", "min"), ("scene", "min")])
        .rename_columns([*_KEYS, "position", "scene"])
    )


def _clicked(data_dir):
    return pq.read_table(
        data_dir / "events",
        columns=["user_id", "item_id", "timestamp"],
        filters=pc.field("event_type") == "click",
    )


def _looks(positions, data_dir):
    """Returns the chance that each slot is looked at, told from the log.

    An impression counts as clicked by its user's click on that item within
    the hour; an item in a scene is one group.
    """
    clicks = _clicked(data_dir).append_column(
        "hour", pc.divide(_clicked(data_dir)["timestamp"], 3600)
    )
    clicked = clicks.group_by(["user_id", "item_id", "hour"]).aggregate(
        [("timestamp", "count")]
    )
    shown = positions.append_column(
        "hour", pc.divide(positions["timestamp"], 3600)
    ).join(clicked, ["user_id", "item_id", "hour"], join_type="left outer")
    group = _numbered(shown, ["item_id", "scene"])
    return position_bias(
        shown["timestamp_count"].is_valid().to_numpy().astype(np.float64),
        shown["position"].to_numpy(),
        group,
    )


def _popularity(data_dir, items, times):
    """Returns how often each item was clicked before the first page."""
    first = pc.min(times).as_py()
    clicks = _clicked(data_dir)
    clicks = clicks.filter(pc.less(clicks["timestamp"], first))
    names, counts = np.unique(
        clicks["item_id"].to_numpy(zero_copy_only=False), return_counts=True
    )
    places = np.minimum(np.searchsorted(names, items), len(names) - 1)
    return np.where(names[places] == items, counts[places], 0).astype(float)


def _truth(data_dir, table):
    """Returns what the mall knows: rows, click chances, looks; else None."""
    folder = data_dir / "ground_truth"
    if not folder.is_dir():
        return None
    summary = json.loads((folder / "summary.json").read_text())
    sample = (
        pq.read_table(folder / "impressions")
        .group_by(_KEYS)
        .aggregate([("click_probability", "max")])
    )
    rows = table.select(_KEYS).append_column(
        "row", pa.array(np.arange(table.num_rows))
    )
    known = rows.join(sample, _KEYS, join_type="inner")
    return (
        known["row"].to_numpy(),
        known["click_probability_max"].to_numpy(),
        np.array(summary["examination"]),
    )


def _numbered(table, names):
    """Returns one number for each distinct combination, int64 [n]."""
    codes = np.zeros(table.num_rows, np.int64)
    for name in names:
        column = table[name].combine_chunks().dictionary_encode()
        values = column.indices.fill_null(len(column.dictionary)).to_numpy()
        codes = codes * (len(column.dictionary) + 1) + values
    return np.unique(codes, return_inverse=True)[1]
