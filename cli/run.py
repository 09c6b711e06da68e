"""`daogou run`: the whole pipeline on one preset, with progress."""

import pathlib
import shlex
import shutil
import sys
import typing

import click

from cli import options, text_models

if typing.TYPE_CHECKING:
    from cli.reports import RunReport

# A search that makes sense in a data set whose titles can be read.
SAMPLE_QUERIES = {
    "demo": "无线鼠标",
    "tiny": "无线鼠标",
    "amazon-cn": "手机",
    "movielens": "Star Wars",
}


@click.command(
    epilog=options.examples(
        "daogou run --preset demo",
        "daogou run --preset jdata --data ../jdata --seed 7",
        "daogou run --preset demo --encoder bge-small-zh-v1.5",
        "daogou run --preset demo --fine-tune adapters",
        "daogou run --preset custom --data tables --images",
    )
)
@click.option(
    "--preset",
    type=click.Choice(options.PRESETS),
    required=True,
    help="Data set and settings; demo simulates a Chinese mall, custom takes "
    "tables of your own.",
)
@options.existing_dir(
    "--data",
    "data",
    required=False,
    text="Raw files of the data set; demo needs none.",
)
@options.runs
@click.option("--seed", type=int, help="Replaces the preset's seed.")
@text_models.encoder(
    "Replaces the preset's text encoder: a name that `daogou encoder` made, a "
    "folder, or a TF-Hub handle."
)
@text_models.preprocess
@click.option(
    "--fine-tune",
    type=click.Choice(["adapters", "top", "all"]),
    default=None,
    help="Train the text encoder with the model: by adapters, its top layers, "
    "or all of it. Takes several times as long.",
)
@click.option(
    "--images",
    is_flag=True,
    help="Let the model read the items' images (column image_embedding); those "
    "of the simulated mall are made up.",
)
@click.option(
    "--tuned",
    is_flag=True,
    help="Train with what `daogou tune` found for this preset.",
)
@click.option("--no-cache", is_flag=True, help="Run every node anew.")
@click.option(
    "--verbose",
    is_flag=True,
    help="Show what TensorFlow, Beam and TFX print.",
)
@click.option(
    "--data-only",
    is_flag=True,
    help="Write the contract tables and stop.",
)
def run(
    *,
    preset: str,
    data: pathlib.Path | None,
    runs: pathlib.Path,
    seed: int | None,
    encoder: str | None,
    preprocess: str | None,
    fine_tune: str | None,
    images: bool,
    tuned: bool,
    no_cache: bool,
    verbose: bool,
    data_only: bool,
) -> None:
    """Run the pipeline from raw data to a pushed, servable model.

    Unchanged nodes come from the cache of earlier runs. What the libraries
    print goes to run.log beside the report.
    """
    if data_only:
        _prepare_only(preset, data, runs, seed, images=images)
        return
    found = run_and_show(
        preset,
        runs,
        data=data,
        seed=seed,
        text_models=text_models.found(encoder, preprocess),
        fine_tune=fine_tune,
        images=images,
        tuned=tuned,
        use_cache=not no_cache,
        verbose=verbose,
    )
    click.echo("\nTry next:")
    # As it was called, where the environment is not the shell's own.
    program = "daogou" if shutil.which("daogou") else sys.argv[0]
    for command in next_commands(found, runs):
        click.echo(f"  {program} {command}")


def run_and_show(
    preset: str,
    runs: pathlib.Path,
    *,
    tuned: bool = False,
    verbose: bool = False,
    **how: typing.Any,
) -> "RunReport":
    """Runs the pipeline, shows how it goes and what came out.

    Args:
      preset: What is run.
      runs: Folder of all runs.
      tuned: Whether the Trainer gets what `daogou tune` found.
      verbose: Whether what the libraries print is shown.
      **how: As `pipeline.local_runner.run` takes it.
    """
    from cli.display import open_display
    from cli.reports import print_metrics, read_report
    from cli.terminal import output_console, progress_console

    progress = progress_console()
    with open_display(progress, verbose=verbose) as on_event:
        # The import takes seconds; the clock already runs.
        from pipeline import local_runner

        if tuned:
            how["tuning"] = local_runner.last_tuning(runs, preset)
        result = local_runner.run(
            preset=preset,
            runs=runs,
            verbose=verbose,
            on_event=on_event,
            **how,
        )
    found = read_report(pathlib.Path(result.report_path), preset)
    print_metrics(output_console(), found)
    click.echo(f"report: {found.path.with_suffix('.html')}")
    if result.pushed_version:
        click.echo(f"pushed: version {result.pushed_version}")
    return found


def next_commands(found: "RunReport", runs: pathlib.Path) -> list[str]:
    """Returns the words of three commands that work on what the run left.

    Args:
      found: The run's report, which names the histories.
      runs: The folder of runs as the user gave it.
    """
    from cli.histories import sample_users

    tail = f"--preset {found.preset}"
    if runs != pathlib.Path("runs"):
        tail += f" --runs {shlex.quote(str(runs))}"
    users = sample_users(found.place("histories"), 1)
    commands = []
    if users:
        item_id = users[0].steps[-1].item_id
        commands += [
            f"recommend --user {shlex.quote(users[0].user_id)} {tail}",
            f"similar --item {shlex.quote(item_id)} {tail}",
        ]
    if query := SAMPLE_QUERIES.get(found.preset):
        commands.append(f'search "{query}" {tail}')
    commands += [f"users {tail}", f"report {tail}"]
    return commands[:3]


def _prepare_only(
    preset: str,
    data: pathlib.Path | None,
    runs: pathlib.Path,
    seed: int | None,
    *,
    images: bool,
) -> None:
    from pipeline import presets, source
    from pipeline.places import local_places

    places = local_places(runs, preset)
    config = presets.by_name(preset, seed)
    if images:
        config = presets.with_images(config)
    click.echo(source.prepare_data(config, data, places))
    click.echo(f"tables: {places.data_dir}")
