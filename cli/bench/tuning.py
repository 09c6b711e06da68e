"""`daogou bench fine-tuning`: what training the text encoder brings."""

import pathlib
import typing

import click

from cli import options
from cli.figures import (
    check_folder,
    json_file,
    print_by_group,
    write,
)
from cli.terminal import libraries_hushed

if typing.TYPE_CHECKING:
    from cli.main import Session


@click.command(
    "fine-tuning",
    epilog=options.examples(
        "daogou bench fine-tuning --preset demo",
        "daogou bench fine-tuning --mode adapters --mode top --epochs 4",
    ),
)
@click.option(
    "--mode",
    "modes",
    type=click.Choice(["adapters", "top", "all"]),
    multiple=True,
    default=("adapters", "top"),
    show_default=True,
    help="What of the encoder is trained; may be given again.",
)
@options.held_out_share
@click.option(
    "--texts",
    type=click.IntRange(min=1),
    default=32,
    show_default=True,
    help="Texts that a step encodes anew.",
)
@click.option(
    "--towers-epochs",
    type=click.IntRange(min=1),
    default=None,
    help="Passes over the sequences before the encoder joins, at most; as the "
    "run had it by default.",
)
@click.option(
    "--epochs",
    type=click.IntRange(min=1),
    default=6,
    show_default=True,
    help="Passes over the sequences with the encoder, for each mode.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0),
    default=0.0,
    help="Time of these passes, at most; no limit by default.",
)
@options.runs
@options.preset_of_newest_run
@json_file
@click.pass_obj
def fine_tuning(
    session: "Session",
    *,
    modes: tuple[str, ...],
    share: float,
    texts: int,
    towers_epochs: int | None,
    epochs: int,
    seconds: float,
    runs: pathlib.Path,
    preset: str | None,
    json_path: pathlib.Path | None,
) -> None:
    """Train the text encoder with the towers, and compare with a frozen one.

    On the artifacts of the newest finished run, which stay as they are.
    """
    from cli.reports import newest_report

    check_folder(json_path)
    report = newest_report(runs, preset)
    with libraries_hushed(show=session.debug):
        from benchmarks import coldstart
        from benchmarks import fine_tuning as benchmark
        from pipeline import presets

        artifacts, model, training = coldstart.artifacts_of(runs, report.preset)
        result = benchmark.run(
            artifacts,
            model,
            training,
            presets.by_name(report.preset).retrieval_evaluation,
            benchmark.Options(
                modes=modes,
                share=share,
                texts_a_step=texts,
                towers_epochs=towers_epochs or 0,
                epochs=epochs,
                seconds=seconds,
            ),
        )
    figures = {
        name: {
            group: told["groups"][group]["ndcg@10"] for group in told["groups"]
        }
        for name, told in result["contenders"].items()
    }
    print_by_group("nDCG@10", result["queries"], figures)
    if json_path is not None:
        write({"preset": report.preset, **result}, json_path)
