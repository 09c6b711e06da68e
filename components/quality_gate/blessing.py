"""Reads the reports, writes `gate.json`, blesses or refuses."""

import dataclasses
import json

import tensorflow as tf

from components.quality_gate.gate import checks, message
from components.quality_gate.ranking_metrics import read_ranking
from components.quality_gate.settings import GateSettings
from schema.errors import DataError, GateError

GATE_FILE = "gate.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReportFolders:
    """Where the reports lie that the gate reads.

    Attributes:
      evaluation: The Evaluator's.
      retrieval: With `metrics.json`.
      index: With `index.json`.
      serving: With `report.json`.
    """

    evaluation: str
    retrieval: str
    index: str
    serving: str


def run_gate(
    folders: ReportFolders, blessing_dir: str, settings: GateSettings
) -> None:
    """Judges a trained model by its reports.

    Args:
      folders: The reports.
      blessing_dir: Where `gate.json` goes, before anything is refused.
      settings: The thresholds.

    Raises:
      DataError: A report is missing.
      GateError: At least one check failed; names every one of them, since
        TFX removes what a failed node wrote.
    """
    made = checks(
        settings,
        ranking=read_ranking(folders.evaluation),
        retrieval=_read(f"{folders.retrieval}/metrics.json"),
        index=_read(f"{folders.index}/index.json"),
        serving=_read(f"{folders.serving}/report.json"),
    )
    failed = [check for check in made if not check.ok]
    tf.io.gfile.makedirs(blessing_dir)
    with tf.io.gfile.GFile(f"{blessing_dir}/{GATE_FILE}", "w") as file:
        content = {
            "ok": not failed,
            "checks": [dataclasses.asdict(check) for check in made],
        }
        file.write(json.dumps(content, ensure_ascii=False, indent=2))
    if failed:
        raise GateError(message(failed, len(made)))


def _read(path: str) -> dict:
    try:
        with tf.io.gfile.GFile(path) as file:
            return json.load(file)
    except tf.errors.NotFoundError:
        raise DataError(f"{path}: the gate needs this report") from None
