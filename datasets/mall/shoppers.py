"""Shoppers: profile, tastes, and how the tastes change from day to day."""

import dataclasses

import numpy as np

from datasets.mall.catalogue import STYLE_DIMENSION, Catalogue
from datasets.mall.life_stages import (
    AGE_BANDS,
    GENDERS,
    LIFE_STAGES,
    stage_weights,
)
from datasets.mall.randomness import generator
from datasets.mall.settings import DAY_SECONDS, MallSettings

# Leaves that a shopper is interested in at a time.
NUM_INTERESTS = 8
NUM_BRANDS = 4
CITIES = (
    "上海", "北京", "广州", "深圳", "杭州", "成都", "重庆", "武汉", "南京",
    "西安", "苏州", "天津", "长沙", "郑州", "青岛", "宁波", "合肥", "厦门",
    "沈阳", "昆明",
)  # fmt: skip
DEVICES = ("android", "ios", "web", "mini_program")
_CITY_WEIGHTS = 1 / (3 + np.arange(len(CITIES)))
_DEVICE_WEIGHTS = np.array([0.46, 0.33, 0.08, 0.13])
_MEAN_STRENGTH, _NEW_STRENGTH = 1.6, 2.6
_STRENGTH_STEP, _STYLE_STEP, _SWITCH_RATE = 0.18, 0.10, 0.08


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shoppers:
    """Shoppers as parallel arrays [users]; bots come after the shoppers.

    Attributes:
      user_ids: Text of each user.
      stages: int64 [users, 2], rows of LIFE_STAGES; the first is the main one.
      gender, age_band, city, device: int64, rows of the tuples above.
      level: int64, 1 to 5; who shops more has a higher one.
      registered_at: int64, Unix seconds.
      activity: float64, sessions beside the mean's.
      price_level: float64, what they like to spend, 0 to 1.
      brands: int64 [users, NUM_BRANDS], `Catalogue.brand` that they like.
      is_bot: bool.
    """

    user_ids: tuple[str, ...]
    stages: np.ndarray
    gender: np.ndarray
    age_band: np.ndarray
    city: np.ndarray
    device: np.ndarray
    level: np.ndarray
    registered_at: np.ndarray
    activity: np.ndarray
    price_level: np.ndarray
    brands: np.ndarray
    is_bot: np.ndarray

    def __len__(self):
        return len(self.user_ids)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tastes:
    """What shoppers like on one day.

    Attributes:
      leaves: int64 [users, NUM_INTERESTS], distinct in a row.
      strengths: float64, the same shape; adds to the logit of a click.
      style: float64 [users, STYLE_DIMENSION], variance 1.
    """

    leaves: np.ndarray
    strengths: np.ndarray
    style: np.ndarray


def _pick(rng, weights, size):
    return rng.choice(len(weights), size, p=weights / weights.sum())


def _by_row(rng, weights):
    """Draws a column from each row of weights [rows, columns]."""
    total = np.cumsum(weights, axis=1)
    at = rng.random((len(weights), 1)) * total[:, -1:]
    return np.minimum((total <= at).sum(1), weights.shape[1] - 1)


def build_shoppers(settings: MallSettings) -> Shoppers:
    """Makes the shoppers of a mall, without their tastes.

    Args:
      settings: Seed, numbers of users and bots, days.
    """
    rng = generator(settings.seed, "shoppers")
    count = settings.num_users + settings.num_bots
    share = np.array([stage.share for stage in LIFE_STAGES])
    stages = _pick(rng, share, (count, 2))
    main = stages[:, 0]
    female = np.array([stage.female for stage in LIFE_STAGES])[main]
    ages = np.array([stage.ages for stage in LIFE_STAGES], float)
    spends = np.array([stage.price_level for stage in LIFE_STAGES])
    activity = rng.gamma(1.1, 1 / 1.1, count) + 0.05
    start = settings.day_start(0)
    registered = start - (rng.exponential(700, count) + 1) * DAY_SECONDS
    new = rng.random(count) < settings.new_user_share
    during = rng.random(count) * (settings.num_days - 1) * DAY_SECONDS
    registered = np.where(new, start + during, registered)
    level = np.clip(np.round(1.5 + activity + rng.normal(0, 0.7, count)), 1, 5)
    digits = len(str(count))
    return Shoppers(
        user_ids=tuple(f"u{n:0{digits}}" for n in rng.permutation(count)),
        stages=stages,
        gender=(rng.random(count) >= female).astype(np.int64),
        age_band=_by_row(rng, ages[main]),
        city=_pick(rng, _CITY_WEIGHTS, count),
        device=_pick(rng, _DEVICE_WEIGHTS, count),
        level=level.astype(np.int64),
        registered_at=registered.astype(np.int64),
        activity=activity,
        price_level=np.clip(rng.normal(spends[main], 0.16), 0.0, 1.0),
        brands=np.full((count, NUM_BRANDS), -1),
        is_bot=np.arange(count) >= settings.num_users,
    )


def _looked_for(shoppers, rows, rng, weights):
    """Weights [rows, leaves] of the stage that leads a shopper just now."""
    second = (rng.random(len(rows)) < 0.35).astype(np.int64)
    return weights[shoppers.stages[rows, second], shoppers.gender[rows]]


def first_tastes(
    settings: MallSettings, catalogue: Catalogue, shoppers: Shoppers
) -> tuple[Shoppers, Tastes]:
    """Draws what shoppers like on the first day, and the brands they like.

    Returns:
      The shoppers with `brands` filled, and their tastes on day 0.
    """
    rng = generator(settings.seed, "first tastes")
    weights = stage_weights(catalogue.leaves)
    count = len(shoppers)
    leaves = np.empty((count, NUM_INTERESTS), np.int64)
    for low in range(0, count, 20_000):
        rows = np.arange(low, min(low + 20_000, count))
        drawn = np.log(_looked_for(shoppers, rows, rng, weights))
        drawn += rng.gumbel(size=drawn.shape)
        order = np.argsort(-drawn, axis=1, kind="stable")
        leaves[rows] = order[:, :NUM_INTERESTS]
    strengths = rng.normal(_MEAN_STRENGTH, 0.8, leaves.shape)
    # Brands out of the leaves that they look at.
    start = catalogue.offer_first[leaves[:, :NUM_BRANDS]]
    width = catalogue.offer_first[leaves[:, :NUM_BRANDS] + 1] - start
    offers = start + np.floor(rng.random(start.shape) * width).astype(int)
    style = rng.normal(size=(count, STYLE_DIMENSION))
    return (
        dataclasses.replace(shoppers, brands=catalogue.brand_of_offer[offers]),
        Tastes(leaves=leaves, strengths=strengths, style=style),
    )


def next_day(
    settings: MallSettings,
    catalogue: Catalogue,
    shoppers: Shoppers,
    tastes: Tastes,
    day: int,
) -> Tastes:
    """Lets tastes drift by one day.

    Strengths and style walk at random and are drawn back to their means; now
    and then a shopper drops the weakest interest for a new one, which often
    follows from the strongest (a phone, then its case).

    Args:
      settings: Seed, and `drift`, which scales every change.
      catalogue: Says what follows what.
      shoppers: Who they are.
      tastes: Tastes of the day before.
      day: The day that they are wanted for, from 1.
    """
    rng = generator(settings.seed, "drift", day)
    drift, count = settings.drift, len(shoppers)
    step = drift * _STRENGTH_STEP * rng.normal(size=tastes.strengths.shape)
    pull = min(0.02 * drift, 1.0)
    strengths = tastes.strengths + step
    strengths += pull * (_MEAN_STRENGTH - strengths)
    turn = min(drift * _STYLE_STEP, 1.0)
    style = np.sqrt(1 - turn**2) * tastes.style
    style = style + turn * rng.normal(size=style.shape)

    rows = np.flatnonzero(rng.random(count) < drift * _SWITCH_RATE)
    weights = stage_weights(catalogue.leaves)
    new = _by_row(rng, _looked_for(shoppers, rows, rng, weights))
    strongest = tastes.leaves[rows, strengths[rows].argmax(1)]
    column = rng.integers(catalogue.follow_ups.shape[1], size=len(rows))
    follow = catalogue.follow_ups[strongest, column]
    new = np.where((follow >= 0) & (rng.random(len(rows)) < 0.5), follow, new)
    fresh = (tastes.leaves[rows] != new[:, None]).all(1)
    rows, new = rows[fresh], new[fresh]
    leaves = tastes.leaves.copy()
    weakest = strengths[rows].argmin(1)
    leaves[rows, weakest] = new
    strengths[rows, weakest] = _NEW_STRENGTH
    return Tastes(leaves=leaves, strengths=strengths, style=style)


def profile(shoppers: Shoppers) -> dict[str, list]:
    """Returns the columns of the table `users`."""
    return {
        "user_id": list(shoppers.user_ids),
        "gender": [GENDERS[g] for g in shoppers.gender],
        "age_band": [AGE_BANDS[a] for a in shoppers.age_band],
        "city": [CITIES[c] for c in shoppers.city],
        "level": [str(level) for level in shoppers.level],
        "registered_at": shoppers.registered_at.tolist(),
    }
