"""Made-up images: who has one, and what can be read off it."""

import dataclasses

import numpy as np
import pyarrow.parquet as pq
import pytest

from datasets import mall
from datasets.mall.catalogue import build_catalogue
from datasets.mall.images import image_vectors
from schema.contract import TABLES
from schema.settings import SettingsError

PLAIN = mall.MallSettings(num_items=1200, num_users=30, num_days=3)
PICTURED = dataclasses.replace(PLAIN, image_width=32)


@pytest.fixture(scope="module")
def catalogue():
    return build_catalogue(PICTURED)


def test_nothing_but_the_images_changes(tmp_path):
    mall.generate(PLAIN, tmp_path / "plain")
    mall.generate(PICTURED, tmp_path / "pictured")
    for table in TABLES:
        plain = pq.read_table(tmp_path / "plain" / table)
        pictured = pq.read_table(tmp_path / "pictured" / table)
        if table == "items":
            column = "image_embedding"
            assert plain[column].null_count == len(plain)
            images = pictured[column].to_pylist()
            there = [image for image in images if image is not None]
            assert {len(image) for image in there} == {32}
            assert 0.7 < len(there) / len(images) < 0.9
            plain, pictured = plain.drop([column]), pictured.drop([column])
        assert plain.equals(pictured)


def test_an_image_tells_style_and_quality_but_not_for_sure(catalogue):
    settings = dataclasses.replace(PICTURED, image_missing_share=0.0)
    images = np.stack(image_vectors(settings, catalogue))
    half = len(images) // 2
    order = np.random.default_rng(0).permutation(len(images))
    for hidden in (catalogue.style, catalogue.quality[:, None]):
        weights, *_ = np.linalg.lstsq(
            images[order[:half]], hidden[order[:half]], rcond=None
        )
        left = hidden - images @ weights
        told = 1 - left[order[half:]].var() / hidden[order[half:]].var()
        assert 0.4 < told < 0.97


def test_the_seed_decides(catalogue):
    first, again = (image_vectors(PICTURED, catalogue) for _ in range(2))
    other = image_vectors(dataclasses.replace(PICTURED, seed=8), catalogue)
    pairs = zip(first, again, strict=True)
    assert all(
        (a is None and b is None) or np.array_equal(a, b) for a, b in pairs
    )
    assert [a is None for a in first] != [a is None for a in other]


def test_without_images_there_are_none(catalogue):
    assert image_vectors(PLAIN, catalogue) == [None] * len(catalogue)
    share = dataclasses.replace(PICTURED, image_missing_share=1.0)
    assert image_vectors(share, catalogue) == [None] * len(catalogue)


def test_bad_settings_are_named():
    with pytest.raises(SettingsError, match="image_missing_share is 2"):
        dataclasses.replace(PLAIN, image_missing_share=2)


def test_unsaid_style_changes_no_word(catalogue):
    other = build_catalogue(dataclasses.replace(PICTURED, unsaid_style=5.0))
    assert other.titles == catalogue.titles
    for name in ("options", "brand", "price", "quality", "listed_at"):
        np.testing.assert_array_equal(
            getattr(other, name), getattr(catalogue, name)
        )
    # What items of a brand have in common is what words tell.
    order = np.argsort(catalogue.brand, kind="stable")
    first, second = order[:-1], order[1:]
    same = catalogue.brand[first] == catalogue.brand[second]
    told, hardly = (
        (made.style[first] * made.style[second]).sum(1)[same].mean()
        for made in (catalogue, other)
    )
    assert told > 0.2
    assert hardly < 0.5 * told
