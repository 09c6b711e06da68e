"""Settings of the auction and of the simulated advertisers."""

import dataclasses

from schema.settings import Settings

# How ads are put in order.
ORDERS = ("ecpm", "bid", "ctr", "random")
# What a click costs: what keeps the slot, or the bid itself.
PRICES = ("second", "first")


@dataclasses.dataclass(frozen=True, kw_only=True)
class AuctionSettings(Settings):
    """How paid slots are given away.

    Attributes:
      positions: Slots of a page that are paid, from 0, the best one first; at
        least one, each once.
      order: `ecpm`: bid times chance of a click times quality; `bid`: the bid
        alone; `ctr`: the chance of a click alone; `random`.
      price: `second`: the least bid that keeps the slot; `first`: the bid.
      reserve_fen: Least price of a click, 1/100 CNY, at least 1.
      tick_seconds: How often pacing is adjusted; auctions of one tick are
        held together; 1 to 3600.
      click_window_seconds: For so long after it was shown an ad may be
        clicked, and its price is set aside; 1 to 86400.
      pacing: Whether budgets are spread over the day.
      pass_rate_start: Share of auctions an ad enters as the day begins; above
        0, at most 1.
      pass_rate_step: By which share the pass rate moves a tick; above 0,
        below 1.
      seed: Of pacing's draws and of random order; at least 0.
    """

    positions: tuple[int, ...] = (0, 3)
    order: str = "ecpm"
    price: str = "second"
    reserve_fen: int = 5
    tick_seconds: int = 60
    click_window_seconds: int = 600
    pacing: bool = True
    pass_rate_start: float = 0.1
    pass_rate_step: float = 0.1
    seed: int = 0

    def __post_init__(self):
        """Checks every field.

        Raises:
          SettingsError: A value is not allowed.
        """
        self.check(
            "positions",
            bool(self.positions)
            and min(self.positions) >= 0
            and len(set(self.positions)) == len(self.positions),
            "one or more slots from 0, each once",
        )
        self.check("order", self.order in ORDERS, ", ".join(ORDERS))
        self.check("price", self.price in PRICES, ", ".join(PRICES))
        self.check("reserve_fen", self.reserve_fen >= 1, "at least 1")
        self.check("tick_seconds", 1 <= self.tick_seconds <= 3600, "1 to 3600")
        self.check(
            "click_window_seconds",
            1 <= self.click_window_seconds <= 86_400,
            "1 to 86400",
        )
        self.check(
            "pass_rate_start",
            0 < self.pass_rate_start <= 1,
            "above 0, at most 1",
        )
        self.check(
            "pass_rate_step", 0 < self.pass_rate_step < 1, "between 0 and 1"
        )
        self.check("seed", self.seed >= 0, "at least 0")


@dataclasses.dataclass(frozen=True, kw_only=True)
class SimulatedAdsSettings(Settings):
    """What the advertisers of a simulated market are like.

    Attributes:
      count: Ads, one item each, cheap ones left out; at least 1.
      seed: Of every draw but that of the items; at least 0.
      item_seed: Which items are advertised; at least 0.
      bid_fen: Median bid for an item of 100 CNY; 5 to 10000. Bids grow more
        slowly than prices, with their power of 0.6.
      clicks_a_day: Median of the clicks that a day's budget pays for at the
        bid; above 0.
      targeted_share: Share of ads that choose cities, devices or categories;
        0 to 1.
      timed_share: Share of ads that run for a part of the time only; 0 to 1.
    """

    count: int = 300
    seed: int = 0
    item_seed: int = 0
    bid_fen: float = 50.0
    clicks_a_day: float = 10.0
    targeted_share: float = 0.4
    timed_share: float = 0.15

    def __post_init__(self):
        """Checks every field.

        Raises:
          SettingsError: A value is not allowed.
        """
        self.check("count", self.count >= 1, "at least 1")
        for field in ("seed", "item_seed"):
            self.check(field, getattr(self, field) >= 0, "at least 0")
        self.check("bid_fen", 5 <= self.bid_fen <= 10_000, "5 to 10000")
        self.check("clicks_a_day", self.clicks_a_day > 0, "above 0")
        for field in ("targeted_share", "timed_share"):
            self.check(field, 0 <= getattr(self, field) <= 1, "0 to 1")
