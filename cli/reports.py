"""Finds the report of a run and prints its figures."""

import dataclasses
import json
import pathlib
import typing

from schema.errors import DataError

if typing.TYPE_CHECKING:
    import rich.console
    import rich.table

RETRIEVAL_COLUMNS = ("recall@10", "recall@50", "ndcg@10", "coverage@10")
RANKING_COLUMNS = ("auc", "log_loss", "prior_log_loss")
EVENT_COUNTS = ("in", "kept", "deduplicated", "bots", "quarantined")


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunReport:
    """The `report.json` of a finished run.

    Attributes:
      preset: Name of the folder below the folder of runs.
      path: The file, with `latest` resolved to the run it stands for.
      values: What it says.
    """

    preset: str
    path: pathlib.Path
    values: dict

    def place(self, part: str) -> pathlib.Path:
        """Returns where the run left something, and that it is there.

        Args:
          part: `servable`, `histories` or `catalogue`.

        Raises:
          DataError: The report does not name it, or it is gone.
        """
        named = self.values.get(part, {}).get("path", "")
        if not named:
            raise DataError(
                f"{self.path} names no {part}.path; "
                f"run again: daogou run --preset {self.preset}"
            )
        # An absolute path stays as it is.
        path = self.path.parent / named
        if not path.exists():
            raise DataError(
                f"{path} is gone, which {self.path} names as {part}.path; "
                f"run again: daogou run --preset {self.preset}"
            )
        return path


def read_report(path: pathlib.Path, preset: str) -> RunReport:
    """Reads one report.

    Args:
      path: A `report.json`.
      preset: The preset that it belongs to.

    Raises:
      DataError: It is no JSON object.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(f"{path} is not JSON: {error}") from error
    if not isinstance(values, dict):
        raise DataError(
            f"{path} holds a {type(values).__name__}; allowed: an object"
        )
    return RunReport(preset=preset, path=path.resolve(), values=values)


def newest_report(runs: pathlib.Path, preset: str | None) -> RunReport:
    """Returns the report of the newest finished run.

    Args:
      runs: The folder of all runs.
      preset: Only of this preset; of whichever ran last if None.

    Raises:
      DataError: There is no finished run.
    """
    found = {
        path.parent.parent.name: path
        for path in runs.glob("*/latest/report.json")
    }
    if preset is not None:
        if preset not in found:
            others = ", ".join(sorted(found)) or "none"
            raise DataError(
                f"no finished run of preset {preset!r} in {runs}/; "
                f"there: {others}. "
                f"Make one: daogou run --preset {preset}"
            )
        return read_report(found[preset], preset)
    if not found:
        raise DataError(
            f"no finished run in {runs}/. Make one: daogou run --preset demo"
        )
    newest = max(found, key=lambda name: found[name].stat().st_mtime)
    return read_report(found[newest], newest)


def print_metrics(console: "rich.console.Console", report: RunReport) -> None:
    """Prints data, retrieval, ranking and index of a run as small tables.

    Args:
      console: Where to.
      report: What to print; parts that it lacks are left out.
    """
    values = report.values
    simulated = " (simulated data)" if values.get("simulated") else ""
    dataset = values.get("dataset", report.preset)
    console.print(f"[bold]{dataset}[/]{simulated}")
    events = values.get("counts", {}).get("events", {})
    if events:
        parts = [
            f"{events[name]:,} {name}"
            for name in EVENT_COUNTS
            if name in events
        ]
        console.print("events: " + ", ".join(parts))
    if retrieval := values.get("retrieval"):
        if ranked := values.get("ranked"):
            # On some of the queries only, where there are many.
            label = f"model, ranked ({ranked['queries']:,} queries)"
            retrieval = {label: ranked["overall"], **retrieval}
        console.print(_metric_table("retrieval", RETRIEVAL_COLUMNS, retrieval))
    if ranking := values.get("ranking"):
        console.print(_metric_table("ranking", RANKING_COLUMNS, ranking))
    if index := values.get("index"):
        console.print(
            f"index: {index.get('kind', '?')}, {index.get('items', 0):,} "
            f"items, recall@100 {_figure(index.get('recall@100'))}"
        )


def _metric_table(
    title: str, columns: tuple[str, ...], rows: dict[str, dict]
) -> "rich.table.Table":
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    table.add_column(title, no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    for name, row in rows.items():
        style = "bold" if name == "model" else ""
        table.add_row(
            name, *(_figure(row.get(column)) for column in columns), style=style
        )
    return table


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
