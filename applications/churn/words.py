"""What each feature is called and how it is told to a marketing team."""

import dataclasses
import math


@dataclasses.dataclass(frozen=True)
class Feature:
    """A column that the model reads.

    Attributes:
      name: Of the column.
      words: Chinese, with `{value}` in some format, and `{look_back}` and
        `{half}` for days.
      missing: Chinese where there is no value.
      is_text: Whether values are names without an order.
      no: Chinese where a yes-or-no value is 0.
      driver: Features of one driver are told as one; its own name if empty.
    """

    name: str
    words: str
    missing: str = "没有记录"
    is_text: bool = False
    no: str = ""
    driver: str = ""

    def tell(self, value: float | str, look_back_days: float) -> str:
        """Returns the feature of one user in words.

        Args:
          value: NaN or `""` where unknown.
          look_back_days: Of the settings.
        """
        if value == "" or (isinstance(value, float) and math.isnan(value)):
            return self.missing
        words = self.no if self.no and not value else self.words
        return words.format(
            value=value,
            look_back=f"{look_back_days:g}",
            half=f"{look_back_days / 2:g}",
        )


INTEREST = "interest"
FEATURES = (
    Feature("recency_days", "已 {value:.1f} 天没有来"),
    Feature(
        "recency_over_gap",
        "没有来的时间是平常间隔的 {value:.1f} 倍",
        "只来过一次，没有平常间隔",
    ),
    Feature("expected_absence", "按以往的频率，接下来不来的可能为 {value:.0%}"),
    Feature("missed_visits", "按平常的频率，离开期间本该来 {value:.1f} 次"),
    Feature("visits", "近 {look_back} 天来过 {value:.0f} 次"),
    Feature("visits_half", "近 {half} 天来过 {value:.0f} 次"),
    Feature("active_days", "近 {look_back} 天中有 {value:.0f} 天来过"),
    Feature("visits_a_week", "平均每周来 {value:.1f} 次"),
    Feature("gap_mean", "平均每 {value:.1f} 天来一次", "只来过一次"),
    Feature(
        "gap_sd", "来访间隔的波动为 {value:.1f} 天", "来访太少，看不出规律"
    ),
    Feature("trend", "近 {half} 天来访是再往前 {half} 天的 {value:.1f} 倍"),
    Feature("trend_week", "本周来访是上周的 {value:.1f} 倍", "还看不到上周"),
    Feature("registered_days", "注册已 {value:.0f} 天", "注册时间未知"),
    Feature("actions_a_visit", "每次来访有 {value:.1f} 个动作"),
    Feature("visit_minutes", "每次来访停留 {value:.0f} 分钟"),
    Feature("click_rate", "看到的商品点开 {value:.0%}", "没有曝光记录"),
    Feature("cart_rate", "点开的商品加购 {value:.0%}", "没有点开商品"),
    Feature("buy_rate", "点开的商品购买 {value:.0%}", "没有点开商品"),
    Feature("favorites", "近 {look_back} 天收藏 {value:.0f} 次"),
    Feature("orders", "近 {look_back} 天下单 {value:.0f} 次"),
    Feature("buy_recency", "距上次下单 {value:.1f} 天", "没有下过单"),
    Feature("spend", "近 {look_back} 天消费 {value:.0f} 元"),
    Feature("spend_total", "累计消费 {value:.0f} 元"),
    Feature(
        "last_visit_deep", "上次来访加购或下单了", no="上次来访没有加购或下单"
    ),
    Feature("categories", "近 {look_back} 天看过 {value:.0f} 个类目"),
    Feature(
        "top_category_share",
        "{value:.0%} 的动作集中在一个类目",
        "没有带类目的动作",
    ),
    Feature("search_share", "动作中搜索占 {value:.0%}"),
    Feature("campaign_share", "动作中活动页占 {value:.0%}"),
    Feature("weekend_share", "周末来访占 {value:.0%}"),
    Feature("evening_share", "晚间（18 点后）来访占 {value:.0%}"),
    Feature("daytime_share", "工作时段（9 到 18 点）来访占 {value:.0%}"),
    Feature("gender", "性别 {value}", "性别未知", is_text=True),
    Feature("age_band", "年龄段 {value}", "年龄段未知", is_text=True),
    Feature("level", "会员等级 {value}", "会员等级未知", is_text=True),
    Feature("city", "城市 {value}", "城市未知", is_text=True),
    Feature("device", "设备 {value}", "设备未知", is_text=True),
)


def vector_features(count: int) -> tuple[Feature, ...]:
    """Returns the features of a query vector; they are one driver."""
    return tuple(
        Feature(f"vector_{n}", "近期兴趣", driver=INTEREST)
        for n in range(count)
    )
