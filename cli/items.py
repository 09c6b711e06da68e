"""`daogou items`: take new items in without training."""

import json
import pathlib
import typing

import click

from cli import options
from cli.terminal import duration, libraries_hushed

if typing.TYPE_CHECKING:
    from cli.main import Session


@click.group(epilog=options.examples("daogou items add new.csv"))
def items() -> None:
    """Change the items of the pushed model without training."""


@items.command(
    epilog=options.examples(
        "daogou items add new.csv",
        "daogou items add new.jsonl --preset demo --replace",
    )
)
@click.argument(
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=pathlib.Path),
)
@click.option(
    "--replace",
    is_flag=True,
    help="Let items stand in for those with the same id.",
)
@options.runs
@options.preset_of_newest_run
@options.as_json
@click.pass_obj
def add(
    session: "Session",
    *,
    file: pathlib.Path,
    replace: bool,
    runs: pathlib.Path,
    preset: str | None,
    as_json: bool,
) -> None:
    """Push a version that has the items of FILE too.

    FILE is CSV, Parquet or JSON lines with the columns of the table items
    (schema/README.md); item_id and title are needed. One bad row, and nothing
    is pushed. Other items keep their vectors; new ones are found by their
    text at once. The next run takes its items from its own data again.
    """
    import time

    from cli.reports import newest_report

    began = time.monotonic()
    report = newest_report(runs, preset)
    with libraries_hushed(show=session.debug):
        from pipeline.add_items import add_items

        push = add_items(
            file, report.path, runs=runs, preset=report.preset, replace=replace
        )
    if as_json:
        click.echo(json.dumps(vars(push), ensure_ascii=False))
        return
    click.echo(
        f"{report.preset}: {push.added} added, {push.replaced} replaced, "
        f"{push.items:,} items ({duration(time.monotonic() - began)})"
    )
    click.echo(f"pushed: {push.path}")
