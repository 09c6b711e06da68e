"""The Beam steps that turn texts into vectors."""

import dataclasses
import os
import typing
from collections.abc import Iterable, Iterator

import apache_beam as beam
import numpy as np
from apache_beam.utils import shared

from components.text_embedding import cache
from components.text_embedding.batching import pack
from models.text.settings import TextSettings

# Texts that are encoded between two cache files: what a killed run loses.
_ROWS_A_FILE = 2048
ENCODED, READY = "encoded", "ready"


class Text(typing.NamedTuple):
    """One text of an item or a query.

    Attributes:
      role: `item` or `query`.
      text: As it came, UTF-8 or not.
      row_id: The item's id, or the query.
    """

    role: str
    text: bytes
    row_id: str


class TextGroup(typing.NamedTuple):
    """A distinct text with all rows that have it."""

    key: bytes
    role: str
    text: bytes
    row_ids: tuple[str, ...]


class EncodedGroup(typing.NamedTuple):
    """The rows that share a text, and its vector as float32 bytes."""

    role: str
    row_ids: tuple[str, ...]
    vector: bytes


@dataclasses.dataclass(frozen=True, kw_only=True)
class Worker:
    """How a worker runs the encoder.

    Attributes:
      settings: Which encoder, and the token budget.
      cache_dir: This encoder's cache folder; empty for none.
      threads: Of TensorFlow in one worker process; 0 leaves its default, all
        cores, which is right where one process works.
    """

    settings: TextSettings
    cache_dir: str
    threads: int


class LookUp(beam.DoFn):
    """Parts texts that the cache knows from those that must be encoded."""

    def process(self, element) -> Iterator:
        """Takes a key with the texts and cached vectors that have it.

        Args:
          element: Key, and `texts` and `cached` from `CoGroupByKey`.

        Yields:
          A TextGroup, or an EncodedGroup tagged `READY`.
        """
        key, found = element
        texts = list(found["texts"])
        if not texts:
            return
        row_ids = tuple(sorted({text.row_id for text in texts}))
        vector = next(iter(found["cached"]), None)
        if vector is not None:
            yield beam.pvalue.TaggedOutput(
                READY, EncodedGroup(texts[0].role, row_ids, vector)
            )
            return
        yield TextGroup(key, texts[0].role, texts[0].text, row_ids)


class EncodeShard(beam.DoFn):
    """Encodes a shard of distinct texts by length, and caches the vectors.

    The encoder is loaded once a process, when the first text needs it.
    """

    def __init__(self, worker: Worker, handle: shared.Shared):
        super().__init__()
        self._worker = worker
        self._handle = handle
        self._encoder = None

    def process(self, element) -> Iterator[EncodedGroup]:
        """Takes a shard's number and its TextGroups; yields EncodedGroups."""
        _, groups = element
        by_role: dict[str, list[TextGroup]] = {}
        for group in sorted(groups):
            by_role.setdefault(group.role, []).append(group)
        for role, members in by_role.items():
            yield from self._encode(role, members)

    def _encode(
        self, role: str, groups: list[TextGroup]
    ) -> Iterator[EncodedGroup]:
        import tensorflow as tf

        encoder = self._load()
        counts = np.concatenate(
            [
                encoder.token_counts(
                    tf.constant([group.text for group in part]), role=role
                ).numpy()
                for part in _parts(groups, _ROWS_A_FILE)
            ]
        )
        keys: list[bytes] = []
        vectors: list[np.ndarray] = []
        for rows in pack(counts, self._worker.settings.batch_tokens):
            batch = [groups[row] for row in rows]
            encoded = encoder(
                tf.constant([group.text for group in batch]), role=role
            ).numpy()
            keys += [group.key for group in batch]
            vectors.append(encoded)
            if len(keys) >= _ROWS_A_FILE:
                self._keep(keys, vectors)
                keys, vectors = [], []
            for group, vector in zip(batch, encoded, strict=True):
                yield EncodedGroup(role, group.row_ids, vector.tobytes())
        if keys:
            self._keep(keys, vectors)

    def _keep(self, keys: list[bytes], vectors: list[np.ndarray]) -> None:
        if self._worker.cache_dir:
            cache.write_file(
                self._worker.cache_dir, keys, np.concatenate(vectors)
            )

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


def _parts(groups: list[TextGroup], size: int) -> Iterable[list[TextGroup]]:
    return (
        groups[start : start + size] for start in range(0, len(groups), size)
    )
