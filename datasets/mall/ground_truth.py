"""Asks a generated mall for its truth, by replaying it from its settings.

`truth_files` says which files there are. Tastes of any day come from a replay
of the drift, which takes well under a second for the demo's mall.
"""

import functools
import json
import pathlib

import numpy as np

from datasets.mall.generator import build_world
from datasets.mall.relevance import season, taste_logit
from datasets.mall.settings import DAY_SECONDS, MallSettings
from datasets.mall.shoppers import Tastes, next_day
from schema.errors import DataError


class GroundTruth:
    """The world of one mall, with the tastes of every day."""

    def __init__(self, ground_truth_dir: str | pathlib.Path):
        """Replays what does not change.

        Args:
          ground_truth_dir: `<data_dir>/ground_truth`.

        Raises:
          DataError: There is no ground truth.
        """
        self.folder = pathlib.Path(ground_truth_dir)
        path = self.folder / "settings.json"
        if not path.exists():
            raise DataError(
                f"{path} is missing; allowed: the folder ground_truth that "
                "datasets.mall wrote"
            )
        text = path.read_text(encoding="utf-8")
        self.settings = MallSettings.from_json(text)
        self.world, first = build_world(self.settings)
        self._tastes = [first]
        catalogue, shoppers = self.world.catalogue, self.world.shoppers
        self.user_row = {u: n for n, u in enumerate(shoppers.user_ids)}
        self.item_row = {i: n for n, i in enumerate(catalogue.item_ids)}

    @property
    def summary(self) -> dict:
        """What `generate` returned, and the examination of each slot."""
        text = (self.folder / "summary.json").read_text(encoding="utf-8")
        return json.loads(text)

    def tastes(self, day: int) -> Tastes:
        """Returns what shoppers like on a day, 0 being the first.

        Raises:
          DataError: The mall has no such day.
        """
        if not 0 <= day < self.settings.num_days:
            raise DataError(
                f"day is {day}; allowed: 0 to {self.settings.num_days - 1}"
            )
        while len(self._tastes) <= day:
            self._tastes.append(
                next_day(
                    self.settings,
                    self.world.catalogue,
                    self.world.shoppers,
                    self._tastes[-1],
                    len(self._tastes),
                )
            )
        return self._tastes[day]

    def day_of(self, timestamp: int) -> int:
        """Returns the day of a time, Unix seconds."""
        return (timestamp - self.settings.day_start(0)) // DAY_SECONDS

    def relevance(
        self, users: np.ndarray, items: np.ndarray, day: int
    ) -> np.ndarray:
        """Returns logits of a click on an item that is looked at.

        Neither the intent of a session nor campaigns are in it.

        Args:
          users: int [n], rows (see `user_row`).
          items: int [n, k], rows (see `item_row`).
          day: Day of the simulation.

        Returns:
          float64 [n, k].
        """
        catalogue = self.world.catalogue
        return taste_logit(
            users,
            items,
            catalogue=catalogue,
            shoppers=self.world.shoppers,
            tastes=self.tastes(day),
            seasons=season(catalogue, self.settings, day),
        )


@functools.lru_cache(maxsize=2)
def load(ground_truth_dir: str) -> GroundTruth:
    """Returns the truth of a folder, kept for the next call."""
    return GroundTruth(ground_truth_dir)


def true_relevance(
    ground_truth_dir: str | pathlib.Path,
    user_id: str,
    item_ids: list[str],
    day: int,
) -> np.ndarray:
    """Returns how well items please a user on a day, whatever the session.

    Args:
      ground_truth_dir: `<data_dir>/ground_truth`.
      user_id: As in the table `users`.
      item_ids: As in the table `items`.
      day: Day of the simulation, 0 being the first.

    Returns:
      float64 [items], logits of a click where the item is looked at.

    Raises:
      DataError: User, item or day is not in the mall.
    """
    truth = load(str(ground_truth_dir))
    if user_id not in truth.user_row:
        raise DataError(f"user_id {user_id!r} is not in the mall")
    for item_id in item_ids:
        if item_id not in truth.item_row:
            raise DataError(f"item_id {item_id!r} is not in the mall")
    users = np.array([truth.user_row[user_id]])
    items = np.array([[truth.item_row[i] for i in item_ids]], np.int64)
    return truth.relevance(users, items, day)[0]
