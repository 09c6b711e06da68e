"""`daogou bench index`: what a query costs in each kind of index."""

import pathlib
import typing

import click

from cli import options
from cli.bench_answers import check_folder, give, json_file
from cli.terminal import libraries_hushed

if typing.TYPE_CHECKING:
    from cli.main import Session


@click.command(
    "index",
    epilog=options.examples(
        "daogou bench index --items 100000",
        "daogou bench index --items 1000000 --block-size 128 --json index.json",
    ),
)
@click.option(
    "--items",
    type=click.IntRange(min=1000),
    default=100_000,
    show_default=True,
    help="Made-up items.",
)
@click.option(
    "--dimension",
    type=click.IntRange(min=8),
    default=64,
    show_default=True,
    help="Of their vectors.",
)
@click.option(
    "--recall",
    type=click.FloatRange(min=0.5, max=1.0),
    default=0.95,
    show_default=True,
    help="Of the 100 best, which each kind is tuned for.",
)
@click.option(
    "--block-size",
    type=click.IntRange(min=8),
    default=64,
    show_default=True,
    help="Items in a block.",
)
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    default=7,
    show_default=True,
    help="Turns of each kind; their median counts.",
)
@json_file
@click.pass_obj
def index(
    session: "Session",
    *,
    items: int,
    dimension: int,
    recall: float,
    block_size: int,
    rounds: int,
    json_path: pathlib.Path | None,
) -> None:
    """Measure a query's processor time in each kind of index, one thread.

    Exact and blocks as they are served, saved and loaded again, beside ScaNN
    in this process; and blocks under filters.
    """
    check_folder(json_path)
    with libraries_hushed(show=session.debug):
        from benchmarks import index as index_bench

        result = index_bench.bench(
            index_bench.Options(
                items=items,
                dimension=dimension,
                recall=recall,
                rounds=rounds,
                block_size=block_size,
            )
        )
    give(result, json_path)
