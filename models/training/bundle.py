"""What training reads, in one folder that needs no TFX to be read.

A run's artifacts lie in several places, and its Transform graphs can be
opened with TensorFlow Transform only. A bundle has copies of the examples,
items and vectors and, of the graphs, the one thing that training wants to
know. A Colab notebook or a machine with the base install trains from it.
"""

import dataclasses
import json
import os
import pathlib
import shutil

from models.settings import ModelSettings, TrainingSettings
from models.training import data
from schema.errors import DataError

_ABOUT = "bundle.json"
_SPLITS = {"examples": ("train", "sequence_train"), "items": ("all",)}
# Of `TextVectors`; the encoder itself stays where it is.
_TEXT = ("items.parquet", "queries.parquet")
_ENCODER = "encoder.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bundle:
    """A bundle's folders and how the run that it is of was trained."""

    sources: data.Sources
    model: ModelSettings
    training: TrainingSettings


def write(
    sources: data.Sources,
    model: ModelSettings,
    training: TrainingSettings,
    folder: pathlib.Path,
) -> int:
    """Copies what training reads.

    Args:
      sources: Of a run.
      model: Of the run.
      training: Of the run.
      folder: Appears whole or not at all.

    Returns:
      Its size in bytes.

    Raises:
      DataError: The folder is there already.
    """
    if folder.exists():
        raise DataError(f"{folder} is there already; allowed: a new folder")
    hidden = folder.with_name(f".{folder.name}.writing")
    shutil.rmtree(hidden, ignore_errors=True)
    try:
        for part, splits in _SPLITS.items():
            for split in splits:
                place = hidden / part / f"Split-{split}"
                place.mkdir(parents=True)
                for path in data.split_files(getattr(sources, part), split):
                    shutil.copy(path, place)
        _copy_text(pathlib.Path(sources.text_vectors), hidden / "text")
        data.write_sizes(sources, hidden / "sizes")
        about = {
            "model": dataclasses.asdict(model),
            "training": dataclasses.asdict(training),
        }
        (hidden / _ABOUT).write_text(json.dumps(about), encoding="utf-8")
        size = sum(p.stat().st_size for p in hidden.rglob("*") if p.is_file())
        os.replace(hidden, folder)
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
    return size


def read(folder: pathlib.Path) -> Bundle:
    """Opens what `write` wrote.

    Raises:
      DataError: The folder is no bundle.
      SettingsError: It was written by another version, with other settings.
    """
    path = folder / _ABOUT
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        model, training = about["model"], about["training"]
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            f"{folder} is no training bundle ({type(error).__name__}: "
            f"{error}); allowed: a folder that `daogou bundle` wrote"
        ) from error
    return Bundle(
        sources=data.Sources(
            examples=str(folder / "examples"),
            transform_graph=str(folder / "sizes"),
            items=str(folder / "items"),
            item_transform_graph=str(folder / "sizes"),
            text_vectors=str(folder / "text"),
        ),
        model=ModelSettings.from_json(json.dumps(model)),
        training=TrainingSettings.from_json(json.dumps(training)),
    )


def _copy_text(source, target):
    target.mkdir()
    for name in _TEXT:
        shutil.copy(source / name, target)
    encoder = json.loads((source / _ENCODER).read_text(encoding="utf-8"))
    # The vectors are there; what made them is not.
    kept = {
        "dimension": encoder["dimension"],
        "preprocess": "",
        "encoder": "",
    }
    (target / _ENCODER).write_text(json.dumps(kept), encoding="utf-8")
