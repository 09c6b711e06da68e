from applications.understanding.attributes import Attributes
from applications.understanding.brands import Brands
from applications.understanding.spans import fold

TITLES = [
    "苹果 手机 256GB",
    "绿联 手机壳 苹果16适用",
    "绿联 手机壳 苹果15适用 远山蓝",
    "品胜 手机壳 苹果15适用 远山蓝",
    "罗技 鼠标 静音",
]
BRANDS = ["苹果", "绿联", "绿联", "品胜", "罗技"]
LEAVES = ["手机", "手机壳", "手机壳", "手机壳", "鼠标"]


def test_a_brand_named_later_is_not_the_items_brand():
    brands = Brands.learn(TITLES, BRANDS, LEAVES)
    found = brands.find(["手机壳 苹果16适用", "苹果 手机壳"], ["", ""])
    assert found[0] is None
    assert found[1].value == "苹果"
    found = brands.find(["绿联 手机壳 苹果14适用"], ["手机壳"])
    assert found[0].value == "绿联"


def test_evidence_is_where_the_title_says_it():
    brands = Brands.learn(["LOGI 鼠标"], ["LOGI"], ["鼠标"])
    title = "【新品】ＬＯＧＩ 无线鼠标"
    (found,) = brands.find([title])
    assert title[found.start : found.end] == "ＬＯＧＩ"
    assert found.value == "LOGI"
    # Not inside a longer Latin word.
    assert brands.find(["LOGISTICS 标签"]) == [None]


def test_a_brand_of_another_leaf_needs_more():
    brands = Brands.learn(
        ["红豆 衬衫", "红豆 衬衫", "品乐 红豆 500g"],
        ["红豆", "红豆", "品乐"],
        ["衬衫", "衬衫", "杂粮"],
    )
    assert brands.find(["红豆 薏米"], ["杂粮"]) == [None]
    assert brands.find(["红豆 短袖"], ["衬衫"])[0].value == "红豆"


def test_no_brands_at_all():
    assert Brands.learn(["鼠标"], [""], ["鼠标"]).find(["鼠标"]) == [None]


def _found(title, taught=()):
    attributes = Attributes.learn(taught)
    return [(f.name, f.value) for f in attributes.find([title])[0]]


def test_numbers_with_units():
    assert _found("苏泊尔 电饭煲 4升 860W") == [
        ("capacity", "4l"),
        ("power", "860w"),
    ]
    assert _found("手机 8GB+256GB 5000毫安") == [
        ("storage", "8gb+256gb"),
        ("battery", "5000mah"),
    ]
    assert _found("奶粉 900g×6罐 1.5米 M330") == [
        ("weight", "900g"),
        ("pack", "6罐"),
        ("size", "1.5米"),
        ("model", "m330"),
    ]
    assert _found("无线鼠标 静音") == []


def test_colours_and_materials_are_the_catalogues_own_words():
    taught = [
        "杯 远山蓝 304不锈钢",
        "壳 远山蓝",
        "锅 304不锈钢",
        "婴儿奶粉",
        "婴儿奶粉",
    ]
    assert _found("水杯 304不锈钢 远山蓝", taught) == [
        ("material", "304不锈钢"),
        ("colour", "远山蓝"),
    ]
    assert _found("婴儿奶粉", taught) == []
    # Nobody taught it.
    assert _found("水杯 远山蓝") == []


def test_brands_that_end_like_colours_are_none():
    taught = ["立白 洗衣液", "立白 洗洁精"]
    assert Attributes.learn(taught, brands=["立白"]).words == {}


def test_spans_are_of_the_title_as_it_was():
    title = "水壶 １．５Ｌ 红"
    (found,) = Attributes({}).find([title])[0]
    assert title[found.start : found.end] == "１．５Ｌ"
    assert fold(title).text == "水壶 1.5l 红"
