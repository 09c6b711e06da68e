"""Files that are damaged, half there, or too much for the disk.

What goes wrong between two nodes ends in an error that says where, and what
was whole before stays whole.
"""

import pathlib
import random

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

from components.catalogue import tables
from components.pusher import publishing
from models.training.checkpoints import Checkpoints, Standing
from schema.errors import DataError
from tests.components.behavior_log import small_log
from tests.components.behavior_log.small_log import event
from tests.full_disk import full_after

# More than `LIMIT` bytes, however it is compressed.
NOISE = random.Random(1).randbytes(300_000)
LIMIT = 100_000
FULL = (OSError, tf.errors.OpError)
EVENTS = [
    event(f"u{user}", "click", f"i{n % 5}", 1000 + 100 * n + user)
    for user in range(8)
    for n in range(12)
]


def files(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def write_examples(path):
    values = pa.array([NOISE], pa.large_binary())
    batch = pa.RecordBatch.from_arrays([tables.as_lists(values)], ["noise"])
    tables.write_examples(path, [batch])


def write_parquet(path):
    schema = pa.schema([("noise", pa.large_binary())])
    table = pa.table({"noise": [NOISE]}, schema=schema)
    tables.write_parquet(path, schema, [table])


def write_checkpoint(path):
    folder, _, name = path.rpartition("/")
    values = np.frombuffer(NOISE, np.uint8)
    Checkpoints(folder=folder, every=1).write(
        name.removesuffix(".npz"),
        Standing(
            weights=[values],
            optimizer=[],
            best=[],
            best_value=0.0,
            worse=0,
            batches=1,
            rows=[],
            finished=False,
        ),
    )


WRITERS = pytest.mark.parametrize(
    ("write", "name"),
    [
        (write_examples, "data_tfrecord-00000.gz"),
        (write_parquet, "histories.parquet"),
        (lambda path: tables.write_bytes(path, NOISE), "shard.arrow"),
        (write_checkpoint, "ranking.npz"),
    ],
    ids=["examples", "parquet", "arrow", "checkpoint"],
)


@WRITERS
def test_a_full_disk_is_an_error_and_leaves_no_file_by_its_name(
    write, name, tmp_path
):
    path = tmp_path / name
    with full_after(LIMIT), pytest.raises(FULL):
        write(str(path))
    assert not path.exists()
    # With room again the same call goes through, whatever was left behind.
    write(str(path))
    assert path.stat().st_size > LIMIT


@WRITERS
def test_a_full_disk_leaves_what_was_there(write, name, tmp_path):
    path = tmp_path / name
    write(str(path))
    before = path.read_bytes()
    with full_after(LIMIT), pytest.raises(FULL):
        write(str(path))
    assert path.read_bytes() == before


def test_a_full_disk_pushes_no_version(tmp_path):
    model, base = tmp_path / "model", tmp_path / "serving"
    (model / "variables").mkdir(parents=True)
    (model / "saved_model.pb").write_bytes(b"graph")
    (model / "variables" / "variables.data").write_bytes(NOISE)
    with full_after(LIMIT), pytest.raises(FULL):
        publishing.publish(str(model), str(base), now=1)
    assert publishing.versions(str(base)) == []
    _, version = publishing.publish(str(model), str(base), now=2)
    found = files(base / version)
    assert found["variables/variables.data"] == NOISE


def test_a_full_disk_ends_the_log_and_a_second_run_is_whole(tmp_path):
    expected = small_log.run(tmp_path / "whole", EVENTS).files()
    with full_after(500), pytest.raises(Exception, match=r"too large|EFBIG"):
        small_log.run(tmp_path / "again", EVENTS)
    found = small_log.run(tmp_path / "again", EVENTS).files()
    assert found == expected


def damaged(folder):
    """The log's events in two files, as an ExampleGen names them."""
    source = pathlib.Path(small_log.write_table(folder / "x", EVENTS, EVENTS))
    split = source / "Split-all"
    for shard in range(2):
        (split / f"data_tfrecord-{shard:05}.gz").rename(
            split / f"data_tfrecord-{shard:05}-of-00002.gz"
        )
    return source, split


def run(folder, source):
    """Runs the node on events that are there already."""
    with pytest.MonkeyPatch.context() as patch:
        right = small_log.write_table

        def write_table(target, *rows):
            if target.name == "events":
                return str(source)
            return right(target, *rows)

        patch.setattr(small_log, "write_table", write_table)
        return small_log.run(folder, EVENTS)


def test_events_that_were_written_by_half_are_named(tmp_path):
    source, split = damaged(tmp_path)
    assert run(tmp_path / "whole", source).report["events"]["in"] == 192
    second = split / "data_tfrecord-00001-of-00002.gz"
    whole = second.read_bytes()
    for half in (whole[: len(whole) // 2], b""):
        second.write_bytes(half)
        with pytest.raises(Exception, match=r"00001-of-00002\.gz is damaged"):
            run(tmp_path / f"half-{len(half)}", source)
    second.unlink()
    with pytest.raises(DataError, match=r"00001-of-00002\.gz is missing"):
        run(tmp_path / "gone", source)
