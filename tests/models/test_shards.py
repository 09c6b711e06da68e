"""Files of examples that are missing, cut off or damaged."""

import re

import pytest
import tensorflow as tf

from models import shards
from models.training import data
from schema.errors import DataError

RECORDS = [b"record %05d" % n * 5 for n in range(500)]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "examples-00000-of-00001.gz"
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for record in RECORDS:
            writer.write(record)
    return path


def test_whole_files_pass_and_so_do_files_without_examples(path, tmp_path):
    none = tmp_path / "none.gz"
    tf.io.TFRecordWriter(str(none), "GZIP").close()
    shards.check_whole([str(path), str(none)])
    assert list(data.records([str(none)])) == []


def test_wherever_a_file_is_cut_off_it_is_named(path):
    whole = path.read_bytes()
    quiet = []
    for size in (0, 1, 9, 10, len(whole) // 2, len(whole) - 8, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(DataError, match=re.escape(str(path))):
            shards.check_whole([str(path)])
        try:
            found = len(list(data.records([str(path)])))
        except tf.errors.OpError:
            continue
        if found < len(RECORDS):
            quiet.append(size)
    # What the reader alone would have taken for all there is.
    assert 0 in quiet


def test_a_file_with_a_byte_changed_is_named(path):
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 0xFF
    path.write_bytes(whole)
    with pytest.raises(DataError, match=r"00001\.gz is damaged"):
        shards.check_whole([str(path)])


def test_a_file_that_is_missing_is_named():
    files = [f"/data/examples-{n:05}-of-00003.gz" for n in range(3)]
    shards.check_complete(files)
    shards.check_complete([])
    shards.check_complete(["/data/part-7.gz", "/data/other-00001.gz"])
    with pytest.raises(
        DataError,
        match=r"examples-00001-of-00003\.gz is missing, one of 1 of 3",
    ):
        shards.check_complete([files[0], files[2]])


def test_training_is_not_given_a_split_with_a_gap(tmp_path):
    folder = tmp_path / "Split-train"
    folder.mkdir()
    (folder / "data-00001-of-00002.gz").touch()
    with pytest.raises(DataError, match=r"data-00000-of-00002\.gz is missing"):
        data.split_files(str(tmp_path), "train")
