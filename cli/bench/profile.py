"""`daogou bench profile`: profiles beside what the simulation knows."""

import pathlib
import typing

import click

from cli import options, run_parts
from cli.figures import check_folder, json_file, write
from cli.terminal import libraries_hushed

if typing.TYPE_CHECKING:
    from cli.main import Session


@click.command(
    epilog=options.examples(
        "daogou bench profile --preset demo",
        "daogou bench profile --data mall --json profile.json",
    ),
)
@run_parts.tables
@options.runs
@options.preset_of_newest_run
@json_file
@click.pass_obj
def profile(
    session: "Session",
    *,
    data: pathlib.Path | None,
    runs: pathlib.Path,
    preset: str | None,
    json_path: pathlib.Path | None,
) -> None:
    """Compare profiles with the ground truth of a simulated mall.

    Beside them stand the majority, the last choice and what is chosen most.
    The figures go into the report of the newest run, unless --data names
    other tables.
    """
    check_folder(json_path)
    with libraries_hushed(show=session.debug):
        from applications.figures import record_system
        from benchmarks.profile import accuracy
        from pipeline.places import local_places

        log, report = run_parts.log_of(data, runs, preset)
        folder = data
        if report is not None:
            folder = pathlib.Path(local_places(runs, report.preset).data_dir)
        result = accuracy.run(log, typing.cast(pathlib.Path, folder))
        if report is not None:
            command = f"daogou bench profile --preset {report.preset}"
            record_system(report.path, accuracy.system_figures(result, command))
    for trait, found in result["traits"].items():
        lead, told = found["lead"], found["told"]
        low, high = lead["interval"]
        click.echo(f"{trait}, {found['users']:,} users")
        line = "  ".join(f"{k} {v:.3f}" for k, v in found["accuracy"].items())
        click.echo(f"  right: {line}")
        click.echo(
            f"  ahead of {lead['over']} by {lead['accuracy']:+.3f} "
            f"({low:+.3f} to {high:+.3f})"
        )
        right, sure = told["accuracy"], told["confidence"]
        if right is not None:
            click.echo(
                f"  told of {told['share']:.0%}: {right:.3f} right, "
                f"{sure:.3f} sure"
            )
    if json_path is not None:
        write(result, json_path)
