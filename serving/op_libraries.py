"""Registers the ops that a SavedModel uses and TensorFlow does not bring."""

import pathlib

from schema.errors import MissingDependencyError

SAVED_MODEL_FILE = "saved_model.pb"
# How ScaNN names its ops; a servable with them needs its library.
_SCANN_OPS = b"Scann>"


def register(folder: pathlib.Path) -> None:
    """Imports the libraries whose ops a SavedModel names.

    The ops of `tensorflow_text` are always registered: their names have
    nothing in common.

    Args:
      folder: Of the SavedModel.

    Raises:
      MissingDependencyError: ScaNN is needed and is not installed.
      OSError: The SavedModel cannot be read.
    """
    import tensorflow_text  # noqa: F401  (registers its ops)

    if _SCANN_OPS in (folder / SAVED_MODEL_FILE).read_bytes():
        try:
            import scann  # noqa: F401  (registers its ops)
        except ImportError as error:
            raise MissingDependencyError(
                f"{folder} searches with ScaNN, which is not installed: "
                "pip install scann"
            ) from error
