"""`daogou bench training`: what training costs on a large catalogue."""

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
        "daogou bench training --items 1000000 --extrapolate-to 10000000",
    ),
)
@click.option(
    "--items",
    type=click.IntRange(min=100),
    default=1_000_000,
    show_default=True,
    help="Of the larger catalogue; the other has a tenth.",
)
@click.option(
    "--extrapolate-to",
    type=click.IntRange(min=1),
    default=10_000_000,
    show_default=True,
    help="Items whose memory is computed from the two.",
)
@click.option(
    "--dimension",
    type=click.IntRange(min=8),
    default=64,
    show_default=True,
    help="Width of the vectors.",
)
@click.option(
    "--text",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Width of the items' text vectors.",
)
@click.option(
    "--table-megabytes",
    type=click.IntRange(min=1),
    default=1024,
    show_default=True,
    help="Above which the table of ids is cut.",
)
@json_file
@click.pass_obj
def training(
    session: "Session",
    *,
    items: int,
    extrapolate_to: int,
    dimension: int,
    text: int,
    table_megabytes: int,
    json_path: pathlib.Path | None,
) -> None:
    """Measure memory and time of training on a catalogue of any size.

    Softmax is sampled; the items are made up, and nothing else is.
    """
    check_folder(json_path)
    with libraries_hushed(show=session.debug):
        from benchmarks import training_memory

        result = training_memory.run(
            training_memory.Options(
                items=items,
                dimension=dimension,
                text=text,
                table_megabytes=table_megabytes,
            ),
            extrapolate_to,
        )
    give(result, json_path)
