"""Peers that need numpy and scipy only: popularity, item-kNN and EASE^R.

Each chooses its settings by NDCG@10 on the split `validation`.
"""

import dataclasses
import itertools
import pathlib

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from numpy.typing import NDArray

from benchmarks.quality.choosing import Chooser, climb
from benchmarks.quality.sequences import Score, Sequences, Split
from models.baselines import (
    Baseline,
    ItemKnn,
    ItemKnnSettings,
    Popularity,
    PopularitySettings,
)
from models.cooccurrence.sequences import ItemSequences
from schema.errors import DataError

SHRINK = (0.0, 10.0, 50.0)
NEIGHBOURS = (50, 200, 800)
HALF_LIFE_STEPS = (0.0, 5.0, 2.0, 1.0)
# Ridge penalties of EASE^R, a ladder that is climbed from the second one.
PENALTIES = (10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)
# Matrices of [items, items] that EASE^R holds at once.
_EASE_COPIES = 4
_EASE_MOST_BYTES = 12 * 2**30


def popularity(data: Sequences, *, seed: int, log_dir: pathlib.Path) -> Score:
    """Scores items by how often they were chosen."""
    del seed, log_dir
    return _score(data, _popularity(data))


def item_knn(data: Sequences, *, seed: int, log_dir: pathlib.Path) -> Score:
    """Scores items by whom their neighbours were chosen with."""
    del log_dir
    train = data.training()
    behind = _popularity(data)
    choose: Chooser[ItemKnnSettings] = Chooser(data, seed)
    widest = {
        shrink: ItemKnn.fit(
            train,
            data.num_items,
            ItemKnnSettings(shrink=shrink, neighbours=max(NEIGHBOURS)),
            behind,
        )
        for shrink in SHRINK
    }
    for shrink, neighbours in itertools.product(SHRINK, NEIGHBOURS):
        fitted = widest[shrink]
        settings = dataclasses.replace(fitted.settings, neighbours=neighbours)
        choose.look(settings, _score(data, fitted.with_settings(settings)))
    best = choose.best
    for steps in HALF_LIFE_STEPS:
        settings = dataclasses.replace(best, half_life_steps=steps)
        fitted = widest[best.shrink].with_settings(settings)
        choose.look(settings, _score(data, fitted))
    return choose.score


def ease(data: Sequences, *, seed: int, log_dir: pathlib.Path) -> Score:
    """EASE^R: the best linear map from what was chosen to itself, diagonal 0.

    Steck 2019, "Embarrassingly shallow autoencoders for sparse data".

    Raises:
      DataError: The catalogue is too large for its dense matrices.
    """
    del log_dir
    need = _EASE_COPIES * 4 * data.num_items**2
    if need > _EASE_MOST_BYTES:
        raise DataError(
            f"EASE^R would need {need / 2**30:.0f} GiB for {data.num_items} "
            f"items; allowed: {_EASE_MOST_BYTES / 2**30:.0f} GiB"
        )
    chosen = incidence(data.training(), data.num_items)
    common = (chosen.T @ chosen).toarray()
    choose: Chooser[float] = Chooser(data, seed)

    def value(penalty: float) -> float:
        return choose.look(
            penalty, _linear(data, ease_weights(common, penalty))
        )

    climb(PENALTIES, 1, value)
    return choose.score


def ease_weights(
    common: NDArray[np.float32], penalty: float
) -> NDArray[np.float32]:
    """Solves EASE^R in closed form.

    Args:
      common: float32 [items, items], how many users chose both.
      penalty: Ridge penalty, above 0.

    Returns:
      float32 [items, items], column j scores item j; zeros in the diagonal.
    """
    # float32 holds: the penalty keeps the condition number under 10^4.
    inverse = np.array(common, order="F")
    inverse[np.diag_indices_from(inverse)] += penalty
    inverse, info = scipy.linalg.lapack.spotrf(
        inverse, lower=1, clean=0, overwrite_a=1
    )
    if not info:
        inverse, info = scipy.linalg.lapack.spotri(
            inverse, lower=1, overwrite_c=1
        )
    if info:
        raise ArithmeticError(f"EASE^R: no inverse at penalty {penalty}")
    # Only the lower triangle was written.
    inverse = np.tril(inverse)
    inverse += np.tril(inverse, -1).T
    inverse /= -np.diag(inverse).copy()[None, :]
    inverse[np.diag_indices_from(inverse)] = 0.0
    return np.ascontiguousarray(inverse)


def incidence(sequences: ItemSequences, num_items: int) -> sp.csr_array:
    """float32 csr [sequences, items], 1 where the item is in the sequence."""
    matrix = sp.csr_array(
        (
            np.ones(len(sequences.rows), np.float32),
            sequences.rows.copy(),
            sequences.offsets,
        ),
        shape=(len(sequences), num_items),
    )
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix


def _popularity(data: Sequences) -> Popularity:
    return Popularity.fit(data.training(), data.num_items, PopularitySettings())


def _score(data: Sequences, baseline: Baseline) -> Score:
    def score(users: NDArray[np.int64], split: Split) -> NDArray[np.float32]:
        return baseline.scores(data.histories(split, users))

    return score


def _linear(data: Sequences, weights: NDArray[np.float32]) -> Score:
    def score(users: NDArray[np.int64], split: Split) -> NDArray[np.float32]:
        history = incidence(data.histories(split, users), data.num_items)
        return history @ weights

    return score
