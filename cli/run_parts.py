"""What a finished run left behind, for the systems on top of it."""

import pathlib
import typing
from collections.abc import Callable

from cli.reports import RunReport

if typing.TYPE_CHECKING:
    from applications.logged_pages import LoggedPages


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
