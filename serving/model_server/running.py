"""How a graph is run: each request by itself, or several as one batch."""

import time
import typing

import numpy as np

from serving.model_server.metrics import Metrics
from serving.model_server.servable import Servable

Feeds = typing.Sequence[tuple[str, np.ndarray]]


class Runner:
    """Runs each request by itself, and measures how long the graph takes."""

    def __init__(self, metrics: Metrics):
        self._metrics = metrics

    def run(
        self,
        servable: Servable,
        signature: str,
        inputs: Feeds,
        outputs: typing.Sequence[str],
        timeout_seconds: float | None,
        *,
        model: str,
        api: str,
    ) -> list[typing.Any]:
        """Runs a graph.

        Args:
          servable: What holds the graph.
          signature: Name of the signature that the tensors belong to.
          inputs: Names of tensors, and what to feed.
          outputs: Names of the tensors to fetch.
          timeout_seconds: When to give up; None never.
          model: Name of the model, for the metrics.
          api: What was called, for the metrics.

        Returns:
          What was fetched.

        Raises:
          ServingError: The graph refuses, or the time is over.
        """
        begin = time.perf_counter()
        values = self._values(
            servable, signature, inputs, outputs, timeout_seconds
        )
        self._metrics.ran(model, api, time.perf_counter() - begin)
        return values

    def forget(self, servable: Servable) -> None:
        """Drops what is kept for a servable that is unloaded."""

    def _values(self, servable, signature, inputs, outputs, timeout_seconds):
        del signature
        return servable.run(inputs, outputs, timeout_seconds)
