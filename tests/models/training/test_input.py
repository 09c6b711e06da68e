"""The order in which examples come from one file and from several."""

import dataclasses
import itertools

import numpy as np
import pytest
import tensorflow as tf

import models  # noqa: F401  chooses Keras 2
from models.settings import TrainingSettings
from models.training import data, fitting, strategies
from schema.settings import SettingsError
from tests.models.conftest import MODEL
from tests.models.training.shard_files import in_files, read, write
from tests.models.training.shop_model import ShopModel
from tests.slow import slow

TOTAL = 100


@pytest.fixture(scope="module")
def numbers():
    return [b"%03d" % n for n in range(TOTAL)]


@pytest.fixture(scope="module")
def four(numbers, tmp_path_factory):
    return write(tmp_path_factory.mktemp("four"), numbers, 4)


def joined(lists):
    return list(itertools.chain.from_iterable(lists))


def test_the_order_of_one_file_is_the_files(numbers, tmp_path):
    files = write(tmp_path, numbers, 1)
    for side_by_side in (1, 4):
        assert read(data.records(files, side_by_side)) == numbers


def test_several_files_come_in_turn_and_always_alike(numbers, four):
    one_by_one = read(data.records(four))
    assert one_by_one == joined(numbers[n::4] for n in range(4))
    together = [read(data.records(four, 3)) for _ in range(5)]
    assert sorted(together[0]) == numbers
    assert together[0] != one_by_one
    assert all(found == together[0] for found in together)
    # A stretch of each of three, then the next of each; the fourth file last.
    stretch = data._STRETCH
    assert together[0][: 3 * stretch] == joined(
        numbers[n::4][:stretch] for n in range(3)
    )


@pytest.mark.parametrize("workers", [2, 3, 5])
def test_workers_have_every_example_once_between_them(numbers, four, workers):
    shares = [
        read(data.own_records(four, worker, workers, 2))
        for worker in range(workers)
    ]
    assert sorted(joined(shares)) == numbers
    sizes = [len(share) for share in shares]
    # By files where there are enough of them, by examples otherwise.
    assert sizes == {2: [50, 50], 3: [50, 25, 25], 5: [20] * 5}[workers]


def test_a_restart_goes_on_with_the_batch_after_the_last(four):
    settings = TrainingSettings(seed=3)

    def batches():
        # What a process begins with, as the Trainer does.
        tf.keras.utils.set_random_seed(settings.seed)
        sequences = data.records(four, 4).map(
            lambda name: {
                "number": tf.strings.to_number(name, tf.int32) % 70 + 1,
                "name": name,
            }
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(fitting.inputs, "without_padding", lambda b: b)
            return fitting._batches(sequences, TOTAL, 8, settings)

    def names(found):
        return [batch["name"].tolist() for batch in found.as_numpy_iterator()]

    whole = names(batches().take(20))
    assert names(batches().take(20)) == whole
    assert names(batches().skip(7).take(13)) == whole[7:]
    assert names(batches().skip(6).take(13)) != whole[7:]
    # And they were shuffled.
    assert whole[0] != sorted(whole[0])


def test_a_worker_takes_all_of_its_own_batches():
    """Two devices of the second worker halve what it has drawn itself."""

    class Several:
        def distribute_datasets_from_function(self, make):
            return make(
                tf.distribute.InputContext(
                    num_input_pipelines=2,
                    input_pipeline_id=1,
                    num_replicas_in_sync=4,
                )
            )

    batches = tf.data.Dataset.range(8).batch(4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(strategies, "is_single", lambda strategy: False)
        own = strategies.deal(batches, Several(), own=True)
        alike = strategies.deal(batches, Several())
    assert [p.tolist() for p in own.as_numpy_iterator()] == [
        *([0, 1], [2, 3]),
        *([4, 5], [6, 7]),
    ]
    assert [p.tolist() for p in alike.as_numpy_iterator()] == [
        *([2], [3]),
        *([6], [7]),
    ]


def test_who_works_alone_is_one_worker():
    assert strategies.worker_of(tf.distribute.get_strategy()) == (0, 1)


def test_only_several_workers_have_files_of_their_own():
    assert TrainingSettings(strategy="multi_worker", own_files=True).own_files
    with pytest.raises(SettingsError, match=r"own_files is True.*mirrored"):
        TrainingSettings(strategy="mirrored", own_files=True)
    with pytest.raises(SettingsError, match="files_side_by_side is 0"):
        TrainingSettings(files_side_by_side=0)


@pytest.fixture(scope="module")
def in_shards(tiny_shop, tmp_path_factory):
    return in_files(tiny_shop, tmp_path_factory.mktemp("in_shards"), 3)


@slow
def test_what_is_not_kept_trains_the_same(in_shards, tmp_path):
    """Three files, read anew in every pass, give the curve of kept ones."""
    settings = dataclasses.replace(MODEL, dropout=0.0, id_dropout=0.0)

    def fit(keep, name):
        training = TrainingSettings(
            sequence_batch=8,
            max_epochs=3,
            validate_every=1,
            warmup_steps=5,
            keep_sequences=keep,
        )
        tf.keras.utils.set_random_seed(training.seed)
        shop = ShopModel(in_shards, settings, training, tmp_path / name)
        rows = fitting.fit_retrieval(
            shop.model, shop.sequences, training, str(tmp_path / name)
        )
        return [row["retrieval_loss"] for row in rows]

    kept = fit(True, "kept")
    assert kept[-1] < kept[0]
    np.testing.assert_allclose(fit(False, "anew"), kept, rtol=1e-4)
