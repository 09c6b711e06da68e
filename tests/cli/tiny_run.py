"""A finished run of a few items and one user; tests stand in for its model."""

import json
import pathlib
import sys
import types

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests import small_shop

_CONTEXT = ("scene", "city", "device", "gender", "age_band", "level")
_FIELDS = ("item_id", "title", "brand", "category", "price")
_FIRST = 1_700_000_000


def write_run(
    runs: pathlib.Path, items: tuple[tuple, ...], steps: list[tuple[str, str]]
) -> None:
    """Writes the run of preset `demo`.

    Args:
      runs: Folder of all runs.
      items: Id, title, brand, category, price and tags of each.
      steps: Items of the history of user `u1`, and what was done with each.
    """
    run = runs / "demo" / "latest"
    (run / "model").mkdir(parents=True)
    rows: list[dict] = [
        {name: [value] for name, value in zip(_FIELDS, fields, strict=True)}
        | {"tags": tags}
        for *fields, tags in items
    ]
    small_shop.write_examples(run / "items", "all", rows)
    times = [_FIRST + second for second in range(len(steps))]
    histories = {
        "user_id": ["u1"],
        "history_item_ids": [[item for item, _ in steps]],
        "history_event_types": [[event for _, event in steps]],
        "history_timestamps": [times],
        "history_queries": [[""] * len(steps)],
        "last_timestamp": times[-1:],
        **{name: ["x"] for name in _CONTEXT},
    }
    pq.write_table(pa.table(histories), run / "histories.parquet")
    report = {
        "servable": {"path": "model", "version": "4"},
        "histories": {"path": "histories.parquet"},
        "catalogue": {"path": "items"},
    }
    (run / "report.json").write_text(json.dumps(report))


def stand_in(patch: pytest.MonkeyPatch, recommender: type) -> None:
    """Lets a class of a test answer as the servable does."""
    made = types.SimpleNamespace(Recommender=recommender)
    patch.setitem(sys.modules, "serving.in_process", made)
