import pytest

from applications.assistant.amounts import (
    NO_LIMIT,
    Prices,
    find_prices,
    number,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("1999", 1999),
        ("12.5", 12.5),
        ("3k", 3000),
        ("3千", 3000),
        ("十", 10),
        ("十五", 15),
        ("二十", 20),
        ("三百", 300),
        ("三百五", 350),
        ("三百零五", 305),
        ("三百五十六", 356),
        ("两千", 2000),
        ("两千三", 2300),
        ("一万", 10_000),
        ("一万二", 12_000),
        ("十二万", 120_000),
    ],
)
def test_numbers(text, value):
    assert number(text) == value


@pytest.mark.parametrize("text", ["三四", "贵", "两两百"])
def test_what_is_no_number(text):
    with pytest.raises(ValueError, match="is no number"):
        number(text)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("三百以内的无线鼠标", 0, 300),
        ("300块钱以下的", 0, 300),
        ("不到一百块的键盘", 0, 100),
        ("不要超过两百的路由器", 0, 200),
        ("预算四百", 0, 400),
        ("预算只有1.5k", 0, 1500),
        ("一千元以上的", 1000, None),
        ("一百五以上", 150, None),
        ("超过500的不看便宜的", 500, None),
        ("200-500元的", 200, 500),
        ("两百到五百", 200, 500),
        ("三到五百的", 300, 500),
        ("三千至五千块", 3000, 5000),
        ("三四百的冲锋衣", 300, 499),
        ("一千多的手机", 1000, 1999),
        ("一百多", 100, 199),
        ("100元左右", 70, 130),
        ("一千上下", 700, 1300),
        ("50块的杯子", 35, 65),
    ],
)
def test_limits(text, low, high):
    assert find_prices(text)[0] == Prices(low, high)


@pytest.mark.parametrize(
    "text",
    [
        "六个月以内的宝宝",
        "20寸以上的箱子",
        "能住四个人的帐篷",
        "三岁以下",
        "1.5匹还是2匹",
        "128gb以上",
        "苹果16配什么壳",
        "十二个月以上",
        "鼠标",
    ],
)
def test_other_numbers_are_no_prices(text):
    assert find_prices(text) == (NO_LIMIT, text)


def test_a_wish_without_a_number():
    assert find_prices("便宜点的手环")[0] == Prices(wish="low")
    assert find_prices("不要太贵")[0] == Prices(wish="low")
    assert find_prices("上档次的茶具")[0] == Prices(wish="high")
    assert not find_prices("便宜点的手环")[0]


def test_what_gave_the_limits_is_taken_out():
    assert find_prices("想要300元以内的鼠标")[1] == "想要的鼠标"
