"""Asks a pushed servable without a server, through its signatures."""

import pathlib
from collections.abc import Iterable, Sequence

import numpy as np
import tensorflow as tf
from google.protobuf import message
from tensorflow.core.protobuf import saved_model_pb2

from schema.errors import DataError
from serving import calls, op_libraries
from serving.requests import Request


class Recommender:
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

    def recommend(
        self,
        request: Request,
        k: int = 10,
        exclude_item_ids: Iterable[str] = (),
    ) -> dict[str, np.ndarray]:
        """Recommends k items to a user.

        Args:
          request: The user.
          k: How many, at most what the servable retrieves.
          exclude_item_ids: What must not come back.

        Raises:
          DataError: The servable refuses; the message says what and why.
        """
        return self._call(
            "recommend", calls.recommend(request, k, exclude_item_ids)
        )

    def search(
        self,
        request: Request,
        k: int = 10,
        exclude_item_ids: Iterable[str] = (),
    ) -> dict[str, np.ndarray]:
        """Finds k items for the request's query, the user's taste in mind.

        Args:
          request: The user and the query.
          k: How many, at most what the servable retrieves.
          exclude_item_ids: What must not come back.

        Raises:
          DataError: The servable refuses, as it does without a query.
        """
        return self._call(
            "search", calls.recommend(request, k, exclude_item_ids)
        )

    def similar(
        self,
        item_ids: Sequence[str],
        k: int = 10,
        exclude_item_ids: Iterable[str] = (),
    ) -> dict[str, np.ndarray]:
        """Finds k items like each of some; none for an unknown one.

        Args:
          item_ids: Like which; a row of the answer each.
          k: How many.
          exclude_item_ids: What must not come back.

        Raises:
          DataError: The servable refuses; the message says what and why.
        """
        return self._call(
            "similar", calls.similar(item_ids, k, exclude_item_ids)
        )

    def rank(
        self, request: Request, item_ids: Sequence[str]
    ) -> dict[str, np.ndarray]:
        """Puts items in order for a user, best first; unknown ones fall out.

        Args:
          request: The user.
          item_ids: What is put in order.

        Raises:
          DataError: The servable refuses; the message says what and why.
        """
        return self._call("rank", calls.rank(request, item_ids))

    def _call(self, name: str, inputs: dict) -> dict[str, np.ndarray]:
        if name not in self._definitions:
            raise DataError(
                f"the servable has no signature {name!r}; it has "
                + ", ".join(sorted(self._definitions))
            )
        tensors = {
            key: tf.constant(inputs[key], info.dtype)
            for key, info in self._definitions[name].inputs.items()
        }
        try:
            answer = self._model.signatures[name](**tensors)
        except tf.errors.InvalidArgumentError as error:
            raise DataError(
                f"{name}: {calls.refusal(error.message)}"
            ) from error
        return {key: value.numpy() for key, value in answer.items()}
