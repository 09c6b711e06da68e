"""Where item ids begin: the singular vectors of who chose what."""

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg import svd
from scipy.sparse.linalg import LinearOperator, eigsh


def item_factors(
    chosen: sp.csr_array, dimension: int, seed: int
) -> NDArray[np.float32]:
    """Places items that the same people chose near each other.

    The right singular vectors of the user-item matrix, divided by the roots
    of the degrees on both sides, are the smoothest directions over the graph
    of choices (Shen et al. 2021, "How Powerful is Graph Convolution for
    Recommendation?"). Each counts by its singular value.

    >>> two_groups = sp.csr_array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1]])
    >>> factors = item_factors(two_groups, 2, seed=1)
    >>> (factors @ factors.T).round(3) + 0.0
    array([[1., 1., 0., 0.],
           [1., 1., 0., 0.],
           [0., 0., 1., 1.],
           [0., 0., 1., 1.]], dtype=float32)

    Args:
      chosen: [users, items], above 0 where a user chose an item.
      dimension: Of the factors, at most.
      seed: Of the decomposition's start.

    Returns:
      float32 [items, F] of norm 1, 0 for an item that nobody chose; F is
      `dimension` or, in a small matrix, one less than its smaller side.
    """
    matrix = (chosen > 0).astype(np.float32)
    factors = min(dimension, min(matrix.shape) - 1)
    if factors < 1 or not matrix.nnz:
        return np.zeros([matrix.shape[1], 0], np.float32)
    by_user, by_item = (
        sp.diags_array(1 / np.sqrt(np.maximum(matrix.sum(axis), 1)))
        for axis in (1, 0)
    )
    values, vectors = _largest(by_user @ matrix @ by_item, factors, seed)
    placed = (vectors * values[:, None]).T
    norm = np.linalg.norm(placed, axis=1, keepdims=True)
    known = np.asarray(matrix.sum(0) > 0)[:, None] & (norm > 0)
    placed = np.divide(placed, norm, out=np.zeros_like(placed), where=known)
    return placed.astype(np.float32)


def _largest(matrix, number, seed):
    """Finds the largest singular values and their right vectors.

    As `scipy.sparse.linalg.svds` does, whose seed does not reach the new
    starts that ARPACK makes where values are equal, as in a small shop.

    Returns:
      Values float32 [F], the largest last, and vectors float32 [F, columns].
    """
    is_wide = matrix.shape[0] < matrix.shape[1]
    tall = matrix.T if is_wide else matrix
    side = tall.shape[1]
    rng = np.random.default_rng(seed)
    _, basis = eigsh(
        LinearOperator(
            (side, side), lambda x: tall.T @ (tall @ x), dtype=np.float32
        ),
        k=number,
        v0=rng.standard_normal(side).astype(np.float32),
        rng=rng,
    )
    basis, _ = np.linalg.qr(basis)
    left, values, right = svd(tall @ basis, full_matrices=False)
    vectors = left.T if is_wide else right @ basis.T
    return values[::-1], vectors[::-1]
