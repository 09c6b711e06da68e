"""`daogou campaigns`: which activities fit a person just now."""

import json
import pathlib
import typing

import click

from cli import moments, options, run_parts
from cli.terminal import (
    libraries_hushed,
    output_console,
    progress_console,
)

if typing.TYPE_CHECKING:
    from applications.campaigns.service import Person, Pushed
    from cli.main import Session
    from cli.reports import RunReport

# What a server calls the servable.
MODEL_NAME = "campaigns"


@click.command(
    epilog=options.examples(
        "daogou campaigns --user u0042",
        "daogou campaigns --user u0042 --at '2025-11-09 20:00' --json",
        "daogou campaigns --user u0042 --server localhost:8500",
    )
)
@click.option(
    "--user", "user_id", required=True, metavar="ID", help="Whom for."
)
@click.option(
    "--at",
    type=moments.Moment(),
    default=None,
    metavar="TIME",
    help="As of when: 2025-11-11, '2025-11-11 08:00' (UTC+8) or Unix "
    "seconds; the last event of the log by default.",
)
@options.how_many
@click.option(
    "--joined",
    is_flag=True,
    help="Also those that the user has joined already.",
)
@click.option(
    "--train",
    is_flag=True,
    help="Learn again, though the run's model has been learned with.",
)
@options.server
@options.runs
@options.preset_of_newest_run
@options.as_json
@click.pass_obj
def campaigns(
    session: "Session",
    *,
    user_id: str,
    at: int | None,
    k: int,
    joined: bool,
    train: bool,
    server: str,
    runs: pathlib.Path,
    preset: str | None,
    as_json: bool,
) -> None:
    """Recommend campaigns 活动 to a user: coupons, flash sales, festivals.

    Only such as run at that moment and have an item in stock. The first call
    after a run learns from its log, on the towers of its model, and pushes a
    servable with the signature `campaigns` beside it, which a model server
    serves as a model of its own. A user who is not in the log gets what a
    newcomer gets.
    """
    from cli.reports import newest_report

    report = newest_report(runs, preset)
    # It goes on telling while the libraries are hushed.
    console = progress_console()
    with libraries_hushed(show=session.debug):
        import models  # noqa: F401  (chooses the Keras before TensorFlow)
        from applications.campaigns import service
        from applications.campaigns.persons import Persons
        from applications.campaigns.settings import CampaignSettings

        settings = CampaignSettings()
        log, _ = run_parts.log_of(None, runs, report.preset)
        pushed = service.last_pushed(runs, report.preset, report.values)
        if train or pushed is None:
            pushed = _train(runs, report, settings, log, console)
        from pipeline import presets

        length = presets.by_name(report.preset).behavior_log.max_history
        person = service.person_at(
            Persons(log, settings, length),
            user_id,
            log.end if at is None else at,
        )
        answer = _ask(pushed, server, person, k, joined)
    document = _document(report, user_id, person, answer)
    if as_json:
        click.echo(json.dumps(document, ensure_ascii=False, indent=1))
    else:
        _print(document, k)


def _train(
    runs: pathlib.Path, report: "RunReport", settings, log, console
) -> "Pushed":
    from applications.campaigns import service

    source = service.open_run(
        runs, report.preset, report.values, settings, log=log
    )
    pushed = service.push(
        runs, report.preset, report.values, source, service.learn(source)
    )
    about = pushed.about
    parts = ", ".join(f"{n:,} {name}" for name, n in about["took_part"].items())
    console.print(
        f"learned from {about['views']:,} views of campaigns ({parts}); "
        f"pushed: {pushed.path}",
        markup=False,
    )
    return pushed


def _ask(
    pushed: "Pushed", server: str, person: "Person", k: int, joined: bool
) -> dict:
    """Asks a server, or the pushed servable in this process."""
    exclude = () if joined else person.joined
    asked = (person.request, k, person.past, exclude)
    if server:
        from serving.client import Client
        from serving.client_settings import ClientSettings

        settings = ClientSettings(model=MODEL_NAME)
        with Client(server, settings) as client:
            answer = client.campaigns(*asked)
        return {"version": str(answer.version), **answer.outputs}
    from serving.in_process import Recommender

    model = Recommender(pushed.path, one_call=True)
    return {"version": pushed.version, **model.campaigns(*asked)}


def _document(
    report: "RunReport", user_id: str, person: "Person", answer: dict
) -> dict:
    rows = []
    for slot, campaign_id in enumerate(answer["campaign_ids"][0]):
        # A slot that could not be filled has an empty id.
        if not campaign_id:
            continue
        ends = int(answer["ends_at"][0][slot])
        rows.append(
            {
                "rank": slot + 1,
                "campaign_id": campaign_id.decode(),
                "title": answer["titles"][0][slot].decode(),
                "kind": answer["kinds"][0][slot].decode(),
                "ends_at": ends,
                "hours_left": round((ends - person.request.timestamp) / 3600, 1)
                if ends
                else None,
                "score": float(answer["scores"][0][slot]),
                "p_join": float(answer["p_join"][0][slot]),
                "p_choose": float(answer["p_choose"][0][slot]),
            }
        )
    return {
        "preset": report.preset,
        "version": answer["version"],
        "user_id": user_id,
        "known_user": person.known,
        "at": person.request.timestamp,
        "history": len(person.request.history_item_ids),
        "campaigns_seen": len(person.past),
        "results": rows,
    }


def _print(document: dict, k: int) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    who = f"user {document['user_id']}"
    if not document["known_user"]:
        who += ", not in the log: as a newcomer"
    click.echo(
        f"{who}; {document['history']} steps, "
        f"{document['campaigns_seen']} campaigns seen or joined"
    )
    if not document["results"]:
        click.echo("no campaign runs at that moment 当前没有进行中的活动")
        return
    shown = Table(box=box.SIMPLE_HEAD)
    shown.add_column("#", justify="right")
    for name in ("campaign", "title 活动", "kind"):
        shown.add_column(name, no_wrap=name != "title 活动")
    for name in ("hours left", "joins", "chooses"):
        shown.add_column(name, justify="right", no_wrap=True)
    for row in document["results"][:k]:
        left = row["hours_left"]
        shown.add_row(
            str(row["rank"]),
            Text(row["campaign_id"]),
            Text(row["title"]),
            row["kind"],
            "-" if left is None else f"{left:.1f}",
            f"{row['p_join']:.3f}",
            f"{row['p_choose']:.3f}",
        )
    output_console().print(shown)
