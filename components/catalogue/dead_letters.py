"""Rows that were put aside, each with its place, its reason and its content."""

import json
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.catalogue import tables

SCHEMA = pa.schema(
    [
        ("source", pa.large_string()),
        ("row", pa.int64()),
        ("reason", pa.large_string()),
        ("value", pa.large_string()),
    ]
)
# Enough to find the row again; ten million characters would hurt twice.
SHOWN_CHARACTERS = 200


def first_reasons(
    checks: Iterable[tuple[str, np.ndarray]], num_rows: int
) -> np.ndarray:
    """Names the first check that marks a row as bad.

    Args:
      checks: Pairs of a reason and a bool [rows] that says which are bad, the
        first that applies counts.
      num_rows: How many rows there are.

    Returns:
      str objects [rows], `""` where the row is good.
    """
    reasons = np.full(num_rows, "", dtype=object)
    for reason, bad in checks:
        reasons[(reasons == "") & bad] = reason
    return reasons


def dead_letters(
    source: str, row: np.ndarray, reasons: np.ndarray, content: pa.Table
) -> pa.Table:
    """Makes dead letters of bad rows.

    Args:
      source: Table and file that the rows come from.
      row: int64 [rows], where in the file, from 0.
      reasons: str objects [rows].
      content: [rows], what is shown as JSON: text and numbers.

    Returns:
      A table of `SCHEMA`.
    """
    if not len(row):
        return SCHEMA.empty_table()
    shown = {}
    for name in content.column_names:
        column = content[name].combine_chunks()
        if pa.types.is_large_string(column.type):
            column = _shorten(column)
        shown[name] = column
    lines = (
        pa.table(shown)
        .to_pandas()
        .to_json(orient="records", lines=True, force_ascii=False)
    )
    return pa.table(
        [
            pa.array([source] * len(row), pa.large_string()),
            pa.array(row, pa.int64()),
            pa.array(list(reasons), pa.large_string()),
            pa.array(lines.rstrip("\n").split("\n"), pa.large_string()),
        ],
        schema=SCHEMA,
    )


def _shorten(column):
    long = pc.greater(pc.utf8_length(column), SHOWN_CHARACTERS)
    if not pc.any(long).as_py():
        return column
    cut = pc.binary_join_element_wise(
        pc.utf8_slice_codeunits(column, 0, SHOWN_CHARACTERS),
        pc.utf8_length(column).cast(pa.large_string()),
        pa.scalar("… characters: ", pa.large_string()),
    )
    return pc.if_else(long, cut, column)


def one_of_each(letters: Iterable[pa.Table]) -> dict[str, str]:
    """Returns for each reason the content of the first row that has it."""
    found: dict[str, str] = {}
    for table in letters:
        for reason in pc.unique(table["reason"]).to_pylist():
            if reason not in found:
                which = pc.index(table["reason"], reason).as_py()
                found[reason] = table["value"][which].as_py()
    return found


def merge_parts(folder: str, parts: list[str]) -> dict[str, str]:
    """Puts the parts into one `dead_letters.parquet`, in their order.

    Returns:
      For each reason, the content of one row that has it.
    """
    examples: dict[str, str] = {}

    def through():
        for part in parts:
            for table in tables.read_parquet(part, 65_536):
                for reason, value in one_of_each([table]).items():
                    examples.setdefault(reason, value)
                yield table

    tables.write_parquet(f"{folder}/dead_letters.parquet", SCHEMA, through())
    return examples


def explain(
    what: str, counted: int, by_reason: dict[str, int], examples: dict[str, str]
) -> str:
    """Says in one message why nothing was left."""
    reasons = "; ".join(
        f"{reason}: {count}"
        + (f" (for example {examples[reason]})" if reason in examples else "")
        for reason, count in sorted(by_reason.items(), key=lambda x: -x[1])
        if count
    )
    return f"none of {counted} {what} could be kept: {reasons}"


def write_report(folder: str, report: dict) -> None:
    """Writes `report.json` of a DataReport."""
    text = json.dumps(report, ensure_ascii=False, indent=2, sort_keys=True)
    tables.write_bytes(f"{folder}/report.json", text.encode("utf-8"))
