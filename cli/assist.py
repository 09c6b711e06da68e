"""`daogou assist`: a customer's question, what it is for, and an answer."""

import dataclasses
import json
import pathlib
import typing

import click

from cli import language_model, options

if typing.TYPE_CHECKING:
    from applications.assistant.assistant import Assistant, Reply
    from applications.copywriting.endpoint import Endpoint
    from applications.items import ItemTable
    from applications.shop import Shop
    from cli.main import Session
    from cli.reports import RunReport

policies_file = click.option(
    "--policies",
    type=click.Path(exists=True, dir_okay=False, path_type=pathlib.Path),
    default=None,
    metavar="FILE",
    help="What your shop says about orders: JSON of texts by return, "
    "exchange, invoice, shipping and warranty; the law's rules by default.",
)


@click.command(
    epilog=options.examples(
        'daogou assist "三百以内的无线鼠标有推荐吗"',
        'daogou assist "罗技和雷蛇的鼠标哪个好"',
        'daogou assist "买了手机还需要配什么" --user u0042 --json',
        'daogou assist "发票在哪里开" --policies policies.json',
    )
)
@click.argument("question")
@click.option(
    "--user",
    "user_id",
    default="",
    metavar="ID",
    help="Who asks; the history counts in the search.",
)
@click.option(
    "--k",
    type=click.IntRange(2, 10),
    default=3,
    show_default=True,
    help="How many items at most.",
)
@policies_file
@language_model.options
@options.server
@options.runs
@options.preset_of_newest_run
@options.as_json
@click.pass_obj
def assist(
    session: "Session",
    *,
    question: str,
    user_id: str,
    k: int,
    policies: pathlib.Path | None,
    endpoint: "Endpoint | None",
    server: str,
    runs: pathlib.Path,
    preset: str | None,
    as_json: bool,
) -> None:
    """Answer a customer's question in Chinese.

    Finds items, compares two, finds what goes with one, or says what the shop
    says about orders. Whatever is told of an item stands in the item table.
    """
    from cli.reports import newest_report
    from cli.terminal import libraries_hushed

    report = newest_report(runs, preset)
    with libraries_hushed(show=session.debug):
        from cli.run_parts import items_of, open_shop
        from serving import histories

        request = histories.request(report.place("histories"), user_id)
        items = items_of(report)
        with open_shop(report, server) as shop:
            assistant = make_assistant(report, shop, items, policies, endpoint)
            reply = assistant.answer(question, request, k)
    _print(report.preset, reply, assistant, as_json=as_json)


def make_assistant(
    report: "RunReport",
    shop: "Shop",
    items: "ItemTable",
    policies: pathlib.Path | None,
    endpoint: "Endpoint | None",
) -> "Assistant":
    """Puts the assistant of a run's shop together.

    Args:
      report: Of the run.
      shop: Which searches.
      items: Its items.
      policies: File of the shop's policies; None for the law's rules.
      endpoint: A language model that words the answers, if any.

    Raises:
      DataError: The histories or the policies cannot be read.
    """
    from applications.assistant.assistant import Assistant
    from applications.assistant.intents import read_examples
    from applications.assistant.policies import DEFAULT, read_policies
    from applications.assistant.relations import learn
    from serving.histories import HISTORIES_FILE

    place = report.place("histories")
    file = place / HISTORIES_FILE if place.is_dir() else place
    category_of = {i.item_id: i.category for i in items if i.category}
    return Assistant(
        shop,
        items,
        relations=learn(file, category_of),
        policies=read_policies(policies or DEFAULT),
        examples=read_examples(),
        endpoint=endpoint,
    )


def _print(
    preset: str, reply: "Reply", assistant: "Assistant", *, as_json: bool
) -> None:
    if as_json:
        document = {
            "preset": preset,
            "question": reply.question,
            "intent": str(reply.intent),
            "topic": str(reply.topic) if reply.topic else None,
            "answer": reply.text,
            "source": reply.source,
            "items": [dataclasses.asdict(item) for item in reply.items],
            "table": [list(row) for row in reply.table],
            "counts": dict(assistant.counts),
        }
        click.echo(json.dumps(document, ensure_ascii=False))
        return
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from cli.terminal import output_console

    console = output_console()
    topic = f" · {reply.topic}" if reply.topic else ""
    console.print(f"{reply.intent}{topic}", style="dim")
    console.print(Text(reply.text))
    if reply.table:
        table = Table(box=box.SIMPLE_HEAD, show_header=False)
        for _ in range(3):
            table.add_column(overflow="fold")
        for row in reply.table:
            table.add_row(*map(Text, row))
        console.print(table)
    elif reply.items:
        table = Table(box=box.SIMPLE_HEAD, show_edge=False)
        table.add_column("item", no_wrap=True)
        table.add_column("title", overflow="fold")
        table.add_column("price ¥", justify="right", no_wrap=True)
        for item in reply.items:
            price = "" if item.price is None else f"{item.price:,.2f}"
            table.add_row(*map(Text, (item.item_id, item.title, price)))
        console.print(table)
