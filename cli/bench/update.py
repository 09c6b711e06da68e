"""`daogou bench update`: daily updates beside training anew."""

import pathlib
import tempfile
import typing

import click

from cli import options
from cli.figures import check_folder, json_file, print_table, write
from cli.terminal import libraries_hushed

if typing.TYPE_CHECKING:
    from cli.main import Session


@click.command(
    epilog=options.examples(
        "daogou bench update --json update.json",
        "daogou bench update --users 5000 --items 5000 --updates 6",
    )
)
@options.number("--items", "items", 3000, "Items of the simulated mall.")
@options.number("--users", "users", 2000, "Its shoppers.")
@options.number(
    "--days", "days", 24, "Its days; the last ones come in one by one."
)
@options.number("--sessions", "sessions", 0.14, "Sessions of a shopper a day.")
@options.number("--updates", "updates", 3, "Days that are learned one by one.")
@options.number("--epochs", "epochs", 4, "Passes of an update.")
@options.number("--replay", "replay", 1.0, "Old sequences beside each new one.")
@options.number(
    "--pace", "pace", 1.0, "Learning rate, share of a whole training's."
)
@options.number(
    "--max-epochs", "max_epochs", 0, "Of a training anew; 0: the demo's."
)
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=pathlib.Path),
    default=None,
    metavar="DIR",
    help="Keep tables and models here.",
)
@json_file
@click.pass_obj
def update(
    session: "Session",
    *,
    items: int,
    users: int,
    days: int,
    sessions: float,
    updates: int,
    epochs: int,
    replay: float,
    pace: float,
    max_epochs: int,
    folder: pathlib.Path | None,
    json_path: pathlib.Path | None,
) -> None:
    """Compare daily updates with one training and with training anew.

    On a simulated mall whose tastes drift: each day's events are asked of
    what was learned till the evening before.
    """
    from cli.terminal import progress_console

    check_folder(json_path)
    console = progress_console()

    def tell(line: str) -> None:
        console.print(line, markup=False)

    with (
        tempfile.TemporaryDirectory() as temporary,
        libraries_hushed(show=session.debug),
    ):
        from benchmarks import updates as bench
        from datasets.mall.settings import MallSettings
        from models.training.update_settings import UpdateSettings

        result = bench.run(
            bench.Options(
                mall=MallSettings(
                    num_items=items,
                    num_users=users,
                    num_days=days,
                    sessions_per_user_day=sessions,
                ),
                days=updates,
                training=UpdateSettings(
                    epochs=epochs, replay=replay, pace=pace
                ),
                max_epochs=max_epochs,
            ),
            (folder or pathlib.Path(temporary)).absolute(),
            tell,
        )
    for group, title in (
        ("all", "everybody"),
        ("unchanged", "users without new events"),
    ):
        found = result[group]
        print_table(
            f"{title}, {found['queries']} queries",
            ["recall@50", "ndcg@10"],
            [
                (name, [f"{value:.4f}" for value in figures.values()])
                for name, figures in found["models"].items()
            ],
        )
    click.echo(
        f"an update took {result['share_of_time']:.1%} of the processor time "
        "of training anew"
    )
    if json_path is not None:
        write(result, json_path)
