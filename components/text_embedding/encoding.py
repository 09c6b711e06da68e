"""The Beam step that turns a shard of texts into vectors."""

import dataclasses
import os
import typing
from collections.abc import Iterator
from concurrent import futures

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.transforms.window import GlobalWindows
from apache_beam.utils import shared

from components.text_embedding import cache
from components.text_embedding.parts import PartWriter
from components.text_embedding.rows import Distinct, output_schema
from models.text.batching import budget_for, pack
from models.text.settings import TextSettings

# Texts that are encoded between two cache files: what a killed run loses.
_ROWS_A_FILE = 2048
# Texts of shards with fewer than a file's that are encoded together.
_ROWS_TOGETHER = 8 * _ROWS_A_FILE
# Output file and id column, by role.
OUTPUTS = {
    "item": ("items.parquet", "item_id"),
    "query": ("queries.parquet", "query"),
}


class Part(typing.NamedTuple):
    """What a bundle made.

    Attributes:
      role: Of its texts.
      path: See `PartWriter.close`.
      encoded: Distinct texts that went through the encoder.
      from_cache: Distinct texts that did not.
      dimension: Length of a vector; 0 where there was none.
    """

    role: str
    path: str
    encoded: int
    from_cache: int
    dimension: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Worker:
    """How a worker runs the encoder.

    Attributes:
      settings: Which encoder, and the token budget.
      cache_dir: This encoder's cache folder; empty for none.
      dimension: Length of a vector; 0 where the encoder's folder does not
        say.
      threads: Of TensorFlow in one worker process; 0 leaves its default, all
        cores, which is right where one process works.
    """

    settings: TextSettings
    cache_dir: str = ""
    dimension: int = 0
    threads: int = 0


class EncodeShard(beam.DoFn):
    """Looks shards' distinct texts up, and encodes those not found.

    What is encoded runs by length and goes into the cache. Where a shard
    lacks only a few, they wait for those of the bundle's other shards: small
    batches cost more than their tokens, and each its own file in the cache.
    The encoder is loaded once a process, beside further lookups from the
    first text on that needs it.

    Args:
      role: Of the texts.
      worker: How they are encoded.
      handle: Keeps the encoder between bundles.
      folder: Of the outputs.
    """

    def __init__(
        self, role: str, worker: Worker, handle: shared.Shared, folder: str
    ):
        super().__init__()
        self._role = role
        self._worker = worker
        self._handle = handle
        self._folder = folder
        self._column = OUTPUTS[role][1]
        self._encoder: futures.Future | None = None
        self._cached_files: list[str] = []

    def setup(self) -> None:
        """Lists the cache once a worker."""
        if self._worker.cache_dir:
            self._cached_files = cache.list_files(self._worker.cache_dir)

    def start_bundle(self) -> None:
        """Begins a part of the output."""
        self._rows = PartWriter(self._folder, output_schema(self._column))
        self._waiting: list[pa.Table] = []
        self._encoded = self._from_cache = 0
        self._dimension = self._worker.dimension

    def process(self, element: tuple[int, typing.Iterable[pa.Table]]) -> None:
        """Takes a shard's number and its tables."""
        _, tables = element
        texts = Distinct.of(tables)
        missing = np.ones(len(texts.keys), bool)
        for positions, vectors in cache.look_up(
            self._cached_files, texts.keys, self._dimension
        ):
            new = missing[positions]
            missing[positions] = False
            self._write(texts, positions[new], vectors[new])
        rest = np.flatnonzero(missing)
        self._encoded += len(rest)
        self._from_cache += len(missing) - len(rest)
        if len(rest):
            self._begin_loading()
        if len(rest) >= _ROWS_A_FILE:
            self._encode(texts, rest)
        elif len(rest):
            self._waiting.append(texts.table_of(rest))
            if sum(map(len, self._waiting)) >= _ROWS_TOGETHER:
                self._encode_waiting()

    def finish_bundle(self) -> Iterator[typing.Any]:
        """Encodes what waits.

        Yields:
          A windowed `Part`.
        """
        self._encode_waiting()
        made = Part(
            role=self._role,
            path=self._rows.close(),
            encoded=self._encoded,
            from_cache=self._from_cache,
            dimension=self._dimension,
        )
        yield GlobalWindows.windowed_value(made)

    def _write(self, texts, positions, vectors) -> None:
        self._dimension = vectors.shape[1]
        self._rows.write(texts.rows_of(positions, vectors, self._column))

    def _encode_waiting(self) -> None:
        if self._waiting:
            texts = Distinct.of(self._waiting)
            self._encode(texts, np.arange(len(texts.keys)))
            self._waiting = []

    def _encode(self, texts: Distinct, positions: np.ndarray) -> None:
        """Encodes texts; writes about `_ROWS_A_FILE` at a time, cached."""
        import tensorflow as tf

        encoder = self._begin_loading().result()
        left = np.array(texts.texts.take(pa.array(positions)).to_pylist(), "O")
        counts = np.concatenate(
            [
                encoder.token_counts(
                    tf.constant(left[start : start + _ROWS_A_FILE]),
                    role=self._role,
                ).numpy()
                for start in range(0, len(left), _ROWS_A_FILE)
            ]
        )
        done: list[np.ndarray] = []
        vectors: list[np.ndarray] = []
        batches = pack(counts, self._budget())
        for number, rows in enumerate(batches, 1):
            done.append(positions[rows])
            vectors.append(
                encoder(tf.constant(left[rows]), role=self._role).numpy()
            )
            if sum(map(len, done)) >= _ROWS_A_FILE or number == len(batches):
                part = np.concatenate(done), np.concatenate(vectors)
                if self._worker.cache_dir:
                    cache.write_file(
                        self._worker.cache_dir, texts.keys[part[0]], part[1]
                    )
                self._write(texts, *part)
                done, vectors = [], []

    def _budget(self) -> int:
        threads = self._worker.threads or len(os.sched_getaffinity(0))
        return budget_for(self._worker.settings.batch_tokens, threads)

    def _begin_loading(self) -> futures.Future:
        if self._encoder is None:
            settings = self._worker.settings
            thread = futures.ThreadPoolExecutor(max_workers=1)
            self._encoder = thread.submit(
                self._handle.acquire,
                lambda: _load_encoder(settings, self._worker.threads),
                tag=settings.to_json(),
            )
            thread.shutdown(wait=False)
        return self._encoder


def threads_a_worker(running_mode: str, num_workers: int) -> int:
    """Shares the machine's cores among Beam's local worker processes.

    Args:
      running_mode: Beam's `direct_running_mode`.
      num_workers: Beam's `direct_num_workers`; 0 means one a core.

    Returns:
      Threads that TensorFlow may use in each; 0 for its default.
    """
    if running_mode != "multi_processing":
        return 0
    cores = len(os.sched_getaffinity(0))
    return max(1, cores // (num_workers or cores))


def _load_encoder(settings: TextSettings, threads: int):
    import tensorflow as tf

    from models.text.hub import TextEncoder

    if threads:
        try:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(1)
        except RuntimeError:
            # TensorFlow runs already in this process, with its own choice.
            pass
    return TextEncoder.from_settings(settings)
