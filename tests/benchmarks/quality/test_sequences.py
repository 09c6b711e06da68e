import json
import pathlib

import numpy as np
import pytest

from benchmarks.quality import sequences
from schema.errors import DataError

BEAUTY = pathlib.Path(__file__).parents[4] / "shared" / "data" / "beauty"


def write(tmp_path, text):
    path = tmp_path / "data.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_leaves_the_last_two_out(tmp_path):
    data = sequences.read(write(tmp_path, "a 10 2 9 2\nb 9 3\nc 2 3 10\n"))
    # By number, not by text and not by first sight.
    assert data.items == ["2", "3", "9", "10"]
    assert data.users == ["a", "b", "c"]
    assert data.asked.tolist() == [0, 2]
    assert data.targets("validation").tolist() == [2, 1]
    assert data.targets("test").tolist() == [0, 3]
    training = data.training()
    assert training.offsets.tolist() == [0, 2, 4, 5]
    # User b, of two steps, is trained on with both.
    assert training.rows.tolist() == [3, 0, 2, 1, 0]
    test = data.histories("test", np.array([2, 0]))
    assert test.offsets.tolist() == [0, 2, 5]
    assert test.rows.tolist() == [0, 1, 3, 0, 2]
    assert data.training_counts().tolist() == [2, 1, 1, 1]
    assert data.summary() == {
        "users": 3,
        "users_asked": 2,
        "users_trained_on_only": 1,
        "items": 4,
        "items_never_trained_on": 0,
        "steps": 9,
        "training_steps": 5,
        "attributes": 0,
    }


def test_ids_that_are_text_and_attributes(tmp_path):
    path = write(tmp_path, "u 茶 b\n\nv b 茶 9\n")
    attributes = tmp_path / "attributes.json"
    attributes.write_text(
        json.dumps({"b": [7, 8], "茶": [8, 8], "unheard": [1]}),
        encoding="utf-8",
    )
    data = sequences.read(path, attributes)
    assert data.items == ["9", "b", "茶"]
    assert data.attributes is not None
    assert data.attributes.toarray().tolist() == [[0, 0], [1, 1], [0, 1]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("u 1 2 3\n\nv\n", "line 3: user 'v' has no items"),
        ("u 1 2 3\nv 1\nu 2\n", "line 3: user 'u' came in line 1"),
        ("u 1 2\n", "no user has 3 items"),
    ],
)
def test_bad_files(tmp_path, text, message):
    with pytest.raises(DataError, match=message) as caught:
        sequences.read(write(tmp_path, text))
    assert "data.txt" in str(caught.value)


def test_no_file(tmp_path):
    with pytest.raises(DataError, match=r"Beauty\.txt is missing"):
        sequences.read_beauty(tmp_path)
    with pytest.raises(DataError, match="there is no file"):
        sequences.read(tmp_path / "data.txt")


@pytest.mark.skipif(not BEAUTY.is_dir(), reason="needs ../shared/data")
def test_beauty():
    data = sequences.read_beauty(BEAUTY)
    summary = data.summary()
    assert summary["users"] == summary["users_asked"] == 22_363
    assert summary["items"] == 12_101
    assert summary["steps"] == 198_502
    assert data.attributes is not None
    assert data.attributes.shape[0] == 12_101
    # Everything but the last item of everybody is told before the test.
    assert len(data.histories("test").rows) == 198_502 - 22_363
