"""What a finished run left behind, for the systems on top of it."""

import contextlib
import pathlib
import typing
from collections.abc import Callable, Iterator

import click

from cli import options
from cli.reports import RunReport

if typing.TYPE_CHECKING:
    from applications.items import ItemTable
    from applications.logged_pages import LoggedPages
    from applications.shop import Shop
    from applications.shop_log import ShopLog

tables = options.existing_dir(
    "--data",
    "data",
    required=False,
    text="Contract tables, one folder each; those of the newest run by "
    "default.",
)


def data_dir(runs: pathlib.Path, report: RunReport) -> pathlib.Path:
    """Returns the folder of a run's tables."""
    from pipeline.places import local_places

    return pathlib.Path(local_places(runs, report.preset).data_dir)


def examples_dir(runs: pathlib.Path, report: RunReport) -> pathlib.Path:
    """Returns the behaviour examples that a run's model was made from.

    Raises:
      DataError: The run's metadata are gone, or do not know its version.
    """
    from pipeline.change_items import run_version
    from pipeline.lineage import read_lineage
    from pipeline.places import local_places

    places = local_places(runs, report.preset)
    lineage = read_lineage(
        pathlib.Path(places.metadata_path), run_version(report.values)
    )
    return lineage.servable.inputs["examples"]


def logged_pages(
    runs: pathlib.Path, report: RunReport, head: str
) -> "LoggedPages":
    """Returns the pages after a run's split.

    Raises:
      DataError: As `examples_dir`, or the log has no impressions.
    """
    from applications.logged_pages import read_pages

    return read_pages(str(examples_dir(runs, report)), head)


def counter(console) -> Callable[[str, int, int], None]:
    """Returns what tells a console how much is done, every tenth of it.

    Args:
      console: Of `cli.terminal.progress_console`, made before the libraries
        are hushed.
    """
    told: dict[str, int] = {}

    def tell(what: str, done: int, of: int) -> None:
        tenth = 10 * done // max(of, 1)
        if tenth > told.get(what, 0) or (done == 1 and what not in told):
            told[what] = tenth
            console.print(f"{what}: {done:,} of {of:,}", markup=False)

    return tell


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

    if data is not None:
        if preset is not None:
            raise click.UsageError("--data and --preset exclude each other")
        return read_shop_log(data, BehaviorLogSettings()), None
    report = newest_report(runs, preset)
    settings = presets.by_name(report.preset).behavior_log
    return read_shop_log(data_dir(runs, report), settings), report


@contextlib.contextmanager
def open_shop(report: RunReport, server: str) -> Iterator["Shop"]:
    """Opens the model of a run.

    Args:
      report: Of the run.
      server: host:port of a model server that answers; empty for the model
        in this process.

    Raises:
      DataError: The model is gone, or cannot be loaded.
    """
    from applications.shop import Shop

    if server:
        from serving.client import Client

        with Client(server) as client:
            yield Shop(client)
        return
    from serving.in_process import Recommender

    yield Shop(Recommender(report.place("servable"), one_call=True))


def items_of(report: RunReport) -> "ItemTable":
    """Reads the items that the run's model answers with.

    Raises:
      DataError: They are gone, or cannot be read.
    """
    from applications.items import read_items

    return read_items(report.place("catalogue"))
