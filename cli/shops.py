"""Opens what a run left as a shop: its model, its items, its tables."""

import contextlib
import pathlib
import typing
from collections.abc import Iterator

from cli.reports import RunReport

if typing.TYPE_CHECKING:
    from applications.items import ItemTable
    from applications.shop import Shop


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


def data_of(runs: pathlib.Path, report: RunReport) -> pathlib.Path:
    """Returns the folder of the contract tables of a run's preset."""
    from pipeline.places import local_places

    return pathlib.Path(local_places(runs, report.preset).data_dir)
