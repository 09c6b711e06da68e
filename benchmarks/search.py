"""Whether searches land in the right leaf of the mall's categories.

`query_cases.tsv` holds queries that people wrote by hand, with the leaf that
each means: plain names, brands, attributes, traditional characters,
full-width letters, one wrong character, and mixtures. Nobody's history is
sent along. `daogou bench search --preset demo` runs it.
"""

import csv
import dataclasses
import pathlib

from serving.in_process import Recommender
from serving.requests import Request

CASES = pathlib.Path(__file__).with_name("query_cases.tsv")
K = 5


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """One query.

    Attributes:
      kind: What makes it hard.
      query: As someone typed it.
      category: The leaf that is meant, as a path.
    """

    kind: str
    query: str
    category: str


def read_cases() -> list[Case]:
    """Reads the cases."""
    with CASES.open(encoding="utf-8", newline="") as file:
        return [Case(**row) for row in csv.DictReader(file, delimiter="\t")]


def run(servable: pathlib.Path, timestamp: int) -> dict:
    """Searches for every case.

    Args:
      servable: The version folder that answers.
      timestamp: As of when, Unix seconds.

    Returns:
      Under `kinds`, and under `all`, how many `cases` there are, how many
      have the right leaf among the first 5 (`found`) and what share of the
      first 5 it has (`share`); under `missed` the cases without it, with the
      leaves that came.
    """
    recommender = Recommender(servable)
    cases = read_cases()
    shares: dict[str, list[float]] = {}
    missed = []
    for case in cases:
        answer = recommender.search(
            Request(query=case.query, timestamp=timestamp), K
        )
        came = [path.decode() for path in answer["categories"][0]]
        share = came.count(case.category) / K
        shares.setdefault(case.kind, []).append(share)
        if not share:
            missed.append(dataclasses.asdict(case) | {"came": came})
    every = [share for kind in shares.values() for share in kind]
    return {
        "kinds": {kind: _summary(found) for kind, found in shares.items()},
        "all": _summary(every),
        "missed": missed,
    }


def _summary(shares: list[float]) -> dict:
    return {
        "cases": len(shares),
        "found": sum(share > 0 for share in shares),
        "share": round(sum(shares) / len(shares), 3),
    }
