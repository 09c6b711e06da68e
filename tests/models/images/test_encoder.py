"""Encoders with TF-Hub's image interface, and pictures for them."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_hub

from models.images import pictures
from models.images.encoder import ImageEncoder
from schema.errors import DataError, MissingDependencyError
from tests.models.images.small_encoder import (
    write_encoder,
    write_picture,
    write_signature,
)

RED_BLUE = [1, 0, 0, 0, 0, 1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_encoder(tmp_path_factory.mktemp("encoder") / "made")


def test_any_model_with_the_interface_encodes(folder, tmp_path):
    write_picture(tmp_path / "a.png", [255, 0, 0], [0, 0, 255])
    for handle in (folder, write_signature(tmp_path / "signature")):
        encoder = ImageEncoder(str(handle))
        assert (encoder.height, encoder.width) == (8, 8)
        pixels = pictures.read(tmp_path / "a.png", 8, 8)
        assert pixels.shape == (8, 8, 3)
        assert (pixels.min(), pixels.max()) == (0, 1)
        found = encoder(pixels[None])
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, [RED_BLUE], atol=0.05)
    # It is what TF-Hub itself would load.
    assert callable(tensorflow_hub.load(str(folder)))


def test_the_size_is_the_encoders_where_it_has_one(folder, tmp_path):
    any_size = str(write_encoder(tmp_path / "any", side=None))
    assert ImageEncoder(any_size).height == 224
    assert ImageEncoder(any_size, 32).width == 32
    with pytest.raises(DataError, match="pictures of 8 × 8; allowed"):
        ImageEncoder(str(folder), 32)


def test_what_is_no_image_encoder_is_refused(tmp_path):
    with pytest.raises(MissingDependencyError, match="no image encoder at"):
        ImageEncoder(str(tmp_path / "nowhere"))
    module = tf.Module()
    module.f = tf.function(
        lambda text: text, input_signature=[tf.TensorSpec([None], tf.string)]
    )
    tf.saved_model.save(
        module, str(tmp_path / "text"), signatures={"default": module.f}
    )
    with pytest.raises(DataError, match="is no image encoder"):
        ImageEncoder(str(tmp_path / "text"))


def test_a_hub_that_cannot_be_reached_is_one_line(monkeypatch):
    def unreachable(handle):
        raise OSError("no route to host\nand much more")

    monkeypatch.setattr(tensorflow_hub, "resolve", unreachable)
    with pytest.raises(MissingDependencyError) as error:
        ImageEncoder("https://tfhub.dev/google/vectors/5")
    assert str(error.value) == (
        "https://tfhub.dev/google/vectors/5 cannot be fetched (no route to "
        "host); offline, give a folder, or put the model into TFHUB_CACHE_DIR"
    )


def test_pictures_are_found_by_the_items_they_are_named_after(tmp_path):
    for name in ("i1.jpg", "i1.png", "i2.JPEG", "i3.gif", "other.png"):
        (tmp_path / name).touch()
    found = pictures.find(tmp_path, ["i1", "i2", "i3", "i4", None])
    assert found == {"i1": tmp_path / "i1.jpg", "i2": tmp_path / "i2.JPEG"}


def test_every_batch_size_gives_the_same(folder, tmp_path):
    given = {}
    for number in range(5):
        path = tmp_path / f"i{number}.{'png' if number % 2 else 'jpg'}"
        write_picture(path, [50 * number] * 3, [255 - 50 * number] * 3)
        given[f"i{number}"] = path
    broken = tmp_path / "i9.png"
    broken.write_bytes((tmp_path / "i1.png").read_bytes()[:60])
    given = {"i0": given.pop("i0"), "i9": broken, **given}
    encoder = ImageEncoder(str(folder))
    for batch in (1, 2, 5, 64):
        done = []
        made = pictures.encode(
            encoder, given, batch, lambda n, of, done=done: done.append((n, of))
        )
        assert list(made.unreadable) == [broken]
        assert sorted(made.vectors) == [f"i{n}" for n in range(5)]
        for number in range(5):
            expected = [50 * number / 255] * 3 + [1 - 50 * number / 255] * 3
            np.testing.assert_allclose(
                made.vectors[f"i{number}"], expected, atol=0.05
            )
        assert done[-1] == (6, 6)


def test_a_vector_that_is_not_finite_is_none(folder, tmp_path):
    write_picture(tmp_path / "i1.png", [9, 9, 9], [9, 9, 9])
    encoder = ImageEncoder(str(folder))
    encoder._model.scale.assign([float("nan")] * 6)
    made = pictures.encode(encoder, {"i1": tmp_path / "i1.png"}, 4)
    assert not made.vectors
    assert made.unreadable == {tmp_path / "i1.png": "its vector is not finite"}
