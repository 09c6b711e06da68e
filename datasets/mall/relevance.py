"""The truth about clicks: how likely a shopper clicks on what is looked at.

A click needs two things, one after the other: that the slot is looked at
(`examination`), and that the item pleases (`sigmoid` of a logit). The logit is
a sum of the shopper's taste on the day and of what the session is after.
"""

import dataclasses
import math

import numpy as np

from datasets.mall.catalogue import Catalogue
from datasets.mall.settings import MallSettings
from datasets.mall.shoppers import Shoppers, Tastes

_BIAS = -5.25
# No interest in the leaf: this much below an interest of strength 0.
_NO_INTEREST = -0.9
_STYLE, _BRAND, _PRICE, _QUALITY, _SEASON = 1.0, 1.0, -4.0, 0.45, 0.5
_WANTED_LEAF, _WANTED_OPTION, _WANTED_BRAND = 2.3, 0.7, 0.6
_DISCOUNT = 2.0


def sigmoid(logit: np.ndarray) -> np.ndarray:
    """Returns the probability of a logit."""
    return 1 / (1 + np.exp(-logit))


def examination(settings: MallSettings) -> np.ndarray:
    """Returns the chance that a slot is looked at, float64 [page_size].

    >>> examination(MallSettings(page_size=4, position_decay=1)).round(
    ...     3
    ... ).tolist()
    [1.0, 0.5, 0.333, 0.25]
    """
    slots = np.arange(settings.page_size)
    return (1.0 + slots) ** -settings.position_decay


def season(catalogue: Catalogue, settings: MallSettings, day: int):
    """Returns what the time of the year adds, float64 [leaves], -1 to 1."""
    date = settings.date(day)
    now = date.month + (date.day - 1) / 30
    peak = np.array([leaf.season for leaf in catalogue.leaves])
    wave = np.cos(2 * math.pi * (now - peak) / 12)
    return np.where(peak > 0, wave, 0.0)


@dataclasses.dataclass(kw_only=True)
class Intent:
    """What each session of a day is after; arrays [sessions].

    Attributes:
      leaf: The leaf.
      option: An attribute, -1 for any.
      offer: A brand in the leaf, -1 for any.
    """

    leaf: np.ndarray
    option: np.ndarray
    offer: np.ndarray

    def of(self, rows: np.ndarray) -> "Intent":
        """Returns the intents of some sessions."""
        return Intent(
            leaf=self.leaf[rows],
            option=self.option[rows],
            offer=self.offer[rows],
        )


def taste_logit(
    users: np.ndarray,
    items: np.ndarray,
    *,
    catalogue: Catalogue,
    shoppers: Shoppers,
    tastes: Tastes,
    seasons: np.ndarray,
) -> np.ndarray:
    """Returns how well items please shoppers, whatever the session is after.

    Args:
      users: int [n], rows of shoppers.
      items: int [n, k], rows of items.
      catalogue: What the items are.
      shoppers: Who they are.
      tastes: What they like on the day.
      seasons: See `season`.

    Returns:
      float64 [n, k].
    """
    leaf = catalogue.leaf[items]
    same = tastes.leaves[users][:, None, :] == leaf[:, :, None]
    strengths = tastes.strengths[users][:, None, :]
    taste = np.where(same, strengths - _NO_INTEREST, 0.0).sum(2)
    style = tastes.style[users][:, None, :] * catalogue.style[items]
    liked = shoppers.brands[users][:, None, :]
    brand = (catalogue.brand[items][:, :, None] == liked).any(2)
    level = shoppers.price_level[users][:, None]
    gap = (catalogue.price_level[items] - level) ** 2
    return (
        _BIAS
        + _NO_INTEREST
        + taste
        + _STYLE * style.sum(2)
        + _BRAND * brand
        + _PRICE * gap
        + _QUALITY * catalogue.quality[items]
        + _SEASON * seasons[leaf]
    )


def intent_logit(
    catalogue: Catalogue, items: np.ndarray, intent: Intent
) -> np.ndarray:
    """Returns what a session's intent adds to the logit of each item.

    Args:
      catalogue: What the items are.
      items: int [n, k], rows of items.
      intent: Of n sessions.

    Returns:
      float64 [n, k].
    """
    has = catalogue.options[items] == intent.option[:, None, None]
    has_option = has.any(2) & (intent.option >= 0)[:, None]
    has_brand = catalogue.offer[items] == intent.offer[:, None]
    right = catalogue.leaf[items] == intent.leaf[:, None]
    return right * (
        _WANTED_LEAF + _WANTED_OPTION * has_option + _WANTED_BRAND * has_brand
    )


def discount_logit(discount: np.ndarray) -> np.ndarray:
    """Returns what a campaign adds: `discount` is the share off."""
    return _DISCOUNT * discount


def funnel_probabilities(logit: np.ndarray) -> dict[str, np.ndarray]:
    """Returns the chances of what may follow a click, each given the click.

    Args:
      logit: float64 [n], the click's logit; who likes it more buys more.

    Returns:
      `view`, `favorite`, `cart`, `buy_now` given the click; `buy` and
      `uncart` given that it was put into the cart.
    """
    keen = np.clip(0.5 * (logit + 0.2), -1.5, 1.5)
    return {
        "view": np.full(logit.shape, 0.7),
        "favorite": np.clip(0.05 * np.exp(keen), 0, 0.5),
        "cart": np.clip(0.08 * np.exp(keen), 0, 0.6),
        "buy_now": np.clip(0.006 * np.exp(keen), 0, 0.2),
        "buy": np.clip(0.22 * np.exp(0.5 * keen), 0, 0.8),
        "uncart": np.full(logit.shape, 0.1),
    }
