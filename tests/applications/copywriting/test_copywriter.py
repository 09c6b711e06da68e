import collections

import pytest

from applications.copywriting import templates
from applications.copywriting.campaigns import Campaign, read_campaigns
from applications.copywriting.checking import check
from applications.copywriting.copywriter import (
    BY_NOTHING,
    BY_TEMPLATE,
    Copywriter,
)
from applications.copywriting.facts import (
    campaign_facts,
    item_facts,
    price_pieces,
)
from applications.copywriting.naming import headline, points, tips
from applications.copywriting.reasons import Why, reason_facts, why_shown
from applications.copywriting.writing import Writer, WriterSettings
from applications.items import Item
from datasets.mall import generator
from datasets.mall.settings import MallSettings
from schema.errors import DataError
from schema.settings import SettingsError

PLAIN = Item(
    item_id="i1",
    title="JBL RX-34G 降噪耳机 主动降噪 雾蓝 热销",
    description="JBL降噪耳机，主动降噪，雾蓝。附赠说明书。",
    category="数码/影音/头戴耳机",
    brand="JBL",
    price=459.0,
    tags=("主动降噪", "雾蓝"),
)
BOASTING = Item(
    item_id="i2",
    title="全网第一 顶级耳机",
    description="国家级品质。",
    tags=("极致音质",),
)


@pytest.fixture(scope="module")
def mall(tmp_path_factory):
    """Items and campaigns of the smallest mall."""
    import pyarrow.parquet as pq

    from applications.items import ItemTable

    folder = tmp_path_factory.mktemp("mall")
    settings = MallSettings(
        num_items=400, num_users=20, num_days=6, sessions_per_user_day=0.05
    )
    generator.generate(settings, folder)
    items = ItemTable(pq.read_table(folder / "items"))
    ids = frozenset(item.item_id for item in items)
    return items, read_campaigns(folder, ids)


def test_names_are_words_of_the_title():
    assert headline(PLAIN) == "JBL降噪耳机"
    assert points(PLAIN) == ["主动降噪", "雾蓝"]
    assert tips(PLAIN) == ["附赠说明书"]
    assert headline(Item(item_id="i", title="Keep Yoga", brand="Keep")) == (
        "Keep Yoga"
    )
    long = "Fuhlen 富勒 M8眩光舞者时尚节能无线鼠标(草绿)(眩光.悦动.时尚炫舞)"
    assert headline(Item(item_id="i", title=long)) == (
        "Fuhlen 富勒 M8眩光舞者时尚节能无线鼠标"
    )
    assert headline(Item(item_id="i")) == ""


def test_prices_are_written_as_shops_do():
    assert price_pieces(35.9) == ["35.90元", "35.9元", "¥35.9", "¥35.90"]
    # 12.55 is not 12.6.
    assert price_pieces(12.55) == ["12.55元", "¥12.55"]
    assert price_pieces(None) == []


def test_all_of_the_mall_gets_texts_that_pass(mall):
    items, campaigns = mall
    copywriter = Copywriter(items.brands())
    texts = []
    for item in items:
        text = copywriter.describe(item)
        assert text.source == BY_TEMPLATE
        assert not check(text.text, item_facts(item, items.brands()))
        assert headline(item) in text.text or item.leaf in text.text
        texts.append(text.text)
    assert len(set(texts)) == len(texts)
    for campaign in campaigns.values():
        scope = list(items.find(campaign.item_ids).values())
        text = copywriter.promote(campaign, scope)
        assert text.source == BY_TEMPLATE
        assert campaign.title in text.text
    assert {c.kind for c in campaigns.values()} >= {"coupon", "flash_sale"}


def test_every_template_passes_where_its_words_are_there():
    """Property: no template claims anything by itself."""
    facts = item_facts(PLAIN)
    writer = Writer(WriterSettings(max_candidates=200))
    described = list(writer.describe(PLAIN))
    assert len(set(described)) > 20
    assert [t for t in described if check(t, facts)] == []
    other = Item(
        item_id="i9",
        title="JBL 蓝牙音箱",
        brand="JBL",
        category="数码/影音/蓝牙音箱",
    )
    for why in (
        Why(kind="history", done="购买", other=other),
        Why(kind="again", done="收藏"),
        Why(kind="search", query="降噪耳机 通勤"),
        Why(kind="popular"),
        Why(kind="unseen"),
        Why(kind="general"),
    ):
        facts = reason_facts(PLAIN, why)
        texts = list(writer.reason(PLAIN, why))
        assert len(texts) >= 3
        assert [t for t in texts if check(t, facts)] == []
    for kind, lines in templates.CAMPAIGNS.items():
        campaign = Campaign(
            campaign_id="c1",
            title="耳机节",
            description="满99元可用",
            kind=kind,
            starts_at=1_762_617_600,
            ends_at=1_762_876_800,
            discount=0.27,
        )
        facts = campaign_facts(campaign) | item_facts(PLAIN)
        texts = list(writer.promote(campaign, [PLAIN]))
        assert len(texts) == len(lines)
        assert [t for t in texts if check(t, facts)] == []
    for text in templates.NOTHING.values():
        assert check(text, campaign_facts(campaign)) == []


def test_days_and_discounts_of_a_campaign_are_its_own():
    campaign = Campaign(
        campaign_id="c1",
        title="限时秒杀",
        description="售完即止",
        kind="flash_sale",
        starts_at=1_762_617_600,
        ends_at=1_762_704_000,
        discount=0.27,
    )
    facts = campaign_facts(campaign)
    # It ends at midnight: the 9th is its only day.
    assert check("11月9日，优惠27%，7.3折", facts) == []
    assert check("11月10日", facts)
    assert check("优惠28%", facts)
    festival = Campaign(
        campaign_id="c2", title="年货节", kind="festival", discount=0.2
    )
    # The share of a festival is its largest, not everyone's.
    assert check("优惠20%", campaign_facts(festival))


def test_the_same_seed_writes_the_same_text_and_another_one_others(mall):
    items, _ = mall
    some = list(items)[:40]

    def write(seed):
        writer = Writer(WriterSettings(seed=seed))
        return [Copywriter(writer=writer).describe(i).text for i in some]

    assert write(1) == write(1)
    different = sum(a != b for a, b in zip(write(1), write(2), strict=True))
    assert different > 30


def test_an_item_that_only_boasts_is_told_without_boasting():
    copywriter = Copywriter()
    text = copywriter.describe(BOASTING)
    assert text.source in (BY_TEMPLATE, BY_NOTHING)
    assert "第一" not in text.text
    assert "极致" not in text.text
    # Nothing is known of it at all.
    empty = copywriter.describe(Item(item_id="i0"))
    assert empty.text == "更多信息请看商品页。"
    reason = copywriter.reason(BOASTING, Why(kind="general"))
    assert reason.text == templates.NOTHING["reason"]
    assert reason.source == BY_NOTHING


def test_reasons_are_read_as_the_servable_gives_them():
    events = collections.defaultdict(list)
    events["i7"] += ["view", "buy", "click"]
    events["i1"] += ["view"]
    other = Item(item_id="i7", title="JBL 蓝牙音箱")
    items = {"i7": other}

    def why(reason, evidence):
        return why_shown(PLAIN, reason, evidence, events=events, items=items)

    assert why("history", "i7") == Why(kind="history", done="购买", other=other)
    assert why("history", "i1") == Why(kind="again", done="浏览")
    assert why("search", "耳机") == Why(kind="search", query="耳机")
    assert why("popular", "") == Why(kind="popular")
    assert why("something new", "") == Why(kind="general")
    text = Copywriter().reason(PLAIN, why("history", "i7")).text
    assert "购买过「JBL" in text or text.startswith("根据您的浏览记录")
    # The item of the history is gone from the table.
    gone = Why(kind="history", done="购买", other=None)
    assert Copywriter().reason(PLAIN, gone).text


def test_campaigns_need_their_table(tmp_path):
    with pytest.raises(DataError, match="holds no campaigns"):
        read_campaigns(tmp_path, frozenset())


def test_settings_say_what_is_allowed():
    with pytest.raises(SettingsError, match="max_points is 0; allowed: 1 to"):
        WriterSettings(max_points=0)
