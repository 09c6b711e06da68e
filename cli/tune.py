"""`daogou tune`: finds better settings, then trains with them."""

import dataclasses
import pathlib

import click

from cli import options
from models.tuning.settings import OBJECTIVES, SPACE, STRATEGIES


@click.command(
    epilog=options.examples(
        "daogou tune --preset demo --trials 20 --seconds 7200",
        "daogou tune --preset demo --try model.dimension=32|64 "
        "--try 'training.learning_rate=0.0005..0.005 log'",
        "daogou run --preset demo --tuned",
    )
)
@click.option(
    "--preset",
    type=click.Choice(options.PRESETS),
    required=True,
    help="Data set, and the settings that others are compared with.",
)
@options.existing_dir(
    "--data",
    "data",
    required=False,
    text="Raw files of the data set; demo needs none.",
)
@options.runs
@click.option(
    "--trials",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="Trainings at most, the preset's own settings first.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0),
    default=0.0,
    help="Begin no training after so long; no limit by default.",
)
@click.option(
    "--strategy",
    type=click.Choice(STRATEGIES),
    default=STRATEGIES[0],
    show_default=True,
    help="How the next settings are chosen.",
)
@click.option(
    "--objective",
    type=click.Choice(sorted(OBJECTIVES, reverse=True)),
    default="retrieval",
    show_default=True,
    help="What is to be best on choices held out of the training period.",
)
@click.option(
    "--try",
    "space",
    multiple=True,
    metavar="NAME=VALUES",
    help="What is tried, any number of times: NAME=A|B|C, NAME=A..B or "
    f"'NAME=A..B log'. By default {', '.join(SPACE)}.",
)
@click.option("--verbose", is_flag=True, help="Show what the libraries print.")
def tune(
    *,
    preset: str,
    data: pathlib.Path | None,
    runs: pathlib.Path,
    trials: int,
    seconds: float,
    strategy: str,
    objective: str,
    space: tuple[str, ...],
    verbose: bool,
) -> None:
    """Search for settings of model and training, and run with the best.

    TFX's Tuner with KerasTuner: what was tried is kept, and a search that was
    stopped goes on. `daogou run --tuned` uses what was found last.
    """
    from cli.run import run_and_show
    from models.tuning.settings import TuningSettings

    tuning = TuningSettings(
        trials=trials,
        max_seconds=seconds,
        strategy=strategy,
        objective=objective,
    )
    if space:
        tuning = dataclasses.replace(tuning, space=space)
    found = run_and_show(
        preset, runs, data=data, tuning=tuning, verbose=verbose
    )
    best, *others = found.values["tuning"]
    click.echo(f"\nThe best of {1 + len(others)}, {best['score']:.4f}:")
    for name in best:
        if name not in ("trial_id", "score"):
            click.echo(f"  {name} = {best[name]}")
