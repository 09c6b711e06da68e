import numpy as np
import pyarrow as pa

from components.catalogue import tables
from components.catalogue.text import compose_text

SCHEMA = pa.schema([("key", pa.large_string()), ("count", pa.int64())])


def test_sorted_files_merge_to_one_with_keys_side_by_side(tmp_path):
    rng = np.random.default_rng(0)
    expected: dict[str, int] = {}
    paths = []
    for part in range(5):
        keys = sorted({f"键{n:03d}" for n in rng.integers(0, 120, 40 * part)})
        for key in keys:
            expected[key] = expected.get(key, 0) + part
        path = f"{tmp_path}/{part}.parquet"
        table = pa.table(
            {"key": keys, "count": [part] * len(keys)}, schema=SCHEMA
        )
        assert tables.write_parquet(path, SCHEMA, [table]) == len(keys)
        paths.append(path)
    seen: dict[str, int] = {}
    last = ""
    for table in tables.merge_sorted(paths, "key", 7):
        keys = table["key"].to_pylist()
        assert keys == sorted(keys)
        # A key never comes again in a later table.
        assert keys[0] > last
        last = keys[-1]
        for key, count in zip(keys, table["count"].to_pylist(), strict=True):
            seen[key] = seen.get(key, 0) + count
    assert seen == expected
    assert len(seen) > 100


def test_text_is_cut_and_says_nothing_twice():
    assert compose_text("", "", "", 9) == ""
    assert compose_text("", "小米", "手机/", 9) == "小米 手机"
    assert compose_text("XIAOMI 14", "Xiaomi", "", 99) == "XIAOMI 14"
    assert compose_text("长" * 600, "牌", "", 512) == "长" * 512
