"""`daogou bench copywriting`: what the texts for shoppers claim."""

import pathlib
import typing

import click

from cli import language_model, options
from cli.figures import check_folder, json_file, write
from cli.terminal import libraries_hushed

if typing.TYPE_CHECKING:
    from applications.copywriting.endpoint import Endpoint
    from cli.main import Session

_SHARES = ("unsupported", "foreign", "banned")
_COLUMNS = ("texts", *_SHARES, "distinct_1", "distinct_2", "length")


@click.command(epilog=options.examples("daogou bench copywriting"))
@click.option(
    "--users",
    "num_users",
    type=click.IntRange(0, 10_000),
    default=20,
    show_default=True,
    help="How many get their reasons measured.",
)
@language_model.options
@options.runs
@options.preset_of_newest_run
@json_file
@click.pass_obj
def copywriting(
    session: "Session",
    *,
    num_users: int,
    endpoint: "Endpoint | None",
    runs: pathlib.Path,
    preset: str | None,
    json_path: pathlib.Path | None,
) -> None:
    """Write texts of all items and look for claims without support.

    Descriptions of all items, copy of all campaigns, and the reasons of ten
    recommendations for each of some users, beside titles and descriptions as
    sellers wrote them. The figures go into the run's report.
    """
    from cli.histories import sample_users
    from cli.reports import newest_report

    check_folder(json_path)
    report = newest_report(runs, preset)
    users = sample_users(report.place("histories"), num_users or 1)
    with libraries_hushed(show=session.debug):
        from applications.copywriting.campaigns import read_campaigns
        from applications.copywriting.copywriter import Copywriter
        from applications.copywriting.explaining import explain
        from applications.figures import record_system
        from benchmarks import copywriting as benchmark
        from cli.run_parts import data_dir, items_of, open_shop
        from serving import histories

        items = items_of(report)
        copywriter = Copywriter(items.brands(), endpoint=endpoint)
        explained = []
        with open_shop(report, "") as shop:
            for user in users[:num_users]:
                request = histories.request(
                    report.place("histories"), user.user_id
                )
                explained += explain(shop, request, items, copywriter, k=10)
        data = data_dir(runs, report)
        campaigns = {}
        if (data / "campaigns").is_dir():
            ids = frozenset(item.item_id for item in items)
            campaigns = read_campaigns(data, ids)
        result = benchmark.run(items, campaigns.values(), explained, copywriter)
        record_system(
            report.path,
            benchmark.system(
                result,
                f"daogou bench copywriting --preset {report.preset}",
            ),
        )
    _print(result)
    if json_path is not None:
        write({"preset": report.preset, **result}, json_path)


def _print(result: dict) -> None:
    click.echo(" " * 14 + "".join(f"{name:>13}" for name in _COLUMNS))
    for kind, told in result["texts"].items():
        cells = [_cell(name, told.get(name)) for name in _COLUMNS]
        click.echo(f"{kind:14}" + "".join(f"{cell:>13}" for cell in cells))
    for kind, told in result["planted"].items():
        click.echo(
            f"put in, {kind}: {told['caught']:.2%} of {told['texts']:,} caught"
        )
    sources = ", ".join(f"{n:,} {by}" for by, n in result["sources"].items())
    click.echo(f"written by: {sources}")


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    if name in _SHARES:
        return f"{value:.2%}"
    return f"{value:,.0f}" if name == "texts" else f"{value:.3g}"
