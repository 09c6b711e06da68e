"""Settings of the campaigns."""

import dataclasses

from models.campaigns.features import HEADS
from schema.settings import Settings


@dataclasses.dataclass(frozen=True, kw_only=True)
class CampaignSettings(Settings):
    """What counts as taking part, and how it is learned.

    Attributes:
      goals: Heads by which campaigns are put in order, one or more of `join`
        (a campaign_join followed) and `choose` (an item of the scope was
        clicked, favoured, put into the cart or bought on the page).
      window_seconds: Within which a join or a choice counts as due to the
        view; at least 1.
      max_past: Latest views and joins of a person that are read; at least 1.
      prior_views: Views that the kind's share counts for, beside a campaign's
        own; above 0.
      hidden: Units of the hidden layer; at least 1.
      penalties: Weights of squares that are tried; each at least 0.
      max_epochs: Passes over the views, all at once; at least 1.
      patience: Passes without gain that end the training; at least 1.
      learning_rate: Above 0.
      folds: Parts of the users that are held out in turn, to tell which
        penalty is best and how many passes; at least 2.
      num_warmup: Real users of whom warm-up requests are made; at least 1.
      seed: Of all draws; at least 0.
    """

    goals: tuple[str, ...] = HEADS
    window_seconds: int = 300
    max_past: int = 20
    prior_views: float = 20.0
    hidden: int = 8
    penalties: tuple[float, ...] = (0.003, 0.01, 0.03, 0.1)
    max_epochs: int = 400
    patience: int = 20
    learning_rate: float = 0.01
    folds: int = 4
    num_warmup: int = 2
    seed: int = 7

    def __post_init__(self):
        known = bool(self.goals) and set(self.goals) <= set(HEADS)
        self.check("goals", known, f"one or more of {', '.join(HEADS)}")
        for field in (
            "window_seconds",
            "max_past",
            "hidden",
            "max_epochs",
            "patience",
            "num_warmup",
        ):
            self.check(field, getattr(self, field) >= 1, "at least 1")
        for field in ("prior_views", "learning_rate"):
            self.check(field, getattr(self, field) > 0, "above 0")
        fine = bool(self.penalties) and min(self.penalties) >= 0
        self.check("penalties", fine, "one or more, each at least 0")
        self.check("folds", self.folds >= 2, "at least 2")
        self.check("seed", self.seed >= 0, "at least 0")
