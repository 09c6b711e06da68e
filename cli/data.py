"""`daogou data`: make, convert, fetch and check the contract's tables."""

import importlib
import pathlib
import typing
from collections.abc import Iterable

import click

from cli import options, own_files
from schema.contract import TABLES

if typing.TYPE_CHECKING:
    from cli.table_check import CheckResult

# Each is the module of this name in `datasets`, `-` written as `_`.
PUBLIC_SOURCES = ("jdata", "taobao", "amazon-cn", "movielens", "sequences")
# Your own files, with a mapping of columns.
OWN_FILES = "csv"

_output_dir = click.Path(file_okay=False, path_type=pathlib.Path)
_input_file = click.Path(exists=True, dir_okay=False, path_type=pathlib.Path)


@click.group(
    epilog=options.examples(
        "daogou data generate --output mall --users 5000",
        "daogou data check mall",
    )
)
def data() -> None:
    """Make, convert, fetch and check data."""


@data.command(
    epilog=options.examples(
        "daogou data generate --output mall",
        "daogou data generate --output mall --items 5000 --users 20000 "
        "--days 60 --seed 3",
    )
)
@click.option(
    "--output",
    type=_output_dir,
    required=True,
    metavar="DIR",
    help="Gets one folder a table.",
)
@click.option("--items", type=int, help="Items of the catalogue.")
@click.option("--users", type=int, help="Shoppers.")
@click.option("--days", type=int, help="Days that are simulated.")
@click.option("--seed", type=int, help="Equal seeds give identical files.")
@click.option(
    "--leaving",
    type=click.FloatRange(0, 1),
    help="Chance to leave for good after a visit in vain.  [0: nobody]",
)
@click.option(
    "--joining-taste",
    type=click.FloatRange(0, 5),
    help="How far joining a campaign depends on taste.  [0: not at all]",
)
@click.option(
    "--uncategorised",
    type=click.FloatRange(0, 0.9),
    help="Share of items whose category is not said.  [0]",
)
@click.option(
    "--images",
    type=click.IntRange(0, 4096),
    metavar="N",
    help="Image vectors of so many numbers, which a fifth of the items lack.  "
    "[0: none]",
)
def generate(
    *,
    output: pathlib.Path,
    items: int | None,
    users: int | None,
    days: int | None,
    seed: int | None,
    leaving: float | None,
    joining_taste: float | None,
    uncategorised: float | None,
    images: int | None,
) -> None:
    """Simulate a Chinese mall: items, users, campaigns, events.

    What is not given is as in the preset `demo`.
    """
    from datasets.mall.generator import generate as generate_mall
    from datasets.mall.settings import MallSettings

    usual = MallSettings()
    num_items = usual.num_items if items is None else items
    num_days = usual.num_days if days is None else days
    most_new = num_items // (2 * max(num_days, 1))
    settings = MallSettings(
        num_items=num_items,
        num_users=usual.num_users if users is None else users,
        num_days=num_days,
        # A small catalogue over many days has fewer to list each day.
        new_items_per_day=min(usual.new_items_per_day, max(most_new, 0)),
        seed=usual.seed if seed is None else seed,
        leaving=usual.leaving if leaving is None else leaving,
        joining_taste=usual.joining_taste
        if joining_taste is None
        else joining_taste,
        uncategorised_share=uncategorised or 0.0,
        image_width=images or 0,
    )
    summary = generate_mall(settings, output)
    for table in TABLES:
        click.echo(f"{table}: {summary[table]:,}")
    planted = [f"{rows:,} {kind}" for kind, rows in summary["dirt"].items()]
    click.echo(f"planted bad rows: {', '.join(planted)}")
    click.echo(f"simulated tables: {output}")


@data.command(
    epilog=options.examples(
        "daogou data convert --source jdata --from ../jdata --to tables",
        "daogou data convert --source csv --events log.csv \\",
        "  --items goods.csv --map user_id=uid --map timestamp=ts --to tables",
    )
)
@click.option(
    "--source",
    type=click.Choice((*PUBLIC_SOURCES, OWN_FILES)),
    required=True,
    help="A public data set, or csv for your own CSV or Parquet files.",
)
@options.existing_dir(
    "--from", "source_dir", required=False, text="Files of the public data set."
)
@click.option("--events", type=_input_file, metavar="FILE", help="Your events.")
@click.option("--items", type=_input_file, metavar="FILE", help="Your items.")
@click.option("--users", type=_input_file, metavar="FILE", help="Your users.")
@click.option(
    "--campaigns", type=_input_file, metavar="FILE", help="Your campaigns."
)
@click.option(
    "--map",
    "mapping",
    multiple=True,
    metavar="OURS=YOURS",
    help="A column of yours; repeat it. TABLE.OURS=YOURS for one table only.",
)
@click.option(
    "--event-type",
    "event_types",
    multiple=True,
    metavar="YOURS=OURS",
    help="An event type of yours, as in 浏览=view; repeat it.",
)
@click.option("--encoding", metavar="NAME", help="Of text files.  [utf-8]")
@click.option("--delimiter", metavar="CHAR", help="Of text files.  [,]")
@click.option(
    "--time-unit", type=click.Choice(["s", "ms", "us"]), help="Of times.  [s]"
)
@click.option(
    "--to",
    "target",
    type=_output_dir,
    required=True,
    metavar="DIR",
    help="Gets one folder a table.",
)
def convert(
    *,
    source: str,
    source_dir: pathlib.Path | None,
    mapping: tuple[str, ...],
    event_types: tuple[str, ...],
    target: pathlib.Path,
    **given: object,
) -> None:
    """Turn public data, or your own files, into the contract's tables.

    Own files are named with --events and --items, or described in a file
    tables.json in the folder --from (docs/data.md).
    """
    files = _take(given, TABLES)
    # What is left says how text is written.
    text_format = _take(given, given)
    own = {**files, **text_format}
    if source_dir is not None:
        if own or mapping or event_types:
            raise click.UsageError(
                "--from stands alone; other options describe single files"
            )
        name = "tabular" if source == OWN_FILES else source.replace("-", "_")
        module = importlib.import_module(f"datasets.{name}")
        counts = module.convert(source_dir, target)
    elif source == OWN_FILES:
        counts = own_files.convert(
            files,
            target,
            mapping=own_files.parse_pairs("--map", mapping),
            event_types=own_files.parse_pairs("--event-type", event_types),
            text_format=text_format,
        )
    else:
        raise click.UsageError(f"--source {source} needs --from DIR")
    _print_counts(counts)
    click.echo(f"tables: {target}")


def _take(given: dict[str, typing.Any], names: Iterable[str]) -> dict:
    """Takes the options of some names that were given out of the others."""
    found = {name: given.pop(name) for name in list(names)}
    return {name: value for name, value in found.items() if value is not None}


@data.command(
    epilog=options.examples(
        "daogou data fetch movielens --to ml-100k",
        "daogou run --preset movielens --data ml-100k",
    )
)
@click.argument("dataset", type=click.Choice(["movielens"]))
@click.option(
    "--to",
    "target",
    type=_output_dir,
    required=True,
    metavar="DIR",
    help="Gets the raw files.",
)
def fetch(*, dataset: str, target: pathlib.Path) -> None:
    """Get MovieLens 100k out of the PyPI package recbole."""
    from datasets import recbole_package

    click.echo(f"{dataset}: {recbole_package.fetch(target)}")


@data.command(epilog=options.examples("daogou data check tables"))
@click.argument(
    "data_dir",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=pathlib.Path),
)
@click.pass_context
def check(context: click.Context, *, data_dir: pathlib.Path) -> None:
    """Hold the tables in a folder against the data contract.

    DIR holds one folder a table with .parquet or .csv files. Exit code 1
    means that a run on them would stop.
    """
    from cli.table_check import check_tables

    result = check_tables(data_dir)
    _print_check(result)
    if result.stops:
        context.exit(1)


def _print_counts(counts: dict[str, dict[str, int]]) -> None:
    """Prints rows of each table, with what conversion could not read."""
    for table, count in counts.items():
        parts = [f"{number:,} {what}" for what, number in count.items()]
        click.echo(f"{table}: {', '.join(parts)}")


def _print_check(result: "CheckResult") -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from cli.table_check import Severity
    from cli.terminal import output_console

    console = output_console()
    counts = [f"{rows:,} {table}" for table, rows in result.rows.items()]
    console.print(", ".join(counts))
    if result.event_types:
        types = [
            f"{rows:,} {kind}" for kind, rows in result.event_types.items()
        ]
        console.print("events: " + ", ".join(types), markup=False)
    if not result.findings:
        console.print("nothing to object to")
        return
    words = {
        Severity.STOPS: "stops a run",
        Severity.PUT_ASIDE: "put aside",
        Severity.NOTE: "note",
    }
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    table.add_column("where", overflow="fold")
    table.add_column("rows", justify="right", no_wrap=True)
    table.add_column("what", ratio=2)
    table.add_column("such as", overflow="fold", ratio=1)
    for found in result.findings:
        where = f"{found.table}.{found.column}" if found.column else found.table
        table.add_row(
            words[found.severity],
            Text(where),
            f"{found.rows:,}" if found.rows else "",
            Text(found.text),
            Text(found.example),
            style="red" if found.severity == Severity.STOPS else "",
        )
    console.print(table)
