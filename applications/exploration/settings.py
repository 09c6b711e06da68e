"""Settings of exploration."""

import dataclasses

from schema.settings import Settings

# How exploration slots are filled.
POLICIES = ("thompson", "greedy", "random")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExplorationSettings(Settings):
    """How much of a page new and rarely chosen items get.

    Attributes:
      page: Slots of the page; 1 to 100.
      quota: Share of them for exploration, rounded to whole slots, halves up;
        0 to 1.
      boost: What an item that nobody chose gets on its score, in the units of
        the score; the others the less the more they were chosen; 0 or more.
      policy: `thompson`: the highest drawn click rates; `greedy`: the highest
        expected ones; `random`: any item.
      head: Ranking head whose chance is the prior of a click rate.
      few_choices: An item with fewer choices counts as new; at least 1.
      prior_strength: How many impressions it is worth that an item is expected
        to do as the ranking head says; above 0.
      candidates: How many items are asked for, of all and of those to
        explore; 1 to 1000, and at least a page.
      seed: Of the draws; at least 0.
    """

    page: int = 10
    quota: float = 0.1
    boost: float = 0.0
    policy: str = "thompson"
    head: str = "click"
    few_choices: int = 3
    prior_strength: float = 100.0
    candidates: int = 100
    seed: int = 0

    def __post_init__(self):
        """Checks every field.

        Raises:
          SettingsError: A value is not allowed.
        """
        self.check("page", 1 <= self.page <= 100, "1 to 100")
        self.check("quota", 0 <= self.quota <= 1, "0 to 1")
        self.check("boost", 0 <= self.boost < float("inf"), "0 or more")
        self.check("policy", self.policy in POLICIES, ", ".join(POLICIES))
        self.check("few_choices", self.few_choices >= 1, "at least 1")
        self.check(
            "prior_strength",
            0 < self.prior_strength < float("inf"),
            "above 0",
        )
        self.check(
            "candidates",
            self.page <= self.candidates <= 1000,
            f"{self.page} (the page) to 1000",
        )
        self.check("seed", self.seed >= 0, "at least 0")

    @property
    def slots(self) -> int:
        """Slots for exploration, 0 to `page`.

        >>> ExplorationSettings(page=10, quota=0.25).slots
        3
        """
        return int(self.quota * self.page + 0.5)
