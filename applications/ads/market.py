"""A market: pages in the order in which they were opened, and ads for them."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from applications.ads.ad_table import AdTable
from applications.ads.pacing import local_day


@dataclasses.dataclass(frozen=True, kw_only=True)
class Market:
    """What an auction is played on.

    Attributes:
      ads: Who advertises.
      timestamps: int64 [pages], Unix seconds, ascending.
      users: int64 [pages], number of the user.
      chances: float [pages, ads], calibrated chance of a click in a slot like
        any other; NaN where an ad cannot be shown.
      truth: float [pages, ads], chance of a click by a user who looks at the
        slot; 0 or 1 where clicks are those of a log.
      allowed: bool [pages, ads], whom the ad is for, and when.
      slot_factors: float64 [slots], how much likelier than anywhere a click
        is in each paid slot, as it was estimated.
      slot_truth: float64 [slots], chance that each is looked at.
      rows: int64 [pages], where the page stands in what it was made from.
    """

    ads: AdTable
    timestamps: NDArray[np.int64]
    users: NDArray[np.int64]
    chances: NDArray[np.floating]
    truth: NDArray[np.floating]
    allowed: NDArray[np.bool_]
    slot_factors: NDArray[np.float64]
    slot_truth: NDArray[np.float64]
    rows: NDArray[np.int64]

    def __post_init__(self):
        """Checks that the parts belong together.

        Raises:
          ValueError: Shapes differ, or pages are not in order of time.
        """
        shape = (len(self.timestamps), len(self.ads))
        for name in ("chances", "truth", "allowed"):
            found = getattr(self, name).shape
            if found != shape:
                raise ValueError(f"{name} is {found}; needed: {shape}")
        if len(self.users) != shape[0] or len(self.slot_factors) != len(
            self.slot_truth
        ):
            raise ValueError("users or slots differ in length")
        if (np.diff(self.timestamps) < 0).any():
            raise ValueError("timestamps go back")

    def __len__(self):
        return len(self.timestamps)

    @property
    def days(self) -> NDArray[np.int64]:
        """The local day of each page, int64 [pages]."""
        return local_day(self.timestamps)

    def with_chances(self, chances: NDArray[np.floating]) -> "Market":
        """Returns the same with other chances of a click."""
        return dataclasses.replace(self, chances=chances)
