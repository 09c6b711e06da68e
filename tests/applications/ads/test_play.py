import numpy as np
import pyarrow as pa
import pytest

from applications.ads.ad_table import check_ads
from applications.ads.ledger import Ledger, Showings
from applications.ads.market import Market
from applications.ads.pacing import Pacer, TrafficCurve
from applications.ads.play import play
from applications.ads.settings import AuctionSettings

# Midnight in Beijing.
MIDNIGHT = 1_762_790_400
EVEN = TrafficCurve(np.zeros(0, np.int64))


def _ads(**columns):
    count = len(columns["bid"])
    usual = {
        "ad_id": [f"a{n}" for n in range(count)],
        "item_id": [f"i{n}" for n in range(count)],
        "daily_budget": [1000.0] * count,
        "quality": [1.0] * count,
        "frequency_cap": [1000] * count,
    }
    return check_ads(pa.table({**usual, **columns}), "ads")


def _market(ads, timestamps, users, chances, truth=None, *, slots=1):
    chances = np.asarray(chances, float)
    return Market(
        ads=ads,
        timestamps=np.asarray(timestamps),
        users=np.asarray(users),
        chances=chances,
        truth=chances if truth is None else np.asarray(truth, float),
        allowed=np.ones(chances.shape, bool),
        slot_factors=np.ones(slots),
        slot_truth=np.ones(slots),
        rows=np.arange(len(chances)),
    )


def _play(market, luck=None, **given):
    settings = AuctionSettings(
        **{"positions": (0,), "pacing": False, "seed": 1, **given}
    )
    if luck is None:
        luck = np.zeros((len(market), len(settings.positions)))
    return play(market, settings, EVEN, luck)


def test_one_page_by_hand():
    ads = _ads(bid=[1.0, 2.0])
    market = _market(ads, [MIDNIGHT], [0], [[0.1, 0.1]])
    played = _play(market)
    # Both are as likely, so the higher bid wins and pays the lower one.
    assert played.ads.tolist() == [1]
    assert played.prices.tolist() == [100]
    told = played.figures(EVEN)
    assert told["revenue"] == 1.0
    assert told["value"] == 2.0
    assert told["surplus"] == 1.0
    assert told["ctr"] == 1.0
    assert told["expected_clicks"] == pytest.approx(0.1)
    assert told["max_overspend"] == pytest.approx(1 / 1000 - 1)


def test_luck_decides_clicks():
    market = _market(_ads(bid=[1.0]), [MIDNIGHT], [0], [[0.1]], [[0.5]])
    for luck, clicks in ((0.49, 1), (0.5, 0)):
        played = _play(market, np.array([[luck]]))
        assert played.clicks.sum() == clicks
        assert played.spent.sum() == 5 * clicks


def test_cap_sends_the_second_page_to_the_other_ad():
    ads = _ads(bid=[2.0, 1.0], frequency_cap=[1, 9])
    # Two pages in one tick, so that neither auction knows of the other, and a
    # third later; another user has a cap of her own.
    times = MIDNIGHT + np.array([0, 1, 1, 500])
    market = _market(ads, times, [7, 7, 8, 7], np.full((4, 2), 0.1))
    assert _play(market).ads.tolist() == [0, 1, 0, 1]


def test_cap_is_by_day():
    ads = _ads(bid=[2.0, 1.0], frequency_cap=[1, 9])
    times = [MIDNIGHT - 1, MIDNIGHT]
    market = _market(ads, times, [7, 7], np.full((2, 2), 0.1))
    assert _play(market).ads.tolist() == [0, 0]


def test_price_is_set_aside_until_the_click_can_no_longer_come():
    # The budget pays for one click at the bid.
    ads = _ads(bid=[2.0], daily_budget=[2.0])
    settings = {"click_window_seconds": 100, "tick_seconds": 10}
    times = MIDNIGHT + np.array([0, 50, 200])
    market = _market(ads, times, [1, 2, 3], np.full((3, 1), 0.1))
    unlucky = np.array([[0.9], [0.0], [0.0]])
    # The price is the reserve, 5 fen: 195 are left, less than the bid.
    played = _play(market, unlucky, **settings)
    assert played.pages.tolist() == [0, 2]
    assert played.spent.tolist() == [[5]]
    lucky = np.zeros((3, 1))
    assert _play(market, lucky, **settings).pages.tolist() == [0]


def test_auctions_of_one_tick_share_a_budget():
    ads = _ads(bid=[1.0, 0.5], daily_budget=[1.0, 10.0])
    market = _market(ads, np.full(3, MIDNIGHT), [1, 2, 3], np.full((3, 2), 0.1))
    played = _play(market)
    # At 50 fen a click two fit into the budget.
    assert played.ads.tolist() == [0, 0, 1]
    assert played.spent.tolist() == [[100, 5]]


def test_books_by_hand():
    ledger = Ledger(np.array([100, 50]), np.array([2, 1]), num_users=2)
    ads, users = np.array([0, 0, 0, 1, 1]), np.array([0, 0, 0, 0, 1])
    prices = np.array([30, 30, 30, 30, 30])
    # The third showing of ad 0 is over the cap; the second of ad 1 over the
    # budget, as 30 + 30 > 50.
    refused = ledger.refused(ads, users, prices)
    assert refused.tolist() == [False, False, True, False, True]
    shown = Showings(
        *(part[~refused] for part in (ads, users, prices)),
        clicked=np.array([True, False, False]),
    )
    ledger.show(shown, settle_at=10)
    assert ledger.left.tolist() == [40, 20]
    assert ledger.below_cap(np.array([0, 1])).tolist() == [
        [False, False],
        [True, True],
    ]
    ledger.settle(9)
    assert ledger.spent.tolist() == [0, 0]
    ledger.settle(10)
    assert ledger.spent.tolist() == [30, 0]
    assert ledger.left.tolist() == [70, 50]
    assert ledger.clicks.tolist() == [1, 0]


def test_pass_rates_follow_the_plan():
    settings = AuctionSettings(pass_rate_start=0.5, pass_rate_step=0.2)
    pacer = Pacer(settings, EVEN)
    pacer.begin_day(2)
    noon = MIDNIGHT + 12 * 3600
    # The plan at noon is half of each budget.
    rates = pacer.adjust(noon, np.array([49, 51]), np.array([100, 100]), 1)
    assert rates.tolist() == pytest.approx([0.6, 0.4])
    rates = pacer.adjust(noon, np.array([51, 49]), np.array([100, 100]), 2)
    assert rates.tolist() == pytest.approx([0.6 * 0.64, 0.4 * 1.44])


def test_plan_has_the_shape_of_earlier_traffic():
    # All pages but the smoothing's between 20:00 and 20:15.
    curve = TrafficCurve(np.full(9904, MIDNIGHT + 20 * 3600))
    at = MIDNIGHT + np.array([20 * 3600, 20 * 3600 + 450, 20 * 3600 + 900])
    assert curve.passed(at).tolist() == pytest.approx(
        [0.008, 0.5035, 0.9985], abs=1e-3
    )


def test_pacing_lasts_until_the_evening():
    """A budget that is gone by nine in the morning lasts all day."""
    rng = np.random.default_rng(3)
    times = MIDNIGHT + np.sort(rng.integers(0, 86_400, 2000))
    ads = _ads(bid=[1.0, 0.9], daily_budget=[100.0, 1000.0])
    market = _market(ads, times, np.arange(2000), np.full((2000, 2), 0.2))
    luck = rng.random((2000, 1))
    fast = _play(market, luck)
    slow = _play(market, luck, pacing=True)
    for played in (fast, slow):
        assert played.spent[0, 0] >= 9900
    last = [played.pages[played.ads == 0].max() for played in (fast, slow)]
    assert last[0] < 1000
    assert last[1] > 1800
    assert slow.figures(EVEN)["unevenness"] < 0.15
    assert fast.figures(EVEN)["unevenness"] > 0.4


@pytest.mark.parametrize("seed", range(40))
def test_books_of_any_market_are_right(seed):
    """Caps, budgets and accounts hold, whatever comes."""
    rng = np.random.default_rng(seed)
    pages, count = int(rng.integers(1, 150)), int(rng.integers(1, 12))
    bids = rng.integers(1, 300, count) / 100
    ads = _ads(
        bid=bids,
        daily_budget=np.round(bids * rng.uniform(1, 5, count) + 0.01, 2),
        quality=rng.uniform(0.1, 1, count),
        frequency_cap=rng.integers(1, 4, count),
    )
    times = MIDNIGHT + np.sort(rng.integers(-2000, 4000, pages))
    slots = int(rng.integers(1, 4))
    chances = rng.uniform(0, 1, (pages, count))
    chances[rng.random(chances.shape) < 0.1] = np.nan
    market = _market(
        ads,
        times,
        rng.integers(0, 5, pages),
        chances,
        rng.uniform(0.3, 1, chances.shape),
        slots=slots,
    )
    market.allowed[:] = rng.random(chances.shape) < 0.8
    played = _play(
        market,
        rng.random((pages, slots)),
        positions=tuple(range(slots)),
        order=str(rng.choice(["ecpm", "bid", "ctr", "random"])),
        price=str(rng.choice(["second", "first"])),
        pacing=bool(rng.integers(2)),
        pass_rate_start=1.0,
        tick_seconds=int(rng.choice([1, 60, 3600])),
        click_window_seconds=int(rng.choice([1, 600])),
        seed=seed,
    )
    day = np.searchsorted(played.days, market.days[played.pages])
    shape = played.spent.shape
    paid, spent = played.clicked, np.zeros(shape, np.int64)
    np.add.at(spent, (day[paid], played.ads[paid]), played.prices[paid])
    clicks = np.zeros(shape, np.int64)
    np.add.at(clicks, (day[paid], played.ads[paid]), 1)
    assert (spent == played.spent).all()
    assert (clicks == played.clicks).all()
    assert (played.spent <= ads.budgets).all()
    assert played.figures(EVEN)["max_overspend"] <= 0.01
    assert (played.prices <= ads.bids[played.ads]).all()
    assert (played.prices >= 5).all()
    assert market.allowed[played.pages, played.ads].all()
    assert not np.isnan(chances[played.pages, played.ads]).any()
    user = market.users[played.pages]
    _, seen = np.unique(
        np.stack([day, user, played.ads]), axis=1, return_counts=True
    )
    keys = np.unique(np.stack([day, user, played.ads]), axis=1)
    assert (seen <= ads.caps[keys[2]]).all()
    # No ad twice on a page.
    both = np.stack([played.pages, played.ads])
    assert np.unique(both, axis=1).shape == both.shape
    assert len(played.pages), "nothing was shown"


def test_same_seed_plays_the_same():
    rng = np.random.default_rng(1)
    market = _market(
        _ads(bid=[1.0, 2.0, 3.0]),
        MIDNIGHT + np.arange(50) * 30,
        np.arange(50),
        rng.uniform(0, 0.5, (50, 3)),
    )
    luck = rng.random((50, 1))
    one, other = (_play(market, luck, pacing=True) for _ in range(2))
    assert one.ads.tolist() == other.ads.tolist()
    assert one.spent.tolist() == other.spent.tolist()


def test_parts_of_a_market_go_together():
    ads = _ads(bid=[1.0])
    with pytest.raises(ValueError, match="timestamps go back"):
        _market(ads, [2, 1], [0, 0], [[0.1], [0.1]])
    with pytest.raises(ValueError, match=r"chances is \(1, 2\)"):
        _market(ads, [1], [0], [[0.1]]).with_chances(np.zeros((1, 2)))
    with pytest.raises(ValueError, match="do not go together"):
        _play(_market(ads, [1], [0], [[0.1]], slots=2))
