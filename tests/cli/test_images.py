"""`daogou images encode`: from pictures to a table that a run reads."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from cli.main import main
from tests.models.images.small_encoder import write_encoder, write_picture


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return write_encoder(tmp_path_factory.mktemp("encoder") / "made")


@pytest.fixture
def shop(tmp_path):
    """Four items: one picture each, but for one; one is broken."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    write_picture(folder / "a.png", [255, 0, 0], [255, 0, 0])
    write_picture(folder / "b.jpg", [0, 0, 0], [255, 255, 255])
    (folder / "c.png").write_bytes(b"no picture")
    ids = ["a", "b", "c", "d"]
    items = pa.table({"item_id": ids, "title": [f"商品{i}" for i in ids]})
    pq.write_table(items, tmp_path / "items.parquet")
    return tmp_path


def call(shop, encoder, *more):
    words = [
        *("images", "encode", "--items", shop / "items.parquet"),
        *("--images", shop / "pictures", "--encoder", encoder),
        *("--output", shop / "made.parquet", *more),
    ]
    return CliRunner().invoke(main, list(map(str, words)))


def test_items_get_the_vectors_of_their_pictures(shop, encoder):
    done = call(shop, encoder, "--batch", 2)
    assert done.exit_code == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("2 of 4 items have an image now (")
    assert lines[0].endswith("; 1 have no picture")
    assert lines[1].startswith(f"cannot be read: {shop / 'pictures/c.png'}: ")
    made = pq.read_table(shop / "made.parquet")
    assert made["title"].to_pylist() == [f"商品{i}" for i in "abcd"]
    images = made["image_embedding"].to_pylist()
    assert images[0] == pytest.approx([1, 0, 0] * 2, abs=1e-3)
    assert images[1] == pytest.approx([0, 0, 0, 1, 1, 1], abs=0.05)
    assert images[2:] == [None, None]
    # Nothing else is left, and what is there is what a run takes.
    assert sorted(p.name for p in shop.iterdir()) == [
        *("items.parquet", "made.parquet", "pictures"),
    ]


def test_counts_as_json(shop, encoder):
    done = call(shop, encoder, "--json")
    told = json.loads(done.stdout)
    assert (told["items"], told["encoded"], told["without_picture"]) == (
        4,
        2,
        1,
    )
    assert list(told["unreadable"]) == [str(shop / "pictures/c.png")]


def test_without_a_single_picture_nothing_is_written(shop, encoder):
    for path in (shop / "pictures").iterdir():
        path.unlink()
    (shop / "made.parquet").write_bytes(b"before")
    done = call(shop, encoder)
    assert done.exit_code == 1
    assert "none of 4 items has an image" in done.stderr
    assert (shop / "made.parquet").read_bytes() == b"before"


def test_a_bad_output_is_told_before_anything_is_loaded(shop):
    done = call(shop, "no/such/encoder", "--output", shop / "made.csv")
    assert done.exit_code == 1
    assert "allowed: a .parquet" in done.stderr
    done = call(shop, "./nowhere")
    assert done.exit_code == 1
    assert (
        done.stderr.strip()
        .splitlines()[-1]
        .startswith("error: no image encoder at")
    )
