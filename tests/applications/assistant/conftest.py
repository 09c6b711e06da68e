import pytest

from applications.assistant.vocabulary import Vocabulary
from applications.items import Item, ItemTable


def item(number, title, category, price, **more):
    """An item whose title is brand, name and tags."""
    brand, name, *tags = title.split()
    return Item(
        item_id=f"i{number}",
        title=title,
        description=f"{brand}{name}，{'，'.join(tags)}。",
        category=category,
        brand=brand,
        price=price,
        tags=tuple(tags),
        **more,
    )


ROWS = (
    ("罗技 无线鼠标 静音 蓝牙双模", "电脑/外设/鼠标", 99.0),
    ("罗技 鼠标 便携", "电脑/外设/鼠标", 299.0),
    ("雷蛇 鼠标 电竞", "电脑/外设/鼠标", 399.0),
    ("雷柏 无线鼠标 静音", "电脑/外设/鼠标", 59.0),
    ("达尔优 鼠标垫 超大号", "电脑/外设/鼠标垫", 19.9),
    ("樱桃 机械键盘 红轴 87键", "电脑/外设/键盘", 499.0),
    ("雷柏 机械键盘 青轴 104键", "电脑/外设/键盘", 199.0),
    ("联想 笔记本电脑 16GB+1TB", "电脑/整机/笔记本", 4999.0),
    ("小米 智能手机 8GB+256GB 全网通", "数码/手机/智能手机", 1999.0),
    ("守护宝 老年手机 大字体大音量", "数码/手机/老人机", 199.0),
    ("品胜 手机壳 苹果16适用 液态硅胶", "数码/手机配件/手机壳", 25.9),
    ("图拉斯 手机壳 小米15适用", "数码/手机配件/手机壳", 35.9),
    ("品胜 手机膜 苹果16适用", "数码/手机配件/手机膜", 15.9),
    ("海信 液晶电视 75英寸 4K超高清", "家电/大家电/电视", 3999.0),
    ("康佳 液晶电视 55英寸", "家电/大家电/电视", 1999.0),
    ("十月稻田 小米 500g", "食品/粮油/五谷杂粮", 15.9),
    ("佳沃 苹果 5斤", "食品/生鲜/水果", 39.9),
    ("波司登 羽绒服女 短款", "服饰/女装/女士羽绒服", 899.0),
    ("雪中飞 羽绒服男 短款", "服饰/男装/男士羽绒服", 599.0),
    ("膳魔师 保温杯 304不锈钢 500ml", "厨具/水具/保温杯", 129.0),
    ("虎牌 保温杯 316不锈钢 500ml", "厨具/水具/保温杯", 199.0),
    ("苹果 平板电脑 11英寸", "数码/智能设备/平板电脑", 3999.0),
)


@pytest.fixture(scope="session")
def table():
    import pyarrow as pa

    items = [item(n, *row) for n, row in enumerate(ROWS)]
    rows = [
        {name: getattr(one, name) for name in one.__dataclass_fields__}
        for one in items
    ]
    return ItemTable(pa.Table.from_pylist(rows))


@pytest.fixture(scope="session")
def vocabulary(table):
    return Vocabulary(table)
