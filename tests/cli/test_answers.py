import dataclasses
import io
import json

import pytest
import rich.cells
import rich.console

from cli import answers
from cli.answers import Answer, Hit, print_answer
from cli.catalogue import Item
from cli.histories import Step, UserHistory

MOUSE = Item(
    item_id="i7",
    title="罗技 无线鼠标 静音 [官方旗舰店] 适用办公游戏",
    category="电脑/外设/鼠标",
    price=1099.0,
)
PAD = Item(item_id="i8", title="鼠标垫", category="电脑/外设/鼠标垫")
USER = UserHistory(
    user_id="u1",
    steps=tuple(
        Step(item_id=f"i{n}", event_type="click", timestamp=1_700_000_000)
        for n in (1, 2, 3, 7)
    ),
)


def _answer(**changes):
    return Answer(
        **{
            "preset": "demo",
            "version": "3",
            "asked": {"user_id": "u1"},
            "user": USER,
            "hits": (
                Hit(item=MOUSE, score=0.9, chances={"p_click": 0.25}),
                Hit(item=PAD, score=0.5, chances={"p_click": 0.125}),
            ),
            "about": {"i7": MOUSE},
            **changes,
        }
    )


@pytest.fixture
def shown(monkeypatch):
    """Prints an answer as on a terminal of a width; returns the lines."""

    def render(answer, width):
        console = rich.console.Console(
            file=io.StringIO(), width=width, color_system=None
        )
        monkeypatch.setattr(answers, "output_console", lambda: console)
        print_answer(answer, as_json=False)
        return console.file.getvalue().splitlines()

    return render


@pytest.mark.parametrize("width", [40, 60, 80, 140])
def test_wide_characters_fit_terminals_of_any_width(shown, width):
    lines = shown(_answer(), width)
    assert max(map(rich.cells.cell_len, lines)) <= width
    [row] = [line for line in lines if "0.9000" in line]
    assert row.split()[:2] == ["1", "i7"]
    assert "罗技" in row
    assert "1,099.00" in row


def test_narrow_tables_show_the_leaf_of_a_category(shown):
    assert not any("电脑/外设" in line for line in shown(_answer(), 100))
    assert any("电脑/外设/鼠标" in line for line in shown(_answer(), 140))


def test_an_inferred_category_is_marked(shown):
    told = dataclasses.replace(PAD, category_inferred=True)
    hits = (Hit(item=MOUSE, score=0.9), Hit(item=told, score=0.5))
    lines = shown(_answer(hits=hits), 140)
    assert any("电脑/外设/鼠标垫* " in line for line in lines)
    assert not any("电脑/外设/鼠标* " in line for line in lines)
    assert lines[-1] == answers.INFERRED_NOTE
    assert answers.INFERRED_NOTE not in shown(_answer(), 140)


def test_titles_are_no_markup_and_unknown_prices_are_empty(shown):
    lines = shown(_answer(), 140)
    assert any("[官方旗舰店]" in line for line in lines)
    [row] = [line for line in lines if "0.5000" in line]
    assert row.split() == ["2", "i8", "鼠标垫", "电脑/外设/鼠标垫", "0.5000"]


def test_the_last_steps_stand_above_newest_first(shown):
    lines = shown(_answer(), 80)
    assert lines[0] == "demo · version 3"
    assert lines[1] == "u1 · 4 steps, the last of them:"
    assert lines[2].startswith("  2023-11-14 click 罗技")
    assert lines[3:5] == ["  2023-11-14 click i3", "  2023-11-14 click i2"]


def test_unknown_users_are_told_so(shown):
    lines = shown(_answer(user=None), 80)
    assert lines[1] == "u1 is not in the log: as for a newcomer"


def test_columns_that_nobody_filled_are_left_out(shown):
    bare = Hit(item=Item(item_id="i9", title="Heat (1995)"), score=1.0)
    lines = shown(_answer(hits=(bare,)), 80)
    assert not any("category" in line or "price" in line for line in lines)


EXPLAINED = Hit(
    item=MOUSE,
    score=0.9,
    reason="history",
    evidence="i8",
    explanation="因为您收藏过「鼠标垫」",
)


@pytest.mark.parametrize("width", [60, 90, 140])
def test_reasons_take_the_place_of_categories(shown, width):
    lines = shown(_answer(hits=(EXPLAINED, Hit(item=PAD, score=0.5))), width)
    assert not any("category" in line for line in lines)
    assert any("why" in line for line in lines)
    [line] = [line for line in lines if " i7 " in line]
    assert "因为您收藏" in line
    assert rich.cells.cell_len(line) <= width


def test_json_tells_reasons_where_there_are_any(capsys):
    print_answer(
        _answer(hits=(EXPLAINED, Hit(item=PAD, score=0.5))), as_json=True
    )
    first, second = json.loads(capsys.readouterr().out)["results"]
    assert first["reason"] == "history"
    assert first["evidence"] == "i8"
    assert first["explanation"] == "因为您收藏过「鼠标垫」"
    assert "reason" not in second


def test_nothing_found(shown):
    assert shown(_answer(hits=()), 80)[-1] == "nothing found"


def test_json_has_everything_and_is_one_line(capsys):
    print_answer(_answer(), as_json=True)
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    document = json.loads(out)
    assert document["user_id"] == "u1"
    assert document["known_user"] is True
    assert len(document["history"]) == 4
    assert document["results"][0] == {
        "rank": 1,
        "item_id": "i7",
        "title": MOUSE.title,
        "category": "电脑/外设/鼠标",
        "category_inferred": False,
        "price": 1099.0,
        "score": 0.9,
        "p_click": 0.25,
    }
    assert document["results"][1]["price"] is None
    assert "鼠标" in out
