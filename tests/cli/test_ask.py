import concurrent.futures
import json
import os
import sys
import types

import grpc
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from click.testing import CliRunner

from cli.main import main
from serving import protos, tensors
from serving.requests import Page

CONTEXT = ("scene", "city", "device", "gender", "age_band", "level")
TITLES = {"i1": "无线鼠标", "i2": "机械键盘", "i3": "显示器"}


def _bytes(text):
    return tf.train.Feature(
        bytes_list=tf.train.BytesList(value=[text.encode()])
    )


def _catalogue(folder):
    (folder / "Split-all").mkdir(parents=True)
    path = folder / "Split-all" / "data_tfrecord-00000-of-00001.gz"
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for item_id, title in TITLES.items():
            feature = {"item_id": _bytes(item_id), "title": _bytes(title)}
            features = tf.train.Features(feature=feature)
            example = tf.train.Example(features=features)
            writer.write(example.SerializeToString())


def _histories(folder):
    table = pa.table(
        {
            "user_id": ["u1"],
            "history_item_ids": [["i3", "i1"]],
            "history_event_types": [["click", "buy"]],
            "history_timestamps": [[1_700_000_000, 1_700_000_001]],
            "history_queries": [["", "鼠标"]],
            "last_timestamp": [1_700_000_001],
            **{name: ["x"] for name in CONTEXT},
        }
    )
    pq.write_table(table, folder / "histories.parquet")


CAPPED = Page(explain=True, max_per_brand=3)


class NoisyRecommender:
    """Answers by the contract, and prints as TensorFlow does on loading."""

    def __init__(self, servable_dir, *, one_call):
        assert one_call
        assert (servable_dir / "saved_model.pb").exists()
        print("python noise")
        os.write(1, b"native noise\n")
        os.write(2, b"native noise\n")

    def recommend(self, request, k, only, page):
        assert page in {Page(), CAPPED}
        assert request.query == ""
        known = list(request.history_item_ids) == ["i3", "i1"]
        order = ["i2", "i1"] if known else ["i3", ""]
        return self._output(order, k, p_click=True)

    def search(self, request, k, only, page):
        assert page == Page()
        assert request.query == "鼠标"
        return self._output(["i1", "i2", "i3"], k, p_click=True)

    def similar(self, item_ids, k, only):
        assert item_ids == ["i1"]
        return self._output(["i2", "i3"], k, p_click=False)

    def _output(self, order, k, *, p_click):
        order = order[:k]
        scores = np.linspace(0.9, 0.1, len(order), dtype=np.float32)
        output = {
            "item_ids": np.array([[item.encode() for item in order]]),
            "scores": scores[np.newaxis],
        }
        if p_click:
            output["p_click"] = scores[np.newaxis] / 2
        return output


@pytest.fixture
def call(tmp_path, monkeypatch):
    run = tmp_path / "demo" / "latest"
    (run / "model").mkdir(parents=True)
    (run / "model" / "saved_model.pb").touch()
    _catalogue(run / "items")
    _histories(run)
    report = {
        "servable": {"path": "model", "version": "4"},
        "histories": {"path": "histories.parquet"},
        "catalogue": {"path": "items"},
    }
    (run / "report.json").write_text(json.dumps(report))

    # The rest is real; a servable takes minutes to make.
    in_process = types.SimpleNamespace(Recommender=NoisyRecommender)
    monkeypatch.setitem(sys.modules, "serving.in_process", in_process)

    def invoke(*words):
        command, *rest = words
        return CliRunner().invoke(
            main, [command, *rest, "--runs", str(tmp_path)]
        )

    return invoke


def test_a_table_has_titles_scores_and_the_history(call):
    result = call("recommend", "--user", "u1")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[:4] == [
        "demo · version 4",
        "u1 · 2 steps, the last of them:",
        "  2023-11-14 buy 无线鼠标",
        "  2023-11-14 click 显示器",
    ]
    rows = [line.split() for line in lines[-2:]]
    assert rows == [
        ["1", "i2", "机械键盘", "0.9000"],
        ["2", "i1", "无线鼠标", "0.1000"],
    ]


def test_how_a_page_is_put_together_reaches_the_model(call):
    result = call(
        "recommend", "--user", "u1", "--max-per-brand", "3", "--explain"
    )
    assert result.exit_code == 0, result.stderr


def test_json_is_all_that_stdout_carries(call, capfd):
    result = call("search", "鼠标", "--user", "u1", "--k", "2", "--json")
    document = json.loads(result.stdout)
    assert document["query"] == "鼠标"
    assert document["user_id"] == "u1"
    assert [row["item_id"] for row in document["results"]] == ["i1", "i2"]
    assert document["results"][0]["p_click"] == pytest.approx(0.45)
    # The process's own descriptors, beside those that click replaces.
    assert capfd.readouterr() == ("", "")


def test_unknown_users_are_served_and_told(call):
    result = call("recommend", "--user", "nobody")
    assert result.exit_code == 0
    assert "nobody is not in the log: as for a newcomer" in result.stdout
    # The second slot could not be filled.
    assert result.stdout.splitlines()[-1].split()[:2] == ["1", "i3"]
    document = json.loads(
        call("recommend", "--user", "nobody", "--json").stdout
    )
    assert document["known_user"] is False
    assert len(document["results"]) == 1


def test_similar_names_the_item(call):
    result = call("similar", "--item", "i1")
    assert "like i1: 无线鼠标" in result.stdout
    assert "机械键盘" in result.stdout


def test_unknown_items_get_near_ids(call):
    result = call("similar", "--item", "i11", "--json")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith(
        "error: the catalogue has no item 'i11'; near it: i1"
    )
    result = call("similar", "--item", "完全不同")
    assert "daogou users --preset demo" in result.stderr


@pytest.fixture
def server():
    """A model server whose version 9 likes i3 best; remembers what it got."""
    got = []

    def predict(message, _):
        request = protos.PredictRequest.FromString(message)
        got.append(request)
        response = protos.PredictResponse()
        response.model_spec.version.value = 9
        for name, value in (
            ("item_ids", np.array([[b"i3", b"i1"]], object)),
            ("scores", np.array([[0.5, 0.25]], np.float32)),
        ):
            tensors.encode(value, response.outputs[name])
        return response.SerializeToString()

    handler = grpc.method_handlers_generic_handler(
        "tensorflow.serving.PredictionService",
        {"Predict": grpc.unary_unary_rpc_method_handler(predict)},
    )
    running = grpc.server(concurrent.futures.ThreadPoolExecutor(1))
    running.add_generic_rpc_handlers((handler,))
    port = running.add_insecure_port("127.0.0.1:0")
    running.start()
    yield f"127.0.0.1:{port}", got
    running.stop(None)


def test_a_server_answers_instead_of_the_model_in_this_process(call, server):
    target, got = server
    for words, signature in (
        (("recommend", "--user", "u1"), "recommend"),
        (("search", "鼠标", "--user", "u1"), "search"),
        (("similar", "--item", "i1"), "similar"),
    ):
        result = call(*words, "--server", target, "--json")
        assert result.exit_code == 0, result.stderr
        document = json.loads(result.stdout)
        assert document["version"] == "9"
        items = [row["item_id"] for row in document["results"]]
        assert items == ["i3", "i1"]
        assert got[-1].model_spec.name == "daogou"
        assert got[-1].model_spec.signature_name == signature
    history = tensors.decode(got[0].inputs["history_item_ids"])
    # Histories begin with an empty step, for servers that join requests.
    assert history.tolist() == [[b"", b"i3", b"i1"]]


def test_a_server_that_is_not_there_is_one_line(call):
    result = call("recommend", "--user", "u1", "--server", "127.0.0.1:1")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: 127.0.0.1:1: UNAVAILABLE: ")
    assert result.stderr.count("\n") == 1
