"""`daogou bench intent`: purchase intent beside rules and LightGBM."""

import pathlib
import typing

import click

from cli import options
from cli.figures import check_folder, give, json_file
from cli.terminal import libraries_hushed

if typing.TYPE_CHECKING:
    from applications.figures import SystemFigures
    from cli.main import Session


@click.command(
    epilog=options.examples(
        "daogou bench intent --preset demo",
        "daogou bench intent --preset demo --jdata ../shared/data/jdata",
    )
)
@options.existing_dir(
    "--jdata",
    "jdata",
    required=False,
    text="Folder of JData's files; measured without texts beside the run.",
)
@click.option(
    "--model",
    "sequence_model",
    type=click.Choice(["transformer", "gru"]),
    default="transformer",
    show_default=True,
    help="What reads the behaviour.",
)
@click.option(
    "--max-seconds",
    type=click.FloatRange(min=1),
    default=150.0,
    show_default=True,
    help="Of each training of the sequence model.",
)
@click.option(
    "--without-peers",
    is_flag=True,
    help="Rules only; LightGBM and logistic regression take minutes.",
)
@options.runs
@options.preset_of_newest_run
@json_file
@click.pass_obj
def intent(
    session: "Session",
    *,
    jdata: pathlib.Path | None,
    sequence_model: str,
    max_seconds: float,
    without_peers: bool,
    runs: pathlib.Path,
    preset: str | None,
    json_path: pathlib.Path | None,
) -> None:
    """Compare purchase intent with last click, recency and LightGBM.

    Learned from the first 60 % of the log's time, asked at every search, view
    and click of the rest. The figures go into the run's report.
    """
    from cli.reports import newest_report
    from cli.terminal import progress_console

    check_folder(json_path)
    report = newest_report(runs, preset)
    console = progress_console()

    def tell(line: str) -> None:
        console.print(line, markup=False)

    with libraries_hushed(show=session.debug):
        import models  # noqa: F401  (chooses the Keras before TensorFlow)
        from applications.figures import record_system
        from applications.intent import sources
        from applications.intent.settings import IntentSettings
        from benchmarks.intent import comparison

        settings = IntentSettings(
            sequence_model=sequence_model, max_seconds=max_seconds
        )
        source = sources.read(runs, report.preset, report.values, (), settings)
        result = {
            report.preset: comparison.run(
                source.log,
                source.content,
                settings,
                source.until,
                peers=not without_peers,
                tell=tell,
            )
        }
        if jdata is not None:
            result["jdata"] = _jdata(jdata, settings, not without_peers, tell)
        record_system(report.path, _system(result, report.preset))
    give({"sequence_model": sequence_model, **result}, json_path)


def _jdata(folder: pathlib.Path, settings, peers: bool, tell) -> dict:
    """Converts JData and measures on it; its log is of three hours."""
    import tempfile

    import pyarrow.parquet as pq

    from applications.intent import content, job, logs
    from benchmarks.intent import comparison
    from datasets import jdata

    with tempfile.TemporaryDirectory() as name:
        tables = pathlib.Path(name)
        jdata.convert(folder, tables)
        items = pq.read_table(tables / "items")
        log, _ = logs.merge(
            [tables / "events"],
            items["item_id"].combine_chunks(),
            settings.max_events_per_hour,
        )
    until = job.split_time(log, settings.train_share)
    known = content.read(items, job.known_queries(log, until), None)
    return comparison.run(log, known, settings, until, peers=peers, tell=tell)


def _system(result: dict, preset: str) -> "SystemFigures":
    from applications.figures import Figure, SystemFigures, list_figures

    figures = []
    for data, told in result.items():
        if told["categories"]:
            figures.append(
                Figure(
                    metric="top-3 category",
                    values=told["categories"],
                    part=data,
                )
            )
            figures += list_figures(told["category_lists"], part=data)
        for part, one in {**told["buys"], **told["pairs"]}.items():
            figures.append(
                Figure(
                    metric="purchase auc",
                    values={
                        name: values["auc"]
                        for name, values in one["models"].items()
                    },
                    part=f"{data}, {part}",
                    column="auc",
                )
            )
    return SystemFigures(
        name="intent",
        title="Purchase intent",
        chinese="购买意图",
        lead="Which category is the next choice of, is anything bought within "
        "hours, and which of the browsed is bought within days?",
        command=f"daogou bench intent --preset {preset}",
        figures=tuple(figures),
    )
