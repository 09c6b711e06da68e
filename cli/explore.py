"""`daogou explore`: a user's page with slots for new and tail items."""

import dataclasses
import json
import pathlib
import typing

import click

from cli import options
from cli.terminal import libraries_hushed

if typing.TYPE_CHECKING:
    from cli.main import Session
    from serving.requests import Only

# Characters of a title that a table has room for.
_TITLE = 24


@click.command(
    epilog=options.examples(
        "daogou explore --preset demo --user u0042",
        "daogou explore --preset demo --user u0042 --quota 0.3 --seed 1 "
        "--category 电脑",
    )
)
@click.option(
    "--user", "user_id", required=True, metavar="ID", help="Whom for."
)
@click.option(
    "--k",
    type=click.IntRange(1, 100),
    default=10,
    show_default=True,
    help="Slots of the page.",
)
@click.option(
    "--quota",
    type=click.FloatRange(0, 1),
    default=0.2,
    show_default=True,
    help="Share of the slots for new and tail items.",
)
@click.option(
    "--boost",
    type=click.FloatRange(0),
    default=0.0,
    show_default=True,
    help="What an item that nobody chose gets on its score.",
)
@click.option(
    "--policy",
    type=click.Choice(["thompson", "greedy", "random"]),
    default="thompson",
    show_default=True,
    help="How what is explored is chosen.",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Equal seeds draw the same page.",
)
@options.only
@options.runs
@options.preset_of_newest_run
@options.as_json
@click.pass_obj
def explore(
    session: "Session",
    *,
    user_id: str,
    k: int,
    quota: float,
    boost: float,
    policy: str,
    seed: int,
    only: "Only",
    runs: pathlib.Path,
    preset: str | None,
    as_json: bool,
) -> None:
    """Recommend with slots for new items and the long tail, and say why.

    New is what was listed since or was hardly ever chosen; the tail is what
    is neither new nor of the fifth that is chosen most.
    """
    from cli.reports import newest_report

    report = newest_report(runs, preset)
    with libraries_hushed(show=session.debug):
        from applications.exploration.evidence import read_evidence
        from applications.exploration.settings import ExplorationSettings
        from applications.exploration.showing import explored_page
        from applications.shop_items import read_items
        from cli.run_parts import data_dir, examples_dir
        from serving import histories
        from serving.in_process import Recommender

        settings = ExplorationSettings(
            page=k,
            quota=quota,
            boost=boost,
            policy=policy,
            seed=seed,
            candidates=max(100, k),
        )
        request = histories.request(report.place("histories"), user_id)
        items = read_items(data_dir(runs, report))
        evidence = read_evidence(
            str(examples_dir(runs, report)),
            items,
            settings.head,
            request.timestamp,
        )
        page = explored_page(
            Recommender(report.place("servable"), one_call=True),
            request,
            evidence,
            items,
            settings,
            only=only,
        )
    if as_json:
        told = {
            "preset": report.preset,
            "user_id": user_id,
            "settings": dataclasses.asdict(settings),
            "page": [
                {**dataclasses.asdict(slot), "mark": slot.mark} for slot in page
            ],
        }
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    from cli.figures import print_table

    print_table(
        f"{user_id} · {report.preset}",
        ["", "item", "shown", "clicked", "believed", "drawn"],
        [
            (
                f"{slot.slot}. {slot.title[:_TITLE]}",
                [
                    slot.mark,
                    slot.item_id,
                    f"{slot.shown:,}",
                    f"{slot.clicked:,}",
                    ""
                    if slot.expected is None
                    else f"{slot.expected:.3f} ± {slot.deviation:.3f}",
                    "" if slot.drawn is None else f"{slot.drawn:.3f}",
                ],
            )
            for slot in page
        ],
    )
    click.echo(
        f"{sum(slot.explored for slot in page)} of {len(page)} slots explore; "
        "believed: the click rate by the ranking head and the log"
    )
