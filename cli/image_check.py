"""Which image vectors of a table of items a run would put aside."""

import collections
import typing

if typing.TYPE_CHECKING:
    import pyarrow as pa

COLUMN = "image_embedding"
NOT_FINITE = "not all of it finite numbers"


class ImageWidths:
    """Counts how long vectors are, over all batches of a table."""

    def __init__(self) -> None:
        self._counts: collections.Counter[int] = collections.Counter()

    def add(self, vectors: "pa.Array") -> None:
        """Counts the vectors of a batch; null and empty are none."""
        import pyarrow.compute as pc

        lengths = pc.fill_null(pc.list_value_length(vectors), 0)
        self._counts.update(filter(None, lengths.to_pylist()))

    def others(self) -> tuple[int, str, str]:
        """Returns rows that are not as long as most, what may be, a value."""
        usual, *others = self._counts.most_common() or [(0, 0)]
        rows = sum(count for _, count in others)
        example = f"{others[0][0]} numbers" if others else ""
        return rows, f"length unlike most; allowed: {usual[0]} numbers", example


def as_vectors(values: "pa.Array") -> "pa.Array":
    """Returns a column that `fits` the contract as large_list<float>."""
    import pyarrow as pa

    return values.cast(pa.large_list(pa.float32()))


def not_finite(vectors: "pa.Array") -> "pa.Array":
    """Returns bool [rows], whether a value is NaN, infinite or null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    finite = pc.fill_null(pc.is_finite(pc.list_flatten(vectors)), False)
    rows = pc.list_parent_indices(vectors).filter(pc.invert(finite))
    return pc.is_in(pa.array(range(len(vectors))), value_set=rows)
