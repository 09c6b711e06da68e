"""`daogou bench images`: what the items' images are worth."""

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
        "daogou bench images --json images.json",
        "daogou bench images --items 5000 --users 5000 --missing 0.5",
    )
)
@options.number("--items", "items", 3000, "Items of the simulated mall.")
@options.number("--users", "users", 2000, "Its shoppers.")
@options.number("--days", "days", 24, "Its days; the last ones are asked.")
@options.number("--new-items", "new_items", 40, "Items that are listed a day.")
@options.number("--width", "width", 64, "Numbers of an image.")
@options.number("--missing", "missing", 0.2, "Share of items without an image.")
@options.number(
    "--unsaid-style",
    "unsaid_style",
    0.5,
    "How much of an item's style no word tells, beside 1.8 that words tell.",
)
@options.number(
    "--dropout", "dropout", 0.2, "Share of images hidden in a step."
)
@options.number("--seeds", "seeds", 2, "Trainings of each way.")
@options.number(
    "--max-epochs", "max_epochs", 0, "Of a training; 0: the demo's."
)
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=pathlib.Path),
    default=None,
    metavar="DIR",
    help="Keep tables and examples here.",
)
@json_file
@click.pass_obj
def images(
    session: "Session",
    *,
    items: int,
    users: int,
    days: int,
    new_items: int,
    width: int,
    missing: float,
    unsaid_style: float,
    dropout: float,
    seeds: int,
    max_epochs: int,
    folder: pathlib.Path | None,
    json_path: pathlib.Path | None,
) -> None:
    """Compare training with images, without, and with those of other items.

    On a simulated mall with made-up images, which show style and quality
    through noise.
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
        from benchmarks import images as bench
        from datasets.mall.settings import MallSettings
        from models.settings import TrainingSettings

        first = TrainingSettings().seed
        result = bench.run(
            bench.Options(
                mall=MallSettings(
                    num_items=items,
                    num_users=users,
                    num_days=days,
                    new_items_per_day=new_items,
                    image_width=width,
                    image_missing_share=missing,
                    unsaid_style=unsaid_style,
                ),
                seeds=tuple(range(first, first + seeds)),
                max_epochs=max_epochs,
                image_dropout=dropout,
            ),
            (folder or pathlib.Path(temporary)).absolute(),
            tell,
        )
    for metric in bench.METRICS:
        print_table(
            f"{metric} by target",
            [f"{name} ({n})" for name, n in result["queries"].items()],
            [
                (way, [f"{of[metric]:.3f}" for of in found.values()])
                for way, found in result["models"].items()
            ],
        )
    leads = {f"{way} less none": of for way, of in result["lead"].items()}
    leads["images less wrong ones"] = result["lead_over_wrong"]
    for way, found in leads.items():
        for group in ("all", "unseen", "without image"):
            for metric, lead in found.get(group, {}).items():
                click.echo(
                    f"{way}, {group}: {metric} {lead['mean']:+.4f} "
                    f"({lead['low']:+.4f} to {lead['high']:+.4f})"
                )
    if json_path is not None:
        write(result, json_path)
