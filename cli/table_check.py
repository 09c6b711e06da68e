"""Holds tables against the data contract, batch by batch, without a pipeline.

Nothing is changed or dropped: what is found is counted, with an example.
The pipeline judges the same way: a wrong file stops a run, a bad row is put
aside. Memory holds one batch and, of the tables with unique ids, the ids.
"""

import collections
import dataclasses
import enum
import math
import pathlib
import typing

from cli import image_check
from cli.table_files import fits, has_type, read_batches, table_files
from schema import contract
from schema.errors import DataError

if typing.TYPE_CHECKING:
    import pyarrow as pa

UNIQUE = {"items": "item_id", "users": "user_id", "campaigns": "campaign_id"}
# The year 2096 in seconds; milliseconds passed it in 1970.
LATEST_SECOND = 4_000_000_000
TIMES = ("timestamp", "listed_at", "registered_at", "starts_at", "ends_at")
# Lowest and highest value of a column, both allowed.
RANGES = {
    "price": (0, math.inf),
    "quantity": (1, math.inf),
    "discount": (0, 1),
}
# Values of a column that may not be others.
CHOICES = {
    "event_type": contract.EVENT_TYPES,
    "kind": contract.CAMPAIGN_KINDS,
}
# Required, but may be the empty text.
MAY_BE_EMPTY = ("title",)
LONGEST_TITLE = 10_000
# A required column with a larger share of bad rows is a wrong file.
MOST_BAD_ROWS = 0.5


class Severity(enum.IntEnum):
    """What a finding means for a run, the worst first."""

    STOPS = 0
    PUT_ASIDE = 1
    NOTE = 2


@dataclasses.dataclass(kw_only=True)
class Finding:
    """One kind of thing found in a table, with how often.

    Attributes:
      table: Of the contract.
      column: Empty where it is about the whole table.
      text: What is wrong and what is allowed.
      severity: What it means for a run.
      rows: How many rows; 0 where it is about the whole column.
      example: One such value.
    """

    table: str
    column: str
    text: str
    severity: Severity = Severity.STOPS
    rows: int = 0
    example: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class CheckResult:
    """What a folder of tables holds.

    Attributes:
      rows: Rows of each table that is there.
      event_types: Events of each type, unknown types included.
      findings: Everything found, the worst first.
    """

    rows: dict[str, int]
    event_types: dict[str, int]
    findings: tuple[Finding, ...]

    @property
    def stops(self) -> bool:
        """Whether a run on these tables would stop."""
        return any(f.severity == Severity.STOPS for f in self.findings)


def check_tables(data_dir: pathlib.Path) -> CheckResult:
    """Reads the contract tables of a folder and reports on them.

    Args:
      data_dir: One folder a table, with Parquet or CSV files.

    Raises:
      DataError: No table is there, or a file cannot be read at all.
    """
    check = _Check(data_dir)
    # Items before events, which are held against them.
    for table in sorted(contract.TABLES, key=lambda name: name != "items"):
        check.run(table)
    if not check.rows:
        raise DataError(
            f"{data_dir} holds no table; expected folders of .parquet or "
            f".csv files named {', '.join(contract.TABLES)}"
        )
    for table in contract.REQUIRED_TABLES:
        if table not in check.rows:
            check.note(table, "", "the table is missing")
    return CheckResult(
        rows=check.rows,
        event_types=dict(check.event_types.most_common()),
        findings=tuple(
            sorted(check.findings.values(), key=lambda f: f.severity)
        ),
    )


class _Check:
    """Gathers findings over the batches of all tables."""

    def __init__(self, data_dir: pathlib.Path):
        self.data_dir = data_dir
        self.rows: dict[str, int] = {}
        self.event_types: collections.Counter[str] = collections.Counter()
        self.findings: dict[tuple[str, str, str], Finding] = {}
        self.item_ids: pa.Array | None = None
        self.image_widths = image_check.ImageWidths()

    def note(
        self,
        table: str,
        column: str,
        text: str,
        severity: Severity = Severity.STOPS,
        *,
        rows: int = 0,
        example: object = "",
    ) -> None:
        """Adds rows to a finding; the first example stays."""
        found = self.findings.setdefault(
            (table, column, text),
            Finding(
                table=table,
                column=column,
                text=text,
                severity=severity,
                example=_shown(example),
            ),
        )
        found.rows += rows

    def note_rows(self, table, column, text, mask, values) -> None:
        """Counts the rows where the mask is true; an unknown is not."""
        import pyarrow.compute as pc

        if rows := pc.sum(mask).as_py():
            example = values.filter(mask)[0].as_py()
            severity = Severity.PUT_ASIDE
            self.note(table, column, text, severity, rows=rows, example=example)

    def run(self, table: str) -> None:
        import pyarrow as pa

        folder = self.data_dir / table
        if not folder.is_dir():
            return
        files = table_files(folder)
        if not files:
            self.note(table, "", f"{folder} has no .parquet or .csv file")
            return
        self.rows[table] = 0
        ids = []
        for file in files:
            first = True
            for batch in read_batches(file, table):
                if first:
                    self._columns(table, batch.schema)
                    first = False
                self.rows[table] += batch.num_rows
                self._batch(table, batch)
                key = UNIQUE.get(table)
                if key and has_type(batch, key, "string"):
                    ids.append(batch[key].cast(pa.string()))
        if not self.rows[table]:
            self.note(table, "", "the table has no rows")
        if ids:
            self._duplicates(table, pa.chunked_array(ids))
        rows, text, example = self.image_widths.others()
        if table == "items" and rows:
            aside = Severity.PUT_ASIDE
            column = image_check.COLUMN
            self.note(table, column, text, aside, rows=rows, example=example)
        self._judge(table)

    def _judge(self, table: str) -> None:
        """Takes a required column that is mostly bad for a wrong file."""
        required = {c.name for c in contract.TABLES[table] if c.required}
        limit = MOST_BAD_ROWS * self.rows[table]
        for found in self.findings.values():
            if (
                found.table == table
                and found.column in required
                and found.severity == Severity.PUT_ASIDE
                and found.rows > limit
            ):
                found.severity = Severity.STOPS

    def _columns(self, table: str, found: "pa.Schema") -> None:
        wanted = {column.name: column for column in contract.TABLES[table]}
        for column in wanted.values():
            if column.name not in found.names:
                if column.required:
                    self.note(table, column.name, "the column is missing")
                continue
            dtype = found.field(column.name).type
            if not fits(dtype, column.dtype):
                self.note(
                    table,
                    column.name,
                    f"its type is {dtype}; the contract's is {column.dtype}",
                )
        for name in found.names:
            if name not in wanted:
                self.note(
                    table,
                    name,
                    "not in the contract; it is not read",
                    Severity.NOTE,
                )

    def _batch(self, table: str, batch: "pa.RecordBatch") -> None:
        for column in contract.TABLES[table]:
            name = column.name
            if not has_type(batch, name, column.dtype):
                continue
            values = batch[name]
            if column.dtype == "string":
                values = self._text(table, column, values)
                if values is None:
                    continue
            elif column.required:
                self._nulls(table, name, values)
            if name in CHOICES:
                self._choice(table, name, values)
            if name in TIMES:
                self._time(table, name, values)
            if name in RANGES:
                self._range(table, name, values)
            if name == image_check.COLUMN:
                self._images(table, name, values)
        if table == "events":
            self._events(batch)

    def _text(self, table, column, values):
        import pyarrow as pa
        import pyarrow.compute as pc

        values = values.cast(pa.string())
        try:
            values.validate(full=True)
        except pa.ArrowInvalid:
            self.note(
                table,
                column.name,
                "holds text that is not UTF-8 (GBK? Try "
                "`iconv -f GB18030 -t UTF-8`)",
            )
            return None
        if column.required:
            self._nulls(table, column.name, values)
            if column.name not in MAY_BE_EMPTY:
                empty = pc.equal(values, "")
                self.note_rows(table, column.name, "is empty", empty, values)
        if column.name == "title":
            too_long = pc.greater(pc.utf8_length(values), LONGEST_TITLE)
            text = f"longer than {LONGEST_TITLE:,} characters"
            self.note_rows(table, "title", text, too_long, values)
        return values

    def _nulls(self, table, name, values):
        if values.null_count:
            self.note(
                table,
                name,
                "is null",
                Severity.PUT_ASIDE,
                rows=values.null_count,
            )

    def _choice(self, table, name, values):
        import pyarrow as pa
        import pyarrow.compute as pc

        if name == "event_type":
            for pair in pc.value_counts(values).to_pylist():
                if pair["values"] is not None:
                    self.event_types[pair["values"]] += pair["counts"]
        allowed = CHOICES[name]
        # Nothing given is another finding where it is required.
        fine = pa.array([*allowed, "", None], pa.string())
        unknown = pc.invert(pc.is_in(values, value_set=fine))
        text = f"unknown; allowed: {', '.join(allowed)}"
        self.note_rows(table, name, text, unknown, values)

    def _time(self, table, name, values):
        import pyarrow.compute as pc

        text = "looks like milliseconds; allowed: Unix seconds"
        late = pc.greater(values, LATEST_SECOND)
        self.note_rows(table, name, text, late, values)
        text = "not after 1970; allowed: Unix seconds above 0"
        # Columns that may be absent write 0 for unknown.
        lowest = 1 if name == "timestamp" else 0
        self.note_rows(table, name, text, pc.less(values, lowest), values)

    def _range(self, table, name, values):
        import pyarrow as pa
        import pyarrow.compute as pc

        low, high = RANGES[name]
        outside = pc.or_(pc.less(values, low), pc.greater(values, high))
        allowed = f"{low} to {high}" if high < math.inf else f">= {low}"
        text = f"out of range; allowed: {allowed}"
        self.note_rows(table, name, text, outside, values)
        if pa.types.is_floating(values.type):
            # NaN lies inside every range by comparison.
            broken = pc.invert(pc.is_finite(values))
            text = "not a finite number"
            self.note_rows(table, name, text, broken, values)

    def _images(self, table, name, values):
        vectors = image_check.as_vectors(values)
        self.image_widths.add(vectors)
        broken = image_check.not_finite(vectors)
        self.note_rows(table, name, image_check.NOT_FINITE, broken, vectors)

    def _events(self, batch: "pa.RecordBatch") -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        if not has_type(batch, "event_type", "string"):
            return
        kinds = batch["event_type"].cast(pa.string())
        on_items = pc.is_in(
            kinds, value_set=pa.array(contract.ITEM_EVENT_TYPES)
        )
        if not has_type(batch, "item_id", "string"):
            text = "the column is missing, which events on items need"
            if rows := pc.sum(on_items).as_py():
                severity = Severity.STOPS
                self.note("events", "item_id", text, severity, rows=rows)
            return
        ids = batch["item_id"].cast(pa.string())
        absent = pc.or_kleene(pc.is_null(ids), pc.equal(ids, ""))
        text = "missing in an event on an item"
        self.note_rows(
            "events", "item_id", text, pc.and_(on_items, absent), kinds
        )
        if self.item_ids is not None:
            known = pc.is_in(ids, value_set=self.item_ids)
            stray = pc.and_(
                pc.and_(on_items, pc.invert(known)), pc.invert(absent)
            )
            text = "not in the table items"
            self.note_rows("events", "item_id", text, stray, ids)

    def _duplicates(self, table: str, ids: "pa.ChunkedArray") -> None:
        import pyarrow.compute as pc

        counts = pc.value_counts(ids.drop_null())
        if table == "items":
            self.item_ids = counts.field("values")
        repeated = pc.greater(counts.field("counts"), 1)
        rows = (
            pc.sum(counts.field("counts").filter(repeated)).as_py() or 0
        ) - (pc.sum(repeated).as_py() or 0)
        if rows:
            example = counts.field("values").filter(repeated)[0].as_py()
            self.note(
                table,
                UNIQUE[table],
                "the same id again; the last row counts",
                Severity.PUT_ASIDE,
                rows=rows,
                example=example,
            )


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else text[:39] + "…"
