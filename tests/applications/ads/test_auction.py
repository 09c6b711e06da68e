import numpy as np
import pytest

from applications.ads import auction
from applications.ads.settings import AuctionSettings
from schema.settings import SettingsError

# Bids 1.00, 2.00, 4.00 CNY and chances .10, .08, .03: eCPM 10, 16, 12 fen.
BIDS = np.array([100, 200, 400])
CHANCES = np.array([[0.10, 0.08, 0.03]])
EVEN = np.ones(3)
EVERYBODY = np.ones((1, 3), bool)
NO_TIES = np.array([[0.3, 0.2, 0.1]])


def _hold(enters=EVERYBODY, bids=BIDS, chances=CHANCES, quality=EVEN, **given):
    settings = AuctionSettings(**{"positions": (0, 1), **given})
    weight = auction.weights(settings, chances, quality)
    found = auction.hold(settings, bids, weight, enters, NO_TIES)
    return found.ads[0].tolist(), found.prices[0].tolist()


def test_second_price_is_the_bid_that_keeps_the_slot():
    # 16 > 12 > 10: the second ad needs 12 / .08 = 150 fen to stay first, the
    # third 10 / .03 = 333.3 to stay second, which is 334 in whole fen.
    assert _hold() == ([1, 2], [150, 334])


def test_quality_changes_order_and_price():
    # .5 of quality halves the second ad: 12, 10, 8.
    quality = np.array([1.0, 0.5, 1.0])
    assert _hold(quality=quality) == ([2, 0], [334, 80])


def test_by_bid_pays_the_next_bid():
    assert _hold(order="bid") == ([2, 1], [200, 100])


def test_by_ctr_keeps_its_slot_at_the_reserve_or_pays_its_bid():
    assert _hold(order="ctr", reserve_fen=7) == ([0, 1], [7, 7])
    assert _hold(order="ctr", price="first") == ([0, 1], [100, 200])


def test_random_follows_the_draw():
    assert _hold(order="random", price="first") == ([0, 1], [100, 200])


def test_reserve_shuts_out_and_is_the_least_price():
    # Below the last one nobody is left.
    assert _hold(reserve_fen=150) == ([1, 2], [150, 150])
    assert _hold(reserve_fen=401) == ([-1, -1], [0, 0])


def test_who_does_not_enter_has_no_part_in_the_price():
    enters = np.array([[True, True, False]])
    assert _hold(enters) == ([1, 0], [125, 5])
    assert _hold(np.zeros((1, 3), bool)) == ([-1, -1], [0, 0])


def test_fewer_ads_than_slots():
    found = _hold(positions=(0, 1, 2, 3, 4))
    assert found == ([1, 2, 0, -1, -1], [150, 334, 5, 0, 0])


def test_equals_stand_by_the_draw_and_pay_their_bid():
    found = _hold(bids=np.full(3, 50), chances=np.full((1, 3), 0.1))
    assert found == ([0, 1], [50, 50])


@pytest.mark.parametrize("order", ["ecpm", "bid", "ctr", "random"])
@pytest.mark.parametrize("price", ["second", "first"])
def test_any_market(order, price):
    rng = np.random.default_rng(5)
    for _ in range(60):
        pages, ads = rng.integers(1, 9), rng.integers(1, 30)
        slots = int(rng.integers(1, 6))
        settings = AuctionSettings(
            positions=tuple(range(slots)),
            order=order,
            price=price,
            reserve_fen=int(rng.integers(1, 60)),
        )
        bids = rng.integers(1, 200, ads)
        # Many equal ones, and some that cannot be clicked.
        chances = rng.integers(0, 4, (pages, ads)) / 10
        weight = auction.weights(settings, chances, rng.choice([0.5, 1], ads))
        enters = rng.random((pages, ads)) < 0.7
        ties = rng.random((pages, ads))
        found = auction.hold(settings, bids, weight, enters, ties)
        may = enters & (bids >= settings.reserve_fen) & (weight > 0)
        for page in range(pages):
            shown = found.ads[page][found.ads[page] >= 0]
            paid = found.prices[page][: len(shown)]
            # As many as there are, from the first slot on, each once.
            assert len(shown) == min(slots, may[page].sum())
            assert (found.ads[page][len(shown) :] == -1).all()
            assert len(set(shown)) == len(shown)
            assert may[page][shown].all()
            assert (paid <= bids[shown]).all()
            assert (paid >= settings.reserve_fen).all()
            key = {
                "ecpm": bids * weight[page],
                "bid": bids * 1.0,
                "ctr": weight[page],
                "random": ties[page],
            }[order]
            assert (np.diff(key[shown]) <= 0).all()
            left_out = may[page].copy()
            left_out[shown] = False
            if len(shown) and left_out.any():
                assert key[left_out].max() <= key[shown].min()
            if (order, price) == ("ecpm", "second"):
                own = may[page]
                score = sorted((bids * weight[page])[own], reverse=True)
                _is_least_bid(
                    found.prices[page], weight[page][shown], score, settings
                )


def _is_least_bid(prices, weight, ranked, settings):
    """A fen less would have lost the slot to the one below it."""
    for price, own, rival in zip(prices, weight, ranked[1:], strict=False):
        assert price * own >= rival - 1e-6
        if price > settings.reserve_fen:
            assert (price - 1) * own < rival


@pytest.mark.parametrize(
    "given",
    [
        {"positions": ()},
        {"positions": (1, 1)},
        {"positions": (-1,)},
        {"order": "price"},
        {"price": "third"},
        {"reserve_fen": 0},
        {"tick_seconds": 0},
        {"click_window_seconds": 0},
        {"pass_rate_start": 0.0},
        {"pass_rate_step": 1.0},
        {"seed": -1},
    ],
)
def test_settings_name_what_is_wrong(given):
    with pytest.raises(SettingsError, match=rf"\.{next(iter(given))} is"):
        AuctionSettings(**given)
