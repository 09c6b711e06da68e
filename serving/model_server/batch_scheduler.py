"""Collects tasks into batches, as TensorFlow Serving's scheduler does."""

import collections
import dataclasses
import os
import threading
import time
import typing
from collections.abc import Callable

from schema.settings import SettingsError
from serving.model_server.errors import (
    ServingError,
    invalid_argument,
    of,
    unavailable,
)

_MICROSECOND = 1e-6


@dataclasses.dataclass(frozen=True, kw_only=True)
class BatchingSettings:
    """BatchingParameters, with TensorFlow Serving's defaults.

    Attributes:
      max_batch_size: Rows of a batch.
      batch_timeout_micros: How long a batch waits to fill.
      max_enqueued_batches: Batches of one signature that may wait.
      num_batch_threads: Batches that run side by side.
      allowed_batch_sizes: Sizes to fill batches up to; empty for any.
      pad_variable_length_inputs: Whether inputs of different lengths go into
        one batch.
      enable_large_batch_splitting: Whether a request may be larger than a
        batch.
      max_execution_batch_size: Rows of a batch where requests are split.
    """

    max_batch_size: int = 1000
    batch_timeout_micros: int = 0
    max_enqueued_batches: int = 10
    num_batch_threads: int = dataclasses.field(
        default_factory=lambda: os.cpu_count() or 1
    )
    allowed_batch_sizes: tuple[int, ...] = ()
    pad_variable_length_inputs: bool = False
    enable_large_batch_splitting: bool = False
    max_execution_batch_size: int = 0

    def __post_init__(self):
        """Checks the values.

        Raises:
          SettingsError: One is not allowed.
        """
        for name, low in (
            ("max_batch_size", 1),
            ("batch_timeout_micros", 0),
            ("max_enqueued_batches", 1),
            ("num_batch_threads", 1),
        ):
            if getattr(self, name) < low:
                raise SettingsError(
                    f"{name} is {getattr(self, name)}; allowed: at least {low}"
                )
        sizes = self.allowed_batch_sizes
        if sizes and list(sizes) != sorted(set(sizes)):
            raise SettingsError(
                "allowed_batch_sizes is "
                f"{list(sizes)}; allowed: numbers in increasing order"
            )
        if sizes and sizes[-1] != self.batch_rows:
            raise SettingsError(
                "Last entry in allowed_batch_sizes must match max_batch_size; "
                f"last entry was {sizes[-1]}; expected {self.batch_rows}"
            )

    @property
    def batch_rows(self) -> int:
        """Returns how many rows a batch may have."""
        if self.enable_large_batch_splitting and self.max_execution_batch_size:
            return self.max_execution_batch_size
        return self.max_batch_size

    @classmethod
    def from_proto(cls, parameters: typing.Any) -> "BatchingSettings":
        """Reads a BatchingParameters message; unset fields keep defaults."""
        given: dict[str, typing.Any] = {
            field.name: getattr(parameters, field.name).value
            for field in dataclasses.fields(cls)
            if field.name not in _PLAIN and parameters.HasField(field.name)
        }
        return cls(
            allowed_batch_sizes=tuple(parameters.allowed_batch_sizes),
            pad_variable_length_inputs=parameters.pad_variable_length_inputs,
            **given,
        )


# Fields of the message that are not wrapped, so cannot be unset.
_PLAIN = ("allowed_batch_sizes", "pad_variable_length_inputs")


@dataclasses.dataclass(eq=False)
class Task:
    """Some rows that wait for others.

    Attributes:
      rows: How many.
      content: What they are.
      deadline: When nobody waits any more, by the monotonic clock.
      done: Set when there is a result.
      result: Of these rows, when all went well.
      error: Why not.
    """

    rows: int
    content: typing.Any
    deadline: float = float("inf")
    done: threading.Event = dataclasses.field(default_factory=threading.Event)
    result: typing.Any = None
    error: Exception | None = None


Process = Callable[[list[Task]], None]


class _Queue:
    """The batches of one signature of one servable; the last one is open."""

    def __init__(self, process: Process):
        self.process = process
        self.batches: collections.deque[list[Task]] = collections.deque()
        self.opened = 0.0

    def rows(self) -> int:
        """Returns the rows of the open batch."""
        return sum(task.rows for task in self.batches[-1])


class BatchScheduler:
    """Threads that all queues share."""

    def __init__(self, settings: BatchingSettings):
        """Starts the threads."""
        self.settings = settings
        self._timeout = settings.batch_timeout_micros * _MICROSECOND
        self._changed = threading.Condition()
        self._queues: collections.OrderedDict[typing.Hashable, _Queue] = (
            collections.OrderedDict()
        )
        self._stopped = False
        self._threads = [
            threading.Thread(target=self._work, name="batch", daemon=True)
            for _ in range(settings.num_batch_threads)
        ]
        for thread in self._threads:
            thread.start()

    def schedule(
        self, key: typing.Hashable, process: Process, task: Task
    ) -> None:
        """Puts a task into a queue.

        Args:
          key: Which queue; tasks of one queue go together.
          process: Gives each task of a batch its result or error.
          task: What waits.

        Raises:
          ServingError: The task is larger than a batch, or too many wait.
        """
        limit = self.settings.batch_rows
        if task.rows > limit:
            raise invalid_argument(
                f"Task size {task.rows} is larger than maximum input batch "
                f"size {limit}"
            )
        with self._changed:
            if self._stopped:
                raise unavailable("The server is shutting down")
            queue = self._queues.get(key)
            if queue is None:
                queue = self._queues[key] = _Queue(process)
            if queue.batches and queue.rows() + task.rows <= limit:
                queue.batches[-1].append(task)
            elif len(queue.batches) >= self.settings.max_enqueued_batches:
                raise unavailable(
                    "The batch scheduling queue to which this task was "
                    f"submitted is full; currently {len(queue.batches)} "
                    "batches enqueued and max_enqueued_batches is "
                    f"{self.settings.max_enqueued_batches}"
                )
            else:
                queue.batches.append([task])
                queue.opened = time.monotonic()
            self._changed.notify()

    def forget(self, belongs: Callable[[typing.Hashable], bool]) -> None:
        """Drops empty queues whose servable is gone."""
        with self._changed:
            for key in [key for key in self._queues if belongs(key)]:
                if not self._queues[key].batches:
                    del self._queues[key]

    def stop(self) -> None:
        """Runs what waits, and ends the threads."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (found := self._next()) is not None:
            process, batch = found
            try:
                process(batch)
            except Exception as error:
                for task in batch:
                    task.error = error.with_traceback(None)
            for task in batch:
                task.done.set()

    def _next(self) -> tuple[Process, list[Task]] | None:
        """Waits for a batch; None at the end."""
        with self._changed:
            while True:
                now = time.monotonic()
                soonest = None
                for key, queue in self._queues.items():
                    if not queue.batches:
                        continue
                    due = queue.opened + self._timeout
                    if (
                        self._stopped
                        or len(queue.batches) > 1
                        or due <= now
                        or queue.rows() >= self.settings.batch_rows
                    ):
                        # The next search begins behind this queue.
                        self._queues.move_to_end(key)
                        return queue.process, queue.batches.popleft()
                    soonest = due if soonest is None else min(soonest, due)
                if self._stopped:
                    return None
                self._changed.wait(None if soonest is None else soonest - now)


def expired(task: Task) -> bool:
    """Says whether nobody waits for a task any more."""
    return task.deadline <= time.monotonic()


def wait(task: Task) -> typing.Any:
    """Returns the result of a task.

    Raises:
      ServingError: It has none.
    """
    task.done.wait()
    if task.error is not None:
        # Every waiting thread raises an error of its own.
        told = of(task.error)
        raise ServingError(told.code, told.message)
    return task.result
