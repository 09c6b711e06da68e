"""`daogou bench intent-job`: what predictions and lists of many users cost."""

import pathlib
import typing

import click

from cli import options
from cli.figures import check_folder, give, json_file
from cli.terminal import libraries_hushed

if typing.TYPE_CHECKING:
    from cli.main import Session


@click.command(
    "intent-job",
    epilog=options.examples(
        "daogou intent train --preset demo",
        "daogou bench intent-job --preset demo --users 10000 --items 50",
    ),
)
@click.option(
    "--users",
    type=click.IntRange(1),
    default=10_000,
    show_default=True,
    help="Of the log that is made up.",
)
@click.option(
    "--items",
    type=click.IntRange(1, 1000),
    default=50,
    show_default=True,
    help="Of the run's catalogue, that each of them has browsed.",
)
@options.runs
@options.preset_of_newest_run
@json_file
@click.pass_obj
def intent_job(
    session: "Session",
    *,
    users: int,
    items: int,
    runs: pathlib.Path,
    preset: str | None,
    json_path: pathlib.Path | None,
) -> None:
    """Measure `intent predict` and `intent recommend` on many users.

    With what `daogou intent train` made, on a log that is made up, each in a
    process of its own.
    """
    from cli.reports import newest_report
    from cli.terminal import progress_console

    check_folder(json_path)
    report = newest_report(runs, preset)
    console = progress_console()

    def tell(line: str) -> None:
        console.print(line, markup=False)

    with libraries_hushed(show=session.debug):
        import pyarrow.parquet as pq

        from applications import run_inputs
        from benchmarks.intent import job_size

        table = run_inputs.table_folder(runs, report.preset, "items")
        result = job_size.run(
            runs,
            report.preset,
            pq.read_table(table, columns=["item_id"])["item_id"]
            .combine_chunks()
            .cast("string"),
            job_size.Size(users=users, browsed=items),
            tell,
        )
    give(result, json_path)
