"""`daogou items`: change the shop's items without training."""

import json
import pathlib
import typing

import click

from cli import options
from cli.terminal import duration, libraries_hushed

if typing.TYPE_CHECKING:
    from cli.main import Session
    from pipeline.change_items import Push, Shop

_FILE = click.argument(
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=pathlib.Path),
)


@click.group(epilog=options.examples("daogou items add new.csv"))
def items() -> None:
    """Change the items of the pushed model without training.

    Each command takes a FILE, CSV, Parquet or JSON lines, with columns of the
    table items (schema/README.md), and pushes a version. One bad row, and
    nothing is pushed. The next run takes its items from its own data again.
    """


@items.command(
    epilog=options.examples(
        "daogou items add new.csv",
        "daogou items add new.jsonl --preset demo --replace",
    )
)
@_FILE
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

    item_id and title are needed. Other items keep their vectors; new ones are
    found by their text at once.
    """

    def change(shop: "Shop") -> "Push":
        from pipeline.change_items import add_items

        return add_items(file, shop, replace=replace)

    _push(session, change, runs, preset, as_json=as_json)


@items.command(
    epilog=options.examples("daogou items update prices.csv"),
)
@_FILE
@options.runs
@options.preset_of_newest_run
@options.as_json
@click.pass_obj
def update(
    session: "Session",
    *,
    file: pathlib.Path,
    runs: pathlib.Path,
    preset: str | None,
    as_json: bool,
) -> None:
    """Push a version in which the items of FILE are changed.

    item_id and what changes are needed: price, in_stock, title, any column.
    An empty cell leaves what is there.
    """

    def change(shop: "Shop") -> "Push":
        from pipeline.change_items import update_items

        return update_items(file, shop)

    _push(session, change, runs, preset, as_json=as_json)


@items.command(epilog=options.examples("daogou items remove gone.csv"))
@_FILE
@options.runs
@options.preset_of_newest_run
@options.as_json
@click.pass_obj
def remove(
    session: "Session",
    *,
    file: pathlib.Path,
    runs: pathlib.Path,
    preset: str | None,
    as_json: bool,
) -> None:
    """Push a version that shows the items of FILE no more.

    item_id is needed. They still count in histories, and `similar` still says
    what is like them; `items add` brings them back.
    """

    def change(shop: "Shop") -> "Push":
        from pipeline.change_items import remove_items

        return remove_items(file, shop)

    _push(session, change, runs, preset, as_json=as_json)


def _push(
    session: "Session",
    change: "typing.Callable[[Shop], Push]",
    runs: pathlib.Path,
    preset: str | None,
    *,
    as_json: bool,
) -> None:
    import time

    from cli.reports import newest_report

    began = time.monotonic()
    report = newest_report(runs, preset)
    with libraries_hushed(show=session.debug):
        from pipeline.change_items import Shop

        shop = Shop(report=report.path, runs=runs, preset=report.preset)
        push = change(shop)
    if as_json:
        click.echo(json.dumps(vars(push), ensure_ascii=False))
        return
    counts = (
        f"{count:,} {what}"
        for count, what in (
            (push.added, "added"),
            (push.changed, "changed"),
            (push.removed, "removed"),
        )
        if count
    )
    click.echo(
        f"{report.preset}: {', '.join(counts)}; {push.items:,} items "
        f"({duration(time.monotonic() - began)})"
    )
    click.echo(f"pushed: {push.path}")
    if push.rebuild_advised:
        click.echo(
            f"the index finds {push.recall:.3f} of the nearest items, "
            f"{push.built_recall:.3f} when it was built: a run is due"
        )
