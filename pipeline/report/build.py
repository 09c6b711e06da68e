"""Writes `report.json` and `report.html` of a run."""

import json
import math
import pathlib
import typing

from pipeline.report.facts import collect
from pipeline.report.overview import overview
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
    write(results.run_dir, collect(results), results.catalogue_dir)


def write(
    run_dir: pathlib.Path, facts: dict, catalogue_dir: str | None
) -> None:
    """Writes both files, each whole or not at all.

    Args:
      run_dir: Where.
      facts: What `report.json` holds.
      catalogue_dir: Examples of `Catalogue`, for the titles of items shown.
    """
    facts = _finite(facts | {"overview": overview(facts)})
    wanted = shown_items(facts.get("examples", ()))
    titles = read_titles(catalogue_dir, wanted)
    run_dir.mkdir(parents=True, exist_ok=True)
    told = json.dumps(facts, ensure_ascii=False, indent=2) + "\n"
    _replace(run_dir / "report.html", page(facts, titles))
    _replace(run_dir / "report.json", told)


def _replace(path: pathlib.Path, text: str) -> None:
    half = path.with_name(f".{path.name}.part")
    half.write_text(text, encoding="utf-8")
    half.replace(path)


def _finite(value: typing.Any) -> typing.Any:
    """Replaces what JSON cannot say (NaN, infinity) by None."""
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_finite(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
