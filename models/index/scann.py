"""ScaNN, trained and tuned until it finds what exact search finds.

Built with the `scann` package itself: the layer of TFRS hides the training
sample and the anisotropic threshold, and had .861 recall where the same
parameters gave .967.
"""

import dataclasses
import json
import logging
import math
import pathlib

import numpy as np
from scann.scann_ops.py import scann_ops_pybind

from models.index.measuring import exact_neighbours, finite, measure_recall
from models.index.settings import IndexSettings
from schema.errors import DataError

SEARCH_FILE = "search.json"
# As ScaNN names it.
_LEAVES_FILE = "datapoint_to_token.npy"
LOWEST = float(np.finfo(np.float32).min)

# Partitions, as a multiple of the root of the rows; and where ScaNN joins small
# ones to others. Few and large, or joined, they hold what does not belong
# together: a million rows took 453 blocks of 128 to find what 27 do now.
_LEAVES = 1.5
_SMALLEST_LEAF = 50
# Fewer dimensions than this leave nothing to compress.
_MIN_CODED_DIMENSION = 4


@dataclasses.dataclass(frozen=True, kw_only=True)
class SearchPlan:
    """How much of a ScaNN index a search looks at.

    Attributes:
      rows: Items in the index.
      leaves: Partitions; 1 where all items are scored.
      leaves_searched: Partitions looked into.
      reordering: Candidates rescored exactly; 0 where all are exact.
      recall: Recall at `k` that was measured with this plan.
      tail_recall: The same of neighbours of the tail.
      k: What recall was measured at.
    """

    rows: int
    leaves: int
    leaves_searched: int
    reordering: int
    recall: float
    tail_recall: float
    k: int

    @property
    def least(self) -> float:
        """The lower of both recalls."""
        return min(self.recall, self.tail_recall)


class ScannIndex:
    """A ScaNN searcher in this process, with the plan that it searches by."""

    def __init__(self, searcher, plan: SearchPlan):
        """Wraps a searcher that `train` built or `load` read."""
        self.plan = plan
        self._searcher = searcher

    def search(
        self, query: np.ndarray, k: int, exclude_rows: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Finds about the k best rows that are not excluded.

        Looks for as many more as the longest exclusion of the batch, so that
        k are left; and rescores at least so many, because ScaNN returns fewer
        than asked for without a word otherwise.

        Args:
          query: float32 [B, d].
          k: How many, at least 1.
          exclude_rows: int32 [B, E], -1 for none.

        Returns:
          rows int32 [B, k] and scores float32 [B, k], best first; -1 and the
          lowest float where slots cannot be filled.
        """
        excluded = np.zeros((len(query), self.plan.rows), bool)
        batch_rows, slots = np.nonzero(exclude_rows >= 0)
        excluded[batch_rows, exclude_rows[batch_rows, slots]] = True
        most = int(excluded.sum(axis=1).max(initial=0))
        wanted = min(k + most, self.plan.rows)
        rows, scores = self._searcher.search_batched(
            np.ascontiguousarray(query, np.float32),
            final_num_neighbors=wanted,
            pre_reorder_num_neighbors=max(self.plan.reordering, wanted),
            leaves_to_search=self.plan.leaves_searched,
        )
        rows = rows.astype(np.int32)
        # ScaNN fills what it did not find with row 0 and NaN.
        bad = np.isnan(scores) | np.take_along_axis(excluded, rows, axis=1)
        order = np.argsort(bad, axis=1, kind="stable")[:, :k]
        bad = np.take_along_axis(bad, order, axis=1)
        rows = np.where(bad, -1, np.take_along_axis(rows, order, axis=1))
        scores = np.where(bad, LOWEST, np.take_along_axis(scores, order, 1))
        padding = ((0, 0), (0, k - rows.shape[1]))
        return (
            np.pad(rows, padding, constant_values=-1).astype(np.int32),
            np.pad(scores, padding, constant_values=LOWEST).astype(np.float32),
        )

    def save(self, folder: pathlib.Path) -> None:
        """Writes the searcher and its plan, movable as a whole."""
        folder.mkdir(parents=True, exist_ok=True)
        self._searcher.serialize(str(folder), relative_path=True)
        text = json.dumps(dataclasses.asdict(self.plan))
        (folder / SEARCH_FILE).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: pathlib.Path) -> "ScannIndex":
        """Reads what `save` wrote.

        Raises:
          DataError: The folder holds no index.
        """
        plan = read_plan(folder)
        searcher = scann_ops_pybind.load_searcher(str(folder))
        return cls(searcher, plan)


def leaves_of(folder: pathlib.Path, num_rows: int) -> np.ndarray:
    """Reads the partition of each row that `save` wrote.

    Args:
      folder: Of the index.
      num_rows: N.

    Returns:
      int [N], all 0 where there are no partitions.
    """
    path = folder / _LEAVES_FILE
    if not path.exists():
        return np.zeros(num_rows, np.int32)
    return np.load(path)


def read_plan(folder: pathlib.Path) -> SearchPlan:
    """Reads how the index in a folder is searched.

    Raises:
      DataError: The folder holds no index.
    """
    try:
        text = (folder / SEARCH_FILE).read_text("utf-8")
    except FileNotFoundError as error:
        raise DataError(
            f"{folder} holds no ScaNN index: {SEARCH_FILE} is missing"
        ) from error
    return SearchPlan(**json.loads(text))


def train(
    vectors: np.ndarray,
    queries: np.ndarray,
    settings: IndexSettings,
    tail: np.ndarray | None = None,
) -> ScannIndex:
    """Trains ScaNN and raises its effort until the recall asked for is met.

    Leaves are added first, because a leaf that is not looked into can never
    be rescored; then the smallest reordering that still reaches the target is
    kept. Where even all leaves do not reach it, the best plan is kept and the
    log says so; the measured recall stands in the plan either way.

    Args:
      vectors: float32 [N, d], N at least 1.
      queries: float32 [Q, d], Q at least 1: real query vectors, because
        random ones lie elsewhere and are found more easily.
      settings: Target and bounds.
      tail: bool [N], rows of which the recall must be reached too; none where
        None.

    Returns:
      The trained index.

    Raises:
      DataError: There is nothing to index or to measure with, or a vector is
        not finite.
    """
    finite(vectors, "item vectors")
    finite(queries, "query vectors")
    k = min(settings.k, len(vectors))
    searcher, leaves = _build(vectors, k, settings)
    expected = exact_neighbours(vectors, queries, k)
    if tail is None:
        tail = np.zeros(len(vectors), bool)
    nothing = np.zeros((len(queries), 0), np.int32)

    def measured(leaves_searched, reordering):
        plan = SearchPlan(
            rows=len(vectors),
            leaves=leaves,
            leaves_searched=leaves_searched,
            reordering=reordering,
            recall=0.0,
            tail_recall=0.0,
            k=settings.k,
        )
        rows, _ = ScannIndex(searcher, plan).search(queries, k, nothing)
        return dataclasses.replace(
            plan,
            recall=measure_recall(vectors, queries, rows, expected),
            tail_recall=measure_recall(vectors, queries, rows, expected, tail),
        )

    most = min(settings.max_reordering, len(vectors))
    for leaves_searched in _efforts(max(1, leaves // 20), leaves):
        plan = measured(leaves_searched, most)
        if plan.least < settings.recall_target:
            continue
        for reordering in _efforts(min(2 * k, most), most):
            cheaper = measured(leaves_searched, reordering)
            if cheaper.least >= settings.recall_target:
                plan = cheaper
                break
        break
    else:
        logging.getLogger(__name__).warning(
            "ScaNN reaches recall@%d %.4f, %.4f of the tail, with all %d "
            "leaves and %d candidates rescored; asked for %.4f",
            settings.k,
            plan.recall,
            plan.tail_recall,
            leaves,
            most,
            settings.recall_target,
        )
    return ScannIndex(searcher, plan)


def configure(builder, num_rows: int, dimension: int, settings: IndexSettings):
    """Gives a ScaNN builder its partitions, codes and reordering.

    Args:
      builder: Of `scann_ops_pybind` or `scann_ops`.
      num_rows: N.
      dimension: d.
      settings: Thresholds and samples.

    Returns:
      The builder and the number of leaves; 1 where everything is scored.
    """
    builder = builder.set_n_training_threads(settings.training_threads)
    if (
        num_rows <= settings.brute_force_limit
        or dimension < _MIN_CODED_DIMENSION
    ):
        return builder.score_brute_force(), 1
    leaves = max(2, round(_LEAVES * math.sqrt(num_rows)))
    sample = min(num_rows, settings.training_sample_size)
    builder = (
        builder.tree(
            num_leaves=leaves,
            num_leaves_to_search=leaves,
            training_sample_size=sample,
            min_partition_size=min(
                _SMALLEST_LEAF, max(1, num_rows // leaves // 4)
            ),
        )
        .score_ah(
            2,
            anisotropic_quantization_threshold=settings.anisotropic_threshold,
            training_sample_size=sample,
        )
        .reorder(min(settings.max_reordering, num_rows))
    )
    return builder, leaves


def _build(vectors, k, settings):
    builder, leaves = configure(
        scann_ops_pybind.builder(
            np.ascontiguousarray(vectors, np.float32), k, "dot_product"
        ),
        len(vectors),
        vectors.shape[1],
        settings,
    )
    return builder.build(), leaves


def _efforts(start, end):
    """Yields start, then about half more each time, and the end itself."""
    effort = start
    while effort < end:
        yield effort
        effort = max(effort + 1, effort * 3 // 2)
    yield end
