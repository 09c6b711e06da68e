"""The small shop's calls and their parts are timed."""

from benchmarks import servable
from tests import small_shop
from tests.slow import slow

pytestmark = slow


def test_every_part_is_timed_for_every_batch(tmp_path):
    shop = small_shop.build_servable(tmp_path)
    examples = tmp_path / "behaviour"
    # The searches of training; later ones are those of the shop.
    kept = [small_shop.behaviour(["i1"], word) for word in small_shop.WORDS[:2]]
    small_shop.write_examples(examples, "sequence_train", kept)
    found = servable.run(shop, examples, servable.Options(k=5, rounds=2))
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
            "known",
        }
        for taken in parts.values():
            assert 0 < taken["p50"] <= taken["p99"]
    known = found["known_queries"]
    # Half of sixty users search, for three words in turn.
    assert (known["kept"], known["later"]) == (2, 30)
    assert known["hits"] == 20 / 30
