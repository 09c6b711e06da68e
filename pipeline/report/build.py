"""Writes `report.json` and `report.html` of a run."""

import json
import math
import typing

from pipeline.report.facts import collect
from pipeline.report.page import page
from pipeline.report.results import RunResults
from pipeline.report.titles import read_titles, shown_items


def build(results: RunResults) -> None:
    """Writes both files into the run's folder.

    A part that the run did not reach leaves its section out, so a run that
    failed half-way has a report as well.

    Args:
      results: Where the run left its parts.
    """
    facts = _finite(collect(results))
    wanted = shown_items(facts.get("examples", ()))
    titles = read_titles(results.catalogue_dir, wanted)
    results.run_dir.mkdir(parents=True, exist_ok=True)
    (results.run_dir / "report.json").write_text(
        json.dumps(facts, ensure_ascii=False, indent=2) + "\n",
        encoding="utf-8",
    )
    (results.run_dir / "report.html").write_text(
        page(facts, titles), encoding="utf-8"
    )


def _finite(value: typing.Any) -> typing.Any:
    """Replaces what JSON cannot say (NaN, infinity) by None."""
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_finite(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
