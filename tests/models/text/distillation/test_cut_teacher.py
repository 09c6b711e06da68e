"""Students that start as a part of the built E5, and of another encoder."""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner

from cli.main import main
from models.text.bert import DenseEmbedding, PackedEmbedding
from models.text.distillation.cut_teacher import cut_teacher
from models.text.distillation.export import export_student
from models.text.distillation.settings import DistilSettings
from models.text.distillation.teacher import TeacherVectors
from models.text.distillation.training import distil
from models.text.hub import TextEncoder
from models.text.resolve import DESCRIPTION_PATH, EncoderPaths
from schema.errors import DataError
from tests.encoders import write_tiny_bert

TEXTS = ["无线鼠标 静音", "iPhone 14 手机壳", "夏季新款連衣裙", "电饭煲", ""]
SETTINGS = DistilSettings(
    epochs=4,
    batch_texts=32,
    learning_rate=1e-3,
    num_documents=64,
    evaluations=2,
)


@pytest.fixture(scope="module")
def e5(e5_paths):
    return TextEncoder(e5_paths)


@pytest.fixture(scope="module")
def plain_e5(e5_paths, tmp_path_factory):
    """E5 without what it puts before a text."""
    folder = tmp_path_factory.mktemp("plain")
    shutil.copytree(e5_paths.encoder, folder / "encoder")
    described = folder / "encoder" / DESCRIPTION_PATH
    about = json.loads(described.read_text("utf-8"))
    described.write_text(json.dumps({**about, "prefixes": {}}))
    return TextEncoder(
        EncoderPaths(preprocess=e5_paths.preprocess, encoder=folder / "encoder")
    )


def export(start, folder, teacher, kind="none"):
    return TextEncoder(
        export_student(
            folder,
            start,
            teacher_digest=teacher.digest,
            quantisation=kind,
            facts={},
        )
    )


def test_all_layers_are_the_teacher(plain_e5, tmp_path):
    start = cut_teacher(plain_e5, 12)
    assert isinstance(start.student.word_embedding, PackedEmbedding)
    student = export(start, tmp_path / "student", plain_e5)
    np.testing.assert_allclose(
        student(tf.constant(TEXTS)), plain_e5(tf.constant(TEXTS)), atol=1e-5
    )


def test_a_table_that_can_be_trained_is_copied(tmp_path):
    teacher = TextEncoder(
        write_tiny_bert(tmp_path / "bert", description={}, pooler=False)
    )
    start = cut_teacher(teacher, 2)
    assert isinstance(start.student.word_embedding, DenseEmbedding)
    student = export(start, tmp_path / "student", teacher)
    texts = tf.constant([*TEXTS, "phone 14 pro"])
    np.testing.assert_allclose(student(texts), teacher(texts), atol=1e-5)


def test_layers_are_spread_from_the_first_to_the_last(e5):
    start = cut_teacher(e5, 3)
    for mine, number in zip(start.student.layers, (0, 6, 11), strict=True):
        np.testing.assert_array_equal(
            mine.qkv.kernel, e5.model.model.layers[number].qkv.kernel
        )


def test_learns_and_keeps_the_teachers_words(e5, tmp_path):
    random = np.random.default_rng(1)
    words = [
        "无线",
        "鼠标",
        "静音",
        "手机",
        "夏季",
        "连衣裙",
        "电饭煲",
        "家用",
        "新款",
        "童装",
        "耳机",
    ]
    texts = [
        f"{' '.join(random.choice(words, 3))} {number}" for number in range(300)
    ]
    start = cut_teacher(e5, 2)
    before = start.student.word_embedding.nibbles.numpy()
    vectors = TeacherVectors(tmp_path / "work", e5, "query")
    trained = distil(
        texts, vectors, start, settings=SETTINGS, work_dir=tmp_path / "work"
    )
    assert trained.student is start.student
    first, *_, last = trained.history
    assert 1 - last["cosine"] < 0.5 * (1 - first["cosine"])
    assert last["recall"] > first["recall"] + 0.1
    student = export(start, tmp_path / "student", e5)
    np.testing.assert_array_equal(
        student.model.model.word_embedding.nibbles, before
    )
    wanted = vectors(texts)
    given = student(tf.constant(texts)).numpy()
    assert (given * wanted).sum(1).mean() > last["cosine"] - 0.05
    # Kernels are what is left to store in fewer bits.
    small = export(start, tmp_path / "small", e5, "int8")
    rounded = small(tf.constant(texts)).numpy()
    assert (given * rounded).sum(1).min() > 0.99
    sizes = [
        sum(
            file.stat().st_size
            for file in (tmp_path / name / "encoder/variables").iterdir()
        )
        for name in ("student", "small")
    ]
    # A byte where there were four: two layers have 3.5 million numbers.
    assert sizes[0] - sizes[1] > 10e6


def test_more_layers_than_there_are(e5):
    with pytest.raises(DataError, match=r"13 layers .* allowed: 1 to 12"):
        cut_teacher(e5, 13)


def test_encoders_whose_network_is_not_known(tmp_path):
    hubs = TextEncoder(write_tiny_bert(tmp_path / "hubs"))
    with pytest.raises(DataError, match="does not say what its network is"):
        cut_teacher(hubs, 1)
    pooled = TextEncoder(write_tiny_bert(tmp_path / "pooled", description={}))
    with pytest.raises(DataError, match=r"by 'pooler', .* allowed where"):
        cut_teacher(pooled, 1)


def test_options_of_the_other_kind_are_refused(tmp_path):
    words = ("--texts", tmp_path / "no.txt", "--teacher-layers", 2)
    done = CliRunner().invoke(
        main,
        ["encoder", "distil", *map(str, (*words, "--width", 64))],
    )
    assert done.exit_code == 1
    assert "--teacher-layers takes these of the teacher: --width" in done.stderr
