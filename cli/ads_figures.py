"""What auctions that were played have brought, for the screen."""

import typing

import click

if typing.TYPE_CHECKING:
    from applications.ads.ad_table import AdTable
    from applications.ads.play import Played


def print_simulation(told: dict) -> None:
    """Prints the ads that spent most, and what all of them brought."""
    from cli.figures import print_table

    print_table(
        f"{told['preset']}, {told['facts']['pages']:,} pages",
        ["shown", "clicks", "spent ¥", "budget ¥", "used"],
        [
            (
                row["ad_id"],
                [
                    f"{row['showings']:,}",
                    f"{row['clicks']:,}",
                    f"{row['spent']:,.2f}",
                    f"{row['budget']:,.2f}",
                    f"{row['spent'] / row['budget']:.1%}",
                ],
            )
            for row in told["ads"][:20]
        ],
    )
    figures = told["figures"]
    click.echo(
        f"revenue {figures['revenue']:,.2f} CNY, CTR {figures['ctr']:.2%}, "
        f"{figures['price']:.2f} CNY a click, largest overspending "
        f"{max(figures['max_overspend'], 0):.1%} of a budget"
    )
    before, after = told["facts"]["before"], told["facts"]["after"]
    click.echo(
        f"calibration error on the played pages "
        f"{before['calibration_error']:.4f} as the head says, "
        f"{after['calibration_error']:.4f} calibrated "
        f"({told['facts']['calibration']})"
    )
    if told["simulated_ads"]:
        click.echo("advertisers are made up")


def by_ad(played: "Played", table: "AdTable") -> list[dict]:
    """Returns what became of each ad, those that spent most first."""
    import numpy as np

    from applications.ads.ad_table import FEN

    shown = np.bincount(played.ads, minlength=len(table))
    spent, clicks = played.spent.sum(0), played.clicks.sum(0)
    return [
        {
            "ad_id": str(table.ad_ids[ad]),
            "item_id": str(table.item_ids[ad]),
            "showings": int(shown[ad]),
            "clicks": int(clicks[ad]),
            "spent": spent[ad] / FEN,
            "budget": float(table.budgets[ad] * len(played.days)) / FEN,
        }
        for ad in np.argsort(-spent, kind="stable")
    ]
