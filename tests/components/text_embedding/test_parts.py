"""Rows in files beside the outputs, and the outputs made of them."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.text_embedding import cache, parts
from components.text_embedding.rows import output_schema

SCHEMA = output_schema("query")


def table(*queries):
    vectors = np.arange(3 * len(queries), dtype=np.float32).reshape(-1, 3)
    return pa.table([queries, cache.vector_column(vectors)], schema=SCHEMA)


def part(folder, *tables):
    writer = parts.PartWriter(str(folder), SCHEMA)
    for rows in tables:
        writer.write(rows)
    return writer.close()


@pytest.mark.parametrize("split", [(), (1,), (1, 2)])
def test_one_output_of_parts(tmp_path, split):
    (tmp_path / "queries.parquet").write_bytes(b"of a run before")
    tables = [table("鼠标", "键盘"), table("手机"), table("", "电饭煲")]
    groups = np.split(np.arange(3), split)
    made = [part(tmp_path, *(tables[i] for i in group)) for group in groups]
    parts.join(made, str(tmp_path), "queries.parquet", SCHEMA)
    parts.clear(str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["queries.parquet"]
    found = pq.read_table(tmp_path / "queries.parquet")
    assert found.schema == SCHEMA
    order = [("query", "ascending")]
    assert found.sort_by(order) == pa.concat_tables(tables).sort_by(order)


def test_no_rows_make_no_part_and_an_empty_output(tmp_path):
    assert part(tmp_path) == ""
    assert not list(tmp_path.iterdir())
    parts.join([], str(tmp_path), "queries.parquet", SCHEMA)
    found = pq.read_table(tmp_path / "queries.parquet")
    assert (found.schema, found.num_rows) == (SCHEMA, 0)


def test_what_a_failed_try_left_goes(tmp_path):
    part(tmp_path, table("鼠标"))
    (tmp_path / "items.parquet").write_bytes(b"stays")
    parts.clear(str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["items.parquet"]
