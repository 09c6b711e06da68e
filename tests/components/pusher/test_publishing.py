import os
import random
import signal
import time

import pytest
import tensorflow as tf

from components.pusher import publishing
from schema.errors import DataError

NUM_FILES = 150


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    (folder / "variables").mkdir(parents=True)
    (folder / "assets.extra").mkdir()
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "assets.extra" / "requests").write_bytes(b"requests")
    for number in range(NUM_FILES):
        path = folder / "variables" / f"variables.data-{number}"
        path.write_bytes(bytes([number]) * 10_000)
    return folder


def content(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_pushes_everything_under_the_time(model, tmp_path):
    base = tmp_path / "serving"
    path, version = publishing.publish(str(model), str(base), now=1700.9)
    assert version == "1700"
    assert path == str(base / "1700")
    assert content(base / "1700") == content(model)
    assert [entry.name for entry in base.iterdir()] == ["1700"]


def test_a_later_push_has_a_greater_version(model, tmp_path):
    base = tmp_path / "serving"
    (base / "00005000").mkdir(parents=True)
    (base / "latest").mkdir()
    pushed = [
        publishing.publish(str(model), str(base), now=now)[1]
        for now in (1700, 1700, 6000)
    ]
    assert pushed == ["5001", "5002", "6000"]
    assert publishing.versions(str(base)) == [5000, 5001, 5002, 6000]


def test_gives_way_when_another_push_was_faster(model, tmp_path, monkeypatch):
    base = tmp_path / "serving"
    copy_tree = publishing._copy_tree

    def while_another_finishes(source, target):
        copy_tree(source, target)
        (base / "1700").mkdir()
        (base / "1700" / "saved_model.pb").write_bytes(b"other")

    monkeypatch.setattr(publishing, "_copy_tree", while_another_finishes)
    _, version = publishing.publish(str(model), str(base), now=1700)
    assert version == "1701"
    assert content(base / "1700") == {"saved_model.pb": b"other"}
    assert content(base / "1701") == content(model)


def test_removes_what_killed_pushes_left_and_nothing_else(model, tmp_path):
    base = tmp_path / "serving"
    gone = os.fork()
    if not gone:
        os._exit(0)
    os.waitpid(gone, 0)
    running = f".tmp-11-{os.getppid()}"
    for name in (f".tmp-10-{gone}", running, "keep"):
        (base / name).mkdir(parents=True)
    publishing.publish(str(model), str(base), now=1700)
    names = {entry.name for entry in base.iterdir()}
    assert names == {running, "keep", "1700"}


def test_killed_at_any_moment_leaves_only_whole_versions(model, tmp_path):
    base = tmp_path / "serving"
    publishing.publish(str(model), str(base), now=1)
    expected = content(model)
    chance = random.Random(0)
    interrupted = 0
    for _ in range(25):
        child = os.fork()
        if not child:
            while True:
                publishing.publish(str(model), str(base), now=1)
        time.sleep(chance.uniform(0.005, 0.06))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        names = {entry.name for entry in base.iterdir()}
        temporary = {name for name in names if name.startswith(".tmp-")}
        interrupted += bool(temporary)
        assert len(temporary) <= 1
        for name in names - temporary:
            assert content(base / name) == expected
    assert interrupted
    publishing.publish(str(model), str(base), now=1)
    names = [entry.name for entry in base.iterdir()]
    assert all(name.isdigit() for name in names)
    assert "1" in names


def test_writes_in_place_where_folders_cannot_be_renamed(
    model, tmp_path, monkeypatch
):
    assert not publishing._renames_in_one_step("s3://bucket/daogou")
    assert publishing._renames_in_one_step("hdfs://host/daogou")
    monkeypatch.setattr(publishing, "_renames_in_one_step", lambda base: False)
    monkeypatch.delattr(tf.io.gfile, "rename")
    base = tmp_path / "serving"
    for now, expected in ((1700, "1700"), (1700, "1701")):
        _, version = publishing.publish(str(model), str(base), now=now)
        assert version == expected
        assert content(base / version) == content(model)
    written = [
        path.stat().st_mtime_ns
        for path in (base / "1701").rglob("*")
        if path.is_file()
    ]
    last = (base / "1701" / "saved_model.pb").stat().st_mtime_ns
    assert last == max(written)


def test_refuses_what_is_no_model(tmp_path):
    with pytest.raises(DataError, match=r"holds no saved_model\.pb"):
        publishing.publish(str(tmp_path), str(tmp_path / "serving"))
    assert not (tmp_path / "serving").exists()
