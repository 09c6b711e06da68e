"""Asks a pushed servable without a server, through its signatures."""

import pathlib
from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from google.protobuf import message
from tensorflow.core.protobuf import saved_model_pb2

from schema.errors import DataError
from serving import calls, op_libraries


class Recommender(calls.TypedCalls[dict[str, np.ndarray]]):
    """A servable in this process; answers like TensorFlow Serving.

    Every answer is a dictionary of arrays [users, k] by output name:
    `item_ids`, `titles` and `categories` (bytes), `prices`, `scores`, and
    `p_<head>` where items are ranked; a slot that could not be filled has an
    empty id.
    """

    def __init__(self, servable_dir: str | pathlib.Path):
        """Loads a version folder.

        Args:
          servable_dir: The SavedModel, `<serving>/daogou/<version>`.

        Raises:
          DataError: There is none, or it cannot be loaded.
          MissingDependencyError: It needs ScaNN, which is not installed.
        """
        folder = pathlib.Path(servable_dir)
        try:
            text = (folder / op_libraries.SAVED_MODEL_FILE).read_bytes()
            op_libraries.register(folder)
        except OSError as error:
            raise DataError(
                f"{folder} is no version of the model: "
                f"{op_libraries.SAVED_MODEL_FILE} cannot be read"
            ) from error
        try:
            graph = saved_model_pb2.SavedModel.FromString(text).meta_graphs[0]
            self._definitions = graph.signature_def
            # Signatures live as long as what they were loaded with.
            self._model = tf.saved_model.load(str(folder))
        except (
            tf.errors.OpError,
            message.DecodeError,
            IndexError,
            OSError,
            ValueError,
        ) as error:
            raise DataError(f"{folder} cannot be loaded: {error}") from error

    def _ask(
        self,
        signature: str,
        inputs: Mapping[str, np.ndarray],
        slots: calls.Slots = None,
    ) -> dict[str, np.ndarray]:
        if signature not in self._definitions:
            raise DataError(
                f"the servable has no signature {signature!r}; it has "
                + ", ".join(sorted(self._definitions))
            )
        wanted = self._definitions[signature].inputs
        if "k" in wanted and not wanted["k"].tensor_shape.dim:
            raise DataError(
                f"{signature}: k has no rows in this servable, which an "
                "earlier version of Daogou exported; run the pipeline again"
            )
        tensors = {
            key: tf.constant(inputs[key], info.dtype)
            for key, info in wanted.items()
        }
        try:
            answer = self._model.signatures[signature](**tensors)
        except tf.errors.InvalidArgumentError as error:
            raise DataError(
                f"{signature}: {calls.refusal(error.message)}"
            ) from error
        outputs = {key: value.numpy() for key, value in answer.items()}
        return calls.cut(outputs, slots)
