"""Words of an item: title, description, tags."""

import numpy as np

from datasets.mall.taxonomy import Leaf

# Tops whose items carry a model number.
_CODED = ("数码", "电脑", "家电", "汽车")
_CODE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
# Sellers' words, put at the end of some titles.
_EXTRAS = ("新款", "官方正品", "爆款", "顺丰包邮", "旗舰店", "热销", "精选")

_ADVICE = {
    "数码": ("开机即用，全国联保一年。", "支持七天无理由退换，附赠说明书。"),
    "电脑": ("下单前请核对接口与型号。", "支持上门售后，整机联保。"),
    "家电": ("全国联保，送货上门。", "省电低噪，一年只换不修。"),
    "厨具": ("首次使用前请用温水清洗。", "食品接触级材质，安心使用。"),
    "家居": ("居家百搭，安装简单。", "破损包赔，收到不满意可退。"),
    "服饰": ("版型偏正常，按平时尺码选。", "建议冷水手洗，悬挂晾干。"),
    "鞋包": ("尺码标准，脚宽建议大一码。", "做工细致，日常通勤出行都合适。"),
    "美妆": ("初次使用请先在耳后试用。", "正品保证，保质期三年。"),
    "母婴": ("通过国家标准检测，宝宝安心用。", "建议家长陪同使用。"),
    "食品": ("请置于阴凉干燥处保存。", "产地直供，日期新鲜。"),
    "运动": ("适合日常训练与户外出行。", "耐用好打理，新手也能用。"),
    "宠物": ("换新请七日内逐步过渡。", "毛孩子的日常好物。"),
    "健康": ("本品不能代替药物，请按说明使用。", "家庭常备，放心选购。"),
    "图书": ("正版保证，支持开发票。", "学生与家长常选。"),
    "汽车": ("购买前请核对车型年份。", "自己动手即可安装。"),
}


def model_code(rng: np.random.Generator) -> str:
    """Returns something like `KF-35D`."""
    a, b, c = rng.integers(len(_CODE_LETTERS), size=3)
    letters = _CODE_LETTERS
    return f"{letters[a]}{letters[b]}-{rng.integers(10, 99)}{letters[c]}"


def write_title(
    rng: np.random.Generator,
    leaf: Leaf,
    brand: str,
    name: str,
    options: list[str],
) -> str:
    """Returns a title as sellers write it.

    Args:
      rng: Chooses model number and sellers' words.
      leaf: The item's leaf category.
      brand: Its brand.
      name: One of `leaf.names`.
      options: What the title says of it, in the order of `leaf.specs`.
    """
    words = [brand]
    if leaf.top in _CODED and rng.random() < 0.3:
        words.append(model_code(rng))
    words += [name, *options]
    if rng.random() < 0.15:
        words.append(_EXTRAS[rng.integers(len(_EXTRAS))])
    return " ".join(words)


def write_description(
    rng: np.random.Generator,
    leaf: Leaf,
    brand: str,
    name: str,
    options: list[str],
) -> str:
    """Returns one or two sentences; see `write_title` for the arguments."""
    advice = _ADVICE[leaf.top]
    first = f"{brand}{name}，{'，'.join(options)}。"
    if rng.random() < 0.2:
        return first
    return first + advice[rng.integers(len(advice))]


def end_price(price: np.ndarray) -> np.ndarray:
    """Returns prices with the endings of Chinese shops.

    >>> end_price(np.array([7.23, 48.2, 213.0, 4871.0])).tolist()
    [7.8, 48.9, 219.0, 4879.0]
    """
    cheap = np.floor(price) + np.where(price < 20, 0.8, 0.9)
    return np.where(price < 100, cheap, np.floor(price / 10) * 10 + 9)
