"""`daogou bench coldstart`, `quality`, `search`: how good answers are."""

import pathlib
import typing

import click

from cli import options
from cli.figures import (
    check_folder,
    json_file,
    print_by_group,
    print_table,
    write,
)
from cli.terminal import libraries_hushed

if typing.TYPE_CHECKING:
    from cli.main import Session


@click.command(
    epilog=options.examples(
        "daogou bench coldstart --preset demo",
        "daogou bench coldstart --preset movielens --epochs 20 "
        "--json coldstart.json",
    )
)
@options.held_out_share
@click.option(
    "--epochs",
    type=click.IntRange(min=1),
    default=None,
    help="Of each training, at most; as the run had it by default.",
)
@options.runs
@options.preset_of_newest_run
@json_file
@click.pass_obj
def coldstart(
    session: "Session",
    *,
    share: float,
    epochs: int | None,
    runs: pathlib.Path,
    preset: str | None,
    json_path: pathlib.Path | None,
) -> None:
    """Hold items out, train with and without text, and ask for them.

    On the artifacts of the newest finished run, which stay as they are. The
    best content-kNN is the best of those that are tried on the evaluation.
    """
    from cli.reports import newest_report

    check_folder(json_path)
    report = newest_report(runs, preset)
    with libraries_hushed(show=session.debug):
        from benchmarks import coldstart as benchmark
        from pipeline import presets

        artifacts, model, training = benchmark.artifacts_of(runs, report.preset)
        result = benchmark.run(
            artifacts,
            model,
            training,
            presets.by_name(report.preset).retrieval_evaluation,
            benchmark.Options(share=share, max_epochs=epochs or 0),
        )
    metric = "recall@50"
    figures = {
        method: {group: told[metric] for group, told in found.items()}
        for method, found in result["methods"].items()
    }
    figures["random"] = dict.fromkeys(
        result["queries"], result["random"][metric]
    )
    print_by_group(metric, result["queries"], figures)
    if json_path is not None:
        write({"preset": report.preset, **result}, json_path)


@click.command(
    epilog=options.examples(
        "daogou bench quality --dataset beauty --data ../shared/data/beauty",
        "daogou bench quality --dataset sequences --data my.txt "
        "--models daogou,ease --seeds 1 --json quality.json",
    )
)
@click.option(
    "--dataset",
    type=click.Choice(["beauty", "sequences"]),
    required=True,
    help="Amazon Beauty, or any file with a user a line: the user's id, then "
    "item ids in the order of time.",
)
@click.option(
    "--data",
    "path",
    type=click.Path(exists=True, path_type=pathlib.Path),
    required=True,
    metavar="PATH",
    help="Beauty: the folder with Beauty.txt; sequences: the file.",
)
@click.option(
    "--models",
    default="",
    metavar="A,B,…",
    help="Which models, by name; all by default.",
)
@click.option(
    "--seeds",
    type=click.IntRange(1, 100),
    default=3,
    show_default=True,
    help="Runs of each model that draws anything.",
)
@click.option(
    "--work",
    type=click.Path(file_okay=False, path_type=pathlib.Path),
    default=pathlib.Path("runs/quality"),
    show_default=True,
    metavar="DIR",
    help="Folder of runs and log; finished runs there are not run again.",
)
@json_file
@click.pass_obj
def quality(
    session: "Session",
    *,
    dataset: str,
    path: pathlib.Path,
    models: str,
    seeds: int,
    work: pathlib.Path,
    json_path: pathlib.Path | None,
) -> None:
    """Train Daogou's models and their peers on sequences, and compare them.

    Leave-one-out: the last item of each user is asked for, among all items
    but the user's earlier ones. Peers are installed beside Daogou at the
    first call; those on PyTorch take 6 GB of disk.
    """
    from cli.terminal import progress_console

    check_folder(json_path)
    say = progress_console().print
    with libraries_hushed(show=session.debug):
        from benchmarks.quality import contenders, results, runs, sequences

        name = "beauty"
        if dataset == "beauty":
            data = sequences.read_beauty(path)
        else:
            name, data = path.stem, sequences.read(path)
        names = [one.strip() for one in models.split(",") if one.strip()]
        taking_part = contenders.chosen(names, data)
        result = results.summary(
            data,
            name,
            runs.run(data, taking_part, seeds=seeds, work=work / name, say=say),
        )
    click.echo(results.table(result))
    if json_path is not None:
        write(result, json_path)
    if result["failed"]:
        raise runs.FailedError(result["failed"])


@click.command(epilog=options.examples("daogou bench search --preset demo"))
@options.runs
@options.preset_of_newest_run
@json_file
@click.pass_obj
def search(
    session: "Session",
    *,
    runs: pathlib.Path,
    preset: str | None,
    json_path: pathlib.Path | None,
) -> None:
    """Ask sixty hand-written queries, and look at the leaves that come.

    For runs on the simulated mall, whose categories the queries mean.
    """
    from cli.reports import newest_report

    check_folder(json_path)
    report = newest_report(runs, preset)
    with libraries_hushed(show=session.debug):
        from benchmarks import search as benchmark

        result = benchmark.run(
            report.place("servable"), int(report.values["started_at"])
        )
    rows = [
        (kind, [f"{found['found']}/{found['cases']}", f"{found['share']:.3f}"])
        for kind, found in (*result["kinds"].items(), ("all", result["all"]))
    ]
    names = ["right leaf in the first 5", "share of the first 5"]
    print_table("queries", names, rows)
    for missed in result["missed"]:
        leaves = [path.rpartition("/")[2] for path in missed["came"]]
        click.echo(f"missed: {missed['query']} → {', '.join(leaves)}")
    if json_path is not None:
        write({"preset": report.preset, **result}, json_path)
