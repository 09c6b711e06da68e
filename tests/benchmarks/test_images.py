"""Images of other items, and how far ways are ahead of one another."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from benchmarks import images
from benchmarks.images import OFF, ON, SHUFFLED
from datasets.mall.settings import MallSettings
from schema.errors import DataError


def record(image):
    made = tf.train.Example()
    made.features.feature["image"].float_list.value[:] = image
    return made


def test_images_are_dealt_to_others_and_nobody_new_gets_one():
    given = [[float(n), -float(n)] if n % 3 else [] for n in range(30)]
    records = [record(image) for image in given]
    images.deal_images(records, seed=1)
    dealt = [
        list(one.features.feature["image"].float_list.value) for one in records
    ]
    assert [bool(i) for i in dealt] == [bool(i) for i in given]
    assert sorted(dealt) == sorted(given)
    moved = [a != b for a, b in zip(dealt, given, strict=True) if b]
    assert np.mean(moved) > 0.8


def test_leads_are_of_the_same_queries():
    off = {m: np.array([0.0, 1.0, 0.0, 1.0]) for m in images.METRICS}
    on = {m: np.array([1.0, 1.0, 0.0, 1.0]) for m in images.METRICS}
    targets = np.array([0, 1, 1, 2])
    unseen = np.array([True, False, False])
    with_image = np.array([True, True, False])
    groups = images._groups(targets, unseen, with_image)
    found = images.compare({OFF: off, ON: on}, groups, np.arange(4))
    assert found["queries"] == {
        "all": 4,
        "seen": 3,
        "unseen": 1,
        "with image": 3,
        "without image": 1,
        "unseen, with image": 1,
    }
    assert found["models"][ON]["with image"]["recall@50"] == 0.6667
    assert list(found["lead"]) == [ON]
    lead = found["lead"][ON]
    assert lead["all"]["ndcg@10"]["mean"] == 0.25
    assert lead["unseen"]["ndcg@10"]["mean"] == 1
    assert lead["without image"]["recall@50"]["mean"] == 0
    assert "lead_over_wrong" not in found
    wrong = {m: np.zeros(4) for m in images.METRICS}
    ways = {OFF: off, ON: on, SHUFFLED: wrong}
    found = images.compare(ways, groups, np.arange(4))
    assert found["lead"][ON] == lead
    over = found["lead_over_wrong"]
    assert over["all"]["recall@50"]["mean"] == 0.75


def test_a_folder_holds_trainings_of_one_kind(tmp_path):
    options = images.Options(mall=MallSettings(image_width=8))
    images._claim(tmp_path / "new", options)
    images._claim(tmp_path / "new", dataclasses.replace(options, seeds=(3,)))
    other = dataclasses.replace(options, max_epochs=3)
    with pytest.raises(DataError, match="with other options"):
        images._claim(tmp_path / "new", other)
