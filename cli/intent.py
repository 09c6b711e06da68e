"""`daogou intent`: what users will buy, from raw logs to lists."""

import dataclasses
import json
import pathlib
import typing

import click

from cli import moments, options
from cli.terminal import libraries_hushed

if typing.TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from applications.intent.job import Trained
    from cli.main import Session
    from cli.reports import RunReport

_logs = click.option(
    "--log",
    "logs",
    type=click.Path(exists=True, path_type=pathlib.Path),
    multiple=True,
    metavar="PATH",
    help="A log in the contract's form, Parquet or CSV, or a folder of them; "
    "repeat it to merge several. The newest run's own by default.",
)
_users = click.option(
    "--users",
    type=click.IntRange(1),
    default=10_000,
    show_default=True,
    help="How many, those first who were active last.",
)
_output = click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=pathlib.Path),
    required=True,
    metavar="FILE",
    help="Parquet; whole or not at all.",
)


@click.group(
    epilog=options.examples(
        "daogou intent train",
        "daogou intent predict --output chances.parquet",
        "daogou intent recommend --output lists.parquet",
    )
)
def intent() -> None:
    """Learn from logs what users are after, and make lists of it."""


@intent.command(
    epilog=options.examples(
        "daogou intent train",
        "daogou intent train --log january.csv --log february.parquet "
        "--days 7 --model gru",
    )
)
@_logs
@click.option(
    "--model",
    "sequence_model",
    type=click.Choice(["transformer", "gru"]),
    default="transformer",
    show_default=True,
    help="What reads the behaviour.",
)
@click.option(
    "--days",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    help="Within which a browsed item is bought.",
)
@click.option(
    "--max-seconds",
    type=click.FloatRange(min=1),
    default=150.0,
    show_default=True,
    help="Of the training of the sequence model.",
)
@options.runs
@options.preset_of_newest_run
@options.as_json
@click.pass_obj
def train(
    session: "Session",
    *,
    logs: tuple[pathlib.Path, ...],
    sequence_model: str,
    days: int,
    max_seconds: float,
    runs: pathlib.Path,
    preset: str | None,
    as_json: bool,
) -> None:
    """Merge, clean and label logs, and train on them.

    Learns from the first 60 % of the log's time and says of the rest how
    often its chances came true. The catalogue is the newest run's. What is
    made, a SavedModel with the signature `intent` among it, replaces an
    earlier training beside the run.
    """
    from cli.reports import newest_report

    report = newest_report(runs, preset)
    with libraries_hushed(show=session.debug):
        import models  # noqa: F401  (chooses the Keras before TensorFlow)
        from applications import run_inputs
        from applications.intent import evaluation, job, sources, store
        from applications.intent.settings import IntentSettings

        settings = IntentSettings(
            sequence_model=sequence_model, days=days, max_seconds=max_seconds
        )
        source = sources.read(
            runs, report.preset, report.values, logs, settings
        )
        trained = job.train(source.log, source.content, settings, source.until)
        figures = evaluation.calibrated(trained, source.log)
        folder = run_inputs.own_folder(runs, report.preset, sources.SYSTEM)
        store.save(trained, figures, folder)
    told: dict[str, typing.Any] = {
        "folder": str(folder),
        "rows": dataclasses.asdict(source.counts),
        "training": trained.about,
        "browsed_and_bought": figures,
    }
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False, indent=1))
        return
    rows = ", ".join(f"{n:,} {name}" for name, n in told["rows"].items())
    click.echo(f"rows: {rows}")
    click.echo(f"training: {json.dumps(trained.about)}")
    for name, one in figures.items():
        click.echo(
            f"{name} bought within {days} days: {one['pairs']:,} pairs, "
            f"{one['positives']:,} bought, AUC {one['auc']:.4f}, "
            f"calibration error {one['calibration_error']:.4f}"
        )
    if figures:
        click.echo(f"calibration: {folder / store.PLOT}")
    else:
        click.echo("the log is too short to learn what is bought days later")
    click.echo(f"trained: {folder}")


@intent.command(
    epilog=options.examples(
        "daogou intent predict --output chances.parquet",
        "daogou intent predict --users 10000 --items 50 "
        "--output chances.parquet",
    )
)
@_users
@click.option(
    "--items",
    type=click.IntRange(1, 1000),
    default=50,
    show_default=True,
    help="Browsed items of each, the last ones.",
)
@moments.as_of
@_logs
@_output
@options.runs
@options.preset_of_newest_run
@options.as_json
@click.pass_obj
def predict(
    session: "Session",
    *,
    users: int,
    items: int,
    as_of: int | None,
    logs: tuple[pathlib.Path, ...],
    output: pathlib.Path,
    runs: pathlib.Path,
    preset: str | None,
    as_json: bool,
) -> None:
    """Say of browsed items how likely each user is to buy them."""
    report = _report(runs, preset, output)
    with libraries_hushed(show=session.debug):
        trained, log = _trained(runs, report, logs)
        from applications.intent import job

        made = job.predict(trained, log, _time(as_of, log), users, items)
    from applications.tables import write_table

    write_table(made, output)
    _say(made, output, as_json)


@intent.command(
    epilog=options.examples(
        "daogou intent recommend --output lists.parquet",
        "daogou intent recommend --users 10000 --k 20 --output lists.parquet",
    )
)
@_users
@options.how_many
@moments.as_of
@_logs
@_output
@options.runs
@options.preset_of_newest_run
@options.as_json
@click.pass_obj
def recommend(
    session: "Session",
    *,
    users: int,
    k: int,
    as_of: int | None,
    logs: tuple[pathlib.Path, ...],
    output: pathlib.Path,
    runs: pathlib.Path,
    preset: str | None,
    as_json: bool,
) -> None:
    """Make a list for each user of what will be bought and its like.

    Browsed items by their chances, and items like the likeliest of them (the
    pushed model's `similar`), in the order of chance and of the user's own
    categories, brands and prices.
    """
    report = _report(runs, preset, output)
    with libraries_hushed(show=session.debug):
        trained, log = _trained(runs, report, logs)
        from applications.intent import job, lists, steps

        when = _time(as_of, log)
        predicted = job.predict(
            trained, log, when, users, trained.settings.browsed
        )
        walked = steps.from_log(log, trained.content)
        made = lists.recommend(
            predicted,
            walked,
            trained.content,
            _similar(report, trained, walked, when),
            at=when,
            k=k,
        )
    from applications.tables import write_table

    write_table(made, output)
    _say(made, output, as_json)


def _report(
    runs: pathlib.Path, preset: str | None, output: pathlib.Path
) -> "RunReport":
    from cli.reports import newest_report

    if not output.absolute().parent.is_dir():
        raise click.UsageError(f"there is no folder {output.parent}")
    return newest_report(runs, preset)


def _trained(
    runs: pathlib.Path, report: "RunReport", logs: tuple[pathlib.Path, ...]
) -> "tuple[Trained, pa.Table]":
    import models  # noqa: F401  (chooses the Keras before TensorFlow)
    from applications import run_inputs
    from applications.intent import sources, store

    trained = store.load(
        run_inputs.own_folder(runs, report.preset, sources.SYSTEM)
    )
    log, _ = sources.read_log(
        runs,
        report.preset,
        logs,
        trained.content.item_ids,
        trained.settings.max_events_per_hour,
    )
    return trained, log


def _time(as_of: int | None, log: "pa.Table") -> int:
    import pyarrow.compute as pc

    return as_of or int(pc.max(log["timestamp"]).as_py()) + 1


def _similar(report: "RunReport", trained: "Trained", walked, at: int):
    """Returns what finds similar items: the pushed model, else the log."""
    from applications.intent import lists
    from schema.errors import DataError

    try:
        place = report.place("servable")
    except DataError:
        return lists.alike_by_cooccurrence(walked, trained.content, at)
    import numpy as np
    import pyarrow as pa

    from serving.in_process import Recommender

    model = Recommender(place)
    ids, batch, k = trained.content.item_ids, 256, 10

    def similar(rows: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
        near = np.zeros((len(rows), k), np.int64)
        alike = np.zeros((len(rows), k))
        for start in range(0, len(rows), batch):
            asked = rows[start : start + batch]
            names = ids.take(pa.array(asked - 1)).to_pylist()
            found = model.similar(names, k)
            told = [name.decode() for name in found["item_ids"].reshape(-1)]
            part = slice(start, start + len(asked))
            near[part] = trained.content.item_rows(
                pa.array(told, pa.string())
            ).reshape(len(asked), k)
            # Scores have no bounds of their own: the best is as likely as
            # what it is like, the last nearly half.
            alike[part] = 1 / (1 + 0.1 * np.arange(1, k + 1))
        return near, alike

    return similar


def _say(table: "pa.Table", output: pathlib.Path, as_json: bool) -> None:
    import pyarrow.compute as pc

    told: dict[str, typing.Any] = {
        "output": str(output),
        "rows": len(table),
        "users": pc.count_distinct(table["user_id"]).as_py(),
    }
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False, indent=1))
    else:
        click.echo(f"{output}: {told['rows']:,} rows, {told['users']:,} users")
