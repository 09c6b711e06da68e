"""`daogou encoder distil`, from a file of texts to an encoder that is used."""

import json

import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner

from cli.main import main
from models.text.hub import TextEncoder
from tests.encoders import CHARACTERS, HIDDEN, write_tiny_bert


def call(*words):
    return CliRunner().invoke(main, ["encoder", "distil", *map(str, words)])


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    return write_tiny_bert(tmp_path_factory.mktemp("teacher"))


def test_from_texts_to_an_encoder(tmp_path, teacher):
    random = np.random.default_rng(3)
    texts = [
        "".join(random.choice(list(CHARACTERS), 4)) + " pro 12"
        for _ in range(500)
    ]
    (tmp_path / "texts.txt").write_text("\n".join(texts), encoding="utf-8")
    words = (
        "--texts", tmp_path / "texts.txt", "--teacher", teacher.encoder.parent,
        "--layers", 1, "--width", 16, "--feed-forward", 16, "--epochs", 1,
        "--batch", 128, "--work", tmp_path / "work", "--heads", 2,
        "--num-documents", 64, "--evaluations", 2, "--patience", 2,
    )  # fmt: skip
    output = tmp_path / "student"
    done = call(*words, "--output", output, "--json")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["texts"] + report["held_out"] == len(set(texts))
    # Two measurements of one epoch's steps, and the one before.
    steps = -(-report["texts"] // 128)
    assert [row["step"] for row in report["history"]] == [
        0, -(-steps // 2), steps,
    ]  # fmt: skip
    student = TextEncoder.load(str(output), str(output))
    assert student.dimension == HIDDEN
    vectors = student(tf.constant(texts[:3])).numpy()
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)

    again = call(*words, "--output", output)
    assert again.exit_code == 1
    assert f"{output} is there already" in again.stderr
    assert "Traceback" not in again.stderr
    # Another way to store it takes no other training.
    small = call(*words, "--output", tmp_path / "small", "--quantise", "int8")
    assert small.exit_code == 0, small.output
    assert "recall@10 of the teacher's neighbours: " in small.stdout


def test_bad_options_are_named(tmp_path, teacher):
    words = ("--teacher", teacher.encoder.parent, "--output", tmp_path / "s")
    done = call("--texts", tmp_path / "no.txt", *words)
    assert done.exit_code == 1
    assert "no.txt is missing" in done.stderr
    done = call("--texts", tmp_path / "no.txt", *words, "--width", 31)
    assert "StudentShape.width is 31" in done.stderr
    done = call("--texts", tmp_path / "no.txt", *words, "--batch", 1)
    assert "batch_texts is 1; allowed: at least 2" in done.stderr
    done = call("--texts", tmp_path / "no.txt", *words, "--temperature", 0)
    assert "temperature is 0.0; allowed: above 0" in done.stderr
    assert not (tmp_path / "s").exists()
    assert not (tmp_path / "s.work").exists()
