"""The Beam step that turns a shard of texts into vectors."""

import dataclasses
import os
import typing
from collections.abc import Iterator

import apache_beam as beam
import numpy as np
from apache_beam.utils import shared

from components.text_embedding import cache
from components.text_embedding.rows import Distinct
from models.text.batching import budget_for, pack
from models.text.settings import TextSettings

# Texts that are encoded between two cache files: what a killed run loses.
_ROWS_A_FILE = 2048
# Output file and id column, by role.
OUTPUTS = {
    "item": ("items.parquet", "item_id"),
    "query": ("queries.parquet", "query"),
}
# Tag of the counts; the others are the roles.
COUNTS = "counts"


class Counts(typing.NamedTuple):
    """Distinct texts of a shard, by where their vectors came from."""

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
    """Looks a shard's distinct texts up, and encodes those not found.

    What is encoded runs by length and goes into the cache. The encoder is
    loaded once a process, when the first text needs it.
    """

    def __init__(self, worker: Worker, handle: shared.Shared):
        super().__init__()
        self._worker = worker
        self._handle = handle
        self._encoder = None
        self._cached_files: list[str] = []

    def setup(self) -> None:
        """Lists the cache once a worker."""
        if self._worker.cache_dir:
            self._cached_files = cache.list_files(self._worker.cache_dir)

    def process(self, element) -> Iterator[beam.pvalue.TaggedOutput]:
        """Takes a `rows.Shard` and its tables.

        Yields:
          Tables of ids and vectors tagged with the role, and one `Counts`
          tagged `COUNTS`.
        """
        (role, _), tables = element
        texts = Distinct.of(tables)
        _, column = OUTPUTS[role]
        missing = np.ones(len(texts.keys), bool)
        dimension = self._worker.dimension
        for positions, vectors in cache.look_up(
            self._cached_files, texts.keys, dimension
        ):
            new = missing[positions]
            missing[positions] = False
            dimension = vectors.shape[1]
            yield beam.pvalue.TaggedOutput(
                role, texts.rows_of(positions[new], vectors[new], column)
            )
        rest = np.flatnonzero(missing)
        for positions, vectors in self._encode(role, texts, rest):
            dimension = vectors.shape[1]
            yield beam.pvalue.TaggedOutput(
                role, texts.rows_of(positions, vectors, column)
            )
        yield beam.pvalue.TaggedOutput(
            COUNTS, Counts(len(rest), len(missing) - len(rest), dimension)
        )

    def _encode(
        self, role: str, texts: Distinct, positions: np.ndarray
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Encodes texts; yields about `_ROWS_A_FILE` at a time, cached."""
        if not len(positions):
            return
        import pyarrow as pa
        import tensorflow as tf

        encoder = self._load()
        left = np.array(texts.texts.take(pa.array(positions)).to_pylist(), "O")
        counts = np.concatenate(
            [
                encoder.token_counts(
                    tf.constant(left[start : start + _ROWS_A_FILE]), role=role
                ).numpy()
                for start in range(0, len(left), _ROWS_A_FILE)
            ]
        )
        done: list[np.ndarray] = []
        vectors: list[np.ndarray] = []
        batches = pack(counts, self._budget())
        for number, rows in enumerate(batches, 1):
            done.append(positions[rows])
            vectors.append(encoder(tf.constant(left[rows]), role=role).numpy())
            if sum(map(len, done)) >= _ROWS_A_FILE or number == len(batches):
                part = np.concatenate(done), np.concatenate(vectors)
                if self._worker.cache_dir:
                    cache.write_file(
                        self._worker.cache_dir, texts.keys[part[0]], part[1]
                    )
                yield part
                done, vectors = [], []

    def _budget(self) -> int:
        threads = self._worker.threads or len(os.sched_getaffinity(0))
        return budget_for(self._worker.settings.batch_tokens, threads)

    def _load(self):
        if self._encoder is None:
            settings = self._worker.settings
            self._encoder = self._handle.acquire(
                lambda: _load_encoder(settings, self._worker.threads),
                tag=settings.to_json(),
            )
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
