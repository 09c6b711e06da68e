"""One loaded version: a graph, its signatures, and who is using it."""

import ctypes
import gc
import pathlib
import threading
import typing

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf import message
from tensorflow.core.protobuf import (
    config_pb2,
    meta_graph_pb2,
    saved_model_pb2,
)
from tensorflow.python.client import pywrap_tf_session

from serving import op_libraries, tensors
from serving.model_server.errors import (
    ServingError,
    invalid_argument,
    not_found,
    of,
)

# A SignatureDef; generated messages have no types.
Signature: typing.TypeAlias = typing.Any
# Runs the graph in the thread that asks, a quarter of the cost of handing it
# to a pool; only a pool can stop at a time-out.
_CALLERS_THREAD = -1
_MILLISECOND = 1e-3


class Servable:
    """A SavedModel in a session of its own.

    The session of TensorFlow 1 is what TensorFlow Serving runs as well: it
    refuses a wrong type with the same words, knows time-outs, costs a tenth
    of a signature of `tf.saved_model.load`, and gives its memory back.
    """

    def __init__(
        self,
        path: str,
        *,
        tags: typing.Collection[str] = ("serve",),
        session_config: config_pb2.ConfigProto | None = None,
    ):
        """Loads a version folder.

        Args:
          path: Of the folder.
          tags: Of the graph in it.
          session_config: Threads of the session.

        Raises:
          ServingError: The folder holds no SavedModel that can be loaded.
        """
        self.path = path
        self._users = 0
        self._closing = False
        self._changed = threading.Condition()
        self._graph = tf.Graph()
        self._plans: dict[tuple, tuple] = {}
        self._options = _options()
        meta = _read(path, tags)
        self.signatures: dict[str, Signature] = {
            name: meta_graph_pb2.SignatureDef.FromString(
                definition.SerializeToString()
            )
            for name, definition in meta.signature_def.items()
        }
        with self._graph.as_default():
            self._session = tf.compat.v1.Session(
                graph=self._graph, config=session_config
            )
            try:
                tf.compat.v1.saved_model.load(self._session, list(tags), path)
            except Exception as error:
                self._session.close()
                raise of(error) from error

    def run(
        self,
        inputs: typing.Sequence[tuple[str, np.ndarray]],
        outputs: typing.Sequence[str],
        timeout_seconds: float | None = None,
    ) -> list[typing.Any]:
        """Runs the graph.

        Args:
          inputs: Names of tensors, and what to feed.
          outputs: Names of the tensors to fetch.
          timeout_seconds: When to give up; None never.

        Returns:
          What was fetched: arrays, or plain values for scalars.

        Raises:
          ServingError: The graph refuses, or the time is over.
        """
        names = tuple(name for name, _ in inputs)
        key = (names, tuple(outputs))
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = self._plan(names, outputs)
        feeds, fetches = plan
        values = [value for _, value in inputs]
        options = self._options
        try:
            if timeout_seconds is None:
                return self._run(options, feeds, values, fetches)
            options = _options(timeout_seconds)
            try:
                return self._run(options, feeds, values, fetches)
            finally:
                pywrap_tf_session.TF_DeleteBuffer(options)
        except tf.errors.OpError as error:
            raise of(error) from error

    def answer(
        self, name: str, inputs: typing.Mapping[str, typing.Any]
    ) -> dict[str, np.ndarray]:
        """Runs a signature, with no request around it.

        Args:
          name: Of the signature.
          inputs: Arrays, or what becomes such, by input; the signature's
            defaults stand in for those that are not given.

        Returns:
          Arrays by output.

        Raises:
          ServingError: There is no such signature or input, one is missing,
            or the graph refuses.
        """
        signature = self.signatures.get(name)
        if signature is None:
            raise not_found(
                f"no signature {name!r}; there are "
                + ", ".join(sorted(self.signatures))
            )
        given = {
            key: tensors.decode(proto)
            for key, proto in signature.defaults.items()
        } | dict(inputs)
        if given.keys() != signature.inputs.keys():
            wrong = sorted(given.keys() ^ signature.inputs.keys())
            raise invalid_argument(
                f"{name}: inputs that are missing or unknown: "
                + ", ".join(wrong)
            )
        feeds = [
            (info.name, np.asarray(given[key], _numpy_type(info)))
            for key, info in signature.inputs.items()
        ]
        outputs = signature.outputs
        values = self.run(feeds, [info.name for info in outputs.values()])
        return dict(zip(outputs, map(np.asarray, values), strict=True))

    def acquire(self) -> bool:
        """Takes the servable into use; false when it is being closed."""
        with self._changed:
            if self._closing:
                return False
            self._users += 1
            return True

    def release(self) -> None:
        """Ends one use."""
        with self._changed:
            self._users -= 1
            if not self._users:
                self._changed.notify_all()

    def close(self) -> None:
        """Waits for the last user, then lets go of the graph."""
        with self._changed:
            self._closing = True
            self._changed.wait_for(lambda: not self._users)
        self._plans.clear()
        self._session.close()
        pywrap_tf_session.TF_DeleteBuffer(self._options)
        del self._session, self._graph, self._options

    def _run(self, options, feeds, values, fetches):
        # `Session.run` checks and converts in Python, at 16 times the cost
        # for a small graph; what it calls in the end does both as well.
        return self._session._call_tf_sessionrun(
            options, dict(zip(feeds, values, strict=True)), fetches, [], None
        )

    def _plan(self, inputs, outputs):
        return (
            [self._tensor(name) for name in inputs],
            [self._tensor(name) for name in outputs],
        )

    def _tensor(self, name: str):
        try:
            return self._graph.get_tensor_by_name(name)._as_tf_output()
        except (KeyError, ValueError) as error:
            raise not_found(f"Tensor {name!r} is not in the graph") from error


def _numpy_type(info):
    return tf.as_dtype(info.dtype).as_numpy_dtype


def _read(path: str, tags: typing.Collection[str]):
    """Reads the graph with the given tags, without its variables."""
    folder = pathlib.Path(path)
    file = folder / op_libraries.SAVED_MODEL_FILE
    try:
        op_libraries.register(folder)
        saved = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    except OSError as error:
        raise not_found(
            "Could not find SavedModel .pb or .pbtxt at supplied export "
            f"directory path: {path}"
        ) from error
    except message.DecodeError as error:
        raise ServingError(
            grpc.StatusCode.DATA_LOSS,
            f"Can't parse {file} as binary proto",
        ) from error
    for meta in saved.meta_graphs:
        if set(meta.meta_info_def.tags) == set(tags):
            return meta
    raise not_found(
        "Could not find meta graph def matching supplied tags: "
        f"{{ {' '.join(sorted(tags))} }}"
    )


def _options(timeout_seconds: float | None = None):
    """Returns options of a run, in memory that is not Python's."""
    if timeout_seconds is None:
        options = config_pb2.RunOptions(inter_op_thread_pool=_CALLERS_THREAD)
    else:
        options = config_pb2.RunOptions(
            timeout_in_ms=max(1, int(timeout_seconds / _MILLISECOND))
        )
    return pywrap_tf_session.TF_NewBufferFromString(options.SerializeToString())


def return_memory() -> None:
    """Gives what closed servables took back to the system.

    Graphs refer to themselves in Python, and the C library keeps what is
    freed.
    """
    gc.collect()
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    except (OSError, AttributeError):
        # Another C library: it does as it likes.
        return
