"""`daogou users`, `recommend`, `search`, `similar`: ask the pushed model."""

import pathlib
import typing

import click

from cli import options, run_parts
from cli.ruled import Ruled, ruled

if typing.TYPE_CHECKING:
    from cli.main import Session
    from serving.requests import Only, Page


@click.command(epilog=options.examples("daogou users --n 3 --preset demo"))
@click.option(
    "--n",
    "count",
    type=click.IntRange(1, 1000),
    default=5,
    show_default=True,
    help="How many.",
)
@options.runs
@options.preset_of_newest_run
@options.as_json
def users(
    *, count: int, runs: pathlib.Path, preset: str | None, as_json: bool
) -> None:
    """List some users to try, with what they did last."""
    from cli.answers import print_users
    from cli.histories import sample_users
    from cli.reports import newest_report

    found = newest_report(runs, preset)
    sample = sample_users(found.place("histories"), count)
    print_users(sample, as_json=as_json)


@click.command(
    epilog=options.examples(
        "daogou recommend --user u0042",
        "daogou recommend --user u0042 --max-per-category 2 --explain",
        "daogou recommend --user 196 --k 20 --preset movielens --json",
        "daogou recommend --user u0042 --server localhost:8500",
        "daogou recommend --user u0042 --at '2025-11-12 20:00' --scene home",
    )
)
@click.option(
    "--user", "user_id", required=True, metavar="ID", help="Whom for."
)
@options.how_many
@options.only
@options.page
@ruled
@options.server
@options.runs
@options.preset_of_newest_run
@options.as_json
@click.pass_obj
def recommend(
    session: "Session",
    *,
    user_id: str,
    k: int,
    only: "Only",
    page: "Page",
    ruled: Ruled,
    server: str,
    runs: pathlib.Path,
    preset: str | None,
    as_json: bool,
) -> None:
    """Recommend items to a user of the newest run.

    A user who is not in the log gets what a newcomer gets.
    """
    from cli import asking
    from cli.answers import print_answer
    from cli.reports import newest_report

    report = newest_report(runs, preset)
    answer = asking.recommend(
        report,
        user_id,
        k,
        only=only,
        page=page,
        ruled=ruled,
        data=run_parts.data_dir(runs, report),
        server=server,
        show_noise=session.debug,
    )
    print_answer(answer, as_json=as_json)


@click.command(
    epilog=options.examples(
        'daogou search "无线鼠标"',
        'daogou search "无线鼠标" --user u0042 --k 5',
        'daogou search "无线鼠标" --category 电脑 --max-price 100',
    )
)
@click.argument("query")
@click.option(
    "--user",
    "user_id",
    default="",
    metavar="ID",
    help="Whose history to take into account.",
)
@options.how_many
@options.only
@options.page
@ruled
@options.server
@options.runs
@options.preset_of_newest_run
@options.as_json
@click.pass_obj
def search(
    session: "Session",
    *,
    query: str,
    user_id: str,
    k: int,
    only: "Only",
    page: "Page",
    ruled: Ruled,
    server: str,
    runs: pathlib.Path,
    preset: str | None,
    as_json: bool,
) -> None:
    """Search the catalogue by meaning, for a user if one is given."""
    from cli import asking
    from cli.answers import print_answer
    from cli.reports import newest_report

    query = query.strip()
    if not query:
        raise click.BadParameter("it is empty", param_hint="QUERY")
    report = newest_report(runs, preset)
    answer = asking.search(
        report,
        query,
        user_id,
        k,
        only=only,
        page=page,
        ruled=ruled,
        data=run_parts.data_dir(runs, report),
        server=server,
        show_noise=session.debug,
    )
    print_answer(answer, as_json=as_json)


@click.command(epilog=options.examples("daogou similar --item i01234"))
@click.option(
    "--item", "item_id", required=True, metavar="ID", help="Like which item."
)
@options.how_many
@options.only
@options.server
@options.runs
@options.preset_of_newest_run
@options.as_json
@click.pass_obj
def similar(
    session: "Session",
    *,
    item_id: str,
    k: int,
    only: "Only",
    server: str,
    runs: pathlib.Path,
    preset: str | None,
    as_json: bool,
) -> None:
    """List items that are like an item."""
    from cli import asking
    from cli.answers import print_answer
    from cli.reports import newest_report

    answer = asking.similar(
        newest_report(runs, preset),
        item_id,
        k,
        only=only,
        server=server,
        show_noise=session.debug,
    )
    print_answer(answer, as_json=as_json)
