"""`daogou bench ads`: the auction beside other orders of ads."""

import pathlib
import typing

import click

from cli import options
from cli.ads import days_played
from cli.figures import check_folder, json_file, write
from cli.terminal import libraries_hushed, progress_console

if typing.TYPE_CHECKING:
    from cli.main import Session

_COLUMNS = ("revenue", "ctr", "value", "price", "max_overspend")


@click.command(epilog=options.examples("daogou bench ads --preset demo"))
@click.option(
    "--markets",
    type=click.IntRange(2, 1000),
    default=10,
    show_default=True,
    help="How many tables of ads are drawn, each with its own luck.",
)
@click.option(
    "--count",
    type=click.IntRange(1, 100_000),
    default=300,
    show_default=True,
    help="Ads of each.",
)
@click.option(
    "--crowd",
    type=click.IntRange(1, 1000),
    default=20,
    show_default=True,
    help="How many shoppers each page of the log stands for, so that budgets "
    "run out; only where there is a ground truth.",
)
@days_played
@options.runs
@options.preset_of_newest_run
@json_file
@click.pass_obj
def ads(
    session: "Session",
    *,
    markets: int,
    count: int,
    crowd: int,
    days: int,
    runs: pathlib.Path,
    preset: str | None,
    json_path: pathlib.Path | None,
) -> None:
    """Play simulated advertisers by eCPM, by bid, by CTR and at random.

    On the pages of the newest run's last days. The servable's click head is
    calibrated on earlier pages after the split; a simulated mall's ground
    truth decides clicks, or the log where there is none. The figures go into
    the run's report.
    """
    from cli.reports import newest_report

    check_folder(json_path)
    report = newest_report(runs, preset)
    console = progress_console()
    with libraries_hushed(show=session.debug):
        from applications.ads.ad_table import check_ads
        from applications.ads.comparison import compare, system_figures
        from applications.ads.preparation import HEAD, prepare
        from applications.ads.settings import (
            AuctionSettings,
            SimulatedAdsSettings,
        )
        from applications.ads.simulated_ads import simulate_for
        from applications.figures import record_system
        from applications.shop_items import read_items
        from cli.run_parts import counter, data_dir, logged_pages
        from serving.in_process import Recommender

        folder, settings = data_dir(runs, report), AuctionSettings()
        items = read_items(folder)
        tables = [
            check_ads(
                simulate_for(
                    folder,
                    items,
                    SimulatedAdsSettings(count=count, seed=seed),
                    days,
                ),
                f"simulated ads {seed}",
            )
            for seed in range(markets)
        ]
        prepared = prepare(
            Recommender(report.place("servable")),
            logged_pages(runs, report, HEAD),
            folder,
            # Every market advertises the same items.
            tables[0].item_ids.tolist(),
            settings.positions,
            days=days,
            progress=counter(console),
        )
        result = compare(
            prepared,
            tables,
            settings,
            crowd=crowd if prepared.truth else 1,
            progress=counter(console),
        )
        record_system(
            report.path,
            system_figures(
                prepared,
                result,
                f"daogou bench ads --preset {report.preset}",
            ),
        )
    _print(result, prepared.facts)
    if json_path is not None:
        write({"preset": report.preset, **prepared.facts, **result}, json_path)


def _print(result: dict, facts: dict) -> None:
    from cli.figures import print_table

    print_table(
        f"{result['markets']} markets, {facts['pages']:,} pages each",
        [*_COLUMNS, "ours ahead in revenue (95 %)"],
        [
            (
                name,
                [
                    *(f"{figures[column]:,.4g}" for column in _COLUMNS),
                    _lead(result["leads"].get(name)),
                ],
            )
            for name, figures in result["ways"].items()
        ],
    )
    for when in ("before", "after"):
        told = facts[when]
        click.echo(
            f"{when} calibration: error {told['calibration_error']:.4f}, "
            f"log loss {told['log_loss']:.4f}, {told['expected_clicks']:,.0f} "
            f"clicks expected of {told['clicks']:,.0f} that came"
        )


def _lead(leads: dict | None) -> str:
    if leads is None:
        return ""
    low, high = leads["revenue"]["interval"]
    return f"{leads['revenue']['mean']:+.4g} ({low:+.4g} to {high:+.4g})"
