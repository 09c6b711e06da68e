"""A finished run of a small shop, but for its model, which tests stand in for.

Two days of pages after the split: two items on each, clicked as often as the
model says.
"""

import json
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests import small_shop

ITEMS = [f"i{n:02}" for n in range(40)]
TITLES = [f"无线鼠标 {n}号" for n in range(40)]
# Midnight in Beijing.
DAY = 1_762_790_400
CONTEXT = ("scene", "city", "device", "gender", "age_band", "level")


def chance(item_id: str) -> float:
    """What the model says of an item: the higher its number, the more."""
    return 0.05 + 0.015 * int(item_id[1:])


class Recommender:
    """Answers by the contract, in the order of `chance`."""

    def __init__(self, servable_dir, *, one_call=False):
        assert (pathlib.Path(servable_dir) / "saved_model.pb").exists()

    def rank(self, request, item_ids):
        return self._answer([i for i in item_ids if i != "i39"], len(item_ids))

    def recommend(self, request, k, only):
        named = [i for i in ITEMS if not only.item_ids or i in only.item_ids]
        return self._answer(named, k)

    def _answer(self, items, width):
        ranked = sorted(items, key=chance, reverse=True)[:width]
        empty = width - len(ranked)
        scores = [chance(item) for item in ranked] + [0.0] * empty
        ids = [item.encode() for item in ranked] + [b""] * empty
        return {
            "item_ids": np.array([ids], object),
            "scores": np.array([scores], np.float32),
            "p_click": np.array([scores], np.float32),
        }


def write_run(runs: pathlib.Path) -> pathlib.Path:
    """Writes the run of preset `demo`; returns its behaviour examples."""
    run = runs / "demo" / "latest"
    (run / "model").mkdir(parents=True)
    (run / "model" / "saved_model.pb").touch()
    histories = {
        "user_id": ["u1"],
        "history_item_ids": [["i03", "i01"]],
        "history_event_types": [["click", "buy"]],
        "history_timestamps": [[DAY, DAY + 1]],
        "history_queries": [["", "鼠标"]],
        "last_timestamp": [DAY + 5],
        **{name: ["x"] for name in CONTEXT},
    }
    pq.write_table(pa.table(histories), run / "histories.parquet")
    report = {
        "preset": "demo",
        "dataset": "Small shop",
        "simulated": True,
        "status": "succeeded",
        "failure": "",
        "started_at": DAY,
        "total_seconds": 1.0,
        "seconds": {},
        "nodes": {},
        "counts": {},
        "servable": {"path": "model", "version": "4"},
        "histories": {"path": "histories.parquet"},
    }
    (run / "report.json").write_text(json.dumps(report), encoding="utf-8")
    items = {
        "item_id": ITEMS,
        "title": TITLES,
        "category": ["电脑/外设"] * 40,
        "price": pa.array(np.linspace(20, 400, 40), pa.float32()),
        "listed_at": pa.array([None] * 40, pa.int64()),
        "in_stock": [True] * 40,
    }
    pages = [DAY - 86_400 + 600 * n for n in range(280)]
    # A session that runs past the midnight of the last day.
    pages.append(DAY + 86_400 + 5)
    events = {
        "event_type": ["impression"] * len(pages),
        "timestamp": pages,
        "city": ["杭州"] * len(pages),
        "device": ["ios"] * len(pages),
    }
    for name, columns in (("items", items), ("events", events)):
        folder = runs / "demo" / "data" / name
        folder.mkdir(parents=True)
        pq.write_table(pa.table(columns), folder / "part-00000.parquet")
    examples = runs / "examples"
    for split, some in (("train", pages[:20]), ("eval", pages)):
        small_shop.write_examples(examples, split, _impressions(some))
    small_shop.write_examples(
        examples,
        "sequence_eval",
        [
            row | {"item_id": [""], "target_item_ids": row["item_id"]}
            for row in _impressions(pages[:20])
        ],
    )
    return examples


def _impressions(pages):
    rng = np.random.default_rng(0)
    rows = []
    for number, when in enumerate(pages):
        for slot, item in enumerate(rng.permutation(ITEMS[:39])[:2].tolist()):
            row = small_shop.behaviour(["i03"])
            rows.append(
                row
                | {
                    "user_id": [f"u{number % 30}"],
                    "session_id": [f"s{number}"],
                    "timestamp": [when],
                    "item_id": [item],
                    "position": [slot * 3],
                    "label_click": [float(rng.random() < chance(item))],
                    "weight": [1.0],
                }
            )
    return rows
