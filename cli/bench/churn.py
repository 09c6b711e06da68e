"""`daogou bench churn`: chances of being lost beside LightGBM."""

import pathlib
import shlex
import typing

import click

from cli import options, run_parts
from cli.churn import towers, with_window
from cli.figures import check_folder, json_file, write
from cli.terminal import libraries_hushed

if typing.TYPE_CHECKING:
    from cli.main import Session


@click.command(
    epilog=options.examples(
        "daogou bench churn --preset demo --days 7",
        "daogou bench churn --preset movielens --days 30 --look-back 60 "
        "--evaluations 3",
    ),
)
@with_window
@click.option(
    "--evaluations",
    type=click.IntRange(1, 50),
    default=1,
    show_default=True,
    help="As-of times, --days apart, that are evaluated on.",
)
@run_parts.tables
@options.runs
@options.preset_of_newest_run
@json_file
@click.pass_obj
def churn(
    session: "Session",
    *,
    days: int,
    look_back_days: int | None,
    max_training_cuts: int,
    evaluations: int,
    data: pathlib.Path | None,
    runs: pathlib.Path,
    preset: str | None,
    json_path: pathlib.Path | None,
) -> None:
    """Compare chances of being lost with recency, frequency and LightGBM.

    All learn from the same users at earlier times, whose fate was known when
    those who are asked about were still there. The figures go into the
    report of the newest run, unless --data names other tables.
    """
    check_folder(json_path)
    with libraries_hushed(show=session.debug):
        from applications.churn import learning
        from applications.churn.settings import ChurnSettings
        from applications.figures import record_system
        from benchmarks.churn import comparison

        settings = ChurnSettings(
            days=days,
            look_back_days=look_back_days or 0,
            max_training_cuts=max_training_cuts,
            evaluation_cuts=evaluations,
        )
        log, report = run_parts.log_of(data, runs, preset)
        vectors, why_not = towers(report, log, settings, None)
        result = comparison.run(
            log, learning.problem_of(log, settings, vectors=vectors), settings
        )
        result["vectors"] = why_not or "used"
        if report is not None:
            words = [
                "daogou", "bench", "churn", "--preset", report.preset,
                "--days", str(days),
                "--look-back", str(result["look_back_days"]),
                "--cuts", str(max_training_cuts),
                "--evaluations", str(evaluations),
            ]  # fmt: skip
            record_system(
                report.path,
                comparison.system_figures(result, shlex.join(words)),
            )
    _print(result)
    if json_path is not None:
        write(result, json_path)


def _print(result: dict) -> None:
    users, lost = result["users"], result["lost"]
    click.echo(
        f"{users['evaluated']:,} users asked about, {lost['evaluated']:.1%} "
        f"lost in {result['days']} days; {users['training']:,} learned from, "
        f"{lost['training']:.1%} lost"
    )
    click.echo(
        f"{result['returns_within_days']:.0%} of the pauses of a day and more "
        f"end within {result['days']} days; vectors of the towers: "
        f"{result['vectors']}"
    )
    for name, figures in result["models"].items():
        line = "  ".join(f"{k} {v:.4f}" for k, v in figures.items())
        click.echo(f"  {name:18} {line}")
    for name, lead in result["leads"].items():
        low, high = lead["interval"]
        click.echo(
            f"  AUC ahead of {name} by {lead['auc']:+.4f} "
            f"({low:+.4f} to {high:+.4f})"
        )
