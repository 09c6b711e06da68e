"""`daogou bundle`: what training reads, for a machine without TFX."""

import pathlib
import typing

import click

from cli import options
from cli.terminal import libraries_hushed

if typing.TYPE_CHECKING:
    from cli.main import Session


@click.command(
    epilog=options.examples(
        "daogou bundle --preset demo --output bundle",
        "daogou bundle --output /content/drive/MyDrive/bundle",
    )
)
@click.option(
    "--output",
    type=click.Path(exists=False, path_type=pathlib.Path),
    required=True,
    metavar="DIR",
    help="A new folder.",
)
@options.runs
@options.preset_of_newest_run
@click.pass_obj
def bundle(
    session: "Session",
    *,
    output: pathlib.Path,
    runs: pathlib.Path,
    preset: str | None,
) -> None:
    """Copy what the newest run trained on into one folder.

    examples/colab_tpu.ipynb trains on it, on a TPU or a GPU, with the base
    install alone.
    """
    from cli.reports import newest_report

    if not output.absolute().parent.is_dir():
        raise click.UsageError(f"there is no folder {output.parent}")
    report = newest_report(runs, preset)
    with libraries_hushed(show=session.debug):
        from benchmarks.coldstart import artifacts_of
        from models.training import bundle as bundles

        artifacts, model, training = artifacts_of(runs, report.preset)
        size = bundles.write(artifacts.sources, model, training, output)
    click.echo(f"{output}: {size / 1e6:.1f} MB, preset {report.preset}")
