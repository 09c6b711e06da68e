"""Shopping themes: what kind of goods somebody is after these days.

Rules of categories, no more: a theme is likelier the more of somebody's
choices fall into its categories beyond what is usual in the shop. Themes name
goods, not people (see `sensitive`).
"""

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# How many times as often as others those after a theme choose its goods.
_BOOST = 3.0


@dataclasses.dataclass(frozen=True)
class Theme:
    """A kind of goods.

    Attributes:
      name: As it is told.
      paths: Beginnings of category paths; each with all below it.
    """

    name: str
    paths: tuple[str, ...]


THEMES = (
    Theme("选购母婴用品", ("母婴",)),
    Theme("选购数码产品", ("数码",)),
    Theme("选购户外运动用品", ("运动", "户外")),
    Theme("选购美妆护理用品", ("美妆", "个护")),
    Theme("选购厨房与食材", ("厨具", "家电/厨房", "食品/粮油", "食品/生鲜")),
    Theme("选购宠物用品", ("宠物",)),
    Theme("选购图书文具", ("图书", "文具")),
    Theme("选购服饰鞋包", ("服饰", "鞋包")),
    Theme("选购家居装修用品", ("家居", "家装", "家电/大家电")),
    Theme("选购电脑与游戏装备", ("电脑", "游戏")),
    Theme("选购汽车用品", ("汽车",)),
)


def members(categories: pa.Array) -> np.ndarray:
    """Returns bool [categories, themes], what belongs to what.

    Args:
      categories: string [categories], whole paths.
    """
    return np.stack(
        [
            np.any(
                [
                    np.asarray(pc.equal(categories, path))
                    | np.asarray(pc.starts_with(categories, f"{path}/"))
                    for path in theme.paths
                ],
                axis=0,
            )
            for theme in THEMES
        ],
        1,
    )


def chances(
    counts: np.ndarray, base: np.ndarray, belongs: np.ndarray
) -> np.ndarray:
    """Returns how likely each theme is, and none of them.

    Each theme is a guess at how choices fall: as everybody's, but its own
    categories `_BOOST` times as often. By Bayes' rule, all guesses being
    equally likely before.

    Args:
      counts: float64 [categories], the user's choices.
      base: float64 [categories], everybody's shares.
      belongs: bool [categories, themes].

    Returns:
      float64 [themes + 1], the last for no theme; they sum to 1.
    """
    boosted = np.where(belongs, _BOOST, 1.0)
    boosted /= np.maximum(base @ boosted, 1e-12)
    logs = np.append(counts @ np.log(boosted), 0.0)
    likely = np.exp(logs - logs.max())
    return likely / likely.sum()
