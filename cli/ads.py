"""`daogou ads`: auctions of paid slots on the pages of a shop."""

import dataclasses
import json
import pathlib
import typing

import click

from cli import options
from cli.terminal import libraries_hushed, progress_console

if typing.TYPE_CHECKING:
    from applications.ads.ad_table import AdTable
    from applications.ads.calibration import Calibration
    from cli.main import Session
    from cli.reports import RunReport
    from serving.in_process import Recommender

CALIBRATION = "ads_calibration.json"
# Characters of a title that a table has room for.
_TITLE = 20

_table = click.option(
    "--ads",
    "path",
    type=click.Path(exists=True, dir_okay=False, path_type=pathlib.Path),
    default=None,
    metavar="FILE",
    help="Table of ads, .parquet or .csv; made up for the run's items by "
    "default (see `daogou ads make`).",
)
_count = click.option(
    "--count",
    type=click.IntRange(1, 100_000),
    default=300,
    show_default=True,
    help="Ads that are made up.",
)
_seed = click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Equal seeds give the same ads and the same auctions.",
)
days_played = click.option(
    "--days",
    type=click.IntRange(1, 100),
    default=1,
    show_default=True,
    help="How many days, the last of the log, are played.",
)


@click.group(
    epilog=options.examples(
        "daogou ads simulate --preset demo",
        "daogou ads rank --user u0042 --preset demo",
    )
)
def ads() -> None:
    """Sell the paid slots of a page: eCPM, second price, budgets, caps."""


@ads.command(
    epilog=options.examples("daogou ads make --preset demo --output ads.csv")
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=pathlib.Path),
    required=True,
    metavar="FILE",
    help="Ends in .parquet or .csv.",
)
@_count
@_seed
@options.runs
@options.preset_of_newest_run
def make(
    *,
    output: pathlib.Path,
    count: int,
    seed: int,
    runs: pathlib.Path,
    preset: str | None,
) -> None:
    """Make up advertisers for the items of the newest run.

    The file shows which columns an own table of ads has.
    """
    from applications.ads.ad_table import write_ads
    from cli.reports import newest_report

    report = newest_report(runs, preset)
    made = write_ads(_made_up(runs, report, count, seed), output)
    click.echo(f"{len(made)} simulated ads: {output}")


@ads.command(epilog=options.examples("daogou ads check ads.csv"))
@click.argument(
    "path",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=pathlib.Path),
)
def check(*, path: pathlib.Path) -> None:
    """Hold a table of ads against what each column may be."""
    from applications.ads.ad_table import FEN, read_ads

    found = read_ads(path)
    click.echo(
        f"{len(found)} ads, bids of {found.bids.min() / FEN:.2f} to "
        f"{found.bids.max() / FEN:.2f} CNY, budgets of "
        f"{found.budgets.sum() / FEN:,.2f} CNY a day in all: nothing to "
        "object to"
    )


@ads.command(
    epilog=options.examples(
        "daogou ads rank --user u0042 --preset demo",
        "daogou ads rank --user u0042 --slots 3 --ads ads.csv --json",
    )
)
@click.option(
    "--user", "user_id", required=True, metavar="ID", help="Whom for."
)
@click.option(
    "--slots",
    type=click.IntRange(1, 50),
    default=5,
    show_default=True,
    help="Paid slots of the page.",
)
@_table
@_count
@_seed
@options.runs
@options.preset_of_newest_run
@options.as_json
@click.pass_obj
def rank(
    session: "Session",
    *,
    user_id: str,
    slots: int,
    path: pathlib.Path | None,
    count: int,
    seed: int,
    runs: pathlib.Path,
    preset: str | None,
    as_json: bool,
) -> None:
    """Show which ads a user would see, their eCPM and what a click costs.

    Budgets are full and the user has seen none of them yet. The first call
    calibrates the ranking head on the run's pages after its split.
    """
    from cli.reports import newest_report

    report = newest_report(runs, preset)
    console = progress_console()
    with libraries_hushed(show=session.debug):
        from applications.ads.settings import AuctionSettings
        from applications.ads.showing import rank_ads
        from applications.chances import ask_page
        from applications.shop_items import read_items
        from cli.run_parts import data_dir
        from serving import histories
        from serving.in_process import Recommender

        request = histories.request(report.place("histories"), user_id)
        items = read_items(data_dir(runs, report))
        table = _ads(path, runs, report, count, seed)
        model = Recommender(report.place("servable"))
        calibration = _calibration(runs, report, model, table, console)
        said = ask_page(model, request, table.item_ids.tolist(), "click")
        found = rank_ads(
            table,
            request,
            items,
            calibration(said),
            AuctionSettings(positions=tuple(range(slots)), seed=seed),
        )
    if as_json:
        told = {
            "preset": report.preset,
            "user_id": user_id,
            "simulated_ads": path is None,
            "ads": [dataclasses.asdict(one) for one in found],
        }
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    from cli.figures import print_table

    print_table(
        f"{user_id} · {report.preset}",
        ["ad", "bid ¥", "p(click)", "quality", "eCPM ¥", "price ¥"],
        [
            (
                f"{one.slot}. {(one.title or one.item_id)[:_TITLE]}",
                [
                    one.ad_id,
                    f"{one.bid:.2f}",
                    f"{one.chance:.4f}",
                    f"{one.quality:.2f}",
                    f"{one.ecpm:.2f}",
                    f"{one.price:.2f}",
                ],
            )
            for one in found
        ],
    )
    click.echo(
        "advertisers are made up; " * (path is None)
        + "eCPM is bid x p(click) x quality of 1,000 showings"
    )


@ads.command(
    epilog=options.examples(
        "daogou ads simulate --preset demo",
        "daogou ads simulate --ads ads.csv --order bid --no-pacing --json",
    )
)
@_table
@_count
@click.option(
    "--order",
    type=click.Choice(["ecpm", "bid", "ctr", "random"]),
    default="ecpm",
    show_default=True,
    help="How ads are put in order.",
)
@click.option(
    "--price",
    type=click.Choice(["second", "first"]),
    default="second",
    show_default=True,
    help="The least bid that keeps the slot, or the bid.",
)
@click.option(
    "--pacing/--no-pacing",
    default=True,
    show_default=True,
    help="Spread budgets over the day.",
)
@days_played
@_seed
@options.runs
@options.preset_of_newest_run
@options.as_json
@click.pass_obj
def simulate(
    session: "Session",
    *,
    path: pathlib.Path | None,
    count: int,
    order: str,
    price: str,
    pacing: bool,
    days: int,
    seed: int,
    runs: pathlib.Path,
    preset: str | None,
    as_json: bool,
) -> None:
    """Play the auctions of a run's last days, and say who spent what.

    Clicks come from the ground truth of a simulated mall; on other data they
    are those of the log, and only what was shown on a page can be its ad.
    """
    from cli.reports import newest_report

    report = newest_report(runs, preset)
    console = progress_console()
    with libraries_hushed(show=session.debug):
        import numpy as np

        from applications.ads.play import play
        from applications.ads.preparation import HEAD, prepare
        from applications.ads.settings import AuctionSettings
        from cli.ads_figures import by_ad
        from cli.run_parts import counter, data_dir, logged_pages
        from serving.in_process import Recommender

        settings = AuctionSettings(
            order=order, price=price, pacing=pacing, seed=seed
        )
        table = _ads(path, runs, report, count, seed)
        prepared = prepare(
            Recommender(report.place("servable")),
            logged_pages(runs, report, HEAD),
            data_dir(runs, report),
            table.item_ids.tolist(),
            settings.positions,
            days=days,
            progress=counter(console),
        )
        market = prepared.market(table)
        luck = np.random.default_rng(seed).random(
            (len(market), len(settings.positions))
        )
        played = play(market, settings, prepared.curve, luck)
        figures = played.figures(prepared.curve)
        rows = by_ad(played, table)
    told = {
        "preset": report.preset,
        "simulated_ads": path is None,
        "simulated_clicks": prepared.truth is not None,
        "settings": dataclasses.asdict(settings),
        "facts": prepared.facts,
        "figures": figures,
        "ads": rows,
    }
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    from cli.ads_figures import print_simulation

    print_simulation(told)


def _made_up(runs, report: "RunReport", count: int, seed: int):
    from applications.ads.settings import SimulatedAdsSettings
    from applications.ads.simulated_ads import simulate_for
    from applications.shop_items import read_items
    from cli.run_parts import data_dir

    folder = data_dir(runs, report)
    return simulate_for(
        folder,
        read_items(folder),
        SimulatedAdsSettings(count=count, seed=seed),
    )


def _ads(path, runs, report, count, seed) -> "AdTable":
    from applications.ads.ad_table import check_ads, read_ads

    if path is not None:
        return read_ads(path)
    return check_ads(_made_up(runs, report, count, seed), "simulated ads")


def _calibration(
    runs: pathlib.Path,
    report: "RunReport",
    model: "Recommender",
    table: "AdTable",
    console,
) -> "Calibration":
    """Returns the run's calibration, fitted at the first call.

    It is kept beside the report, and made of all pages after the split: they
    all came before whatever is asked now.
    """
    from applications.ads.calibration import Calibration, fit
    from applications.ads.preparation import (
        HEAD,
        impressions_before,
        read_truth,
    )
    from applications.ads.settings import AuctionSettings
    from cli.run_parts import counter, data_dir, logged_pages

    path = report.path.parent / CALIBRATION
    if path.is_file():
        return Calibration.read(path)
    folder = data_dir(runs, report)
    seen = impressions_before(
        model,
        logged_pages(runs, report, HEAD),
        table.item_ids.tolist(),
        AuctionSettings().positions,
        read_truth(folder),
        progress=counter(console),
    )
    found = fit(seen.said, seen.clicked)
    found.write(path)
    return found
