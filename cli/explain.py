"""`daogou explain`: recommendation reasons, descriptions, campaign copy."""

import dataclasses
import json
import pathlib
import typing

import click

from cli import language_model, options

if typing.TYPE_CHECKING:
    from applications.copywriting.copywriter import Copywriter, Text
    from applications.copywriting.endpoint import Endpoint
    from cli.main import Session


@dataclasses.dataclass(frozen=True, kw_only=True)
class Line:
    """What is printed of one text.

    Attributes:
      about: Id of the item or campaign.
      name: Its title.
      text: What shoppers read, and who wrote it.
      reason: The servable's word; empty where nobody is recommended anything.
      evidence: Item or search that it is there for.
    """

    about: str
    name: str
    text: "Text"
    reason: str = ""
    evidence: str = ""


@click.command(
    epilog=options.examples(
        "daogou explain --user u0042",
        "daogou explain --user u0042 --item i1234",
        "daogou explain --item i1234",
        "daogou explain --item i1234 --reviews reviews.csv",
        "daogou explain --campaign c022",
        "daogou explain --item i1234 --llm http://localhost:8000/v1 "
        "--llm-model qwen",
    )
)
@click.option(
    "--user",
    "user_id",
    default="",
    metavar="ID",
    help="Say why this user is recommended what comes first.",
)
@click.option(
    "--item",
    "item_id",
    default="",
    metavar="ID",
    help="Describe this item; with --user, say why the user might want it.",
)
@click.option(
    "--campaign",
    "campaign_id",
    default="",
    metavar="ID",
    help="Write the copy of this campaign.",
)
@options.how_many
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Another one gives other texts.",
)
@click.option(
    "--reviews",
    "reviews_path",
    type=click.Path(exists=True, dir_okay=False, path_type=pathlib.Path),
    default=None,
    metavar="FILE",
    help="What customers said, which descriptions quote: CSV with item_id or "
    "category, review, and label (1 approves) or rating.",
)
@language_model.options
@options.server
@options.runs
@options.preset_of_newest_run
@options.as_json
@click.pass_obj
def explain(
    session: "Session",
    *,
    user_id: str,
    item_id: str,
    campaign_id: str,
    k: int,
    seed: int,
    reviews_path: pathlib.Path | None,
    endpoint: "Endpoint | None",
    server: str,
    runs: pathlib.Path,
    preset: str | None,
    as_json: bool,
) -> None:
    """Write texts for shoppers from the facts of the item table.

    Reasons of recommended items, the description of an item, or the copy of a
    campaign. Nothing is claimed that is not in the data, and no word that
    advertising law bans is used.
    """
    from cli.reports import newest_report
    from cli.terminal import libraries_hushed

    if not (user_id or item_id or campaign_id):
        raise click.UsageError("give --user, --item or --campaign")
    if campaign_id and (user_id or item_id):
        raise click.UsageError("--campaign goes without --user and --item")
    report = newest_report(runs, preset)
    with libraries_hushed(show=session.debug):
        from applications.copywriting.copywriter import Copywriter
        from applications.copywriting.explaining import (
            explain as explain_items,
        )
        from applications.copywriting.writing import Writer, WriterSettings
        from cli.run_parts import items_of, open_shop
        from serving import histories

        items = items_of(report)
        copywriter = Copywriter(
            items.brands(),
            Writer(WriterSettings(seed=seed)),
            endpoint,
            _reviews(reviews_path, items),
        )
        if user_id:
            if item_id:
                _known_item(items, item_id)
            request = histories.request(report.place("histories"), user_id)
            with open_shop(report, server) as shop:
                found = explain_items(
                    shop, request, items, copywriter, k=k, item_id=item_id
                )
            lines = _reasons(found, user_id, item_id)
        elif item_id:
            lines = [_description(items, copywriter, item_id)]
        else:
            lines = [_copy(runs, report, items, copywriter, campaign_id)]
    _print(report.preset, lines, copywriter, as_json=as_json)


def _reviews(path, items):
    if path is None:
        return None
    from applications.copywriting.naming import product_name
    from applications.copywriting.reviews import read_reviews

    return read_reviews(path, items.brands() | set(map(product_name, items)))


def _reasons(found, user_id, item_id):
    from schema.errors import DataError

    if not found:
        which = f": item {item_id!r} is sold out" if item_id else ""
        raise DataError(f"nothing to recommend to {user_id!r}{which}")
    return [
        Line(
            about=one.item.item_id,
            name=one.item.title,
            text=one.text,
            reason=one.why.kind,
            evidence=one.why.query
            or (one.why.other.item_id if one.why.other else ""),
        )
        for one in found
    ]


def _description(items, copywriter, item_id):
    item = _known_item(items, item_id)
    return Line(about=item_id, name=item.title, text=copywriter.describe(item))


def _copy(runs, report, items, copywriter, campaign_id):
    from applications.copywriting.campaigns import read_campaigns
    from cli.run_parts import data_dir
    from schema.errors import DataError

    ids = frozenset(item.item_id for item in items)
    campaigns = read_campaigns(data_dir(runs, report), ids)
    if campaign_id not in campaigns:
        raise DataError(
            f"there is no campaign {campaign_id!r}; there: "
            + ", ".join(list(campaigns)[:10])
        )
    campaign = campaigns[campaign_id]
    scope = [
        item for item in items.find(campaign.item_ids).values() if item.in_stock
    ]
    text = copywriter.promote(campaign, scope)
    return Line(about=campaign_id, name=campaign.title, text=text)


def _known_item(items, item_id):
    from schema.errors import DataError

    if found := items.find([item_id]):
        return found[item_id]
    raise DataError(
        f"the item table has no item {item_id!r}; `daogou search` finds some"
    )


def _print(
    preset: str,
    lines: list[Line],
    copywriter: "Copywriter",
    *,
    as_json: bool,
) -> None:
    if as_json:
        document = {
            "preset": preset,
            "texts": [_line_json(line) for line in lines],
            "counts": dict(copywriter.counts),
        }
        click.echo(json.dumps(document, ensure_ascii=False))
        return
    from rich import box
    from rich.table import Table
    from rich.text import Text as Plain

    from cli.terminal import output_console

    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    table.add_column("id", no_wrap=True)
    table.add_column("title", no_wrap=True, max_width=30, overflow="ellipsis")
    table.add_column("text", overflow="fold")
    for line in lines:
        cells = (line.about, line.name, line.text.text)
        table.add_row(*map(Plain, cells))
    console = output_console()
    console.print(table)
    refused = [p.words for line in lines for p in line.text.refused]
    if refused:
        console.print(
            "not shown of what the language model wrote: "
            + "、".join(dict.fromkeys(refused)),
            markup=False,
        )
    if failed := copywriter.counts["failed"]:
        console.print(f"calls to the language model that failed: {failed}")


def _line_json(line: Line) -> dict:
    told = {
        "id": line.about,
        "title": line.name,
        "text": line.text.text,
        "source": line.text.source,
        "refused": [
            {"kind": str(p.kind), "words": p.words, "source": p.source}
            for p in line.text.refused
        ],
    }
    if line.reason:
        told |= {"reason": line.reason, "evidence": line.evidence}
    return told
