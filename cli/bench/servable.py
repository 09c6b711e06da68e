"""`daogou bench servable`: what a call costs in this process."""

import pathlib
import typing

import click

from cli import options, run_parts
from cli.figures import check_folder, json_file, write
from cli.terminal import libraries_hushed

if typing.TYPE_CHECKING:
    from cli.main import Session


@click.command(epilog=options.examples("daogou bench servable --preset demo"))
@options.how_many
@click.option(
    "--rounds",
    type=click.IntRange(1, 10_000),
    default=50,
    show_default=True,
    help="Calls of each kind that count.",
)
@options.runs
@options.preset_of_newest_run
@json_file
@click.pass_obj
def servable(
    session: "Session",
    *,
    k: int,
    rounds: int,
    runs: pathlib.Path,
    preset: str | None,
    json_path: pathlib.Path | None,
) -> None:
    """Time calls of the newest run's model, and the parts of a call.

    In this process, with histories of 50 steps; one request at once, 8, 32.
    """
    from cli.reports import newest_report

    check_folder(json_path)
    report = newest_report(runs, preset)
    with libraries_hushed(show=session.debug):
        from benchmarks import servable as benchmark

        result = benchmark.run(
            report.place("servable"),
            run_parts.examples_dir(runs, report),
            benchmark.Options(k=k, rounds=rounds),
        )
    click.echo(f"{result['items']:,} items, p50 / p99 in milliseconds")
    for size, parts in result["batches"].items():
        told = ", ".join(
            f"{name} {taken['p50']} / {taken['p99']}"
            for name, taken in parts.items()
        )
        click.echo(f"{size} at once: {told}")
    known = result["known_queries"]
    if known["later"]:
        click.echo(
            f"{known['kept']:,} frequent queries kept: {known['hits']:.1%} of "
            f"{known['later']:,} later searches"
        )
    if json_path is not None:
        write({"preset": report.preset, **result}, json_path)
