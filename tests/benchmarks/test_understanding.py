import numpy as np
import pyarrow as pa

from benchmarks.understanding import filling
from cli.bench.classify import _system

NAMES = {"电脑/鼠标": "无线鼠标", "家电/饭煲": "电饭煲", "女装/裙": "连衣裙"}


def test_what_is_hidden_is_told_by_the_rest_and_not_by_itself():
    rows = [
        {"title": f"品牌{n % 4} {name}", "category": category}
        for n in range(40)
        for category, name in NAMES.items()
    ]
    items = pa.Table.from_pylist(rows)
    categories = np.array(items["category"].to_pylist(), object)
    hidden = np.random.default_rng(0).permutation(len(rows)) < 30
    found = filling.fill(items, categories, hidden)
    assert len(found.right) == hidden.sum() == 30
    assert found.right.all()
    assert found.facts["precision"] == 1
    assert found.facts["told by its own held-out items"]["asked"] == 18
    # What is hidden is not read: were it something else, all would be wrong.
    wrong = np.where(hidden, "玩具/积木", categories)
    assert not filling.fill(items, wrong, hidden).right.any()


def test_the_report_shows_the_peer_beside_every_figure():
    told = {
        "accuracy": {"daogou": 0.9, "TF-IDF + logistic regression": 0.8},
        "filled in by the pipeline": {
            "filled in": 0.75,
            "precision": 0.95,
            "precision of the peer on as many": 0.9,
        },
    }
    twins = {"precision": 0.9, "recall": 0.8, "f1": 0.85}
    result = {
        "leaves": {"items": told},
        "reviews": {"accuracy": {"daogou": 0.7}},
        "duplicates": {**twins, "same title": twins},
        "brands": {"f1": {"daogou": 0.6}},
    }
    figures = {
        (figure.part, figure.metric): figure.values
        for figure in _system(result, "demo").figures
    }
    assert figures["held-out items", "accuracy"] == told["accuracy"]
    filled = "held-out items, 75% filled in"
    assert figures[filled, "precision of what is filled in"] == {
        "daogou": 0.95,
        "TF-IDF + logistic regression": 0.9,
    }
    assert figures["reviews of 10 categories", "accuracy"] == {"daogou": 0.7}
