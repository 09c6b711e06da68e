"""Plays the requests that a model brings, before it takes traffic."""

import pathlib
import typing
from collections.abc import Callable

import tensorflow as tf
from google.protobuf import message
from tensorflow_serving.apis import prediction_log_pb2

from serving.model_server.errors import invalid_argument, of
from serving.model_server.servable import Servable

WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"
MAX_RECORDS = 1000

Player = Callable[[Servable, typing.Any], object]


def play(
    servable: Servable, players: dict[str, Player], iterations: int = 1
) -> int:
    """Plays the warm-up file of a servable.

    Args:
      servable: Just loaded.
      players: By field of a PredictionLog, what answers its request.
      iterations: How often each request is played.

    Returns:
      How many records were played; 0 where there is no file.

    Raises:
      ServingError: A record is broken or of no known kind, there are too
        many, or a request fails.
    """
    path = pathlib.Path(servable.path, WARMUP_FILE)
    if not path.is_file():
        return 0
    count = 0
    try:
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            if count == MAX_RECORDS:
                raise invalid_argument(
                    "Number of warmup records exceeds the maximum "
                    f"({MAX_RECORDS}) at {path}"
                )
            kind, request = _parse(record, path)
            if kind not in players:
                raise invalid_argument(
                    f"Unsupported log_type for warmup: {kind} at {path}"
                )
            for _ in range(iterations):
                players[kind](servable, request)
            count += 1
    except tf.errors.OpError as error:
        wrapped = of(error)
        wrapped.message += (
            ". Please verify your warmup data is in TFRecord format."
        )
        raise wrapped from error
    return count


def _parse(record: bytes, path: pathlib.Path) -> tuple[str, typing.Any]:
    try:
        log = prediction_log_pb2.PredictionLog.FromString(record)
    except message.DecodeError as error:
        raise invalid_argument(
            f"Failed to parse warmup record: {record[:100]!r} from {path}"
        ) from error
    kind = log.WhichOneof("log_type") or "none"
    return kind, getattr(getattr(log, kind, None), "request", None)
