"""Settings of the simulated mall."""

import dataclasses
import datetime

from schema.settings import Settings, SettingsError

# Local time of the mall: UTC+8 all year.
UTC_OFFSET_SECONDS = 8 * 3600
DAY_SECONDS = 86_400


@dataclasses.dataclass(frozen=True, kw_only=True)
class MallSettings(Settings):
    """What the mall is made of; equal settings give identical files.

    The defaults give about 195,000 events in a few seconds.

    Attributes:
      seed: Any integer from 0.
      num_items: Items of the catalogue, those listed later included; 300 to
        1,000,000.
      num_users: Shoppers, those who register later included, bots not; >= 20.
      num_days: Local days that are simulated; 2 to 400.
      start_date: First local day, ISO form; the default reaches over 双十一.
      sessions_per_user_day: Mean number of sessions of a shopper a day; above
        0, at most 5.
      page_size: Slots of a page; 2 to 20.
      new_items_per_day: Items listed on each day; all of them together at
        most half of `num_items`.
      new_user_share: Share of shoppers who register during the days; 0 to
        0.9.
      position_decay: Slot k (from 0) is looked at with probability
        (1 + k) ** -position_decay; 0 (no bias) to 3.
      drift: Scale of the change of tastes, 0 (none) to 5; 1 is usual.
      duplicate_share: Share of rows that are written twice; 0 to 0.5.
      bad_row_share: Share of rows that are spoilt; 0 to 0.5.
      num_bots: Users who are programs, beside `num_users`; 0 to 1000.
      bot_events_per_hour: Events of a bot in each of its hours; 100 to 3600.
      leaving: Chance that a shopper never comes back after a day on which the
        last visit did not end in a cart or an order; a quarter of it where it
        did. 0 (nobody ever leaves) to 1.
      joining_taste: How far joining a campaign depends on what the shopper
        likes, wants and can spend, a scale of the logit; 0 (all join with the
        same chance) to 5. Other events stay as they are.
      uncategorised_share: Share of items whose category the table does not
        say; the ground truth does. 0 to 0.9.
      image_width: Numbers of an item's image vector; 0 (no images) to 4096.
        Other tables, and other columns, stay as they are.
      image_missing_share: Share of items without an image all the same; 0 to
        1.
      unsaid_style: How much of an item's style no word tells, a scale beside
        the 1.8 of brand and options together; 0 (words tell all) to 10.
      truth_share: Share of impressions whose true click probability is
        written to the ground truth; 0 to 1.
    """

    seed: int = 7
    num_items: int = 3000
    num_users: int = 2000
    num_days: int = 24
    start_date: str = "2025-10-20"
    sessions_per_user_day: float = 0.14
    page_size: int = 6
    new_items_per_day: int = 15
    new_user_share: float = 0.1
    position_decay: float = 0.6
    drift: float = 1.0
    duplicate_share: float = 0.003
    bad_row_share: float = 0.001
    num_bots: int = 3
    bot_events_per_hour: int = 300
    leaving: float = 0.0
    joining_taste: float = 0.0
    uncategorised_share: float = 0.0
    image_width: int = 0
    image_missing_share: float = 0.2
    unsaid_style: float = 0.5
    truth_share: float = 0.1

    def __post_init__(self):
        """Checks every field.

        Raises:
          SettingsError: A value is not allowed.
        """
        for field, low, high in (
            ("seed", 0, 2**63 - 1),
            ("num_items", 300, 1_000_000),
            ("num_users", 20, 10_000_000),
            ("num_days", 2, 400),
            ("page_size", 2, 20),
            ("new_user_share", 0, 0.9),
            ("position_decay", 0, 3),
            ("drift", 0, 5),
            ("duplicate_share", 0, 0.5),
            ("bad_row_share", 0, 0.5),
            ("num_bots", 0, 1000),
            ("bot_events_per_hour", 100, 3600),
            ("leaving", 0, 1),
            ("joining_taste", 0, 5),
            ("uncategorised_share", 0, 0.9),
            ("image_width", 0, 4096),
            ("image_missing_share", 0, 1),
            ("unsaid_style", 0, 10),
            ("truth_share", 0, 1),
        ):
            value = getattr(self, field)
            self.check(field, low <= value <= high, f"{low} to {high}")
        self.check(
            "sessions_per_user_day",
            0 < self.sessions_per_user_day <= 5,
            "above 0, at most 5",
        )
        limit = self.num_items // (2 * self.num_days)
        self.check(
            "new_items_per_day",
            0 <= self.new_items_per_day <= limit,
            f"0 to {limit} (half of num_items over num_days)",
        )
        try:
            datetime.date.fromisoformat(self.start_date)
        except ValueError as error:
            raise SettingsError(
                f"MallSettings.start_date is {self.start_date!r}; "
                "allowed: a date such as 2025-10-20"
            ) from error

    def date(self, day: int) -> datetime.date:
        """Returns the local date of a day, 0 being the first."""
        first = datetime.date.fromisoformat(self.start_date)
        return first + datetime.timedelta(days=day)

    def day_start(self, day: int) -> int:
        """Returns local midnight of a day, Unix seconds."""
        epoch = datetime.date(1970, 1, 1)
        days = (self.date(day) - epoch).days
        return days * DAY_SECONDS - UTC_OFFSET_SECONDS
