"""`daogou bench personal-search`: what the person adds to a search."""

import pathlib
import typing

import click

from cli import options, run_parts
from cli.figures import check_folder, json_file, write
from cli.terminal import libraries_hushed

if typing.TYPE_CHECKING:
    from applications.figures import SystemFigures
    from cli.main import Session


@click.command(
    "personal-search",
    epilog=options.examples("daogou bench personal-search --preset demo"),
)
@click.option(
    "--searches",
    "at_most",
    type=click.IntRange(1),
    default=2000,
    show_default=True,
    help="How many, drawn where there are more.",
)
@options.runs
@options.preset_of_newest_run
@json_file
@click.pass_obj
def personal_search(
    session: "Session",
    *,
    at_most: int,
    runs: pathlib.Path,
    preset: str | None,
    json_path: pathlib.Path | None,
) -> None:
    """Compare searches with a person, without one, by text, by popularity.

    On the searches after the split of the newest run after which something
    was chosen; its pushed model answers as it is. The figures go into the
    run's report.
    """
    from cli.reports import newest_report

    check_folder(json_path)
    report = newest_report(runs, preset)
    with libraries_hushed(show=session.debug):
        from applications.ads.preparation import read_truth
        from applications.figures import record_system
        from benchmarks.personal_search import comparison
        from pipeline import presets
        from pipeline.change_items import run_version
        from pipeline.lineage import read_lineage
        from pipeline.places import local_places

        lineage = read_lineage(
            pathlib.Path(local_places(runs, report.preset).metadata_path),
            run_version(report.values),
        )
        log, _ = run_parts.log_of(None, runs, report.preset)
        result = comparison.run(
            servable=report.place("servable"),
            model_dir=lineage.model_dir,
            catalogue=lineage.servable.inputs["catalogue"] / "Split-all",
            log=log,
            split=int(report.values["counts"]["split_timestamp"]),
            max_history=presets.by_name(report.preset).behavior_log.max_history,
            at_most=at_most,
            truth=read_truth(run_parts.data_dir(runs, report)),
        )
        record_system(report.path, _system(result, report.preset))
    click.echo(f"{result['searches']:,} searches of {result['users']:,} users")
    _print(result)
    if truth := result.get("truth"):
        click.echo("by the mall's truth: how likely each item is clicked")
        _print(truth)
    if json_path is not None:
        write({"preset": report.preset, **result}, json_path)


def _print(told: dict) -> None:
    for name, one in told["models"].items():
        low, high = one["interval"]
        click.echo(
            f"  {name:26} NDCG@10 {one['ndcg@10']:.4f} "
            f"({low:.4f} to {high:.4f})"
        )
    for name, lead in told["leads"].items():
        click.echo(
            f"  {name}: {lead['mean']:+.4f} "
            f"({lead['low']:+.4f} to {lead['high']:+.4f})"
        )


def _system(result: dict, preset: str) -> "SystemFigures":
    from applications.figures import (
        OURS,
        Figure,
        SystemFigures,
        list_figures,
    )
    from benchmarks.personal_search.comparison import PERSON

    def named(values):
        return {OURS if n == PERSON else n: v for n, v in values.items()}

    figures = [*list_figures(named(result["models"]))]
    if truth := result.get("truth"):
        values = {n: one["ndcg@10"] for n, one in truth["models"].items()}
        figures.append(
            Figure(metric="ndcg@10", values=named(values), part="by the truth")
        )
    for part, told in result["slices"].items():
        values = {n: v for n, v in told.items() if n != "searches"}
        figures.append(
            Figure(metric="ndcg@10", values=named(values), part=part)
        )
    return SystemFigures(
        name="personal_search",
        title="Personalised search",
        chinese="个性化搜索",
        lead="Does what was chosen after a search come first, for the person "
        "who asked and for nobody in particular?",
        command=f"daogou bench personal-search --preset {preset}",
        figures=tuple(figures),
    )
