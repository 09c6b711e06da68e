"""Runs requests of several clients as one batch."""

import time
import typing

import grpc
import numpy as np

from serving.model_server.batch_scheduler import (
    BatchScheduler,
    Task,
    expired,
    wait,
)
from serving.model_server.errors import (
    ServingError,
    exhausted,
    failed_precondition,
    invalid_argument,
)
from serving.model_server.metrics import Metrics
from serving.model_server.running import Feeds, Runner
from serving.model_server.servable import Servable

# What a graph answers to a request that it was not made for.
_OF_ONE_REQUEST = (
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.OUT_OF_RANGE,
)


class BatchingRunner(Runner):
    """Joins requests to one signature along their first dimension.

    With TensorFlow Serving's rules: all inputs have as many rows, and so have
    all outputs; requests that leave out an output run by themselves. Unlike
    there, a request that the graph refuses fails alone: the others of its
    batch are run again, one by one.
    """

    def __init__(self, metrics: Metrics, scheduler: BatchScheduler):
        """Takes the threads that batches run in."""
        super().__init__(metrics)
        self._scheduler = scheduler

    def forget(self, servable: Servable) -> None:
        """Drops the queues of a servable that is unloaded."""
        self._scheduler.forget(
            lambda key: isinstance(key, tuple) and key[0] == id(servable)
        )

    def _values(self, servable, signature, inputs, outputs, timeout_seconds):
        definition = servable.signatures.get(signature)
        if definition is None or not (
            _same(inputs, definition.inputs, outputs, definition.outputs)
        ):
            return servable.run(inputs, outputs, timeout_seconds)
        # Batches of one queue fetch in one order.
        names = sorted(outputs)
        arrays = self._run_in_batch(
            servable, signature, inputs, names, timeout_seconds
        )
        return [arrays[names.index(name)] for name in outputs]

    def _run_in_batch(
        self,
        servable: Servable,
        signature: str,
        inputs: Feeds,
        names: list[str],
        timeout_seconds: float | None,
    ) -> list[np.ndarray]:
        rows = _rows(inputs)
        deadline = (
            float("inf")
            if timeout_seconds is None
            else time.monotonic() + timeout_seconds
        )

        def process(batch: list[Task]) -> None:
            _process(batch, servable, names, self._scheduler)

        limit = self._scheduler.settings.batch_rows
        if not self._scheduler.settings.enable_large_batch_splitting:
            limit = max(limit, rows)
        tasks = []
        # A request without rows goes as it is.
        for begin in range(0, rows, limit) if rows else (0,):
            part = [
                (name, array[begin : begin + limit]) for name, array in inputs
            ]
            task = Task(min(limit, rows - begin), part, deadline)
            self._scheduler.schedule((id(servable), signature), process, task)
            tasks.append(task)
        parts = [wait(task) for task in tasks]
        if len(parts) == 1:
            return parts[0]
        return [np.concatenate(pieces) for pieces in zip(*parts, strict=True)]


def _same(inputs, defined_inputs, outputs, defined_outputs) -> bool:
    return {name for name, _ in inputs} == {
        info.name for info in defined_inputs.values()
    } and set(outputs) == {info.name for info in defined_outputs.values()}


def _rows(inputs: Feeds) -> int:
    if not inputs:
        raise invalid_argument(
            "Batching session Run() must have at least one input tensor"
        )
    sizes = set()
    for _, array in inputs:
        if not array.ndim:
            raise invalid_argument(
                "Batching session Run() input tensors must have at least one "
                "dimension"
            )
        sizes.add(len(array))
    if len(sizes) > 1:
        raise invalid_argument(
            "Batching session Run() input tensors must have equal "
            "0th-dimension size"
        )
    return sizes.pop()


def _process(
    batch: list[Task],
    servable: Servable,
    names: list[str],
    scheduler: BatchScheduler,
) -> None:
    """Runs a batch, and gives each task its rows."""
    if all(expired(task) for task in batch):
        raise exhausted(
            "Run() timeout exceeded while waiting in batching queue"
        )
    rows = sum(task.rows for task in batch)
    padding = _padding(rows, scheduler.settings.allowed_batch_sizes)
    merged = [
        (
            name,
            _merged(
                name,
                [task.content[position][1] for task in batch],
                padding,
                scheduler.settings.pad_variable_length_inputs,
            ),
        )
        for position, (name, _) in enumerate(batch[0].content)
    ]
    latest = max(task.deadline for task in batch)
    left = None if latest == float("inf") else latest - time.monotonic()
    try:
        values = [np.asarray(v) for v in servable.run(merged, names, left)]
    except ServingError as error:
        if len(batch) == 1 or error.code not in _OF_ONE_REQUEST:
            raise
        for task in batch:
            try:
                _process([task], servable, names, scheduler)
            except ServingError as own:
                task.error = own.with_traceback(None)
        return
    for array in values:
        if not array.ndim:
            raise failed_precondition("Batched output tensor has 0 dimensions")
        if len(array) != rows + padding:
            raise failed_precondition(
                "Batched output tensor's 0th dimension does not equal the sum "
                "of the 0th dimension sizes of the input tensors"
            )
    begin = 0
    for task in batch:
        end = begin + task.rows
        task.result = [array[begin:end] for array in values]
        begin = end


def _padding(rows: int, allowed: typing.Sequence[int]) -> int:
    """Returns how many rows are missing to the next allowed size."""
    return next((size - rows for size in allowed if size >= rows), 0)


def _merged(
    name: str, arrays: list[np.ndarray], padding: int, pad_lengths: bool
) -> np.ndarray:
    if len({array.shape[1:] for array in arrays}) > 1:
        if not pad_lengths:
            raise failed_precondition(
                f"Tensors with name '{name}' from different tasks have "
                "different shapes and padding is turned off.Set "
                "pad_variable_length_inputs to true, or ensure that all "
                "tensors with the same namehave equal dimensions starting "
                "with the first dim."
            )
        if len({array.ndim for array in arrays}) > 1:
            raise invalid_argument(
                f"Tensors with name '{name}' have different ranks"
            )
        longest = np.max([array.shape for array in arrays], axis=0)
        arrays = [_lengthened(array, longest[1:]) for array in arrays]
    if padding:
        arrays = [*arrays, np.repeat(arrays[-1][:1], padding, axis=0)]
    if len({array.dtype for array in arrays}) > 1:
        raise invalid_argument(
            f"Tensors with name '{name}' have different types"
        )
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _lengthened(array: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Repeats the first value until the lengths are reached."""
    if array.shape[1:] == tuple(lengths):
        return array
    if not array.size:
        raise invalid_argument(
            "Got empty tensor in batch of non-empty tensors."
        )
    padded = np.full((len(array), *lengths), array.flat[0], array.dtype)
    padded[tuple(slice(size) for size in array.shape)] = array
    return padded
