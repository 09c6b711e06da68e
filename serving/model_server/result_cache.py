"""Keeps answers, so that what is asked again is not worked out again.

TensorFlow Serving has no such thing; it is off unless a flag gives it room.
An answer belongs to the servable that gave it: a new version begins with
nothing, and what an unloaded one left is dropped. Only for models that answer
the same to the same.
"""

import collections
import dataclasses
import hashlib
import itertools
import threading
import time
import typing
import weakref

from tensorflow_serving.apis import predict_pb2

# What an entry takes beside the answer itself: key, order, objects.
_OVERHEAD_BYTES = 400
_KEY_BYTES = 16


@dataclasses.dataclass(frozen=True)
class Counts:
    """What a cache has done since the server started.

    Attributes:
      hits: Requests answered from it.
      misses: Requests that were not in it, or no longer.
      evicted: Answers dropped for want of room.
      expired: Answers dropped for their age.
      entries: Answers in it now.
      bytes: What they take now.
    """

    hits: int = 0
    misses: int = 0
    evicted: int = 0
    expired: int = 0
    entries: int = 0
    bytes: int = 0


class ResultCache:
    """Answers of Predict, the least recently used dropped first."""

    def __init__(
        self,
        max_bytes: int,
        seconds: float,
        clock: typing.Callable[[], float] = time.monotonic,
    ):
        """Begins empty.

        Args:
          max_bytes: What all answers together may take, above 0.
          seconds: How long an answer is good, above 0.
          clock: Tells seconds.
        """
        self._max_bytes, self._seconds = max_bytes, seconds
        self._clock = clock
        self._lock = threading.Lock()
        # (servable, digest) → (when it expires, bytes, answer)
        self._answers: collections.OrderedDict[
            tuple[int, bytes], tuple[float, int, predict_pb2.PredictResponse]
        ] = collections.OrderedDict()
        self._bytes = 0
        self._counts: collections.Counter[str] = collections.Counter()
        # Unlike `id`, no number comes twice.
        self._numbers: weakref.WeakKeyDictionary[typing.Any, int] = (
            weakref.WeakKeyDictionary()
        )
        self._next = itertools.count()

    def key(
        self, servable: object, request: predict_pb2.PredictRequest
    ) -> tuple[int, bytes]:
        """Returns what tells a request from every other.

        Args:
          servable: Which answers.
          request: What is asked.
        """
        told = request.SerializeToString(deterministic=True)
        digest = hashlib.blake2b(told, digest_size=_KEY_BYTES).digest()
        with self._lock:
            number = self._numbers.get(servable)
            if number is None:
                number = self._numbers[servable] = next(self._next)
        return number, digest

    def get(self, key: tuple[int, bytes]) -> predict_pb2.PredictResponse | None:
        """Returns a good answer, which must not be changed; None for none."""
        with self._lock:
            found = self._answers.get(key)
            if found is not None and found[0] <= self._clock():
                self._drop(key)
                self._counts["expired"] += 1
                found = None
            self._counts["misses" if found is None else "hits"] += 1
            if found is None:
                return None
            self._answers.move_to_end(key)
            return found[2]

    def put(
        self, key: tuple[int, bytes], answer: predict_pb2.PredictResponse
    ) -> None:
        """Keeps an answer; one that is larger than all the room is not."""
        size = answer.ByteSize() + _OVERHEAD_BYTES
        if size > self._max_bytes:
            return
        with self._lock:
            if key in self._answers:
                self._drop(key)
            while self._bytes + size > self._max_bytes:
                self._drop(next(iter(self._answers)))
                self._counts["evicted"] += 1
            self._answers[key] = (self._clock() + self._seconds, size, answer)
            self._bytes += size

    def forget(self, servable: object) -> None:
        """Drops every answer of a servable that is unloaded."""
        with self._lock:
            number = self._numbers.pop(servable, None)
            for key in [k for k in self._answers if k[0] == number]:
                self._drop(key)

    def counts(self) -> Counts:
        """Returns what it has done, and what it holds."""
        with self._lock:
            return Counts(
                **self._counts, entries=len(self._answers), bytes=self._bytes
            )

    def _drop(self, key):
        _, size, _ = self._answers.pop(key)
        self._bytes -= size
