"""Fills missing categories of a catalogue in; knows nothing of TFX."""

import dataclasses
import math

import numpy as np
import pyarrow as pa
import tensorflow as tf

from components.catalogue import tables
from components.catalogue.dead_letters import write_report
from components.item_understanding import records
from components.item_understanding.learning import Teller
from components.item_understanding.settings import ItemUnderstandingSettings


@dataclasses.dataclass(frozen=True, kw_only=True)
class ItemUnderstandingPaths:
    """Where the node reads and writes.

    Attributes:
      catalogue: Examples of the catalogue, split `all`.
      understood: Examples that are written, split `all`, in the same files.
      report: Folder of the DataReport.
    """

    catalogue: str
    understood: str
    report: str


def run_item_understanding(
    paths: ItemUnderstandingPaths,
    settings: ItemUnderstandingSettings,
    max_text_characters: int,
) -> dict:
    """Writes the catalogue with what its own items tell of each other.

    Items that have a category teach what words belong to it; items without
    get the one that their words speak for, where that is sure enough, and the
    mark `category_inferred`. The others stay as they are, byte for byte.

    Args:
      paths: Where to read and write.
      settings: When a category is filled in.
      max_text_characters: Where `text` is cut, as the catalogue's is.

    Returns:
      What `report.json` holds under `categories`: `known`, `lacking`,
      `filled`, and `why_not` where nothing was tried; else `learned_from`,
      `leaves`, `wanted_precision`, `threshold` (None where there is none that
      is precise enough), and of the items held out `held_out`, `accuracy`,
      `answered` and `precision`.
    """
    files = tables.example_files(paths.catalogue)
    known, counts = _read(files, settings)
    teller, found = _learn(known, counts, settings)
    targets = [
        f"{paths.understood}/Split-all/{path.rpartition('/')[2]}"
        for path in files
    ]
    tf.io.gfile.makedirs(f"{paths.understood}/Split-all")
    filled = 0
    for path, target in zip(files, targets, strict=True):
        if teller is None or math.isinf(teller.certainty.threshold):
            tf.io.gfile.copy(path, target, overwrite=True)
        else:
            filled += _fill(path, target, teller, max_text_characters)
    report = {"categories": {**counts, "filled": filled, **found}}
    write_report(paths.report, report)
    return report["categories"]


def _read(files, settings):
    """Returns items that have a category, not too many, and counts."""
    parts: list[pa.Table] = []
    held = with_one = without = 0
    for path in files:
        for _, items in records.read(path):
            lacking = records.lacks_category(items)
            parts.append(items.filter(pa.array(~lacking)))
            with_one += len(parts[-1])
            without += int(lacking.sum())
            held += len(parts[-1])
            if held > 2 * settings.max_items:
                parts = [records.few(parts, settings.max_items)]
                held = len(parts[0])
    known = records.few(parts, settings.max_items) if parts else None
    return known, {"known": with_one, "lacking": without}


def _learn(known, counts, settings):
    """Returns who tells categories, or None, and what the report says."""
    if not counts["lacking"]:
        return None, {"why_not": "no item lacks a category"}
    if counts["known"] < settings.min_items:
        return None, {
            "why_not": f"{counts['known']} items have a category; needed to "
            f"learn from: {settings.min_items}"
        }
    teller = Teller.learn(known, settings)
    if teller is None:
        return None, {"why_not": "the items have one category in all"}
    measured = teller.certainty
    return teller, {
        "learned_from": len(known),
        "leaves": len(teller.leaves.categories),
        "wanted_precision": settings.precision,
        "threshold": None
        if math.isinf(measured.threshold)
        else measured.threshold,
        "held_out": measured.asked,
        "accuracy": measured.accuracy,
        "answered": measured.answered,
        "precision": measured.precision,
    }


def _fill(path, target, teller: Teller, max_text_characters: int) -> int:
    """Writes one file; returns how many categories were filled in."""
    filled = 0
    with records.Writer(target) as writer:
        for examples, items in records.read(path):
            rows = np.flatnonzero(records.lacks_category(items))
            if len(rows):
                told = teller.tell(items.take(pa.array(rows)))
                for row, category in zip(rows.tolist(), told, strict=True):
                    if category:
                        examples[row] = records.filled(
                            examples[row], category, max_text_characters
                        )
                        filled += 1
            writer.write(examples)
    return filled
