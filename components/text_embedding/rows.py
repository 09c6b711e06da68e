"""Rows of texts on their way through the node: Arrow tables, not objects.

Beam moves one table for thousands of rows, so what a row costs is a hash and
a few copies, however many steps it goes through.
"""

import typing
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import tensorflow as tf

from components.text_embedding import cache
from schema.errors import DataError

_SCHEMA = pa.schema(
    [
        ("key", pa.binary(cache.KEY_BYTES)),
        ("text", pa.binary()),
        ("row_id", pa.string()),
    ]
)


def parse_items(records: list[bytes]) -> pa.Table:
    """Reads catalogue examples; what has no text is left out.

    Raises:
      DataError: One has no `item_id` or `text`, or its id is not UTF-8.
    """
    ids: list[bytes] = []
    texts: list[bytes] = []
    for record in records:
        features = tf.train.Example.FromString(record).features.feature
        for name, values in (("item_id", ids), ("text", texts)):
            found = features[name].bytes_list.value
            if len(found) != 1:
                raise DataError(
                    f"catalogue: an example has {len(found)} values of "
                    f"{name}; allowed: one"
                )
            values.append(found[0])
    return _table("item", texts, ids, "catalogue item_id")


def parse_queries(batch: pa.Table) -> pa.Table:
    """Reads a batch of `queries.parquet`; what has no text is left out.

    Raises:
      DataError: A query is not UTF-8.
    """
    queries = batch["query"].cast(pa.binary()).drop_null().to_pylist()
    return _table("query", queries, queries, "queries.parquet query")


def _table(
    role: str, texts: list[bytes], ids: list[bytes], what: str
) -> pa.Table:
    rows = []
    for text, row_id in zip(texts, ids, strict=True):
        try:
            name = row_id.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DataError(f"{what} is {row_id!r}; allowed: UTF-8") from error
        if text.decode("utf-8", "ignore").strip():
            rows.append((cache.text_key(role, text), text, name))
    columns = zip(*rows, strict=True) if rows else ((), (), ())
    return pa.table(
        [
            pa.array(column, field.type)
            for column, field in zip(columns, _SCHEMA, strict=True)
        ],
        schema=_SCHEMA,
    )


def by_shard(table: pa.Table, shards: int) -> Iterator[tuple[int, pa.Table]]:
    """Cuts rows by the range that their key is in; same text, same shard."""
    if not table.num_rows:
        return
    numbers = cache.shard_of(cache.key_array(table["key"].to_pylist()), shards)
    for number in np.unique(numbers):
        rows = np.flatnonzero(numbers == number)
        yield int(number), table.take(pa.array(rows))


class Distinct(typing.NamedTuple):
    """The distinct texts of a shard, and the rows that have each.

    Attributes:
      keys: `cache.KEY_DTYPE` [texts], rising.
      texts: The texts, in that order.
      row_ids: Rows' ids, ordered by text.
      starts: int64 [texts + 1]; the rows of text i are
        `row_ids[starts[i]:starts[i + 1]]`.
    """

    keys: np.ndarray
    texts: pa.ChunkedArray
    row_ids: pa.ChunkedArray
    starts: np.ndarray

    @classmethod
    def of(cls, tables: Iterable[pa.Table]) -> typing.Self:
        """Brings the tables of one shard together; a row counts once."""
        table = pa.concat_tables(tables)
        table = table.group_by(["key", "text", "row_id"]).aggregate([])
        table = table.sort_by([("key", "ascending"), ("row_id", "ascending")])
        keys, first = np.unique(
            cache.key_array(table["key"].to_pylist()), return_index=True
        )
        return cls(
            keys=keys,
            texts=table["text"].take(pa.array(first)),
            row_ids=table["row_id"],
            starts=np.append(first, table.num_rows),
        )

    def rows_of(
        self, positions: np.ndarray, vectors: np.ndarray, column: str
    ) -> pa.Table:
        """Gives each row of some texts its vector.

        Args:
          positions: Of the texts, int64 [n].
          vectors: float32 [n, dimension]. The zero vector says that nothing
            was left of a text when cleaned; its rows are left out.
          column: Name for the ids.

        Returns:
          Columns as `output_schema` has them.
        """
        kept = vectors.any(axis=1)
        positions, vectors = positions[kept], vectors[kept]
        texts, rows = self._rows(positions)
        schema = output_schema(column)
        columns = {
            column: self.row_ids.take(pa.array(rows)).combine_chunks(),
            "text": self.texts.take(
                pa.array(positions[texts])
            ).combine_chunks(),
            "vector": cache.vector_column(vectors[texts]),
        }
        return pa.table([columns[name] for name in schema.names], schema)

    def table_of(self, positions: np.ndarray) -> pa.Table:
        """Gives the rows of some texts, as `of` takes them."""
        texts, rows = self._rows(positions)
        return pa.table(
            [
                cache.key_column(self.keys[positions[texts]]),
                self.texts.take(pa.array(positions[texts])).combine_chunks(),
                self.row_ids.take(pa.array(rows)).combine_chunks(),
            ],
            schema=_SCHEMA,
        )

    def _rows(self, positions):
        """Lists the rows of texts, each with its place in `positions`."""
        counts = self.starts[positions + 1] - self.starts[positions]
        texts = np.repeat(np.arange(len(positions)), counts)
        within = np.arange(len(texts)) - np.repeat(
            np.cumsum(counts) - counts, counts
        )
        return texts, self.starts[positions][texts] + within


def output_schema(column: str) -> pa.Schema:
    """Returns the schema of an output whose ids are in `column`.

    What was encoded stands in `text`, so that the encoder can be trained on
    it; a query's id is its text.
    """
    text = [] if column == "query" else [("text", pa.binary())]
    return pa.schema(
        [(column, pa.string()), *text, ("vector", pa.list_(pa.float32()))]
    )
