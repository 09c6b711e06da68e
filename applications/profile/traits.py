"""The traits of one shopper, each with how sure it is and what shows it."""

import numpy as np

from applications.profile import statistics, themes
from applications.profile.evidence import events_told
from applications.profile.shop import Shop
from models.local_time import local_hour, local_weekday
from schema.errors import DataError

UNKNOWN = "不足以判断"
BANDS = ("省钱", "均衡", "品质")
# Between them, on the scale of `Shop.price_places`.
BAND_EDGES = (0.45, 0.55)
_BAND_PRIOR = 3.0
DAY_PARTS = ("凌晨 0–6 点", "上午 6–12 点", "下午 12–18 点", "晚间 18–24 点")
WEEK_PARTS = ("工作日", "周末")
CAMPAIGN_LEVELS = {True: "偏爱活动", False: "不偏爱活动"}
# A band is told where it is likelier than the two others together.
_LEAST_BAND_CHANCE = 0.5


def unknown() -> dict:
    """Returns a trait of which nothing can be said."""
    return {"value": None, "said": UNKNOWN, "confidence": None, "evidence": []}


class Shopper:
    """Reads the traits of one user off a shop."""

    def __init__(self, shop: Shop, user_id: str):
        """Takes the user's part of the log.

        Args:
          shop: As of the profile's time.
          user_id: Who; somebody of whom nothing is left gets no trait.

        Raises:
          DataError: The user is not in the log.
        """
        if user_id not in shop.known:
            raise DataError(f"the log has no user {user_id!r} before this time")
        self.shop, self.settings = shop, shop.settings
        row = shop.rows.get(user_id, -1)
        first, last = np.searchsorted(shop.log.events.user, [row, row + 1])
        self.events = np.arange(first, last) if row >= 0 else np.arange(0)
        choices = shop.choices
        first, last = np.searchsorted(choices.user, [row, row + 1])
        self.chosen = slice(first, last) if row >= 0 else slice(0, 0)
        self.items = choices.item[self.chosen]
        self.weight = choices.weight[self.chosen]
        self.chosen_events = choices.event[self.chosen]
        # The events that visits begin with.
        visits = shop.log.visit[self.events]
        _, begins = np.unique(visits, return_index=True)
        self.visits = self.events[begins]

    def favourites(self, kind: str) -> list[dict]:
        """Returns favourite `categories` or `brands`, the surest first.

        One is told where the user chooses it more often than is usual in the
        shop, beyond what chance would do, on two visits or more.
        """
        codes, names = getattr(self.shop, kind)
        code = codes[self.items]
        if (code >= 0).sum() < self.settings.min_choices:
            return []
        counts, times, sure = self.compared(kind)
        visit = self.shop.log.visit[self.chosen_events]
        told: list[dict] = []
        for best in np.lexsort((-counts, -np.round(sure, 6))):
            if len(told) == self.settings.max_named:
                break
            here = code == best
            if sure[best] < self.settings.min_confidence:
                break
            if len(np.unique(visit[here])) < 2:
                continue
            told.append(
                {
                    "value": names[best],
                    "said": f"{names[best]}（平常的 {times[best]:.1f} 倍）",
                    "confidence": round(float(sure[best]), 3),
                    "times_usual": round(float(times[best]), 2),
                    "share": round(float(counts[best] / counts.sum()), 3),
                    "evidence": self._evidence(here),
                }
            )
        return told

    def compared(self, kind: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Compares the user's `categories` or `brands` with what is usual.

        Brands with what is usual in the categories that the user is after.

        Returns:
          Weights of the choices of each, how many times the usual that is,
          and how sure it is that it is more; float64 [kinds] each.
        """
        codes, names = getattr(self.shop, kind)
        code = codes[self.items]
        known = code >= 0
        counts = np.bincount(
            code[known], self.weight[known], minlength=len(names)
        )
        usual = (
            self.shop.usual_brands(self.items, self.weight)
            if kind == "brands"
            else self.shop.base[kind]
        )
        return counts, *statistics.above_usual(
            counts, usual, self.settings.prior
        )

    def price_band(self) -> dict:
        """Returns whether choices are cheap or dear within their category."""
        places = self.shop.price_places[self.items]
        known = ~np.isnan(places)
        if known.sum() < self.settings.min_choices:
            return unknown()
        mean, likely = self.band_chances()
        best = int(likely.argmax())
        if likely[best] < _LEAST_BAND_CHANCE:
            return unknown()
        fits = (
            known
            & ((places < BAND_EDGES[0], known, places > BAND_EDGES[1])[best])
        )
        return {
            "value": BANDS[best],
            "said": f"{BANDS[best]}（在同类中约处于 {mean:.0%} 的价位）",
            "confidence": round(float(likely[best]), 3),
            "place": round(mean, 3),
            "evidence": self._evidence(fits),
        }

    def band_chances(self) -> tuple[float, np.ndarray]:
        """Returns the mean place of prices, and how likely each band is."""
        places = self.shop.price_places[self.items]
        known = ~np.isnan(places)
        return statistics.band_chances(
            places[known], self.weight[known], BAND_EDGES, _BAND_PRIOR
        )

    def active_hours(self) -> dict:
        """Returns the part of the day in which most visits begin."""
        hours = local_hour(self.shop.log.events.timestamp[self.visits])
        return self._most_visits(hours // 6, DAY_PARTS)

    def active_days(self) -> dict:
        """Returns whether visits fall on workdays or weekends, a day alike."""
        days = local_weekday(self.shop.log.events.timestamp[self.visits])
        weekend = (days >= 5).astype(np.int64)
        # Five days against two.
        return self._most_visits(weekend, WEEK_PARTS, np.array([2 / 5, 1.0]))

    def _most_visits(self, kind, names, scale=None) -> dict:
        if len(self.visits) < self.settings.min_visits:
            return unknown()
        visits = np.bincount(kind, minlength=len(names))
        counts = visits * (1.0 if scale is None else scale)
        best = int(counts.argmax())
        sure = statistics.chance_of_largest(counts)
        if sure < self.settings.min_confidence:
            return unknown()
        shown = self.visits[kind == best][::-1]
        return {
            "value": names[best],
            "said": f"{names[best]}（{len(self.visits)} 次来访中 "
            f"{visits[best]} 次）",
            "confidence": round(sure, 3),
            "share": round(float(visits[best] / visits.sum()), 3),
            "evidence": events_told(
                self.shop, shown[: self.settings.max_evidence]
            ),
        }

    def logged(self, column: str) -> dict:
        """Returns the `city` or `device` that most visits are logged with."""
        coded = getattr(self.shop.log.events, column)
        code = coded.codes[self.visits]
        known = code > 0
        if not known.any():
            return unknown()
        values, counts = np.unique(code[known], return_counts=True)
        best = counts.argmax()
        name = coded.texts[int(values[best])].as_py()
        shown = self.visits[code == values[best]][::-1]
        return {
            "value": name,
            "said": f"{name}（{known.sum()} 次来访中 {counts[best]} 次）",
            # One visit more that says otherwise: few visits are not sure.
            "confidence": round(float(counts[best] / (known.sum() + 1)), 3),
            "share": round(float(counts[best] / known.sum()), 3),
            "evidence": events_told(
                self.shop, shown[: self.settings.max_evidence]
            ),
        }

    def campaigns(self) -> dict:
        """Returns whether visits lead to campaigns more often than usual."""
        log = self.shop.log
        seen = log.is_type("campaign_view", "campaign_join")[self.events]
        usual = self.shop.campaign_share
        total = len(self.visits)
        if total < self.settings.min_visits or not usual:
            return unknown()
        count = len(np.unique(log.visit[self.events[seen]]))
        times, sure = statistics.above_usual(
            np.array([count, total - count], float),
            np.array([usual, 1 - usual]),
            self.settings.prior,
        )
        likes = bool(sure[0] >= 0.5)
        confidence = float(sure[0] if likes else 1 - sure[0])
        if confidence < self.settings.min_confidence:
            return unknown()
        shown = self.events[seen][::-1][: self.settings.max_evidence]
        return {
            "value": CAMPAIGN_LEVELS[likes],
            "said": f"{CAMPAIGN_LEVELS[likes]}（{total} 次来访中 {count} 次"
            f"进入活动页，平常的 {times[0]:.1f} 倍）",
            "confidence": round(confidence, 3),
            "times_usual": round(float(times[0]), 2),
            "evidence": events_told(self.shop, shown),
        }

    def theme(self) -> dict:
        """Returns the kind of goods that the user is after these days."""
        likely, names = self.theme_chances()
        best = int(likely.argmax())
        codes, _ = self.shop.leaves
        code = codes[self.items]
        if (
            (code >= 0).sum() < self.settings.min_choices
            or best == len(names)
            or likely[best] < self.settings.min_confidence
        ):
            return unknown()
        belongs = np.append(self.shop.theme_members[:, best], False)[code]
        return {
            "value": names[best],
            "said": f"{names[best]}（{len(code)} 次选择中 "
            f"{int(belongs.sum())} 次）",
            "confidence": round(float(likely[best]), 3),
            "evidence": self._evidence(belongs),
        }

    def theme_chances(self) -> tuple[np.ndarray, list[str]]:
        """Returns the chance of each theme, of none at the end; and names."""
        codes, leaves = self.shop.leaves
        code = codes[self.items]
        # Choices of one visit and category are alike: together they are one.
        visit = self.shop.log.visit[self.chosen_events]
        counts = np.zeros(len(leaves))
        pairs = np.stack([visit, code], 1)[code >= 0]
        weight = self.weight[code >= 0]
        _, pair = np.unique(pairs, axis=0, return_inverse=True)
        most = np.zeros(int(pair.max(initial=-1)) + 1)
        np.maximum.at(most, pair.reshape(-1), weight)
        of_pair = np.zeros(len(most), np.int64)
        of_pair[pair.reshape(-1)] = pairs[:, 1]
        np.add.at(counts, of_pair, np.minimum(most, 1.0))
        likely = themes.chances(
            counts, self.shop.base["leaves"], self.shop.theme_members
        )
        return likely, [theme.name for theme in themes.THEMES]

    def _evidence(self, chosen: np.ndarray) -> list[dict]:
        """Tells the events of some choices, the weightiest and latest first."""
        rows = np.flatnonzero(chosen)
        best = rows[np.lexsort((-rows, -self.weight[rows]))]
        kept = best[: self.settings.max_evidence]
        return events_told(self.shop, self.chosen_events[kept])
