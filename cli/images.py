"""`daogou images`: pictures of items to the vectors that models read."""

import json
import pathlib
import typing

import click

from cli import options, run_parts
from cli.terminal import duration, libraries_hushed, progress_console

if typing.TYPE_CHECKING:
    from cli.main import Session

_SHOWN = 5


@click.group(
    epilog=options.examples(
        "daogou images encode --items items.parquet --images pictures \\",
        "  --encoder ./mobilenet --output with_images.parquet",
    )
)
def images() -> None:
    """Encode pictures of items; `daogou run --images` reads them."""


@images.command(
    epilog=options.examples(
        "daogou images encode --items runs/demo/data/items/part-00000.parquet "
        "\\",
        "  --images pictures --encoder ./mobilenet --output items.parquet",
    )
)
@options.existing_file(
    "--items",
    "items_path",
    text="Table items, CSV or Parquet (schema/README.md).",
    required=True,
)
@options.existing_dir(
    "--images",
    "folder",
    required=True,
    text="Pictures, <item id>.jpg, .jpeg or .png.",
)
@click.option(
    "--encoder",
    required=True,
    metavar="HANDLE",
    help="TF-Hub handle, or folder of a SavedModel with TF-Hub's interface of "
    "image feature vectors.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=pathlib.Path),
    required=True,
    metavar="FILE",
    help="Parquet file of the same items, with image_embedding.",
)
@click.option(
    "--size",
    type=click.IntRange(1, 4096),
    default=None,
    metavar="N",
    help="Side of pictures in pixels, for encoders that take any.  [224]",
)
@click.option(
    "--batch",
    type=click.IntRange(1),
    default=32,
    show_default=True,
    metavar="N",
    help="Pictures that are encoded at once.",
)
@options.as_json
@click.pass_obj
def encode(
    session: "Session",
    *,
    items_path: pathlib.Path,
    folder: pathlib.Path,
    encoder: str,
    output: pathlib.Path,
    size: int | None,
    batch: int,
    as_json: bool,
) -> None:
    """Write a table of items with a vector for each picture.

    Items without a readable picture get none. What the column held before is
    not kept: vectors of two encoders do not mix.
    """
    import time

    if output.suffix.lower() != ".parquet":
        raise click.UsageError(f"--output is {output}; allowed: a .parquet")
    if not output.absolute().parent.is_dir():
        raise click.UsageError(f"there is no folder {output.parent}")
    began = time.monotonic()
    tell = run_parts.counter(progress_console())
    with libraries_hushed(show=session.debug):
        from datasets import tabular
        from datasets.image_vectors import write_with_images
        from models.images import pictures
        from models.images.encoder import ImageEncoder

        items = tabular.read_file(items_path, "items")
        found = pictures.find(folder, items["item_id"].to_pylist())
        made = pictures.encode(
            ImageEncoder(encoder, size or 0),
            found,
            batch,
            lambda done, of: tell("pictures", done, of),
        )
        write_with_images(items, made.vectors, output)
    unreadable = {str(path): why for path, why in made.unreadable.items()}
    counts = {
        "items": len(items),
        "encoded": len(made.vectors),
        "without_picture": len(items) - len(found),
        "unreadable": unreadable,
        "output": str(output),
    }
    if as_json:
        click.echo(json.dumps(counts, ensure_ascii=False))
        return
    click.echo(
        f"{counts['encoded']:,} of {counts['items']:,} items have an image now "
        f"({duration(time.monotonic() - began)}); "
        f"{counts['without_picture']:,} have no picture"
    )
    for path, why in list(unreadable.items())[:_SHOWN]:
        click.echo(f"cannot be read: {path}: {why}")
    if len(unreadable) > _SHOWN:
        click.echo(f"and {len(unreadable) - _SHOWN:,} more")
    click.echo(f"items: {output}")
