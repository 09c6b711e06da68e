"""`daogou profile`: what the log shows of a shopper."""

import difflib
import json
import pathlib
import typing

import click

from cli import moments, options, run_parts
from cli.terminal import libraries_hushed, output_console

if typing.TYPE_CHECKING:
    from cli.main import Session

_TITLES = {
    "categories": "favourite categories 偏好类目",
    "brands": "favourite brands 偏好品牌",
    "price_band": "price band 价位",
    "theme": "shopping for 购物主题",
    "active_hours": "hours 活跃时段",
    "active_days": "days 活跃日",
    "device": "device 设备",
    "city": "city 城市",
    "campaigns": "campaigns 活动",
}


@click.command(
    epilog=options.examples(
        "daogou profile --user u0042",
        "daogou profile --user u0042 --as-of 2025-11-01 --json",
    )
)
@click.option("--user", "user_id", required=True, metavar="ID", help="Whose.")
@moments.as_of
@run_parts.tables
@options.runs
@options.preset_of_newest_run
@options.as_json
@click.pass_obj
def profile(
    session: "Session",
    *,
    user_id: str,
    as_of: int | None,
    data: pathlib.Path | None,
    runs: pathlib.Path,
    preset: str | None,
    as_json: bool,
) -> None:
    """Show a shopper's profile, each trait with what shows it.

    Favourites are what a user chooses more often than is usual in the shop.
    Where there is too little, the profile says so: 不足以判断. What it never
    infers is listed in it.
    """
    from schema.errors import DataError

    with libraries_hushed(show=session.debug):
        from applications.profile.profile import profile_of
        from applications.profile.settings import ProfileSettings
        from applications.profile.shop import Shop

        log, _ = run_parts.log_of(data, runs, preset)
        moment = log.end if as_of is None else as_of
        there = Shop(log, moment, ProfileSettings())
        if user_id not in there.known:
            near = difflib.get_close_matches(user_id, sorted(there.known), 5)
            raise DataError(
                f"the log has no user {user_id!r} before this time; near it: "
                f"{', '.join(near) or 'none'} (`daogou users` lists some)"
            )
        found = profile_of(there, user_id)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=1))
    else:
        _print(found)


def _print(found: dict) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    console = output_console()
    based = found["based_on"]
    console.print(
        f"{found['user_id']}, as of {found['as_of']}: {based['events']:,} "
        f"events in {based['visits']:,} visits",
        markup=False,
    )
    if found["note"]:
        console.print(found["note"], markup=False)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    table.add_column("trait 特征", overflow="fold", ratio=2)
    table.add_column("sure 把握", justify="right", no_wrap=True)
    table.add_column("shown by 依据", overflow="fold", ratio=3)
    for name, title in _TITLES.items():
        trait = found["traits"][name]
        traits = trait if isinstance(trait, list) else [trait]
        if not traits:
            table.add_row(title, Text("不足以判断", style="dim"))
        for place, one in enumerate(traits):
            shown = [
                f"{event['time'][5:10]} {event['event']} {event['what']}"
                for event in one["evidence"]
            ]
            sure = one["confidence"]
            table.add_row(
                title if place == 0 else "",
                Text(one["said"], style="" if one["value"] else "dim"),
                "" if sure is None else f"{sure:.0%}",
                Text("\n".join(shown)),
            )
    console.print(table)
    console.print(
        "never inferred 从不推断: " + "；".join(found["not_inferred"]),
        markup=False,
        style="dim",
    )
