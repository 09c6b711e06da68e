"""`daogou update`: learns a new span of logs, from the last version on."""

import json
import pathlib
import typing

import click

from cli import options, text_models
from cli.terminal import duration

if typing.TYPE_CHECKING:
    from cli.main import Session


@click.command(
    epilog=options.examples(
        "daogou update --preset demo --events today.parquet",
        "daogou update --events today.csv --items new.csv --keep-days 60",
        "daogou update --events missed.csv --late-days 10",
        "daogou update --events today.csv --encoder bge-small-zh-v1.5",
    )
)
@options.existing_file(
    "--events",
    "events",
    required=True,
    text="What happened since, CSV or Parquet in the contract's form.",
)
@options.existing_file(
    "--items", "items", required=False, text="New and changed items."
)
@options.existing_file(
    "--users", "users", required=False, text="New and changed users."
)
@options.existing_file(
    "--campaigns", "campaigns", required=False, text="New and changed ones."
)
@options.runs
@options.preset_of_newest_run
@click.option(
    "--late-days",
    type=click.FloatRange(min=0),
    default=7.0,
    show_default=True,
    help="How long before the log's newest event late events may have "
    "happened.",
)
@click.option(
    "--keep-days",
    type=click.FloatRange(min=0),
    default=0.0,
    help="Let older events go, counted from the newest; keeps all by default.",
)
@click.option(
    "--eval-share",
    type=click.FloatRange(min=0, max=1, min_open=True, max_open=True),
    default=0.2,
    show_default=True,
    help="Share of the span's choices, the latest, that the gates judge by.",
)
@click.option(
    "--epochs",
    type=click.IntRange(min=1),
    default=None,
    help="Passes over what is new and replayed.",
)
@click.option(
    "--replay",
    type=click.FloatRange(min=0),
    default=None,
    help="Old sequences learned again beside each new one.",
)
@text_models.encoder(
    "The text encoder that the run was made with, where it is not the "
    "preset's: as `daogou run --encoder` took it."
)
@text_models.preprocess
@click.option(
    "--allow-drift",
    is_flag=True,
    help="Take the span even if it differs from the time before it by more "
    "than schema/events.pbtxt allows.",
)
@click.option("--verbose", is_flag=True, help="Show what the libraries print.")
@options.as_json
@click.pass_obj
def update(
    session: "Session",
    *,
    events: pathlib.Path,
    items: pathlib.Path | None,
    users: pathlib.Path | None,
    campaigns: pathlib.Path | None,
    runs: pathlib.Path,
    preset: str | None,
    late_days: float,
    keep_days: float,
    eval_share: float,
    epochs: int | None,
    replay: float | None,
    encoder: str | None,
    preprocess: str | None,
    allow_drift: bool,
    verbose: bool,
    as_json: bool,
) -> None:
    """Add a span of logs, learn it, and push if the gates hold.

    Training goes on with the newest run's model. Events that the log has
    already do no harm. Where a gate refuses, tables and pushed version stay as
    they were.
    """
    from cli.display import open_display
    from cli.reports import newest_report, print_metrics, read_report
    from cli.terminal import output_console, progress_console

    report = newest_report(runs, preset)
    handles = text_models.found(encoder, preprocess)
    learned: dict[str, typing.Any] = {}
    if epochs is not None:
        learned["epochs"] = epochs
    if replay is not None:
        learned["replay"] = replay
    given = {"events": events, "items": items, "users": users}
    given["campaigns"] = campaigns
    with open_display(progress_console(), verbose=verbose) as on_event:
        from datasets.tabular import read_file
        from models.training.update_settings import UpdateSettings
        from pipeline.change_items import Shop
        from pipeline.local_update import update as updated
        from pipeline.spans import SpanSettings

        done = updated(
            Shop(report=report.path, runs=runs, preset=report.preset),
            {
                table: read_file(path, table)
                for table, path in given.items()
                if path is not None
            },
            training=UpdateSettings(**learned),
            span=SpanSettings(
                late_days=late_days, keep_days=keep_days, eval_share=eval_share
            ),
            allow_drift=allow_drift,
            text_models=handles,
            verbose=verbose,
            on_event=on_event,
        )
    if as_json:
        told = {
            "version": done.run.pushed_version,
            "report": str(done.run.report_path),
            "seconds": round(done.run.seconds, 1),
            "span": vars(done.span),
        }
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    print_metrics(
        output_console(), read_report(done.run.report_path, report.preset)
    )
    click.echo(f"report: {done.run.report_path.with_suffix('.html')}")
    click.echo(
        f"pushed: version {done.run.pushed_version} "
        f"({duration(done.run.seconds)})"
    )
