"""The kinds of people who shop: what they look for and what they spend."""

import dataclasses

import numpy as np

from datasets.mall.taxonomy import Leaf

GENDERS = ("F", "M")
AGE_BANDS = ("18-25", "26-35", "36-45", "46-55", "56+")
# Wanted by everybody at this weight, beside what a stage looks for.
_BACKGROUND = 0.12
# Of the weight of a leaf that is made for the other gender.
_OTHER_GENDER = 0.08


@dataclasses.dataclass(frozen=True, kw_only=True)
class LifeStage:
    """A cluster of shoppers.

    Attributes:
      name: What one would call them.
      share: How many there are, beside the others.
      looks_for: Weights of category paths, each with all below it.
      female: Share of women.
      ages: Weights of AGE_BANDS.
      price_level: Mean of what they spend, 0 (cheapest) to 1.
    """

    name: str
    share: float
    looks_for: dict[str, float]
    female: float
    ages: tuple[float, ...]
    price_level: float


def _stage(name, share, female, ages, price_level, **looks_for):
    return LifeStage(
        name=name,
        share=share,
        looks_for={k.replace("_", "/"): v for k, v in looks_for.items()},
        female=female,
        ages=ages,
        price_level=price_level,
    )


LIFE_STAGES = (
    _stage(
        "新手父母", 1.3, 0.68, (1, 7, 3, 0, 0), 0.52,
        母婴=3, 图书_童书=2, 家居_清洁=1.2, 食品_饮料=0.8, 家电_生活=0.6,
    ),
    _stage(
        "数码爱好者", 1.2, 0.2, (4, 5, 2, 1, 0), 0.58,
        数码=3, 电脑=1.6, 家电_大家电=0.3,
    ),
    _stage(
        "户外运动", 1.0, 0.4, (2, 5, 3, 1, 0), 0.55,
        运动=3, 数码_智能设备=0.8, 健康_营养=0.6, 汽车=0.5,
    ),
    _stage(
        "精致妆护", 1.3, 0.96, (5, 5, 2, 1, 0), 0.56,
        美妆=3, 服饰_女装=1.5, 鞋包=0.9, 家电_个护=0.8,
    ),
    _stage(
        "厨房达人", 1.0, 0.72, (1, 3, 4, 3, 1), 0.48,
        厨具=3, 家电_厨房=2.4, 食品_粮油=1.6, 食品_生鲜=1.5,
    ),
    _stage(
        "宠物一族", 0.9, 0.62, (4, 6, 2, 1, 0), 0.46,
        宠物=5, 家电_生活=0.9, 食品_零食=0.6,
    ),
    _stage(
        "学生党", 1.2, 0.52, (9, 1, 0, 0, 0), 0.26,
        图书=2.2, 食品_零食=1.5, 电脑_外设=1.3, 鞋包_男女鞋=1.2,
        数码_手机配件=1.2, 美妆_护肤=0.8,
    ),
    _stage(
        "银发健康", 0.8, 0.55, (0, 0, 1, 4, 6), 0.4,
        健康=3, 食品=1.2, 数码_手机_老人机=4, 服饰_内衣=0.8, 厨具_水具=1,
    ),
    _stage(
        "职场通勤", 1.2, 0.5, (2, 6, 3, 1, 0), 0.55,
        服饰=2, 鞋包=1.6, 食品_饮料=1.4, 电脑_整机=0.8, 图书_文学=0.8,
    ),
    _stage(
        "居家装修", 0.9, 0.52, (0, 5, 4, 2, 1), 0.5,
        家居=2.4, 家电_大家电=2, 家电_生活=1.2,
    ),
    _stage(
        "游戏玩家", 0.9, 0.15, (6, 4, 1, 0, 0), 0.5,
        电脑=2.6, 数码_影音=1.6, 家居_家具_电脑椅=3, 食品_零食=0.7,
    ),
    _stage(
        "有车一族", 0.8, 0.3, (0, 4, 4, 2, 1), 0.56,
        汽车=4, 运动_垂钓=1.6, 食品_饮料_白酒=2, 服饰_男装=1,
        母婴_出行=0.6,
    ),
)  # fmt: skip


def leaf_gender(leaf: Leaf) -> str:
    """Returns the gender that a leaf is made for, `""` for both."""
    woman, man = "女" in leaf.category, "男" in leaf.category
    if leaf.top == "美妆" and leaf.parent.endswith("彩妆"):
        woman = True
    if leaf.name == "剃须刀":
        man = True
    if woman == man:
        return ""
    return "F" if woman else "M"


def stage_weights(leaves: tuple[Leaf, ...]) -> np.ndarray:
    """Returns how much each kind of person looks for each leaf.

    Args:
      leaves: The stocked leaves.

    Returns:
      float64 [stages, genders, leaves], rows that sum to 1.
    """
    shape = (len(LIFE_STAGES), len(GENDERS), len(leaves))
    weights = np.full(shape, _BACKGROUND)
    for number, leaf in enumerate(leaves):
        for row, stage in enumerate(LIFE_STAGES):
            for path, weight in stage.looks_for.items():
                if f"{leaf.category}/".startswith(f"{path}/"):
                    weights[row, :, number] += weight
        weights[:, :, number] *= leaf.weight**0.5
        for column, gender in enumerate(GENDERS):
            if leaf_gender(leaf) not in ("", gender):
                weights[:, column, number] *= _OTHER_GENDER
    return weights / weights.sum(2, keepdims=True)
