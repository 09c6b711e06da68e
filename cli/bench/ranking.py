"""`daogou bench ranking`: the ranking heads beside LightGBM."""

import pathlib
import typing

import click

from cli import options
from cli.figures import check_folder, json_file, write
from cli.terminal import libraries_hushed

if typing.TYPE_CHECKING:
    from cli.main import Session


@click.command(
    epilog=options.examples("daogou bench ranking --preset demo"),
)
@options.runs
@options.preset_of_newest_run
@json_file
@click.pass_obj
def ranking(
    session: "Session",
    *,
    runs: pathlib.Path,
    preset: str | None,
    json_path: pathlib.Path | None,
) -> None:
    """Compare the ranking heads with LightGBM and logistic regression.

    On the impressions of the newest finished run: the peers learn from the
    same ones, tuned on the users that training validates on, and are asked
    about the same ones. They are installed in an environment of their own.
    """
    from cli.reports import newest_report

    check_folder(json_path)
    report = newest_report(runs, preset)
    with libraries_hushed(show=session.debug):
        from benchmarks import coldstart
        from benchmarks.ranking import comparison
        from pipeline.change_items import run_version
        from pipeline.lineage import read_lineage
        from pipeline.places import local_places

        lineage = read_lineage(
            pathlib.Path(local_places(runs, report.preset).metadata_path),
            run_version(report.values),
        )
        artifacts, model, training = coldstart.artifacts_of(runs, report.preset)
        result = comparison.run(artifacts, lineage.model_dir, model, training)
    for head, told in result["heads"].items():
        low, high = told["lead"]["interval"]
        click.echo(f"{head}, {told['positives']:,} positives")
        for name, figures in told["models"].items():
            line = "  ".join(f"{k} {v:.4f}" for k, v in figures.items())
            click.echo(f"  {name:20} {line}")
        click.echo(
            f"  AUC ahead of LightGBM by {told['lead']['auc']:+.4f} "
            f"({low:+.4f} to {high:+.4f})"
        )
    if json_path is not None:
        write({"preset": report.preset, **result}, json_path)
