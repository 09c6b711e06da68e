"""A student of the small conformance encoder, from texts to its folder."""

import functools
import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from models.text.distillation import training as training_module
from models.text.distillation.export import export_student
from models.text.distillation.settings import (
    QUANTISATIONS,
    DistilSettings,
    StudentShape,
)
from models.text.distillation.student import distillation_loss, start_anew
from models.text.distillation.teacher import TeacherVectors
from models.text.distillation.texts import is_held_out
from models.text.distillation.training import distil, recall_of_neighbours
from models.text.encoder_pair import EncoderPair
from models.text.hub import TextEncoder
from models.text.resolve import DESCRIPTION_PATH
from schema.errors import DataError
from tests.encoders import CHARACTERS, HIDDEN, VOCABULARY

SHAPE = StudentShape(layers=1, width=16, heads=2, feed_forward=32)
SETTINGS = DistilSettings(
    epochs=6,
    batch_texts=64,
    learning_rate=3e-3,
    num_documents=128,
    evaluations=3,
)


def some_texts(count, seed=0):
    random = np.random.default_rng(seed)
    return list(
        dict.fromkeys(
            "".join(random.choice(list(CHARACTERS), random.integers(2, 6)))
            for _ in range(count)
        )
    )


TEXTS = some_texts(1500)


@pytest.fixture(scope="module")
def teacher(tiny_bert_paths):
    return TextEncoder(tiny_bert_paths)


def run(teacher, work_dir, texts, settings=SETTINGS):
    start, trained = start_and_train(teacher, work_dir, texts, settings)
    assert trained.student is start.student
    return trained


def start_and_train(teacher, work_dir, texts, settings=SETTINGS):
    vectors = TeacherVectors(work_dir, teacher, "query")
    start = start_anew(SHAPE, VOCABULARY, vectors, settings.seed)
    return start, distil(
        texts, vectors, start, settings=settings, work_dir=work_dir
    )


@pytest.fixture(scope="module")
def work_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def distilled(teacher, work_dir):
    return run(teacher, work_dir, TEXTS)


@pytest.fixture(scope="module")
def exported(teacher, work_dir, distilled, tmp_path_factory):
    """The student's folders, by how its matrices are stored."""
    folder, paths = tmp_path_factory.mktemp("exported"), {}
    for kind in QUANTISATIONS:
        # Quantising works in place, so each kind has a student of its own,
        # read from the work folder and not trained again.
        start, again = start_and_train(teacher, work_dir, TEXTS)
        assert again.history == distilled.history
        paths[kind] = export_student(
            folder / kind,
            start,
            teacher_digest="a teacher",
            quantisation=kind,
            facts={"recall@10": again.recall},
        )
    return paths


@pytest.fixture(scope="module")
def students(exported):
    return {kind: TextEncoder(paths) for kind, paths in exported.items()}


def test_learns_what_it_was_not_shown(distilled):
    first, *_, last = distilled.history
    losses = [row["loss"] for row in distilled.history[1:]]
    assert losses[-1] < 0.7 * losses[0]
    # Of held-out texts.
    assert 1 - last["cosine"] < 0.5 * (1 - first["cosine"])
    assert last["recall"] > first["recall"] + 0.1
    assert distilled.recall == max(row["recall"] for row in distilled.history)
    assert distilled.texts + distilled.held_out == len(TEXTS)


def test_fits_the_interface_and_the_teachers_space(exported, students, teacher):
    student = students["none"]
    assert student.dimension == HIDDEN
    texts = some_texts(300, seed=9)
    wanted = teacher(tf.constant(texts)).numpy()
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    given = student(tf.constant(texts)).numpy()
    np.testing.assert_allclose(np.linalg.norm(given, axis=1), 1, atol=1e-5)
    strangers = (given * np.roll(wanted, 1, axis=0)).sum(1).mean()
    assert (given * wanted).sum(1).mean() > strangers + 0.05
    about = json.loads(
        (exported["none"].encoder / DESCRIPTION_PATH).read_text("utf-8")
    )
    assert about["teacher"] == "a teacher"
    assert about["quantisation"] == "none"


def test_the_same_in_a_fresh_process(exported, students, tmp_path):
    texts = ["无线鼠标", "苹果手机 14", "夏季，连衣裙", ""]
    code = (
        "import sys, pathlib, numpy as np, tensorflow as tf\n"
        "from models.text.hub import TextEncoder\n"
        "from models.text.resolve import built_paths\n"
        "kinds, texts = sys.argv[2].split(), tf.constant(sys.argv[3:])\n"
        "np.savez(sys.argv[1] + '/there.npz', **{pathlib.Path(k).name:"
        " TextEncoder(built_paths(k))(texts).numpy() for k in kinds})\n"
    )
    folders = [str(paths.encoder.parent) for paths in exported.values()]
    subprocess.run(
        [sys.executable, "-c", code, tmp_path, " ".join(folders), *texts],
        check=True,
        capture_output=True,
    )
    with np.load(tmp_path / "there.npz") as there:
        assert set(there) == set(QUANTISATIONS)
        for kind, vectors in there.items():
            here = students[kind](tf.constant(texts)).numpy()
            np.testing.assert_array_equal(vectors, here)


def test_goes_into_a_model_beside_its_teacher(exported, teacher, tmp_path):
    """As the Trainer saves it: items by the teacher, queries by the student."""
    paths = exported["int8"]
    texts = tf.constant(["无线鼠标", "", "连衣裙"])
    with pytest.raises(DataError, match="learnt from a teacher; allowed"):
        EncoderPair(teacher, TextEncoder(paths))
    described = paths.encoder / DESCRIPTION_PATH
    about = json.loads(described.read_text("utf-8"))
    described.write_text(json.dumps({**about, "teacher": teacher.digest}))
    model = tf.Module()
    model.encoders = EncoderPair(teacher, TextEncoder(paths))
    for role in ("item", "query"):
        encode = functools.partial(model.encoders.encode_distinct, role=role)
        setattr(
            model,
            role,
            tf.function(
                encode, input_signature=[tf.TensorSpec([None], tf.string)]
            ),
        )
    tf.saved_model.save(model, str(tmp_path / "model"))
    described.write_text(json.dumps(about))
    loaded = tf.saved_model.load(str(tmp_path / "model"))
    expected = teacher(texts, role="item").numpy()
    np.testing.assert_allclose(loaded.item(texts), expected, atol=1e-5)
    expected = TextEncoder(paths)(texts).numpy()
    np.testing.assert_allclose(loaded.query(texts), expected, atol=1e-5)


def test_fewer_bits_cost_little(exported, students):
    sizes = {
        kind: sum(
            path.stat().st_size
            for path in (paths.encoder / "variables").iterdir()
        )
        for kind, paths in exported.items()
    }
    assert sizes["int8"] < sizes["float16"] < sizes["none"]
    vectors = {
        kind: student(tf.constant(TEXTS[:50])).numpy()
        for kind, student in students.items()
    }
    for kind, least in (("float16", 0.99999), ("int8", 0.999)):
        cosines = (vectors[kind] * vectors["none"]).sum(1)
        assert cosines.min() > least
        assert (vectors[kind] != vectors["none"]).any()


def test_goes_on_where_it_was_stopped(teacher, tmp_path, monkeypatch):
    texts = some_texts(600)
    settings = DistilSettings(
        epochs=2, batch_texts=64, num_documents=64, evaluations=2
    )
    whole = run(teacher, tmp_path / "whole", texts, settings)
    train, steps = training_module._Training._train, []

    def stopped(self, rows):
        steps.append(int(self._step))
        if len(steps) == 15:
            raise KeyboardInterrupt
        return train(self, rows)

    monkeypatch.setattr(training_module._Training, "_train", stopped)
    with pytest.raises(KeyboardInterrupt):
        run(teacher, tmp_path / "parts", texts, settings)
    parts = run(teacher, tmp_path / "parts", texts, settings)
    # The last measurement, where the state was kept.
    assert steps[15] == whole.history[1]["step"]
    assert steps[-1] == whole.history[-1]["step"] - 1
    for here, there in zip(
        whole.student.trainable_variables,
        parts.student.trainable_variables,
        strict=True,
    ):
        np.testing.assert_allclose(here, there, atol=1e-4)


def test_teachers_vectors_are_made_once(teacher, tmp_path, monkeypatch):
    texts = ["无线鼠标", "连衣裙", "无线鼠标", "\x00"]
    made = TeacherVectors(tmp_path, teacher, "query")(texts)
    expected = teacher(tf.constant(texts)).numpy()
    expected /= np.linalg.norm(expected, axis=1, keepdims=True).clip(1e-9)
    np.testing.assert_allclose(made, expected, atol=1e-6)
    assert not made[3].any()

    asked = []
    kept = TeacherVectors(tmp_path, teacher, "query")
    encode = kept._encode
    monkeypatch.setattr(
        kept, "_encode", lambda part: asked.extend(part) or encode(part)
    )
    again = kept(["电饭煲", *texts])
    assert asked == ["电饭煲"]
    np.testing.assert_array_equal(again[1:], made)


def test_a_broken_file_of_vectors_is_named(teacher, tmp_path):
    vectors = TeacherVectors(tmp_path, teacher, "query")
    vectors(["连衣裙"])
    (file,) = vectors.folder.glob("*.npz")
    file.write_bytes(b"PK nothing")
    with pytest.raises(DataError, match=rf"{file.name} cannot be read"):
        vectors(["连衣裙"])


def test_too_few_texts(teacher, tmp_path):
    texts = [text for text in some_texts(300) if not is_held_out(text)]
    with pytest.raises(DataError, match="too few"):
        run(teacher, tmp_path, texts)


def test_recall_by_hand():
    documents = np.eye(22, dtype=np.float32)
    near = np.where(np.arange(22) < 10, 1.0, 0.0).astype("f4")[None]
    half = np.where((np.arange(22) >= 5) & (np.arange(22) < 15), 1.0, 0.0)
    assert recall_of_neighbours(near, near, documents) == 1.0
    assert recall_of_neighbours(
        half.astype("f4")[None], near, documents
    ) == pytest.approx(0.5)


def test_loss_by_hand():
    teacher = tf.constant([[1.0, 0.0]])
    documents = tf.constant([[1.0, 0.0], [0.0, 1.0]])
    same = distillation_loss(
        teacher, teacher, documents, temperature=0.5, similarity_weight=2.0
    )
    np.testing.assert_allclose([x.numpy() for x in same], 0, atol=1e-6)
    # The student has it the wrong way round: softmax of (2, 0) and (0, 2).
    loss, distance = distillation_loss(
        tf.constant([[0.0, 1.0]]),
        teacher,
        documents,
        temperature=0.5,
        similarity_weight=2.0,
    )
    high = 1 / (1 + np.exp(-2.0))
    divergence = high * np.log(high / (1 - high)) + (1 - high) * np.log(
        (1 - high) / high
    )
    assert distance.numpy() == pytest.approx(1.0)
    assert loss.numpy() == pytest.approx(1.0 + 2 * divergence, rel=1e-5)
