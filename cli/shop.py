"""The log that the systems on top of the model read: of a run, or a folder."""

import pathlib
import typing

import click

from cli import options

if typing.TYPE_CHECKING:
    from applications.shop_log import ShopLog
    from cli.reports import RunReport

tables = options.existing_dir(
    "--data",
    "data",
    required=False,
    text="Contract tables, one folder each; those of the newest run by "
    "default.",
)


def log_of(
    data: pathlib.Path | None, runs: pathlib.Path, preset: str | None
) -> tuple["ShopLog", "RunReport | None"]:
    """Reads the tables that a command was given.

    Args:
      data: A folder of tables; None for those of a run.
      runs: The folder of all runs.
      preset: Whose newest run; of whichever ran last if None.

    Returns:
      The log, and the run's report where it is of a run.

    Raises:
      DataError: There is no such run, or the tables cannot be read.
    """
    from applications.shop_log import read_shop_log
    from cli.reports import newest_report
    from components.behavior_log.settings import BehaviorLogSettings
    from pipeline import presets
    from pipeline.places import local_places

    if data is not None:
        if preset is not None:
            raise click.UsageError("--data and --preset exclude each other")
        return read_shop_log(data, BehaviorLogSettings()), None
    report = newest_report(runs, preset)
    settings = presets.by_name(report.preset).behavior_log
    folder = pathlib.Path(local_places(runs, report.preset).data_dir)
    return read_shop_log(folder, settings), report
