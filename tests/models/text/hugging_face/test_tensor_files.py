import json
import struct

import numpy as np
import pytest

from models.text.hugging_face.tensor_files import open_folder
from schema.errors import DataError
from tests.checkpoints import write_safetensors

VALUES = np.array([[1.5, -2.0, 0.25]], np.float32)


@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16"])
def test_precisions(tmp_path, dtype):
    tensors = {"first": np.zeros(7, np.float32), "second": VALUES}
    write_safetensors(tmp_path / "model.safetensors", tensors, dtype)
    found = open_folder(tmp_path)
    got = found.take("second", (1, 3))
    assert got.dtype == np.float32
    # These values are exact in all three.
    np.testing.assert_array_equal(got, VALUES)
    assert found.left == ("first",)


def test_bfloat16_by_hand(tmp_path):
    header = json.dumps(
        {"x": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}
    ).encode()
    (tmp_path / "model.safetensors").write_bytes(
        struct.pack("<Q", len(header)) + header + b"\x80\x3f\x49\xc0"
    )
    got = open_folder(tmp_path).take("x", (2,))
    # 0x3f80 is 1, 0xc049 is -3.140625.
    assert got.tolist() == [1.0, -3.140625]


def write_shards(folder):
    write_safetensors(folder / "a.safetensors", {"x": VALUES})
    write_safetensors(folder / "b.safetensors", {"y": VALUES + 1})
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": {"x": "a.safetensors", "y": "b.safetensors"}})
    )


def test_shards(tmp_path):
    write_shards(tmp_path)
    found = open_folder(tmp_path)
    assert found.names == ("x", "y")
    np.testing.assert_array_equal(found.take("y", (1, 3)), VALUES + 1)


def test_missing_shard(tmp_path):
    write_shards(tmp_path)
    (tmp_path / "b.safetensors").unlink()
    with pytest.raises(DataError, match=r"b\.safetensors is missing; .*index"):
        open_folder(tmp_path)
    write_safetensors(tmp_path / "b.safetensors", {"z": VALUES})
    with pytest.raises(DataError, match=r"b\.safetensors: y is missing"):
        open_folder(tmp_path)


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"weight_map": {"x": "../secret"}}']
)
def test_bad_index(tmp_path, content):
    (tmp_path / "model.safetensors.index.json").write_text(content)
    with pytest.raises(DataError, match=r"index\.json cannot be read"):
        open_folder(tmp_path)


def test_no_weights(tmp_path):
    with pytest.raises(DataError, match=r"allowed: model\.safetensors"):
        open_folder(tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"PK")
    with pytest.raises(DataError) as caught:
        open_folder(tmp_path)
    assert "pytorch_model.bin is a pickle" in str(caught.value)
    assert "save_pretrained" in str(caught.value)


@pytest.mark.parametrize("keep", [0, 5, 60, -1])
def test_cut_short(tmp_path, keep):
    path = tmp_path / "model.safetensors"
    write_safetensors(path, {"x": VALUES})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"model\.safetensors.*cut short"):
        open_folder(tmp_path)


def test_git_lfs_pointer(tmp_path):
    (tmp_path / "model.safetensors").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    )
    with pytest.raises(DataError, match="git lfs pull"):
        open_folder(tmp_path)


@pytest.mark.parametrize(
    "header",
    [
        b"[]",
        b"{nonsense",
        b'{"x": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}',
        b'{"x": {"dtype": "F32"}}',
    ],
)
def test_bad_header(tmp_path, header):
    (tmp_path / "model.safetensors").write_bytes(
        struct.pack("<Q", len(header)) + header + bytes(8)
    )
    with pytest.raises(DataError, match="header that cannot be read"):
        open_folder(tmp_path)


def test_tensors_that_do_not_fit(tmp_path):
    infinite = np.array([np.inf], np.float32)
    tensors = {"x": VALUES, "ids": np.arange(3), "inf": infinite}
    write_safetensors(tmp_path / "model.safetensors", tensors)
    found = open_folder(tmp_path)
    assert found.shape("x") == (1, 3)
    with pytest.raises(DataError) as caught:
        found.take("x", (3, 1))
    assert str(caught.value) == (
        f"{tmp_path / 'model.safetensors'}: x has the shape [1, 3]; "
        "allowed: [3, 1], as config.json says"
    )
    with pytest.raises(DataError, match=r"safetensors: y is missing"):
        found.take("y", (1,))
    with pytest.raises(DataError, match="ids is of type I64"):
        found.take("ids", (3,))
    with pytest.raises(DataError, match="inf holds numbers that are not fin"):
        found.take("inf", (1,))
