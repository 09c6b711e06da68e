"""`daogou bench items`: items that change in a shop of any size."""

import pathlib
import typing

import click

from cli import options
from cli.figures import check_folder, give, json_file
from cli.terminal import libraries_hushed

if typing.TYPE_CHECKING:
    from cli.main import Session


@click.command(
    epilog=options.examples("daogou bench items --items 100000"),
)
@click.option(
    "--items",
    "shop",
    type=click.IntRange(min=1),
    default=100_000,
    show_default=True,
    help="Items that the shop has before.",
)
@click.option(
    "--new",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="Items that are added, then changed, then removed.",
)
@options.runs
@options.preset_of_newest_run
@json_file
@click.pass_obj
def items(
    session: "Session",
    *,
    shop: int,
    new: int,
    runs: pathlib.Path,
    preset: str | None,
    json_path: pathlib.Path | None,
) -> None:
    """Measure `daogou items`, from its start to the pushed version.

    The shop is that of a run, which stays as it is, filled up with made-up
    items. Says too how many of the new ones are found, and of the removed.
    """
    from cli.reports import newest_report

    check_folder(json_path)
    report = newest_report(runs, preset)
    with libraries_hushed(show=session.debug):
        from benchmarks import item_changes

        result = item_changes.bench(
            item_changes.Options(
                report=report.path,
                runs=runs,
                preset=report.preset,
                items=shop,
                new=new,
            )
        )
    give(result, json_path)
