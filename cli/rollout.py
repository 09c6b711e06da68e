"""`daogou rollout`, `ab-report`: a new version's way to all users."""

import dataclasses
import json
import pathlib
import typing

import click

from cli import options
from cli.terminal import libraries_hushed

if typing.TYPE_CHECKING:
    from cli.main import Session
    from serving.requests import Request
    from serving.rollout.ab_report import Report

_USERS = 50


def _file(name: str, argument: str, text: str, *, there: bool = True):
    return click.option(
        name,
        argument,
        type=click.Path(exists=there, dir_okay=False, path_type=pathlib.Path),
        required=True,
        metavar="FILE",
        help=text,
    )


def _percent(
    context: click.Context, parameter: click.Parameter, text: str
) -> tuple[float, ...]:
    del context, parameter
    try:
        return tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise click.BadParameter(f"{text!r}; allowed: 5,25,50") from error


@click.command(
    epilog=options.examples(
        "daogou rollout --server localhost:8500 --config models.config "
        "--split split.json --to 1764000000 --preset demo",
    )
)
@click.option(
    "--server",
    "servers",
    multiple=True,
    required=True,
    metavar="HOST:PORT",
    help="A model server; give all that have the configuration.",
)
@_file("--config", "config", "Text proto ModelServerConfig of the servers.")
@_file(
    "--split",
    "split",
    "Which users ask which label; the services that ask read it.",
    there=False,
)
@click.option(
    "--to",
    "version",
    type=click.IntRange(min=0),
    required=True,
    metavar="VERSION",
    help="The new version; its folder is there.",
)
@click.option(
    "--model", default="daogou", show_default=True, help="Name of the model."
)
@click.option(
    "--shares",
    default="5,25,50",
    show_default=True,
    callback=_percent,
    metavar="A,B,…",
    help="Percent of the users that it answers, step by step.",
)
@click.option(
    "--watch",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    help="Seconds of each step.",
)
@click.option(
    "--calls",
    type=click.FloatRange(min=0, min_open=True),
    default=5.0,
    show_default=True,
    help="Calls a second of either version meanwhile.",
)
@click.option(
    "--settle",
    type=click.FloatRange(min=0),
    default=3.0,
    show_default=True,
    help="Seconds that the services may take to read a new split.",
)
@click.option(
    "--max-errors",
    type=click.FloatRange(0, 1),
    default=0.01,
    show_default=True,
    help="Share of its calls that may fail, above the old one's.",
)
@click.option(
    "--max-latency",
    type=click.FloatRange(min=0, min_open=True),
    default=1.5,
    show_default=True,
    help="Times the old version's 95th percentile that it may take.",
)
@options.runs
@options.preset_of_newest_run
@options.as_json
@click.pass_obj
def rollout(
    session: "Session",
    *,
    servers: tuple[str, ...],
    config: pathlib.Path,
    split: pathlib.Path,
    version: int,
    model: str,
    shares: tuple[float, ...],
    watch: float,
    calls: float,
    settle: float,
    max_errors: float,
    max_latency: float,
    runs: pathlib.Path,
    preset: str | None,
    as_json: bool,
) -> None:
    """Bring users to a new version step by step, and back if it fails them.

    Loads the version beside the one labelled `stable`, labels it `canary`,
    and gives it more and more users while both are asked the same for users
    of a run. Where it answers worse, all users go back at once and this ends
    with an error. The configuration is written anew, without its comments.
    """
    from cli.reports import newest_report
    from cli.terminal import progress_console

    say = progress_console().print
    requests = _requests(newest_report(runs, preset).place("histories"))
    with libraries_hushed(show=session.debug):
        from serving.rollout import shifting
        from serving.rollout.fleet import Fleet
        from serving.rollout.watching import Limits

        with Fleet(servers, config, model) as fleet:
            told = shifting.roll_out(
                fleet,
                client_of=shifting.client_maker(servers[0], model),
                split=split,
                requests=requests,
                version=version,
                settings=shifting.RolloutSettings(
                    shares=shares,
                    watch_seconds=watch,
                    calls_a_second=calls,
                    settle_seconds=settle,
                ),
                limits=Limits(error_rate=max_errors, latency_ratio=max_latency),
                say=say,
            )
    if as_json:
        click.echo(json.dumps(told))
        return
    click.echo(f"version {told['to']} answers all users")


@click.command(
    "ab-report",
    epilog=options.examples(
        "daogou ab-report --exposures exposures.jsonl --split split.json "
        "--events data/events --conversion buy",
    ),
)
@_file("--exposures", "exposures", "What `serving.rollout.split` logged.")
@_file("--split", "split", "The experiment: its name, and percent by arm.")
@click.option(
    "--events",
    type=click.Path(exists=True, path_type=pathlib.Path),
    required=True,
    metavar="PATH",
    help="The table events: a Parquet file, or a folder of them.",
)
@click.option(
    "--conversion",
    "conversions",
    multiple=True,
    default=("buy",),
    show_default=True,
    metavar="TYPE",
    help="Event types that count; may be given again.",
)
@click.option(
    "--control",
    default="stable",
    show_default=True,
    help="The arm that others are compared with.",
)
@options.as_json
def ab_report(
    *,
    exposures: pathlib.Path,
    split: pathlib.Path,
    events: pathlib.Path,
    conversions: tuple[str, ...],
    control: str,
    as_json: bool,
) -> None:
    """Compare the arms of an experiment by what their users did.

    A user converts with an event that counts after the first answer. Says
    first whether the arms got the users that they should have: where they
    did not, something lost users of one arm, and nothing else can be
    believed.
    """
    from serving.rollout import ab_report as ab
    from serving.rollout.split import Split

    asked = Split.read(split)
    found = ab.report(
        asked.name,
        ab.read_exposures(exposures, asked.name),
        ab.read_conversions(events, conversions),
        asked.percent,
        control,
    )
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(found), ensure_ascii=False))
        return
    _print(found)


def _requests(path: pathlib.Path) -> list["Request"]:
    from cli.histories import sample_users
    from serving import histories

    return [
        histories.request(path, user.user_id)
        for user in sample_users(path, _USERS)
    ]


def _print(found: "Report") -> None:
    from cli.figures import print_table

    rows = []
    for label, arm in found.arms.items():
        lift = "control"
        if arm.lift is not None:
            lift = (
                f"{arm.lift:+.2%} ({arm.lift_low:+.2%} … {arm.lift_high:+.2%}, "
                f"p {arm.p:.3f})"
            )
        rows.append(
            (
                label,
                [
                    f"{arm.users:,}",
                    f"{arm.converted:,}",
                    f"{arm.rate:.2%} ({arm.low:.2%} … {arm.high:.2%})",
                    lift,
                    f"{arm.errors} of {arm.calls:,}",
                ],
            )
        )
    names = ["users", "converted", "rate (95 %)", "lift (95 %)", "failed calls"]
    print_table(found.experiment, names, rows)
    click.echo(f"{found.in_several_arms} users were in several arms: left out")
    if found.ratio_ok:
        click.echo(
            f"users by arm are as the split has them (p {found.ratio_p:.3f})"
        )
    else:
        click.secho(
            "users by arm are NOT as the split has them "
            f"(p {found.ratio_p:.1e}): do not believe the rest",
            fg="red",
        )
