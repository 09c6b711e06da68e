"""A training that was cut off goes on as if it had not been."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

import models  # noqa: F401  chooses Keras 2
from models.settings import TrainingSettings
from models.training import checkpoints, fitting
from models.training.checkpoints import Checkpoints, Standing
from schema.errors import DataError
from tests.models.conftest import MODEL
from tests.models.training.shop_model import ShopModel
from tests.slow import slow

# Nothing is drawn but the batches, so that curves can be compared.
SETTINGS = dataclasses.replace(MODEL, dropout=0.0, id_dropout=0.0)
TRAINING = TrainingSettings(
    sequence_batch=8,
    max_epochs=5,
    validate_every=1,
    learning_rate=5e-3,
    warmup_steps=5,
    averaging=0.5,
    checkpoint_every=1,
)
STANDING = Standing(
    weights=[np.arange(6.0).reshape(2, 3)],
    optimizer=[np.array(7), np.ones(3, np.float32)],
    best=[],
    best_value=-np.inf,
    worse=1,
    batches=12,
    rows=[{"epoch": 1, "loss": 0.5}],
    finished=False,
)


class CutOffError(Exception):
    """What stops a training in a test."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cut(Checkpoints):
    """Stops the training after some checkpoints."""

    after: int

    def write(self, stage, standing):
        super().write(stage, standing)
        if len(standing.rows) == self.after:
            raise CutOffError


def test_what_is_written_is_read(tmp_path):
    kept = Checkpoints(folder=str(tmp_path / "new"), every=2, made_by="x")
    assert kept.read("ranking") is None
    kept.write("ranking", STANDING)
    found = kept.read("ranking")
    for field in dataclasses.fields(Standing):
        one, other = (getattr(s, field.name) for s in (found, STANDING))
        np.testing.assert_equal(one, other)
    assert kept.read("retrieval") is None
    assert [kept.is_due(epoch) for epoch in (1, 2, 3, 4)] == [
        *(False, True),
        *(False, True),
    ]
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["ranking.npz"]


def test_a_half_written_file_takes_nobodys_place(tmp_path, monkeypatch):
    kept = Checkpoints(folder=str(tmp_path), every=1)
    kept.write("ranking", STANDING)

    def full(file, **arrays):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space left"):
        kept.write("ranking", dataclasses.replace(STANDING, batches=99))
    monkeypatch.undo()
    assert kept.read("ranking").batches == 12
    assert [p.name for p in tmp_path.iterdir()] == ["ranking.npz"]


def test_a_damaged_file_or_one_of_another_training_is_named(tmp_path):
    kept = Checkpoints(folder=str(tmp_path), every=1, made_by="a")
    kept.write("ranking", STANDING)
    other = dataclasses.replace(kept, made_by="b")
    with pytest.raises(DataError, match=r"ranking\.npz is of a training with"):
        other.read("ranking")
    path = tmp_path / "ranking.npz"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match=r"ranking\.npz is no checkpoint"):
        kept.read("ranking")


def test_only_the_chief_writes_and_none_writes_nothing(tmp_path):
    folder = tmp_path / "of_chief"
    Checkpoints(folder=str(folder), every=1, writes=False).write(
        "ranking", STANDING
    )
    checkpoints.NONE.write("ranking", STANDING)
    assert not folder.exists()
    assert checkpoints.NONE.read("ranking") is None


@pytest.fixture(scope="module")
def fit(tiny_shop, tmp_path_factory):
    """Trains a new model, perhaps from a checkpoint."""

    def fit(kept):
        # The order of batches is of this seed too, as in the Trainer.
        tf.keras.utils.set_random_seed(TRAINING.seed)
        folder = tmp_path_factory.mktemp("run")
        shop = ShopModel(tiny_shop, SETTINGS, TRAINING, folder)
        rows = fitting.fit_retrieval(
            shop.model, shop.sequences, TRAINING, str(folder), checkpoints=kept
        )
        return rows, shop.model

    return fit


@pytest.fixture(scope="module")
def whole(fit):
    return fit(checkpoints.NONE)


@pytest.fixture
def kept(fit, tmp_path):
    """The checkpoints of a training that was cut off after two epochs."""
    with pytest.raises(CutOffError):
        fit(Cut(folder=str(tmp_path), every=1, after=2))
    return Checkpoints(folder=str(tmp_path), every=1)


def of(rows, name="retrieval_loss"):
    return [row[name] for row in rows]


@slow
def test_it_goes_on_where_it_was(fit, whole, kept):
    expected, model = whole
    rows, resumed = fit(kept)
    assert of(rows, "epoch") == [1, 2, 3, 4, 5]
    np.testing.assert_allclose(of(rows), of(expected), rtol=1e-4)
    np.testing.assert_allclose(
        of(rows, "val_gain"), of(expected, "val_gain"), rtol=1e-3
    )
    np.testing.assert_allclose(
        resumed.representations, model.representations, atol=1e-4
    )
    # It is over: asked again, it trains no more and is the same.
    again, same = fit(kept)
    assert again == rows
    np.testing.assert_allclose(
        same.representations, resumed.representations, atol=1e-6
    )


@slow
def test_without_its_place_in_the_input_the_curve_is_another(fit, whole, kept):
    """What the test above would see if batches came twice."""
    kept.write(
        "retrieval", dataclasses.replace(kept.read("retrieval"), batches=0)
    )
    rows, _ = fit(kept)
    assert np.abs(np.subtract(of(rows), of(whole[0]))[2:]).max() > 1e-3
