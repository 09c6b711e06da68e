import numpy as np
import pyarrow as pa
import pytest

from applications.ads import targeting
from applications.ads.ad_table import check_ads, read_ads, write_ads
from applications.ads.settings import SimulatedAdsSettings
from applications.ads.simulated_ads import simulate_ads
from schema.errors import DataError
from serving.requests import Request

GOOD = """\
ad_id,item_id,bid,daily_budget,quality,frequency_cap,categories,cities,ends_at
001,i1,1.29,100,0.5,3,电脑/外设|家电,,
002,i2,0.05,0.05,1,1,,杭州|上海,2000
"""
ITEMS = pa.table(
    {
        "item_id": ["i1", "i2", "i3"],
        "title": ["无线鼠标", "电饭煲", "连衣裙"],
        "category": ["电脑/外设/鼠标", "家电/厨房", None],
        "price": pa.array([99.0, 299.0, 5.0], pa.float32()),
        "listed_at": [None, 1000, None],
        "in_stock": [True, None, True],
    }
)


def _file(tmp_path, text):
    path = tmp_path / "ads.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_csv_becomes_fen_and_lists(tmp_path):
    ads = read_ads(_file(tmp_path, GOOD))
    # Ids of digits stay text; 1.29 is not 128 fen.
    assert ads.ad_ids.tolist() == ["001", "002"]
    assert ads.bids.tolist() == [129, 5]
    assert ads.budgets.tolist() == [10_000, 5]
    assert ads.categories == (("电脑/外设", "家电"), ())
    assert ads.cities == ((), ("杭州", "上海"))
    assert ads.devices == ((), ())
    assert ads.starts_at.tolist() == [0, 0]
    assert ads.ends_at.tolist() == [np.iinfo(np.int64).max, 2000]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("1.29", "0", "row 1, bid: 0.0; allowed: 0.01 to 1000"),
        ("1.29", "", "row 1, bid: None; allowed: a value"),
        ("0.05,0.05", "0.06,0.05", "row 2, daily_budget: 0.05; allowed: at l"),
        (",0.5,", ",1.5,", "row 1, quality: 1.5; allowed: above 0, at most 1"),
        (",0.5,3,", ",0.5,0,", "row 1, frequency_cap: 0; allowed: 1 to"),
        ("002", "001", "row 2, ad_id: '001'; allowed: each in one row only"),
        ("i2", "i1", "row 2, item_id: 'i1'; allowed: each in one row only"),
        ("i2", "", "row 2, item_id: None"),
        ("2000", "0", "row 2, ends_at: 0; allowed: after starts_at"),
        ("quality", "merit", "has a column 'merit'; allowed: ad_id"),
        (",quality", "", ""),
        ("1.29", "dear", "column 'bid'"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, old, new, message):
    path = _file(tmp_path, GOOD.replace(old, new))
    with pytest.raises(DataError) as raised:
        read_ads(path)
    assert message in str(raised.value)
    assert str(path) in str(raised.value)


def test_missing_file_column_rows(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_ads(tmp_path / "none.csv")
    with pytest.raises(DataError, match=r"allowed: a file \.parquet or \.csv"):
        read_ads(tmp_path / "ads.json")
    with pytest.raises(DataError, match="no column 'item_id'; it has ad_id"):
        check_ads(pa.table({"ad_id": ["a"]}), "ads")
    header = GOOD.splitlines()[0] + "\n"
    with pytest.raises(DataError, match="no rows"):
        read_ads(_file(tmp_path, header))


def _simulated(seed=0, **given):
    settings = SimulatedAdsSettings(seed=seed, **given)
    return simulate_ads(
        ITEMS, ["杭州"], ["ios"], period=(0, 1000), settings=settings
    )


@pytest.mark.parametrize("name", ["ads.csv", "ads.parquet"])
def test_simulated_ads_survive_a_file(tmp_path, name):
    table = _simulated(targeted_share=1.0, timed_share=0.5)
    written = write_ads(table, tmp_path / name)
    read = read_ads(tmp_path / name)
    for field in ("item_ids", "bids", "budgets", "quality", "starts_at"):
        assert getattr(read, field).tolist() == getattr(written, field).tolist()
    for field in ("categories", "cities", "devices"):
        assert getattr(read, field) == getattr(written, field)
    # Cheap items are not advertised.
    assert set(read.item_ids) == {"i1", "i2"}


def test_simulated_ads_are_those_of_their_seed():
    assert _simulated(3).equals(_simulated(3))
    assert not _simulated(3).equals(_simulated(4))


def test_nothing_to_advertise():
    with pytest.raises(DataError, match="nothing to advertise"):
        simulate_ads(
            ITEMS.slice(2),
            [],
            [],
            period=(0, 1),
            settings=SimulatedAdsSettings(),
        )


def _allowed(pages, times, **columns):
    count = 3
    usual = {
        "ad_id": ["a0", "a1", "a2"],
        "item_id": ["i1", "i2", "i3"],
        "bid": [1.0] * count,
        "daily_budget": [1.0] * count,
        "quality": [1.0] * count,
        "frequency_cap": [1] * count,
    }
    ads = check_ads(pa.table({**usual, **columns}), "ads")
    return targeting.allowed(ads, pages, np.array(times), ITEMS).tolist()


def _request(*history, **given):
    return Request(
        history_item_ids=history,
        history_event_types=["click"] * len(history),
        history_queries=[""] * len(history),
        history_timestamps=[1] * len(history),
        timestamp=2,
        **given,
    )


def test_listed_later_is_not_shown_yet():
    pages = [_request(), _request()]
    assert _allowed(pages, [999, 1000]) == [[True, False, True], [True] * 3]


def test_window_ends_before_its_end():
    found = _allowed(
        [_request()] * 3,
        [1499, 1500, 1600],
        starts_at=pa.array([1500, None, None], pa.int64()),
        ends_at=pa.array([1600, None, None], pa.int64()),
    )
    assert [row[0] for row in found] == [False, True, False]


def test_city_and_device():
    pages = [_request(city="杭州", device="ios"), _request()]
    found = _allowed(
        pages,
        [2000, 2000],
        cities=[["杭州", "上海"], [], []],
        devices=[[], ["android"], []],
    )
    assert found == [[True, False, True], [False, False, True]]


def test_interest_is_in_the_latest_items():
    old = _request("i1", *["i2"] * 10)
    pages = [_request("i1"), _request(), old, _request("gone", "i2")]
    found = _allowed(
        pages, [2000] * 4, categories=[["电脑/外设"], ["家电"], ["电"]]
    )
    # A path holds whole names: 电 is none of 电脑.
    assert found == [
        [True, False, False],
        [False, False, False],
        [False, True, False],
        [False, True, False],
    ]


def test_ad_for_an_unknown_item_is_named():
    with pytest.raises(DataError, match="ad 'a2' is for the item 'i9'"):
        _allowed([_request()], [1], item_id=["i1", "i2", "i9"])
