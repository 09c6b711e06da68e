"""The small shop's calls and their parts are timed."""

from benchmarks import servable
from tests import small_shop


def test_every_part_is_timed_for_every_batch(tmp_path):
    shop = small_shop.build_servable(tmp_path)
    found = servable.run(shop, servable.Options(k=5, rounds=2))
    assert found["items"] == small_shop.NUM_ITEMS
    assert set(found["batches"]) == {1, 8, 32}
    for parts in found["batches"].values():
        assert set(parts) == {
            "recommend",
            "explained",
            "search",
            "encode",
            "query",
            "rank",
        }
        for taken in parts.values():
            assert 0 < taken["p50"] <= taken["p99"]
