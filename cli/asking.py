"""Asks the model of a run, here or at a server; looks up what to show."""

import dataclasses
import pathlib
import typing
from collections.abc import Callable, Mapping

from cli.answers import SHOWN_STEPS, Answer, Hit
from cli.catalogue import Catalogue, Item
from cli.histories import UserHistory, find_user
from cli.reports import RunReport
from cli.terminal import libraries_hushed
from schema.errors import DataError

if typing.TYPE_CHECKING:
    import numpy as np

    from cli.ruled import Ruled
    from serving.requests import Only, Page, Request

CHANCE = "p_"
# What a hit says of its reason, and the model's name for it.
REASONS = {
    "reason": "reasons",
    "evidence": "evidence",
    "explanation": "explanations",
}
# Of an unknown user: no history at all.
NOBODY = ""


def recommend(
    report: RunReport,
    user_id: str,
    k: int,
    *,
    only: "Only",
    page: "Page",
    ruled: "Ruled",
    data: pathlib.Path,
    server: str,
    show_noise: bool,
) -> Answer:
    """Asks for recommendations.

    Args:
      report: Of the run whose model answers.
      user_id: Whom for; an unknown one gets what a newcomer gets.
      k: How many.
      only: What alone may come back.
      page: How it is put together, and whether it gives reasons.
      ruled: When, where, and under which rules.
      data: Folder of the run's tables, which rules are about.
      server: host:port of a model server that answers; empty for the model
        in this process.
      show_noise: Let through what the libraries print.

    Raises:
      DataError: Something that the run left is gone or broken.
    """
    user = find_user(report.place("histories"), user_id)
    with libraries_hushed(show=show_noise):
        from serving import histories

        request = ruled.request(
            histories.request(report.place("histories"), user_id)
        )
        asked = {"user_id": user_id} | _holding(ruled, request)
        output = _ask(
            report,
            server,
            lambda model: ruled.calls(model, data).recommend(
                request, k, only=only, page=page
            ),
        )
        catalogue = Catalogue(report.place("catalogue"))
    return _answer(report, asked, user, output, catalogue)


def search(
    report: RunReport,
    query: str,
    user_id: str,
    k: int,
    *,
    only: "Only",
    page: "Page",
    ruled: "Ruled",
    data: pathlib.Path,
    server: str,
    show_noise: bool,
) -> Answer:
    """Searches.

    Args:
      report: Of the run whose model answers.
      query: What for.
      user_id: Whose history to take into account; may be empty.
      k: How many.
      only: What alone may come back.
      page: How it is put together, and whether it gives reasons.
      ruled: When, where, and under which rules.
      data: Folder of the run's tables, which rules are about.
      server: host:port of a model server that answers; empty for the model
        in this process.
      show_noise: Let through what the libraries print.

    Raises:
      DataError: Something that the run left is gone or broken.
    """
    user = find_user(report.place("histories"), user_id) if user_id else None
    with libraries_hushed(show=show_noise):
        from serving import histories

        request = ruled.request(
            histories.request(
                report.place("histories"), user_id or NOBODY, query=query
            )
        )
        asked = {"query": query} | _holding(ruled, request)
        output = _ask(
            report,
            server,
            lambda model: ruled.calls(model, data).search(
                request, k, only=only, page=page
            ),
        )
        catalogue = Catalogue(report.place("catalogue"))
    if user_id:
        asked["user_id"] = user_id
    return _answer(report, asked, user, output, catalogue)


def similar(
    report: RunReport,
    item_id: str,
    k: int,
    *,
    only: "Only",
    server: str,
    show_noise: bool,
) -> Answer:
    """Asks for items that are like one.

    Args:
      report: Of the run whose model answers.
      item_id: Like which.
      k: How many.
      only: What alone may come back.
      server: host:port of a model server that answers; empty for the model
        in this process.
      show_noise: Let through what the libraries print.

    Raises:
      DataError: The item is unknown, or something that the run left is gone.
    """
    with libraries_hushed(show=show_noise):
        catalogue = Catalogue(report.place("catalogue"))
        if not catalogue.items([item_id]):
            raise DataError(_unknown_item(item_id, catalogue, report))
        output = _ask(
            report,
            server,
            lambda model: model.similar([item_id], k, only=only),
        )
    return _answer(report, {"item_id": item_id}, None, output, catalogue)


def _holding(ruled: "Ruled", request: "Request") -> dict[str, str]:
    if ruled.rules is None:
        return {}
    return {"rules": ", ".join(ruled.holding(request))}


@dataclasses.dataclass(frozen=True)
class _Output:
    """What a model answered, and which version it was."""

    arrays: Mapping[str, "np.ndarray"]
    version: str


def _ask(
    report: RunReport, server: str, call: Callable[[typing.Any], typing.Any]
) -> _Output:
    """Calls a model server, or the model of the run in this process.

    Raises:
      DataError: The model refuses, or cannot be loaded.
      ServerError: The server does not answer.
    """
    if server:
        from serving.client import Client

        with Client(server) as client:
            answer = call(client)
        return _Output(answer.outputs, str(answer.version))
    from serving.in_process import Recommender

    place = report.place("servable")
    version = report.values.get("servable", {}).get("version", "")
    return _Output(
        call(Recommender(place, one_call=True)),
        str(version or pathlib.Path(place).name),
    )


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
    answered: _Output,
    catalogue: Catalogue,
) -> Answer:
    """Joins the model's output, one row of each array, with the catalogue."""
    output = answered.arrays
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
            **{
                name: _decoded(output[names][0][slot])
                for name, names in REASONS.items()
                if names in output
            },
        )
        for slot, item_id in enumerate(item_ids)
        # A slot that could not be filled has an empty id.
        if item_id
    )
    return Answer(
        preset=report.preset,
        version=answered.version,
        asked=asked,
        user=user,
        hits=hits,
        about={name: items[name] for name in about if name in items},
    )


def _decoded(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
