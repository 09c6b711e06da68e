"""`daogou bench exploration`: exposure of new and tail items, and its cost."""

import pathlib
import typing

import click

from cli import options
from cli.figures import check_folder, json_file, write
from cli.terminal import libraries_hushed, progress_console

if typing.TYPE_CHECKING:
    from cli.main import Session


@click.command(
    epilog=options.examples(
        "daogou bench exploration --preset demo",
        "daogou bench exploration --preset demo --plot exploration.png "
        "--json exploration.json",
    )
)
@click.option(
    "--questions",
    "number",
    type=click.IntRange(10, 100_000),
    default=600,
    show_default=True,
    help="Held-out choices that are asked about, at most.",
)
@click.option(
    "--days",
    type=click.IntRange(1, 1000),
    default=21,
    show_default=True,
    help="Of the bandit, where there is a ground truth.",
)
@click.option(
    "--visits",
    type=click.IntRange(1, 100_000),
    default=1000,
    show_default=True,
    help="A day.",
)
@click.option(
    "--worlds",
    type=click.IntRange(2, 1000),
    default=20,
    show_default=True,
    help="How often the days are played.",
)
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=pathlib.Path),
    default=None,
    metavar="FILE",
    help="Draw the curves; ends in .png, .svg or .pdf.",
)
@options.runs
@options.preset_of_newest_run
@json_file
@click.pass_obj
def exploration(
    session: "Session",
    *,
    number: int,
    days: int,
    visits: int,
    worlds: int,
    plot: pathlib.Path | None,
    runs: pathlib.Path,
    preset: str | None,
    json_path: pathlib.Path | None,
) -> None:
    """Measure what new and tail items get of the page, and the NDCG paid.

    At quotas of 0 to 0.3, filled by Thompson sampling, greedily and at random,
    and with boosts. In a simulated mall days of a bandit are played as well:
    who finds the good ones of the latest items, with the least regret. The
    figures go into the run's report.
    """
    from cli.reports import newest_report

    check_folder(json_path)
    check_folder(plot)
    if plot is not None and plot.suffix not in (".png", ".svg", ".pdf"):
        raise click.UsageError(
            f"{plot} cannot be drawn; allowed: .png, .svg, .pdf"
        )
    report = newest_report(runs, preset)
    console = progress_console()
    with libraries_hushed(show=session.debug):
        from applications.exploration.bandit import BanditSettings
        from applications.exploration.measuring import (
            measured,
            system_figures,
        )
        from applications.exploration.settings import ExplorationSettings
        from applications.figures import record_system
        from applications.shop_items import read_items
        from cli.run_parts import counter, data_dir, examples_dir
        from serving.in_process import Recommender

        folder = data_dir(runs, report)
        result = measured(
            Recommender(report.place("servable")),
            str(examples_dir(runs, report)),
            folder,
            read_items(folder),
            ExplorationSettings(),
            num_questions=number,
            num_pages=150,
            days=BanditSettings(days=days, visits=visits, worlds=worlds),
            progress=counter(console),
        )
        record_system(
            report.path,
            system_figures(
                result, f"daogou bench exploration --preset {report.preset}"
            ),
        )
        if plot is not None:
            from applications.exploration.plot import draw

            draw(result, plot)
    _print(result)
    if plot is not None:
        click.echo(f"plot: {plot}")
    if json_path is not None:
        write({"preset": report.preset, **result}, json_path)


def _print(result: dict) -> None:
    from cli.figures import print_table

    columns = ["ndcg", "new", "tail", "coverage"]
    points = [
        (f"{way} {point['boost' if way == 'boost' else 'quota']:g}", point)
        for way, points in result["curves"].items()
        for point in points
    ]
    if "clicks" in points[0][1]:
        columns.append("clicks")
    print_table(
        f"{result['questions']:,} choices, {result['new']:,} new and "
        f"{result['tail']:,} tail items of {result['items']:,}",
        [*columns, "ndcg, 95 %"],
        [
            (
                name,
                [
                    *(f"{point[column]:.4f}" for column in columns),
                    "{:.4f} to {:.4f}".format(*point["interval"]),
                ],
            )
            for name, point in points
        ],
    )
    if "bandit" not in result:
        return
    played = result["bandit"]
    print_table(
        f"{played['days']} days, {played['visits']:,} visits, "
        f"{played['items']} new items",
        ["regret", "95 %", "clicks", "best tenth, last day"],
        [
            (
                policy,
                [
                    f"{told['regret'][-1]:,.0f}",
                    "{:,.0f} to {:,.0f}".format(*told["interval"]),
                    f"{told['clicks']:,.0f}",
                    f"{told['best_share'][-1]:.1%}",
                ],
            )
            for policy, told in played["policies"].items()
        ],
    )
