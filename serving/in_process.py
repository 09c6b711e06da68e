"""Asks a pushed servable without a server, through its signatures."""

import pathlib
from collections.abc import Mapping

import numpy as np
from tensorflow.core.protobuf import config_pb2

from schema.errors import DataError
from serving import calls, op_libraries
from serving.model_server.errors import ServingError
from serving.model_server.servable import Servable


class Recommender(calls.TypedCalls[dict[str, np.ndarray]]):
    """A servable in this process; answers like TensorFlow Serving.

    Every answer is a dictionary of arrays [users, k] by output name:
    `item_ids`, `titles` and `categories` (bytes), `prices`, `scores`, and
    `p_<head>` where items are ranked; a slot that could not be filled has an
    empty id.
    """

    def __init__(
        self, servable_dir: str | pathlib.Path, *, one_call: bool = False
    ):
        """Loads a version folder.

        Args:
          servable_dir: The SavedModel, `<serving>/daogou/<version>`.
          one_call: Whether so few calls follow that the graph is not worth
            being optimised, which takes longer than they do.

        Raises:
          DataError: There is none, or it cannot be loaded.
          MissingDependencyError: It needs ScaNN, which is not installed.
        """
        folder = pathlib.Path(servable_dir)
        if not (folder / op_libraries.SAVED_MODEL_FILE).is_file():
            raise DataError(
                f"{folder} is no version of the model: "
                f"{op_libraries.SAVED_MODEL_FILE} cannot be read"
            )
        config = config_pb2.ConfigProto()
        if one_call:
            rewriting = config.graph_options.rewrite_options
            rewriting.disable_meta_optimizer = True
        try:
            self._servable = Servable(str(folder), session_config=config)
        except ServingError as error:
            raise DataError(
                f"{folder} cannot be loaded: {error.message}"
            ) from error

    def _ask(
        self,
        signature: str,
        inputs: Mapping[str, np.ndarray],
        slots: calls.Slots = None,
    ) -> dict[str, np.ndarray]:
        definition = self._servable.signatures.get(signature)
        if definition is None:
            raise DataError(
                f"the servable has no signature {signature!r}; it has "
                + ", ".join(sorted(self._servable.signatures))
            )
        wanted = definition.inputs
        if "k" in wanted and not wanted["k"].tensor_shape.dim:
            raise DataError(
                f"{signature}: k has no rows in this servable, which an "
                "earlier version of Daogou exported; run the pipeline again"
            )
        try:
            answer = self._servable.answer(
                signature, {key: inputs[key] for key in wanted}
            )
        except ServingError as error:
            raise DataError(
                f"{signature}: {calls.refusal(error.message)}"
            ) from error
        return calls.cut(answer, slots)
