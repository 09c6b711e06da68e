"""Nothing is trained on half the data."""

import dataclasses
import pathlib
import shutil

import pytest

import models  # noqa: F401  chooses Keras 2
from models.settings import TrainingSettings
from models.training import trainer
from schema.errors import DataError
from tests.models.conftest import MODEL


@pytest.fixture
def sources(tiny_shop, tmp_path):
    """The tiny shop's folders, to be damaged."""
    return dataclasses.replace(
        tiny_shop,
        **{
            name: str(
                shutil.copytree(getattr(tiny_shop, name), tmp_path / name)
            )
            for name in ("examples", "items")
        },
    )


@pytest.mark.parametrize(
    ("part", "split"),
    [
        ("examples", "sequence_train"),
        ("examples", "train"),
        ("items", "all"),
    ],
)
def test_a_file_that_was_cut_off_ends_training(sources, tmp_path, part, split):
    [path] = pathlib.Path(getattr(sources, part), f"Split-{split}").iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 3 // 4])
    with pytest.raises(DataError, match=rf"{path.name} is damaged"):
        trainer.train(
            sources,
            str(tmp_path / "model"),
            str(tmp_path / "run"),
            MODEL,
            TrainingSettings(),
        )
    assert not (tmp_path / "model").exists()


def test_a_file_that_is_missing_ends_training(sources, tmp_path):
    folder = pathlib.Path(sources.examples, "Split-sequence_train")
    [path] = folder.iterdir()
    path.rename(folder / "transformed_examples-00000-of-00002.gz")
    with pytest.raises(DataError, match=r"examples-00001-of-00002\.gz is miss"):
        trainer.train(
            sources,
            str(tmp_path / "model"),
            str(tmp_path / "run"),
            MODEL,
            TrainingSettings(),
        )
