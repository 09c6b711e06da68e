"""`daogou churn`: who is about to be lost, and why."""

import json
import pathlib
import typing

import click

from cli import moments, options, run_parts
from cli.figures import check_folder
from cli.terminal import libraries_hushed, output_console

if typing.TYPE_CHECKING:
    import pyarrow as pa

    from cli.main import Session

window = (
    click.option(
        "--days",
        type=click.IntRange(1, 365),
        default=7,
        show_default=True,
        help="Who shows no sign of life for so many days is lost.",
    ),
    click.option(
        "--look-back",
        "look_back_days",
        type=click.IntRange(1, 730),
        default=None,
        metavar="DAYS",
        help="Ask about those seen in so many days before; as many as --days "
        "by default.",
    ),
    click.option(
        "--cuts",
        "max_training_cuts",
        type=click.IntRange(1, 1000),
        default=12,
        show_default=True,
        help="Learn from so many earlier times at most.",
    ),
)
_SHOWN = 10


def with_window(command):
    """Adds the options of a label window to a command."""
    for option in reversed(window):
        command = option(command)
    return command


@click.command(
    epilog=options.examples(
        "daogou churn --days 7 --output churn.csv",
        "daogou churn --preset demo --days 7 --output churn.parquet",
        "daogou churn --data tables --days 30 --as-of 2025-11-01 --json",
    )
)
@with_window
@moments.as_of
@click.option(
    "--drivers",
    "num_drivers",
    type=click.IntRange(0, 20),
    default=3,
    show_default=True,
    help="How many drivers of each user are told.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=pathlib.Path),
    default=None,
    metavar="FILE",
    help="Write all users here: .parquet, or .csv that Excel opens.",
)
@run_parts.tables
@options.runs
@options.preset_of_newest_run
@options.as_json
@click.pass_obj
def churn(
    session: "Session",
    *,
    days: int,
    look_back_days: int | None,
    max_training_cuts: int,
    as_of: int | None,
    num_drivers: int,
    output: pathlib.Path | None,
    data: pathlib.Path | None,
    runs: pathlib.Path,
    preset: str | None,
    as_json: bool,
) -> None:
    """Tell the chance that each user is lost, with what drives it.

    The model learns from earlier weeks of the same log, where it is known who
    came back, and is asked about those who were active last. What drives a
    chance is told in Chinese with its part of the logit; below 0 it speaks for
    staying. A few seconds, some for the start of TensorFlow.
    """
    check_folder(output)
    with libraries_hushed(show=session.debug):
        from applications.churn import learning, marketing
        from applications.churn.settings import ChurnSettings

        if output is not None:
            marketing.check_format(output)
        settings = ChurnSettings(
            days=days,
            look_back_days=look_back_days or 0,
            max_training_cuts=max_training_cuts,
        )
        log, report = run_parts.log_of(data, runs, preset)
        moment = log.end if as_of is None else as_of
        vectors, why_not = towers(report, log, settings, moment)
        problem = learning.problem_of(
            log, settings, as_of=moment, vectors=vectors
        )
        model = problem.model()
        table = marketing.marketing_table(
            model,
            problem.asked,
            settings,
            as_of=moment,
            num_drivers=num_drivers,
        )
        if output is not None:
            marketing.write_table(table, output)
    if as_json:
        click.echo(json.dumps(table.to_pylist(), ensure_ascii=False, indent=1))
        return
    click.echo(
        f"learned from {len(problem.training):,} users at "
        f"{len(problem.cuts.training)} times; asked about "
        f"{table.num_rows:,}. Vectors of the towers: {why_not or 'used'}"
    )
    _print(table)
    if output is not None:
        click.echo(f"table: {output}")


def towers(report, log, settings, as_of: int | None):
    """Returns the vectors of a run's towers, or why they are left out.

    Args:
      report: Of the run, None without one.
      log: What is learned from.
      settings: The cuts.
      as_of: When to predict; None to evaluate.

    Returns:
      `QueryVectors` and `""`, or None and the reason.
    """
    from applications.churn import learning
    from applications.churn.vectors import QueryVectors
    from pipeline import presets

    if report is None:
        return None, "left out, as there is no run"
    until = report.values.get("counts", {}).get("split_timestamp")
    if until is None or not report.values.get("servable", {}).get("path"):
        return None, "left out, as the run pushed no model"
    if not learning.usable(until, log, settings, as_of):
        return None, (
            "left out, as the towers learned from later events than the "
            "first cut"
        )
    config = presets.by_name(report.preset)
    vectors = QueryVectors(
        report.place("servable"),
        learned_until=until,
        max_history=config.behavior_log.max_history,
    )
    return vectors, ""


def _print(table: "pa.Table") -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    bands = table["risk"].to_pylist()
    counts = [f"{band} {bands.count(band):,}" for band in ("高", "中", "低")]
    click.echo(f"risk 流失风险: {', '.join(counts)}")
    shown = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("user 用户", "chance 概率", "risk", "value 消费"):
        shown.add_column(name, no_wrap=True)
    shown.add_column("last active 最近来访", no_wrap=True)
    shown.add_column("drivers 原因", overflow="fold")
    numbers = [
        name.removeprefix("driver_")
        for name in table.column_names
        if name.startswith("driver_")
    ]
    for row in table.slice(0, _SHOWN).to_pylist():
        drivers = [
            f"{row[f'driver_{n}']} ({row[f'contribution_{n}']:+.2f})"
            for n in numbers
        ]
        shown.add_row(
            Text(row["user_id"]),
            f"{row['probability']:.2f}",
            row["risk"],
            f"{row['value']:,.0f}",
            row["last_active"],
            Text("；".join(drivers)),
        )
    output_console().print(shown)
