import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from components.retrieval_evaluator import ranked, requests
from components.retrieval_evaluator.evaluator import run_evaluation
from components.retrieval_evaluator.settings import RetrievalEvaluationSettings
from schema.errors import DataError

SETTINGS = RetrievalEvaluationSettings(
    positive_event_types=("click", "buy"), max_history=4, batch_size=2
)


def steps(items, start=0):
    return [
        (f"i{item}", "click", "", start + place)
        for place, item in enumerate(items)
    ]


@pytest.fixture
def examples(tmp_path, write_examples, make_example):
    write_examples(
        tmp_path,
        "sequence_train",
        [
            make_example("甲", steps([0, 1, 2])),
            make_example("乙", steps([3, 1])),
            make_example("丙", steps([1, 99])),
        ],
    )
    write_examples(
        tmp_path,
        "sequence_eval",
        [
            make_example("甲", steps([0, 1, 2]), ["i3"], 50),
            make_example("新", [], ["i0"], 51, query="无线鼠标"),
            make_example("乙", steps([3, 1, 7, 8, 9, 5]), ["i2"], 52),
            make_example("丙", steps([1]), ["i99"], 53),
        ],
    )
    return str(tmp_path)


def test_metrics_of_a_model_whose_answers_are_known(
    tiny_model, examples, tmp_path
):
    report = run_evaluation(tiny_model, examples, str(tmp_path), SETTINGS)
    assert report == json.loads((tmp_path / "metrics.json").read_text("utf-8"))
    assert report["queries"] == 3
    assert report["items"] == 12
    assert report["left_out"] == {
        "unknown_target": 1,
        "seen_target": 0,
        "unknown_train_steps": 1,
    }
    model = report["models"]["model"]
    # The model says i3, i0 and i6: two of three right at the first place.
    assert model["slices"]["history 0"]["ndcg@10"] == 1.0
    assert model["slices"]["history 1-4"]["queries"] == 2
    assert model["slices"]["with query"] == {
        "queries": 1,
        "recall@10": 1.0,
        "recall@50": 1.0,
        "precision@10": 0.1,
        "f1@10": 2 / 11,
        "ndcg@10": 1.0,
        "mrr": 1.0,
        "coverage@10": 10 / 12,
    }
    assert model["overall"]["recall@50"] == 1.0
    assert 2 / 3 < model["overall"]["mrr"] < 1.0
    # Three targets, each once, so that counting by item changes nothing.
    assert model["overall"]["ndcg@10_by_item"] == pytest.approx(
        model["overall"]["ndcg@10"]
    )
    assert model["overall"]["novelty@10"] > 3
    # No two items have anything in common.
    assert model["overall"]["diversity@10"] == 1.0
    assert model["intervals"]["recall@50"] == [1.0, 1.0]
    low, high = model["intervals"]["ndcg@10"]
    assert low < model["overall"]["ndcg@10"] < high
    # Popularity: i1 was chosen three times, the others once each.
    popular = report["models"]["popularity"]
    assert popular["overall"]["mrr"] < model["overall"]["mrr"]
    # The same queries, so the difference is that of the means.
    lead = report["leads"]["popularity"]["ndcg@10"]
    assert lead["mean"] == pytest.approx(
        model["overall"]["ndcg@10"] - popular["overall"]["ndcg@10"]
    )
    assert lead["low"] <= lead["mean"] <= lead["high"]
    assert set(report["models"]) == {"model", "popularity", "item_knn"}


def test_items_are_put_in_the_order_in_which_they_are_shown(
    tiny_model, examples, tmp_path, monkeypatch
):
    report = run_evaluation(tiny_model, examples, str(tmp_path), SETTINGS)
    shown = report["ranked"]
    assert shown["queries"] == 3
    # The targets 3, 0 and 2 come second, fifth and first.
    assert shown["overall"]["mrr"] == pytest.approx((1 / 2 + 1 / 5 + 1) / 3)
    model = report["models"]["model"]["overall"]
    assert shown["lead"]["ndcg@10"]["mean"] == pytest.approx(
        shown["overall"]["ndcg@10"] - model["ndcg@10"]
    )
    # What is not retrieved stays behind.
    monkeypatch.setattr(ranked, "RETRIEVED", 1)
    report = run_evaluation(tiny_model, examples, str(tmp_path), SETTINGS)
    assert report["ranked"]["overall"] == pytest.approx(
        {name: model[name] for name in report["ranked"]["overall"]}
    )
    assert report["ranked"]["lead"]["ndcg@10"]["mean"] == 0


def test_what_is_like_the_last_item_is_found_by_vectors_and_texts(
    tiny_model, examples, tmp_path
):
    found = run_evaluation(tiny_model, examples, str(tmp_path), SETTINGS)
    similar = found["similar"]
    # The newcomer has no last item.
    assert similar["queries"] == 2
    ours = similar["models"]["model"]["overall"]
    # After i2 comes i3, which its text is like; nothing is like i5.
    assert ours["mrr"] > 1 / 2
    assert ours["diversity@10"] == 1.0
    # i2 was followed by i1 and led by i0 alone.
    assert similar["models"]["item_knn"]["overall"]["mrr"] < ours["mrr"]
    blind = dataclasses.replace(SETTINGS, similar_text_weight=0.0)
    found = run_evaluation(tiny_model, examples, str(tmp_path), blind)
    assert found["similar"]["models"]["model"]["overall"]["mrr"] < ours["mrr"]


def test_an_item_is_not_asked_for_itself(
    tiny_model, tmp_path, write_examples, make_example
):
    write_examples(
        tmp_path, "sequence_train", [make_example("甲", steps([2, 1, 0]))]
    )
    write_examples(
        tmp_path,
        "sequence_eval",
        [make_example("甲", steps([1, 0]), ["i0"])],
    )
    found = run_evaluation(tiny_model, str(tmp_path), str(tmp_path), SETTINGS)
    assert found["queries"] == 1
    assert found["similar"] == {}


def test_examples_show_history_target_and_lists(tiny_model, examples, tmp_path):
    run_evaluation(tiny_model, examples, str(tmp_path), SETTINGS)
    shown = json.loads((tmp_path / "examples.json").read_text("utf-8"))
    assert [one["user_id"] for one in shown] == ["新", "甲", "乙"]
    assert [len(one["history"]) for one in shown] == [0, 3, 4]
    newcomer, first, second = shown
    assert newcomer["query"] == "无线鼠标"
    assert first["target_item_id"] == "i3"
    assert first["recommendations"]["model"][0] == {
        "item_id": "i3",
        "score": 1.0,
    }
    assert first["rank"]["model"] == 1
    # The latest steps stay when a history is cut.
    assert [step["item_id"] for step in second["history"]] == [
        "i7",
        "i8",
        "i9",
        "i5",
    ]
    assert len(first["recommendations"]["popularity"]) == 10


def test_seen_items_are_out_of_every_ranking(
    tiny_model, tmp_path, write_examples, make_example
):
    write_examples(
        tmp_path, "sequence_train", [make_example("甲", steps([2, 1, 0]))]
    )
    write_examples(
        tmp_path,
        "sequence_eval",
        [
            make_example("甲", steps([1, 0]), ["i2"]),
            make_example("乙", steps([4, 5]), ["i4"]),
        ],
    )
    settings = RetrievalEvaluationSettings(
        positive_event_types=("click",), exclude_seen=True
    )
    report = run_evaluation(tiny_model, str(tmp_path), str(tmp_path), settings)
    assert report["left_out"]["seen_target"] == 1
    assert report["queries"] == 1
    assert report["models"]["item_knn"]["overall"]["mrr"] == 1.0
    (shown,) = json.loads((tmp_path / "examples.json").read_text("utf-8"))
    for listed in shown["recommendations"].values():
        assert not {"i0", "i1"} & {entry["item_id"] for entry in listed}


def test_requests_are_padded_on_the_right(examples):
    (batch,) = requests.read_requests(
        requests.split_files(examples, "sequence_eval"),
        max_history=9,
        batch_size=9,
        positions=np.array([0, 1, 2]),
    )
    ids = batch.request["history_item_ids"].numpy()
    assert ids[0].tolist() == [b"i0", b"i1", b"i2", b"", b"", b""]
    assert batch.request["history_timestamps"].numpy()[0, 3:].sum() == 0
    assert batch.request["query"].numpy()[1].decode() == "无线鼠标"
    assert batch.history_lengths.tolist() == [3, 0, 6]


def test_only_the_wanted_examples_are_read(examples):
    files = requests.split_files(examples, "sequence_eval")
    assert requests.count_records(files) == 4
    batches = list(
        requests.read_requests(
            files, max_history=4, batch_size=1, positions=np.array([1, 3])
        )
    )
    assert [b.user_ids[0].decode() for b in batches] == ["新", "丙"]
    # A newcomer alone in a batch still has one empty step.
    assert batches[0].request["history_item_ids"].shape == (1, 1)
    assert batches[0].request["history_timestamps"].numpy() == [[0]]
    drawn = requests.choose(100, 10, seed=3)
    assert len(set(drawn.tolist())) == 10
    assert (drawn == requests.choose(100, 10, seed=3)).all()


def test_nobody_after_the_split_is_said(
    tiny_model, tmp_path, write_examples, make_example
):
    write_examples(tmp_path, "sequence_eval", [])
    with pytest.raises(DataError, match="nobody did anything"):
        run_evaluation(tiny_model, str(tmp_path), str(tmp_path), SETTINGS)


def test_missing_split_is_named(tmp_path):
    with pytest.raises(DataError, match="split 'sequence_eval' has no files"):
        requests.split_files(str(tmp_path), "sequence_eval")


def test_lists_of_different_length_are_refused(
    tmp_path, write_examples, make_example
):
    broken = make_example("甲", steps([1, 2]), ["i3"])
    del broken.features.feature["history_queries"].bytes_list.value[-1]
    write_examples(tmp_path, "sequence_eval", [broken])
    with pytest.raises(DataError, match="history_queries has 1 steps"):
        list(
            requests.read_requests(
                requests.split_files(str(tmp_path), "sequence_eval"),
                max_history=4,
                batch_size=4,
                positions=np.array([0]),
            )
        )


def test_two_targets_are_refused(tmp_path, write_examples, make_example):
    write_examples(
        tmp_path,
        "sequence_eval",
        [make_example("甲", steps([1]), ["i3", "i4"])],
    )
    with pytest.raises(DataError, match="'甲' holds 2 items"):
        list(
            requests.read_requests(
                requests.split_files(str(tmp_path), "sequence_eval"),
                max_history=4,
                batch_size=4,
                positions=np.array([0]),
            )
        )


def test_training_steps_carry_what_is_positive(
    tiny_model, tmp_path, write_examples, make_example
):
    write_examples(
        tmp_path,
        "sequence_train",
        [
            make_example("甲", [("i1", "uncart", "", 5), ("i2", "buy", "", 6)]),
            make_example("乙", []),
            make_example("丙", [("x", "click", "", 7)]),
        ],
    )
    model = tf.saved_model.load(tiny_model)
    sequences = requests.read_sequences(
        requests.split_files(str(tmp_path), "sequence_train"),
        model.lookup,
        ("click", "buy"),
    )
    assert sequences.rows.tolist() == [1, 2, -1]
    assert sequences.positive.tolist() == [False, True, True]
    assert sequences.timestamps.tolist() == [5, 6, 7]
    assert sequences.lengths.tolist() == [2, 0, 1]
