import pytest

from schema.errors import DataError
from serving.in_process import Recommender
from serving.requests import Request
from tests import small_shop


@pytest.fixture(scope="module")
def recommender(shop_servable):
    return Recommender(shop_servable)


def ids(answer, row=0):
    return [item_id.decode() for item_id in answer["item_ids"][row]]


def test_recommends_of_the_liked_category(recommender):
    answer = recommender.recommend(small_shop.MICE, 5)
    assert {int(i[1:]) % 3 for i in ids(answer)} == {0}
    title = answer["titles"][0][0].decode()
    assert title == small_shop.TITLES[int(ids(answer)[0][1:])]
    assert answer["categories"][0][0].decode() == small_shop.CATEGORIES[0]
    assert answer["p_click"].shape == (1, 5)
    again = recommender.recommend(small_shop.MICE, 5, ids(answer)[:2])
    assert not set(ids(answer)[:2]) & set(ids(again))
    assert ids(again)[:3] == ids(answer)[2:]


def test_searches_for_someone_unknown(recommender):
    answer = recommender.search(Request(query="电饭煲"), 5)
    assert all("电饭煲" in title.decode() for title in answer["titles"][0])


def test_finds_similar_items(recommender):
    answer = recommender.similar(["i1", "i2"], 4, ["i4"])
    assert {int(i[1:]) % 3 for i in ids(answer, 1)} == {2}
    assert not {"i1", "i4"} & set(ids(answer))


def test_ranks_what_is_given(recommender):
    answer = recommender.rank(small_shop.MICE, ["i1", "i12", "i2", "i15"])
    assert set(ids(answer)[:2]) == {"i12", "i15"}


def test_says_what_the_servable_refuses(recommender):
    with pytest.raises(DataError) as caught:
        recommender.recommend(small_shop.MICE, 51)
    assert str(caught.value) == "recommend: k must be 1 to 50, but is 51"
    with pytest.raises(DataError) as caught:
        recommender.search(small_shop.MICE)
    assert str(caught.value) == "search: query must not be empty"
    with pytest.raises(DataError) as caught:
        recommender.rank(small_shop.MICE, [])
    assert "item_ids has no columns" in str(caught.value)
    with pytest.raises(DataError, match="timestamp is"):
        recommender.recommend(Request(timestamp="yesterday"))


def test_says_where_no_model_is(tmp_path):
    with pytest.raises(DataError, match="is no version of the model"):
        Recommender(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"\x00\x01")
    with pytest.raises(DataError, match="cannot be loaded"):
        Recommender(tmp_path)
