"""One worker of a training: `python -m models.training.worker JOB`.

JOB is a JSON file that all workers read: `sources`, `model_dir`, `run_dir`,
`model`, `training`, the fields of `Sources`, `ModelSettings` and
`TrainingSettings`. `TF_CONFIG` says which worker this is. Each starts the same
command; when one is lost, all end, and all are started again: with
`checkpoint_every` they go on from the last checkpoint in `run_dir`, which all
of them must see.
"""

import dataclasses
import json
import pathlib
import sys
import typing

import tensorflow as tf

import models  # noqa: F401  chooses Keras 2
from models.settings import ModelSettings, TrainingSettings
from models.training import trainer
from models.training.data import Sources
from schema.errors import DaogouError, DataError

# Exit status where another worker, and not this one, is to blame: start again.
LOST = 75
_LOST_ERRORS = (
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.UnavailableError,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """What all workers of a training do together.

    Attributes:
      sources: What to train on.
      model_dir: Where the chief writes the SavedModel.
      run_dir: As for `trainer.train`.
      model: What the model is.
      training: How it is trained.
    """

    sources: Sources
    model_dir: str
    run_dir: str
    model: ModelSettings
    training: TrainingSettings

    def write(self, path: pathlib.Path) -> None:
        """Writes the file that workers read."""
        path.write_text(
            json.dumps(dataclasses.asdict(self), indent=1), encoding="utf-8"
        )

    @classmethod
    def read(cls, path: pathlib.Path) -> typing.Self:
        """Reads what `write` wrote.

        Raises:
          DataError: There is no such file, or it is not of this form.
          SettingsError: A setting has a value that is not allowed.
        """
        try:
            given = json.loads(path.read_text(encoding="utf-8"))
            return cls(
                sources=Sources(**given["sources"]),
                model_dir=given["model_dir"],
                run_dir=given["run_dir"],
                model=ModelSettings.from_json(json.dumps(given["model"])),
                training=TrainingSettings.from_json(
                    json.dumps(given["training"])
                ),
            )
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error}") from error
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise DataError(
                f"{path} describes no training "
                f"({type(error).__name__}: {error}); allowed: JSON with "
                f"{', '.join(f.name for f in dataclasses.fields(cls))}"
            ) from error


def main(arguments: list[str]) -> int:
    """Trains, and returns the exit status."""
    if len(arguments) != 1:
        print("usage: python -m models.training.worker JOB", file=sys.stderr)
        return 2
    try:
        job = Job.read(pathlib.Path(arguments[0]))
        trainer.train(
            job.sources, job.model_dir, job.run_dir, job.model, job.training
        )
    except DaogouError as error:
        print(error, file=sys.stderr)
        return 1
    except _LOST_ERRORS as error:
        first = str(error).splitlines()[0]
        print(
            f"a worker is lost ({type(error).__name__}: {first}); start all "
            "workers again"
            + (
                f", they go on from the checkpoints in {job.run_dir}"
                if job.training.checkpoint_every
                else ""
            ),
            file=sys.stderr,
        )
        return LOST
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
