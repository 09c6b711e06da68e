"""`daogou bench index`: what a query costs in each kind of index."""

import pathlib
import typing

import click

from cli import options
from cli.figures import check_folder, give, json_file
from cli.terminal import libraries_hushed

if typing.TYPE_CHECKING:
    from cli.main import Session


@click.command(
    "index",
    epilog=options.examples(
        "daogou bench index --items 100000",
        "daogou bench index --items 1000000 --block-size 128 --recall .9 "
        "--recall .95 --json index.json",
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
    "recalls",
    type=click.FloatRange(min=0.5, max=1.0),
    default=(0.95,),
    multiple=True,
    show_default=True,
    help="Of the 100 best, which each kind is tuned for; may be repeated.",
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
@click.option(
    "--peers/--no-peers",
    default=True,
    show_default=True,
    help="Whether faiss and hnswlib run beside, from PyPI.",
)
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=pathlib.Path),
    default=None,
    metavar="FILE",
    help="Draw recall over speed: .svg, .png or .pdf.",
)
@json_file
@click.pass_obj
def index(
    session: "Session",
    *,
    items: int,
    dimension: int,
    recalls: tuple[float, ...],
    block_size: int,
    rounds: int,
    peers: bool,
    plot: pathlib.Path | None,
    json_path: pathlib.Path | None,
) -> None:
    """Measure a query's processor time in each kind of index, one thread.

    Exact and blocks as they are served, saved and loaded again, beside ScaNN
    in this process, faiss and hnswlib; and blocks under filters.
    """
    check_folder(json_path)
    check_folder(plot)
    with libraries_hushed(show=session.debug):
        from benchmarks.index import comparison

        result = comparison.bench(
            comparison.Options(
                items=items,
                dimension=dimension,
                recalls=recalls,
                rounds=rounds,
                block_size=block_size,
                peers=peers,
            )
        )
        if plot is not None:
            from benchmarks.index.plot import draw

            draw(result, plot)
    give(result, json_path)
