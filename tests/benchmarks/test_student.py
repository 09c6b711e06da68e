"""What `daogou bench student` measures, where the answer is known."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from benchmarks import student
from models.text.distillation.teacher import TeacherVectors
from models.text.distillation.texts import is_held_out
from models.text.hub import TextEncoder
from schema.errors import DataError
from tests.encoders import CHARACTERS, write_tiny_bert
from tests.slow import slow

pytestmark = slow

TEXTS = ["".join(pair) for pair in itertools.permutations(CHARACTERS[:16], 2)]


@pytest.fixture(scope="module")
def encoders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("encoders")
    return {
        name: TextEncoder(write_tiny_bert(folder / name, seed=seed))
        for seed, name in enumerate(("teacher", "stranger"))
    }


def test_the_teacher_finds_its_own_neighbours(encoders, tmp_path):
    teacher = TeacherVectors(tmp_path, encoders["teacher"], "query")
    found = student._neighbours(
        encoders, teacher, teacher, TEXTS[:20], TEXTS[20:]
    )
    assert (found["queries"], found["documents"]) == (20, len(TEXTS) - 20)
    assert found["teacher"]["recall@10"] == 1.0
    assert found["stranger"]["recall@10"] < 0.5
    with pytest.raises(DataError, match="are too few"):
        student._neighbours(encoders, teacher, teacher, [], TEXTS)


def test_accuracy_of_vectors_that_tell(tmp_path):
    random = np.random.default_rng(0)
    rows = [(f"好评{n}", n % 3, n % 2) for n in range(1500)]
    path = tmp_path / "reviews.csv"
    path.write_text(
        "cat,label,review\n"
        + "".join(f"{cat},{label},{text}\n" for text, cat, label in rows),
        encoding="utf-8",
    )
    known = {text: (cat, label) for text, cat, label in rows}

    def telling(texts):
        return np.array(
            [[*np.eye(3)[known[t][0]], known[t][1]] for t in texts], "f4"
        )

    def noise(texts):
        return random.normal(size=(len(texts), 4)).astype("f4")

    measured = student._accuracy(
        {"telling": telling, "noise": noise}, path, 300
    )
    assert measured["train"] == 300
    assert measured["test"] == sum(map(is_held_out, known))
    assert measured["telling"] == {"category": 1.0, "sentiment": 1.0}
    assert measured["noise"]["category"] < 0.8
    path.write_text("cat,review\n1,好\n", encoding="utf-8")
    with pytest.raises(DataError, match="no column 'label'"):
        student._accuracy({"telling": telling}, path, 300)


def test_times_of_one_query(encoders):
    measured = student._latency(encoders, TEXTS[:40])
    assert measured["queries"] == 40
    assert measured["teacher"]["times_the_teachers_speed"] == 1.0
    for name in encoders:
        assert measured[name]["wall_ms"]["p10"] > 0
        assert (
            measured[name]["wall_ms"]["p10"]
            <= (measured[name]["wall_ms"]["p90"])
        )


def test_one_core_is_a_matter_of_new_processes(encoders):
    tf.constant(1)
    with pytest.raises(DataError, match="measure in a new one"):
        student._use_one_core()
