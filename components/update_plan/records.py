"""Which versions were pushed, and what each was trained to, in small files.

A pipeline's metadata store is the platform's business. What the next run
wants to know of the last one is left in a folder that both see: a JSON file
for each pushed version, written whole or not at all.
"""

import dataclasses
import json
import typing

import tensorflow as tf

from schema.errors import DataError

_MODEL = "saved_model.pb"
# What the Trainer leaves for the next one, in its `model_run`.
_MANIFEST = "warm_start/manifest.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Record:
    """A version that was blessed and pushed.

    Attributes:
      version: Name of its folder, a number.
      path: That folder.
      model: The trained SavedModel that it was made of.
      model_run: What the Trainer left beside it.
      span: Last of the files of events that it has learned from, in the order
        of their names, without the ending.
    """

    version: str
    path: str
    model: str
    model_run: str
    span: str

    def write(self, folder: str) -> None:
        """Writes it beside those of other versions."""
        tf.io.gfile.makedirs(folder)
        hidden = f"{folder}/.{self.version}.writing"
        with tf.io.gfile.GFile(hidden, "w") as file:
            file.write(json.dumps(dataclasses.asdict(self), indent=1))
        tf.io.gfile.rename(
            hidden, f"{folder}/{self.version}.json", overwrite=True
        )

    @classmethod
    def read(cls, path: str) -> typing.Self:
        """Reads what `write` wrote.

        Raises:
          DataError: The file is not of this form.
        """
        try:
            with tf.io.gfile.GFile(path) as file:
                return cls(**json.loads(file.read()))
        except (ValueError, TypeError) as error:
            raise DataError(
                f"{path} is no record of a version ({error}); remove it, and "
                "the version before is gone on with"
            ) from error

    @property
    def is_there(self) -> bool:
        """Whether the version still stands and can be gone on with.

        One that was taken out of service, as after a bad rollout, is not.
        """
        return all(
            tf.io.gfile.exists(path)
            for path in (
                f"{self.path}/{_MODEL}",
                f"{self.model_run}/{_MANIFEST}",
            )
        )


def newest(folder: str) -> Record | None:
    """Returns the newest version that is still there; None for none."""
    names = [path for path in tf.io.gfile.glob(f"{folder}/*.json")]
    records = sorted(
        map(Record.read, names), key=lambda record: int(record.version)
    )
    return next((r for r in reversed(records) if r.is_there), None)
