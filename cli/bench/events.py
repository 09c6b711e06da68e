"""`daogou bench events`: what an event costs, however long the log is."""

import functools
import pathlib
import typing

import click

from cli import options
from cli.figures import check_folder, give, json_file
from cli.terminal import libraries_hushed

if typing.TYPE_CHECKING:
    from cli.main import Session


@click.command(
    epilog=options.examples(
        "daogou bench events",
        "daogou bench events --events 1000000 --events 10000000 "
        "--hot-user 1000000 --hot-item 0.3 --json events.json",
    ),
)
@click.option(
    "--events",
    "sizes",
    type=click.IntRange(min=1000),
    multiple=True,
    default=(200_000,),
    show_default=True,
    help="Length of a log; may be given several times.",
)
@click.option(
    "--hot-user",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="One more log: the shortest, and so many events of one user on top.",
)
@click.option(
    "--hot-item",
    type=click.FloatRange(min=0, max=1),
    default=0.0,
    show_default=True,
    help="Share of that log's events that are on one item.",
)
@click.option(
    "--shards",
    type=click.IntRange(min=0, max=9999),
    default=0,
    show_default=True,
    help="Parts that users are cut into; 0 is one for 250,000 events, at "
    "least 16.",
)
@click.option(
    "--peer/--no-peer",
    default=True,
    show_default=True,
    help="Whether DuckDB does the same, in an environment of its own.",
)
@click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=pathlib.Path),
    default=None,
    metavar="DIR",
    help="Where the logs lie meanwhile, about 250 bytes an event; the "
    "system's temporary folder otherwise.",
)
@json_file
@click.pass_obj
def events(
    session: "Session",
    *,
    sizes: tuple[int, ...],
    hot_user: int,
    hot_item: float,
    shards: int,
    peer: bool,
    folder: pathlib.Path | None,
    json_path: pathlib.Path | None,
) -> None:
    """Measure cleaning, sessions and histories on logs of any length.

    Logs are made a piece at a time and go through the Beam pipelines of the
    BehaviorLog node, and through DuckDB by the same rules; both must come to
    the same counts and histories. Gives time, processor time and the most
    memory of each stage. On a machine with other work, compare processor
    time.
    """
    check_folder(json_path)
    with libraries_hushed(show=session.debug):
        from benchmarks.events import comparison

    result = comparison.bench(
        comparison.Options(
            sizes=sizes,
            hot_user_events=hot_user,
            hot_item_share=hot_item,
            shards=shards,
            peer=peer,
            folder=folder,
        ),
        functools.partial(click.echo, err=True),
    )
    give(result, json_path)
