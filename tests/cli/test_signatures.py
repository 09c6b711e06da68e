"""`daogou signatures`."""

import json

import pytest
import tensorflow as tf
from click.testing import CliRunner

from cli.main import main


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    class Shop(tf.Module):
        @tf.function(
            input_signature=[tf.TensorSpec([None], tf.string, "item_ids")]
        )
        def embed_item(self, item_ids):
            vectors = tf.zeros([tf.size(item_ids), 8])
            return {"vectors": vectors, "known": item_ids != ""}

    shop, folder = Shop(), tmp_path_factory.mktemp("model")
    tf.saved_model.save(
        shop, str(folder), signatures={"embed_item": shop.embed_item}
    )
    return folder


def test_shows_types_and_meanings(model):
    result = CliRunner().invoke(main, ["signatures", "--model", str(model)])
    assert result.exit_code == 0, result.stderr
    assert "embed_item" in result.stdout
    assert "the vectors of items" in result.stdout
    for words in (
        ["must be sent", "item_ids", "string[?]"],
        ["comes back", "vectors", "float32[?, 8]", "dot products"],
    ):
        assert any(
            all(word in line for word in words)
            for line in result.stdout.splitlines()
        )


def test_json_is_all_that_stdout_carries(model):
    result = CliRunner().invoke(
        main, ["signatures", "--model", str(model), "--json"]
    )
    (told,) = json.loads(result.stdout).values()
    assert told["inputs"][0]["required"] is True
    assert told["outputs"][1]["shape"] == [None, 8]


def test_a_folder_without_a_model_is_named(tmp_path):
    result = CliRunner().invoke(main, ["signatures", "--model", str(tmp_path)])
    assert result.exit_code == 1
    assert f"{tmp_path} holds no SavedModel" in result.stderr
