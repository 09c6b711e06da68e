"""`daogou rules`: checks a file of rules, and says what holds when."""

import json
import pathlib
import time
import typing

import click

from cli import moments, options, run_parts
from cli.terminal import output_console

if typing.TYPE_CHECKING:
    from serving.rules.settings import Rule

_EXAMPLE = """\
A file of rules is TOML:

\b
  [[rule]]
  name = "双十一数码会场"
  action = "boost"      # or "drop", "only"
  factor = 1.5          # of a boost: .1 to 10
  items = {categories = ["数码"], brands = ["小米", "华为"]}
  when = {festivals = ["双十一"], lead_days = 3, hours = [20, 24]}

Items are chosen by item_ids, categories, brands, shops, tags and campaigns;
moments by festivals (with lead_days and trail_days), weekdays, hours,
first_day, last_day, cities, devices and scenes. All that is given has to fit,
and of each list any entry. Times are UTC+8."""


@click.command(
    help="Check a file of rules, and list what holds at a moment.\n\n"
    + _EXAMPLE,
    epilog=options.examples(
        "daogou rules rules.toml",
        "daogou rules rules.toml --at '2025-11-11 20:00' --json",
        "daogou recommend --user u0042 --rules rules.toml",
    ),
)
@click.argument(
    "file", type=click.Path(exists=True, dir_okay=False, path_type=pathlib.Path)
)
@click.option(
    "--at",
    type=moments.Moment(),
    default=None,
    metavar="TIME",
    help="2025-11-11, '2025-11-11 20:00' (UTC+8) or Unix seconds; now by "
    "default.",
)
@click.option("--scene", default="", help="Where in the shop.")
@click.option("--city", default="", help="Where the user is.")
@click.option("--device", default="", help="With what.")
@options.runs
@options.preset_of_newest_run
@options.as_json
def rules(
    *,
    file: pathlib.Path,
    at: int | None,
    scene: str,
    city: str,
    device: str,
    runs: pathlib.Path,
    preset: str | None,
    as_json: bool,
) -> None:
    """Check a file of rules, and list what holds at a moment."""
    from cli.reports import newest_report
    from serving.rules.settings import read_rules
    from serving.rules.shelf import read_shelf

    read = read_rules(file)
    report = newest_report(runs, preset)
    shelf = read_shelf(run_parts.data_dir(runs, report))
    moment = int(time.time()) if at is None else at
    told = [
        {
            "name": rule.name,
            "action": rule.action,
            "factor": rule.factor,
            "items": int(shelf.fitting(rule.items).sum()),
            "holds": rule.when.holds(
                moment, city=city, device=device, scene=scene
            ),
        }
        for rule in read
    ]
    if as_json:
        document = {"preset": report.preset, "at": moment, "rules": told}
        click.echo(json.dumps(document, ensure_ascii=False, indent=1))
        return
    _print(told, read)


def _print(told: list[dict], read: "tuple[Rule, ...]") -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD)
    for name in ("rule 规则", "action"):
        table.add_column(name, no_wrap=name == "action")
    for name in ("items", "holds"):
        table.add_column(name, justify="right", no_wrap=True)
    for row, rule in zip(told, read, strict=True):
        action = row["action"]
        if action == "boost":
            action += f" × {rule.factor:g}"
        table.add_row(
            Text(row["name"]),
            action,
            f"{row['items']:,}",
            "yes" if row["holds"] else "no",
        )
    output_console().print(table)
