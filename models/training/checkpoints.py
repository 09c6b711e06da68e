"""Where a training stands, on disk, so that it can go on from there.

A stage of training (towers, heads, catching up) has one file: the weights it
trains, the optimiser's, the best weights so far, the epochs' rows and how
many batches have been taken. Batches are drawn by a seed, so their number is
the input's position: a restart draws and leaves out as many, and no example
comes twice in a pass. What dropout draws, and the scale of a float16 loss,
begin anew.
"""

import dataclasses
import json
import os
import pathlib
import shutil
import typing
import zipfile
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from schema.errors import DataError
from schema.settings import Settings

FOLDER = "checkpoints"
_ABOUT = "about"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Standing:
    """Where a stage stands after an epoch.

    Attributes:
      weights: What is trained, in the model's order.
      optimizer: The optimiser's variables.
      best: The best weights so far; empty before the first validation.
      best_value: Of the metric that decides.
      worse: Validations since then.
      batches: How many have been taken.
      rows: What `fitting` returns, a row an epoch.
      finished: Whether the stage is over; `weights` are the best then.
    """

    weights: Sequence[np.ndarray]
    optimizer: Sequence[np.ndarray]
    best: Sequence[np.ndarray]
    best_value: float
    worse: int
    batches: int
    rows: list[dict]
    finished: bool

    _ARRAYS = ("weights", "optimizer", "best")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Checkpoints:
    """The files of one training.

    Attributes:
      folder: All workers read it; the chief writes.
      every: Epochs between two files of a stage; 0: none are written or read.
      made_by: JSON of all that a training depends on; a file of another one
        is an error.
      writes: Whether this worker is the chief.
    """

    folder: str
    every: int = 0
    made_by: str = ""
    writes: bool = True

    def is_due(self, epoch: int) -> bool:
        """Whether to write after an epoch, the first being 1."""
        return bool(self.every) and epoch % self.every == 0

    def write(self, stage: str, standing: Standing) -> None:
        """Replaces the file of a stage, as a whole or not at all."""
        if not (self.every and self.writes):
            return
        os.makedirs(self.folder, exist_ok=True)
        arrays: dict[str, typing.Any] = {}
        about: dict[str, typing.Any] = {"made_by": self.made_by}
        for field in dataclasses.fields(Standing):
            value = getattr(standing, field.name)
            if field.name not in Standing._ARRAYS:
                about[field.name] = value
                continue
            about[field.name] = len(value)
            arrays |= {f"{field.name}_{i}": v for i, v in enumerate(value)}
        arrays[_ABOUT] = json.dumps(about)
        path = self._path(stage)
        hidden = f"{path}.writing"
        try:
            with open(hidden, "wb") as file:
                np.savez(file, **arrays)
            os.replace(hidden, path)
        except OSError:
            pathlib.Path(hidden).unlink(missing_ok=True)
            raise

    def read(self, stage: str) -> Standing | None:
        """Reads where a stage stands; None where it has not begun.

        Raises:
          DataError: The file is damaged, or of another training.
        """
        path = self._path(stage)
        if not self.every or not os.path.exists(path):
            return None
        try:
            with np.load(path, allow_pickle=False) as held:
                about = json.loads(str(held[_ABOUT]))
                arrays: dict[str, typing.Any] = {
                    name: [held[f"{name}_{i}"] for i in range(about.pop(name))]
                    for name in Standing._ARRAYS
                }
        except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise DataError(
                f"{path} is no checkpoint that can be read "
                f"({type(error).__name__}: {error}); remove it, and this "
                "stage begins anew"
            ) from error
        if about.pop("made_by") != self.made_by:
            raise DataError(
                f"{path} is of a training with other settings or data; "
                "allowed: the same ones, or another folder"
            )
        return Standing(**arrays, **about)

    def _path(self, stage: str) -> str:
        return os.path.join(self.folder, f"{stage}.npz")


# Neither read nor written.
NONE = Checkpoints(folder="")


def put(variables: Sequence[tf.Variable], values: Sequence[np.ndarray]) -> None:
    """Writes values into variables, of one device or of all.

    Raises:
      DataError: They do not fit.
    """
    shapes = [tuple(variable.shape) for variable in variables]
    given = [value.shape for value in values]
    if shapes != given:
        raise DataError(
            f"a checkpoint has arrays of the shapes {given}; allowed: {shapes}"
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def made_by(sources, *settings: Settings) -> str:
    """Says what a training depends on: its folders and its settings."""
    of = [dataclasses.asdict(sources), *map(dataclasses.asdict, settings)]
    return json.dumps(of, sort_keys=True)


def remove(folder: str) -> None:
    """Removes all checkpoints of a training that is over."""
    shutil.rmtree(folder, ignore_errors=True)
