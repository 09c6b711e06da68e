"""Asks the model of a run, in this process, and looks up what to show."""

import pathlib
import typing
from collections.abc import Mapping

from cli.answers import SHOWN_STEPS, Answer, Hit
from cli.catalogue import Catalogue, Item
from cli.histories import UserHistory, find_user
from cli.reports import RunReport
from cli.terminal import libraries_hushed
from schema.errors import DataError

if typing.TYPE_CHECKING:
    import numpy as np

CHANCE = "p_"
# Of an unknown user: no history at all.
NOBODY = ""


def recommend(
    report: RunReport, user_id: str, k: int, *, show_noise: bool
) -> Answer:
    """Asks for recommendations.

    Args:
      report: Of the run whose model answers.
      user_id: Whom for; an unknown one gets what a newcomer gets.
      k: How many.
      show_noise: Let through what the libraries print.

    Raises:
      DataError: Something that the run left is gone or broken.
    """
    user = find_user(report.place("histories"), user_id)
    with libraries_hushed(show=show_noise):
        from serving import histories
        from serving.in_process import Recommender

        recommender = Recommender(report.place("servable"))
        request = histories.request(report.place("histories"), user_id)
        output = recommender.recommend(request, k)
        catalogue = Catalogue(report.place("catalogue"))
    return _answer(report, {"user_id": user_id}, user, output, catalogue)


def search(
    report: RunReport, query: str, user_id: str, k: int, *, show_noise: bool
) -> Answer:
    """Searches.

    Args:
      report: Of the run whose model answers.
      query: What for.
      user_id: Whose history to take into account; may be empty.
      k: How many.
      show_noise: Let through what the libraries print.

    Raises:
      DataError: Something that the run left is gone or broken.
    """
    user = find_user(report.place("histories"), user_id) if user_id else None
    with libraries_hushed(show=show_noise):
        from serving import histories
        from serving.in_process import Recommender

        recommender = Recommender(report.place("servable"))
        request = histories.request(
            report.place("histories"), user_id or NOBODY, query=query
        )
        output = recommender.search(request, k)
        catalogue = Catalogue(report.place("catalogue"))
    asked = {"query": query}
    if user_id:
        asked["user_id"] = user_id
    return _answer(report, asked, user, output, catalogue)


def similar(
    report: RunReport, item_id: str, k: int, *, show_noise: bool
) -> Answer:
    """Asks for items that are like one.

    Args:
      report: Of the run whose model answers.
      item_id: Like which.
      k: How many.
      show_noise: Let through what the libraries print.

    Raises:
      DataError: The item is unknown, or something that the run left is gone.
    """
    with libraries_hushed(show=show_noise):
        from serving.in_process import Recommender

        catalogue = Catalogue(report.place("catalogue"))
        if not catalogue.items([item_id]):
            raise DataError(_unknown_item(item_id, catalogue, report))
        recommender = Recommender(report.place("servable"))
        output = recommender.similar([item_id], k)
    return _answer(report, {"item_id": item_id}, None, output, catalogue)


def _unknown_item(item_id: str, catalogue: Catalogue, report: RunReport) -> str:
    if near := catalogue.near(item_id):
        hint = f"near it: {', '.join(near)}"
    else:
        hint = (
            "ids that are there: the last items in "
            f"`daogou users --preset {report.preset}`"
        )
    return f"the catalogue has no item {item_id!r}; {hint}"


def _answer(
    report: RunReport,
    asked: dict[str, str],
    user: UserHistory | None,
    output: Mapping[str, "np.ndarray"],
    catalogue: Catalogue,
) -> Answer:
    """Joins the model's output, one row of each array, with the catalogue."""
    item_ids = [_decoded(value) for value in output["item_ids"][0]]
    steps = user.steps[-SHOWN_STEPS:] if user else ()
    about = [step.item_id for step in steps]
    if "item_id" in asked:
        about.append(asked["item_id"])
    items = catalogue.items([*item_ids, *about])
    chances = [name for name in output if name.startswith(CHANCE)]
    hits = tuple(
        Hit(
            item=items.get(item_id, Item(item_id=item_id)),
            score=float(output["scores"][0][slot]),
            chances={name: float(output[name][0][slot]) for name in chances},
        )
        for slot, item_id in enumerate(item_ids)
        # A slot that could not be filled has an empty id.
        if item_id
    )
    version = report.values.get("servable", {}).get("version", "")
    return Answer(
        preset=report.preset,
        version=str(version or pathlib.Path(report.place("servable")).name),
        asked=asked,
        user=user,
        hits=hits,
        about={name: items[name] for name in about if name in items},
    )


def _decoded(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
