"""Which items the same users choose."""

import itertools

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.cooccurrence.sequences import ItemSequences

# Multiplications that one block of the co-occurrence product may cost; bounds
# its memory at about 12 bytes each.
_BLOCK_PRODUCTS = 20_000_000


def similarity(
    sequences: ItemSequences, num_items: int, *, shrink: float, neighbours: int
) -> sp.csr_array:
    """Says how often items are chosen by those who did something with others.

    That of an item `i` to an item `j` is `common / (sqrt(n_i n_j) + shrink)`:
    `common` counts the sequences with both, `n_i` those with `i` and `n_j`
    those with a positive step on `j` (Sarwar et al. 2001; shrinkage as in
    Koren 2008). Of an item to itself it is 0.

    >>> users = ItemSequences.from_lists([[0, 1], [0, 1], [0, 2]])
    >>> similarity(users, 3, shrink=0.0, neighbours=1).toarray().round(2)
    array([[0.  , 0.82, 0.  ],
           [0.82, 0.  , 0.  ],
           [0.58, 0.  , 0.  ]], dtype=float32)

    Args:
      sequences: Each of one user's.
      num_items: Size of the catalogue.
      shrink: Makes few common users count less; >= 0.
      neighbours: Most similar items kept of each item; >= 1.

    Returns:
      float32 [items, items] with at most `neighbours` values in a row.
    """
    seen = incidence(sequences, num_items)
    chosen = incidence(sequences.keep(sequences.positive), num_items)
    by_item = sp.csr_array(seen.T)
    norm_seen = np.sqrt(_column_counts(seen)).astype(np.float32)
    norm_chosen = np.sqrt(_column_counts(chosen)).astype(np.float32)
    # What each row of the product costs: the lengths of its users' sequences.
    cost = by_item @ np.diff(chosen.indptr).astype(np.float64)
    block = (np.cumsum(cost) // _BLOCK_PRODUCTS).astype(np.int64)
    edges = np.r_[0, np.flatnonzero(np.diff(block)) + 1, num_items]
    blocks = []
    for first, last in itertools.pairwise(edges):
        common = (by_item[first:last] @ chosen).tocoo()
        other = common.row + first != common.col
        row, col = common.row[other], common.col[other]
        value = common.data[other] / (
            norm_seen[row + first] * norm_chosen[col] + shrink
        )
        piece = sp.csr_array(
            (value, (row, col)), shape=(last - first, num_items)
        )
        blocks.append(nearest(piece, neighbours))
    return sp.csr_array(sp.vstack(blocks, format="csr", dtype=np.float32))


def nearest(similarity: sp.csr_array, neighbours: int) -> sp.csr_array:
    """Keeps the largest values of each row, the lower column of equal ones.

    Args:
      similarity: float32 [rows, items], values above 0.
      neighbours: Values kept in a row at most.
    """
    length = np.diff(similarity.indptr)
    if length.max(initial=0) <= neighbours:
        return similarity
    row = np.repeat(np.arange(similarity.shape[0]), length)
    similarity.sort_indices()
    # Bits of positive floats order as the floats do, so one integer key sorts
    # by row, then by falling value, several times as fast as two keys.
    bits = similarity.data.astype(np.float32).view(np.uint32).astype(np.int64)
    order = np.argsort((row.astype(np.int64) << 32) - bits, kind="stable")
    place = np.arange(len(order)) - similarity.indptr[row]
    kept = np.sort(order[place < neighbours])
    kept_length = np.minimum(length, neighbours)
    return sp.csr_array(
        (
            similarity.data[kept],
            similarity.indices[kept],
            np.r_[0, np.cumsum(kept_length)],
        ),
        shape=similarity.shape,
    )


def incidence(sequences: ItemSequences, num_items: int) -> sp.csr_array:
    """Returns float32 [sequences, items], 1 where the sequence has the item."""
    matrix = sp.csr_array(
        (
            np.ones(len(sequences.rows), np.float32),
            sequences.rows,
            sequences.offsets,
        ),
        shape=(len(sequences), num_items),
        # Summing duplicates works in place; the steps must keep their order.
        copy=True,
    )
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix


def _column_counts(matrix: sp.csr_array) -> NDArray[np.int64]:
    return np.bincount(matrix.indices, minlength=matrix.shape[1])
