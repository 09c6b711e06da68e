"""`daogou bench cache`: what keeping answers saves a server."""

import pathlib
import typing

import click

from cli import options
from cli.figures import check_folder, json_file, write
from cli.terminal import libraries_hushed

if typing.TYPE_CHECKING:
    from cli.main import Session


@click.command(epilog=options.examples("daogou bench cache --preset demo"))
@click.option(
    "--requests",
    type=click.IntRange(10, 100_000),
    default=600,
    show_default=True,
    help="Of each of three rounds.",
)
@options.runs
@options.preset_of_newest_run
@json_file
@click.pass_obj
def cache(
    session: "Session",
    *,
    requests: int,
    runs: pathlib.Path,
    preset: str | None,
    json_path: pathlib.Path | None,
) -> None:
    """Ask a server with and one without --result_cache_mb the same.

    Searches and similar items of the newest run's log, by Zipf's law.
    """
    from cli.reports import newest_report

    check_folder(json_path)
    report = newest_report(runs, preset)
    with libraries_hushed(show=session.debug):
        from benchmarks.serving import cached
        from pipeline.places import local_places

        data = pathlib.Path(local_places(runs, report.preset).data_dir)
        result = cached.run(
            report.place("servable").parent,
            *cached.frequent(data),
            requests=requests,
        )
    click.echo(
        f"{result['requests']:,} requests, {result['distinct']:,} distinct; "
        f"{result['hit_rate']:.0%} from the cache, "
        f"{result['cache_bytes'] / 2**20:.1f} MB"
    )
    for name, told in result["servers"].items():
        click.echo(
            f"{name:8} p50 {told['p50_ms']:.2f} ms, p99 {told['p99_ms']:.2f} "
            f"ms, {told['cpu_ms']:.2f} ms of processor a request"
        )
    if json_path is not None:
        write({"preset": report.preset, **result}, json_path)
