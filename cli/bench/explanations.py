"""`daogou bench explanations`: whether reasons are the real ones."""

import pathlib
import typing

import click

from cli import options
from cli.figures import check_folder, give, json_file
from cli.terminal import libraries_hushed

if typing.TYPE_CHECKING:
    from cli.main import Session


@click.command(
    epilog=options.examples("daogou bench explanations --preset demo")
)
@click.option(
    "--users",
    "number",
    type=click.IntRange(1, 10_000),
    default=200,
    show_default=True,
    help="How many users are asked for.",
)
@options.how_many
@options.runs
@options.preset_of_newest_run
@json_file
@click.pass_obj
def explanations(
    session: "Session",
    *,
    number: int,
    k: int,
    runs: pathlib.Path,
    preset: str | None,
    json_path: pathlib.Path | None,
) -> None:
    """Take away what recommendations cite, and see what they lose by it.

    Asks the model of the newest finished run.
    """
    from cli.histories import sample_users
    from cli.reports import newest_report

    check_folder(json_path)
    report = newest_report(runs, preset)
    histories = report.place("histories")
    with libraries_hushed(show=session.debug):
        from benchmarks import explanations as benchmark
        from serving.histories import request

        asked = [
            request(histories, user.user_id)
            for user in sample_users(histories, number)
        ]
        result = benchmark.run(report.place("servable"), asked, k)
    give({"preset": report.preset, **result}, json_path)
