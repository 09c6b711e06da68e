"""Makes the reader of a run, or takes the one that is there."""

import pathlib

import pyarrow.parquet as pq

from applications import run_inputs
from applications.understanding import store
from applications.understanding.encoding import TitleEncoder
from applications.understanding.reader import ItemReader
from applications.understanding.settings import DuplicateSettings
from models.understanding.settings import ClassifierSettings

SYSTEM = "understanding"


def reader_of_run(
    runs: pathlib.Path,
    preset: str,
    report: dict,
    settings: ClassifierSettings | None = None,
    twins: DuplicateSettings | None = None,
) -> tuple[ItemReader, TitleEncoder, bool]:
    """Returns the reader that a run's catalogue taught, and its encoder.

    It is kept beside the run and taught anew when catalogue, encoder or
    settings have changed.

    Args:
      runs: Folder of all runs.
      preset: Whose newest run.
      report: What its `report.json` says.
      settings: Of the classifier.
      twins: Of near duplicates.

    Returns:
      Both, and whether it had to be taught.

    Raises:
      DataError: The run's data or vectors are gone, or teach nothing.
    """
    settings = settings or ClassifierSettings()
    twins = twins or DuplicateSettings()
    items = run_inputs.table_folder(runs, preset, "items")
    encoder = TitleEncoder.of_run(run_inputs.text_vectors(runs, preset, report))
    folder = run_inputs.own_folder(runs, preset, SYSTEM)
    wanted = store.fingerprint(items, encoder.settings, settings, twins)
    found = store.load(folder)
    if found is not None and found.fingerprint == wanted:
        return found.reader, encoder, False
    reader = ItemReader.learn(pq.read_table(items), encoder, settings, twins)
    store.save(store.Stored(reader, encoder.settings, wanted), folder)
    return reader, encoder, True
