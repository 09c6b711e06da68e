"""Vectors cut into blocks of neighbours, so that few of them are scored.

ScaNN's partitions differ in size, and padded to the largest they are mostly
padding. Bisected along their principal axes into blocks of one size they are
nearly full, and a block is one gather of a contiguous piece of memory.
"""

import dataclasses
import json
import logging
import pathlib

import numpy as np
from numpy.typing import NDArray

from models.index.measuring import exact_neighbours, finite
from models.index.settings import IndexSettings
from schema.errors import DataError

BLOCKS_FILE = "blocks.npz"
# Of the power method, which need not be exact.
_ROUNDS = 4
_SCORES_AT_ONCE = 32_000_000
_NEW_AT_ONCE = 4096


@dataclasses.dataclass(frozen=True, kw_only=True)
class Blocks:
    """Rows in blocks, and how many of them a search looks into.

    Attributes:
      rows: int32 [blocks, size], -1 where a block is not full.
      means: float32 [blocks, d], of the vectors of each.
      searched: Blocks that a query looks into, those whose means fit best.
      recall: That was measured with so many.
      tail_recall: The same of neighbours of the tail.
    """

    rows: NDArray[np.int32]
    means: NDArray[np.float32]
    searched: int
    recall: float
    tail_recall: float

    def save(self, folder: pathlib.Path) -> None:
        """Writes `blocks.npz`."""
        plan = {
            "searched": self.searched,
            "recall": self.recall,
            "tail_recall": self.tail_recall,
        }
        np.savez(
            folder / BLOCKS_FILE,
            rows=self.rows,
            means=self.means,
            plan=np.array(json.dumps(plan)),
        )

    @classmethod
    def load(cls, folder: pathlib.Path) -> "Blocks":
        """Reads what `save` wrote.

        Raises:
          DataError: The folder holds no blocks.
        """
        try:
            with np.load(folder / BLOCKS_FILE) as parts:
                plan = json.loads(str(parts["plan"]))
                return cls(rows=parts["rows"], means=parts["means"], **plan)
        except FileNotFoundError as error:
            raise DataError(
                f"{folder} holds no blocks: {BLOCKS_FILE} is missing"
            ) from error

    def of(self, vectors: NDArray[np.float32]) -> "Blocks":
        """Returns blocks of vectors that have changed, or have become more.

        Each row stays in its block, and new ones go to the nearest; what
        becomes too large is cut.

        Args:
          vectors: float32 [N, d], N at least what it was.
        """
        block, place = np.nonzero(self.rows >= 0)
        known = len(block)
        leaves = np.empty(len(vectors), np.int64)
        leaves[self.rows[block, place]] = block
        lengths = (self.means**2).sum(1)
        for first in range(known, len(vectors), _NEW_AT_ONCE):
            new = vectors[first : first + _NEW_AT_ONCE]
            near = 2 * new @ self.means.T - lengths
            leaves[first : first + len(new)] = near.argmax(1)
        rows = split(vectors, leaves, self.rows.shape[1])
        means = _means(vectors, rows)
        return dataclasses.replace(self, rows=rows, means=means)


def make(
    vectors: NDArray[np.float32],
    leaves: NDArray[np.integer],
    queries: NDArray[np.float32],
    settings: IndexSettings,
    tail: NDArray[np.bool_] | None = None,
) -> Blocks:
    """Cuts vectors into blocks and finds how many must be searched.

    As all vectors of a block are scored exactly, a neighbour is found if its
    block is looked into; so the effort that gives the recall asked for is
    read off the ranks of the neighbours' blocks.

    Args:
      vectors: float32 [N, d], N at least 1.
      leaves: int [N], the partition that each is in.
      queries: float32 [Q, d], Q at least 1, real query vectors.
      settings: Size of the blocks, recall asked for.
      tail: bool [N], rows of which the recall must be reached too; none where
        None.

    Raises:
      DataError: There is nothing to index or to measure with, or a vector is
        not finite.
    """
    finite(vectors, "item vectors")
    finite(queries, "query vectors")
    rows = split(vectors, leaves, settings.block_size)
    means = _means(vectors, rows)
    ranks, neighbours = _block_ranks(vectors, rows, means, queries, settings)
    if tail is None:
        tail = np.zeros(len(vectors), bool)
    of_tail = ranks[tail[neighbours]]
    searched = max(
        _effort(some, settings.recall_target) for some in (ranks, of_tail)
    )
    recall, tail_recall = (
        float(np.mean(some < searched)) if some.size else 1.0
        for some in (ranks, of_tail)
    )
    logging.getLogger(__name__).info(
        "%d blocks of %d, %.2f full; %d searched for a recall of %.4f, of the "
        "tail %.4f",
        len(rows),
        settings.block_size,
        (rows >= 0).mean(),
        searched,
        recall,
        tail_recall,
    )
    return Blocks(
        rows=rows,
        means=means,
        searched=searched,
        recall=recall,
        tail_recall=tail_recall,
    )


def split(
    vectors: NDArray[np.float32], leaves: NDArray[np.integer], size: int
) -> NDArray[np.int32]:
    """Cuts partitions into blocks.

    Args:
      vectors: float32 [N, d].
      leaves: int [N], the partition that each is in.
      size: Rows in a block at most.

    Returns:
      int32 [blocks, size], each row once, -1 behind the rows of a block.
    """
    rng = np.random.default_rng(0)
    order = np.argsort(leaves, kind="stable")
    edges = np.flatnonzero(np.diff(leaves[order])) + 1
    waiting = np.split(order, edges)
    done = []
    while waiting:
        rows = waiting.pop()
        if len(rows) <= size:
            done.append(rows)
        else:
            waiting.extend(_halves(vectors, rows, size, rng))
    blocks = np.full((len(done), size), -1, np.int32)
    for block, rows in zip(blocks, done, strict=True):
        block[: len(rows)] = rows
    return blocks


def _halves(vectors, rows, size, rng):
    """Cuts along the principal axis, so that as many blocks as may be fill."""
    centred = vectors[rows] - vectors[rows].mean(0)
    axis = rng.standard_normal(vectors.shape[1]).astype(np.float32)
    for _ in range(_ROUNDS):
        axis = centred.T @ (centred @ axis)
        axis /= np.linalg.norm(axis) + 1e-12
    blocks = -(-len(rows) // size)
    cut = round(len(rows) * (blocks // 2) / blocks)
    order = np.argpartition(centred @ axis, cut)
    return rows[order[:cut]], rows[order[cut:]]


def _means(vectors, rows):
    there = rows >= 0
    total = np.where(there[:, :, None], vectors[np.maximum(rows, 0)], 0.0)
    means = total.sum(1) / there.sum(1, keepdims=True)
    return means.astype(np.float32)


def _block_ranks(vectors, rows, means, queries, settings):
    """Returns int [Q * k], places of the neighbours' blocks, and the rows."""
    block_of = np.empty(len(vectors), np.int64)
    block, place = np.nonzero(rows >= 0)
    block_of[rows[block, place]] = block
    k = min(settings.k, len(vectors))
    ranks, neighbours = [], []
    step = max(1, _SCORES_AT_ONCE // len(means))
    for first in range(0, len(queries), step):
        part = queries[first : first + step]
        order = np.argsort(-(part @ means.T), axis=1, kind="stable")
        rank = np.empty_like(order)
        every = np.arange(len(means))[np.newaxis]
        np.put_along_axis(rank, order, np.broadcast_to(every, order.shape), 1)
        nearest = exact_neighbours(vectors, part, k)
        ranks.append(np.take_along_axis(rank, block_of[nearest], 1).ravel())
        neighbours.append(nearest.ravel())
    return np.concatenate(ranks), np.concatenate(neighbours)


def _effort(ranks, recall):
    """Returns how many blocks reach the recall; 1 where nothing is asked."""
    if not ranks.size:
        return 1
    wanted = int(np.ceil(recall * len(ranks))) - 1
    return int(np.sort(ranks)[wanted]) + 1
