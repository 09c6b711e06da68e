"""What a profile never says, and what it never looks at.

A profile speaks of shopping: what somebody looks at in this shop, when, and at
what price. It makes no claim on the person. `NOT_INFERRED` is told with each
profile. Two rules keep it:

- Events on items whose category or title has one of `WORDS`, and searches for
  them, are taken out before anything is counted. They are no evidence, they
  are not shown, and their number is not told either: a profile is the same
  with and without them.
- Users recorded as minors get no profile.

Who shops for baby goods may be a parent, expect a child, or look for a
present; which of them is nobody's business, and a guess that is right can hurt
more than one that is wrong. So the theme is called 选购母婴用品 (shops for
baby goods), it fades as its events grow old, pregnancy goods are among `WORDS`,
and nothing else (family, age, sex) follows from it. The same holds for the
other themes: they name goods, not people.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from applications.shop_log import ShopLog

NOT_INFERRED = (
    "健康与疾病、怀孕与生育",
    "宗教信仰",
    "性取向与性生活",
    "民族与种族",
    "政治观点与工会身份",
    "收入、负债与信用（只说在本店的价位偏好）",
    "精确位置（城市只取日志所记）",
    "未成年人（不做画像）",
    "家庭成员与婚姻状况、性别与年龄",
    "性格、心理与生物特征",
)
# In a category or a title, or in what is searched for.
WORDS = (
    # Health, pregnancy, intimate hygiene.
    "健康", "医", "药", "保健", "滋补", "维生素", "血压", "血糖", "助听",
    "轮椅", "体检", "减肥", "戒烟", "隐形眼镜", "孕", "产妇", "待产", "避孕",
    "计生", "女性护理", "卫生巾", "脱发", "health", "medic", "pharma",
    # Sexual life.
    "成人", "情趣", "性用品", "同志", "adult", "sexual",
    # Religion, ethnicity, politics.
    "宗教", "佛", "圣经", "古兰", "清真", "道教", "基督", "神龛", "民族",
    "政治", "党建", "religio", "politic",
    # Money.
    "贷款", "理财", "保险", "彩票", "信用卡", "典当", "loan", "lottery",
    # Arms and drugs.
    "管制", "烟草", "香烟", "tobacco",
)  # fmt: skip
# As users tables record them.
MINORS = ("under 18", "<18", "0-17", "13-17", "12-17", "未成年", "18岁以下")
_PATTERN = "|".join(WORDS)


def is_sensitive(texts: pa.Array) -> np.ndarray:
    """Returns bool [rows], whether each text has one of `WORDS`.

    >>> is_sensitive(pa.array(["健康/器械/血压计", "电脑/外设", ""])).tolist()
    [True, False, False]
    """
    found = pc.match_substring_regex(texts, _PATTERN, ignore_case=True)
    return np.asarray(pc.fill_null(found, False))


def without_sensitive(log: ShopLog) -> ShopLog:
    """Takes out all events on sensitive items and all searches for them."""
    items = is_sensitive(log.items["category"].combine_chunks())
    items |= is_sensitive(log.items["title"].combine_chunks())
    events = log.events
    hidden = np.append(items, False)[events.item]
    hidden |= is_sensitive(events.query.texts)[events.query.codes]
    return log.take(~hidden)


def is_minor(age_band: str) -> bool:
    """Says whether a user is recorded as a minor."""
    return age_band.strip().lower() in MINORS
