"""`daogou bench off-policy`: another order of pages, before an A/B test."""

import pathlib
import typing

import click

from cli import options
from cli.figures import check_folder, json_file, write
from cli.terminal import libraries_hushed

if typing.TYPE_CHECKING:
    from cli.main import Session


@click.command(
    "off-policy",
    epilog=options.examples("daogou bench off-policy --preset demo"),
)
@options.runs
@options.preset_of_newest_run
@json_file
@click.pass_obj
def off_policy(
    session: "Session",
    *,
    runs: pathlib.Path,
    preset: str | None,
    json_path: pathlib.Path | None,
) -> None:
    """Tell what the model's order of logged pages would have earned.

    On the impressions of the newest finished run: the clicks that another
    order of the same items would have brought, by inverse propensity
    scoring. Nobody is shown anything.
    """
    from cli.reports import newest_report

    check_folder(json_path)
    report = newest_report(runs, preset)
    with libraries_hushed(show=session.debug):
        from benchmarks import coldstart
        from benchmarks import off_policy as measuring
        from pipeline.change_items import run_version
        from pipeline.lineage import read_lineage
        from pipeline.places import local_places

        places = local_places(runs, report.preset)
        lineage = read_lineage(
            pathlib.Path(places.metadata_path), run_version(report.values)
        )
        artifacts, _, _ = coldstart.artifacts_of(runs, report.preset)
        result = measuring.run(
            pathlib.Path(places.data_dir),
            str(artifacts.examples),
            lineage.model_dir,
        )
    click.echo(
        f"{result['impressions']:,} impressions on {result['pages']:,} pages"
    )
    for name, told in result["orders"].items():
        low, high = told["interval"]
        line = (
            f"{name:12} {told['clicks_a_page']:.4f} clicks a page, "
            f"{told['lead']:+.4f} ({low:+.4f} to {high:+.4f})"
        )
        if sample := told.get("sample"):
            low, high = sample["true_interval"]
            line += (
                f"; on the sample {sample['lead']:+.4f}, in truth "
                f"{sample['true_lead']:+.4f} ({low:+.4f} to {high:+.4f})"
            )
        click.echo(line)
    if json_path is not None:
        write({"preset": report.preset, **result}, json_path)
