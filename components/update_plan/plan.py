"""What an update does differently, as one node tells the others."""

import dataclasses
import json
import typing

import tensorflow as tf

PLAN_FILE = "plan.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What later nodes do differently because of an update.

    Attributes:
      warm_start: Folder of the last version's `model_run`; empty where there
        is none to go on with, and training begins anew.
      last_version: Its trained SavedModel, for the gate; empty for none.
      split_timestamp: Unix seconds; what happens from then on evaluates. 0
        leaves the settings' way to split.
      span: Parquet file of the events that are new, for the drift gate; empty
        leaves it out.
      before: Parquet file of as long a time before them.
      learned: Last of the files of events, without its ending.
    """

    warm_start: str = ""
    last_version: str = ""
    split_timestamp: int = 0
    span: str = ""
    before: str = ""
    learned: str = ""

    def write(self, folder: str) -> None:
        """Writes it into an artifact's folder."""
        tf.io.gfile.makedirs(folder)
        with tf.io.gfile.GFile(f"{folder}/{PLAN_FILE}", "w") as file:
            file.write(json.dumps(dataclasses.asdict(self), indent=1))

    @classmethod
    def read(cls, folder: str) -> typing.Self:
        """Reads what `write` wrote."""
        with tf.io.gfile.GFile(f"{folder}/{PLAN_FILE}") as file:
            return cls(**json.loads(file.read()))
