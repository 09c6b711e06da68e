"""`daogou skew`: whether servable and pipeline see the same."""

import pathlib
import typing

import click

from cli import options
from cli.figures import check_folder, json_file, write
from cli.terminal import libraries_hushed

if typing.TYPE_CHECKING:
    from cli.main import Session


@click.command(epilog=options.examples("daogou skew --preset demo"))
@click.option(
    "--events",
    "number",
    type=click.IntRange(1, 100_000),
    default=1000,
    show_default=True,
    help="How many logged events are compared, at most.",
)
@options.runs
@options.preset_of_newest_run
@json_file
@click.pass_obj
def skew(
    session: "Session",
    *,
    number: int,
    runs: pathlib.Path,
    preset: str | None,
    json_path: pathlib.Path | None,
) -> int:
    """Compare the pushed model's features and scores with the pipeline's.

    Logged events go through Transform and the trained model, and as raw
    requests through the servable. Ends with 1 where they differ.
    """
    from cli.reports import newest_report

    check_folder(json_path)
    report = newest_report(runs, preset)
    with libraries_hushed(show=session.debug):
        from pipeline import skew as checking
        from pipeline.change_items import run_version
        from pipeline.lineage import read_lineage
        from pipeline.places import local_places

        places = local_places(runs, report.preset)
        found = checking.measure(
            read_lineage(
                pathlib.Path(places.metadata_path), run_version(report.values)
            ),
            report.place("servable"),
            number,
        )
    events = found["events"]
    for name, differing in found["features"].items():
        click.echo(f"{name}: {differing} of {events:,} events differ")
    for head, largest in found["scores"].items():
        click.echo(f"p_{head}: at most {largest:.1e} apart")
    if json_path is not None:
        write({"preset": report.preset, **found}, json_path)
    return 0 if found["same"] else 1
