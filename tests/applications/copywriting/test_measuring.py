import pyarrow as pa
import pytest

from applications.copywriting.copywriter import Copywriter
from applications.copywriting.measuring import Auditor, distinct
from applications.items import Item, ItemTable
from benchmarks.copywriting import row_of, run

MOUSE = Item(
    item_id="i1",
    title="罗技 无线鼠标 静音",
    brand="罗技",
    price=99.5,
    tags=("静音",),
)
POT = Item(
    item_id="i2", title="美的 电饭煲 3L", brand="美的", tags=("3L", "低糖")
)


def test_distinct_counts_different_grams():
    # 静音, 音鼠, 鼠标; 静音, 音键, 键盘: five of six.
    assert distinct(["静音鼠标", "静音键盘"], 2) == pytest.approx(5 / 6)
    assert distinct(["好"], 2) == 0


def test_the_auditor_finds_words_and_numbers_of_others():
    auditor = Auditor([MOUSE, POT])
    assert auditor.foreign("罗技静音，99.5元", row_of(MOUSE)) == []
    assert auditor.foreign("美的静音，低糖，3L，98元", row_of(MOUSE)) == [
        "3",
        "98",
        "美的",
        "低糖",
        "3L",
    ]


def test_figures_of_a_shop_of_two():
    rows = [
        {name: getattr(i, name) for name in i.__dataclass_fields__}
        for i in (MOUSE, POT)
    ]
    table = ItemTable(pa.Table.from_pylist(rows))
    result = run(table, [], [], Copywriter(table.brands()))
    told = result["texts"]["description"]
    assert told["texts"] == 2
    assert told["unsupported"] == told["banned"] == told["foreign"] == 0
    assert told["nothing"] == 0
    assert told["different"] == 1
    # Each is told one lie of each kind, unless it drew a truth.
    assert all(p["caught"] == 1 for p in result["planted"].values())
    assert result["planted"]["banned word"]["texts"] == 2
    assert result["sources"] == {"template": 2}
