"""Prints what the model answered: a table for people, JSON for machines."""

import dataclasses
import datetime
import json
import typing

import click

from cli.catalogue import Item
from cli.histories import UserHistory
from cli.terminal import output_console
from schema.contract import CATEGORY_SEPARATOR

if typing.TYPE_CHECKING:
    import rich.console
    import rich.table

# Above it a table has room for whole category paths.
WIDE_COLUMNS = 110
# Below it a table has no room for categories at all.
NARROW_COLUMNS = 60
LONGEST_ID = 16
NUMBERS = ("#", "price ¥", "score")
# Columns that are cut where a terminal is narrow.
GIVING_WAY = ("title", "category", "why")
# How much of the room that is left the others leave the title.
SHARES = {"category": 0.25, "why": 0.5}
# What rich puts between two columns, with the padding.
COLUMN_GAP = 2
# Behind a category that no shop has said, and below the table.
INFERRED = "*"
INFERRED_NOTE = "* category inferred from the words of the item"
# Steps of the history that are named above a table.
SHOWN_STEPS = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Hit:
    """One item of an answer.

    Attributes:
      item: What the catalogue knows of it.
      score: As the signature gave it; higher is better.
      chances: `p_<head>` of each ranking head, 0 to 1; empty for `similar`.
      reason: Why it is there, as the servable calls it; empty if not asked.
      evidence: The item of the history, or the search, that it is there for.
      explanation: The reason as a sentence.
    """

    item: Item
    score: float
    chances: dict[str, float] = dataclasses.field(default_factory=dict)
    reason: str = ""
    evidence: str = ""
    explanation: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """What was asked and what came back.

    Attributes:
      preset: Whose model answered.
      version: Of the model.
      asked: What was asked: `user_id`, `query` or `item_id`; `rules`, the
        names of those that hold, where there are any.
      user: The user's history; None without a user or for an unknown one.
      hits: Best first.
      about: Items that the lines above the table name: the last of the
        history, or the item whose like was asked for.
    """

    preset: str
    version: str
    asked: dict[str, str]
    user: UserHistory | None
    hits: tuple[Hit, ...]
    about: dict[str, Item]


def print_answer(answer: Answer, *, as_json: bool) -> None:
    """Prints an answer on stdout.

    Args:
      answer: What to print.
      as_json: As one JSON document.
    """
    if as_json:
        click.echo(json.dumps(_answer_json(answer), ensure_ascii=False))
        return
    console = output_console()
    for line in _heading(answer):
        console.print(line, markup=False, no_wrap=True, overflow="ellipsis")
    console.print()
    if answer.hits:
        console.print(_table(answer.hits, console.width))
        if any(hit.item.category_inferred for hit in answer.hits):
            console.print(INFERRED_NOTE, markup=False)
    else:
        console.print("nothing found")


def print_users(users: list[UserHistory], *, as_json: bool) -> None:
    """Prints users to try, with their last steps, on stdout.

    Args:
      users: Whom.
      as_json: As one JSON document.
    """
    if as_json:
        document = {"users": [dataclasses.asdict(user) for user in users]}
        click.echo(json.dumps(document, ensure_ascii=False))
        return
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("user", no_wrap=True)
    table.add_column("steps", justify="right")
    table.add_column("last", no_wrap=True)
    table.add_column("last items", no_wrap=True, overflow="ellipsis")
    for user in users:
        last = user.steps[-SHOWN_STEPS:][::-1]
        table.add_row(
            _text(user.user_id),
            str(len(user.steps)),
            _day(user.steps[-1].timestamp),
            _text(", ".join(step.item_id for step in last)),
        )
    output_console().print(table)


def _answer_json(answer: Answer) -> dict:
    history = answer.user.steps if answer.user else ()
    return {
        "preset": answer.preset,
        "version": answer.version,
        **answer.asked,
        "known_user": answer.user is not None,
        "history": [dataclasses.asdict(step) for step in history],
        "results": [
            {
                "rank": rank,
                **dataclasses.asdict(hit.item),
                "score": hit.score,
                **hit.chances,
                **_reason_json(hit),
            }
            for rank, hit in enumerate(answer.hits, start=1)
        ],
    }


def _reason_json(hit: Hit) -> dict[str, str]:
    if not hit.reason:
        return {}
    return {
        "reason": hit.reason,
        "evidence": hit.evidence,
        "explanation": hit.explanation,
    }


def _heading(answer: Answer) -> list[str]:
    lines = [f"{answer.preset} · version {answer.version}"]
    if query := answer.asked.get("query"):
        lines.append(f"search: {query}")
    if "rules" in answer.asked:
        lines.append(f"rules: {answer.asked['rules'] or 'none holds'}")
    if item_id := answer.asked.get("item_id"):
        item = answer.about.get(item_id, Item(item_id=item_id))
        lines.append(f"like {item_id}: {_name(item)}")
    user_id = answer.asked.get("user_id")
    if user_id and answer.user is None:
        lines.append(f"{user_id} is not in the log: as for a newcomer")
    elif answer.user is not None:
        steps = answer.user.steps
        lines.append(f"{user_id} · {len(steps)} steps, the last of them:")
        for step in steps[-SHOWN_STEPS:][::-1]:
            item = answer.about.get(step.item_id, Item(item_id=step.item_id))
            when = _day(step.timestamp)
            lines.append(f"  {when} {step.event_type} {_name(item)}")
    return lines


def _name(item: Item) -> str:
    return item.title or item.item_id


def _table(hits: tuple[Hit, ...], width: int) -> "rich.table.Table":
    from rich import box
    from rich.table import Table

    columns = _columns(hits, width)
    # Numbers and ids keep their width; title and category share the rest.
    rest = width - sum(
        _widest(name, cells) + COLUMN_GAP
        for name, cells in columns.items()
        if name not in GIVING_WAY
    )
    room = {"title": rest - COLUMN_GAP}
    for name, share in SHARES.items():
        if name in columns:
            room[name] = min(_widest(name, columns[name]), int(rest * share))
            room["title"] -= room[name] + COLUMN_GAP
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for name, cells in columns.items():
        widest = _widest(name, cells)
        table.add_column(
            name,
            justify="right" if name in NUMBERS else "left",
            width=max(min(widest, room.get(name, widest)), 1),
            no_wrap=name != "item",
            overflow="fold" if name == "item" else "ellipsis",
        )
    for row in zip(*columns.values(), strict=True):
        table.add_row(*map(_text, row))
    return table


def _columns(hits: tuple[Hit, ...], width: int) -> dict[str, list[str]]:
    """Returns the cells of each column that has something to show."""
    columns = {
        "#": [str(rank) for rank in range(1, len(hits) + 1)],
        "item": [hit.item.item_id for hit in hits],
        "title": [hit.item.title for hit in hits],
    }
    # A reason takes the place of the category: there is no room for both.
    categories = [_category(hit.item, width) for hit in hits]
    if any(hit.reason for hit in hits):
        columns["why"] = [hit.explanation for hit in hits]
    elif any(categories) and width >= NARROW_COLUMNS:
        columns["category"] = categories
    prices = [_price(hit.item.price) for hit in hits]
    if any(prices):
        columns["price ¥"] = prices
    columns["score"] = [f"{hit.score:.4f}" for hit in hits]
    return columns


def _widest(name: str, cells: list[str]) -> int:
    """Returns the columns of a terminal that a table's column wants."""
    from rich.cells import cell_len

    widest = max(map(cell_len, (name, *cells)))
    return min(widest, LONGEST_ID) if name == "item" else widest


def _price(price: float | None) -> str:
    return "" if price is None else f"{price:,.2f}"


def _category(item: Item, width: int) -> str:
    """Returns the whole path, or its leaf where columns are short."""
    shown = item.category
    if width < WIDE_COLUMNS:
        shown = shown.rpartition(CATEGORY_SEPARATOR)[2]
    return shown + INFERRED if item.category_inferred else shown


def _day(timestamp: int) -> str:
    moment = datetime.datetime.fromtimestamp(timestamp, datetime.UTC)
    return moment.strftime("%Y-%m-%d")


def _text(text: str):
    """Keeps rich from reading `[…]` in a title as its markup."""
    from rich.text import Text

    return Text(text)
