"""How benchmarks give their figures: on the screen, or in a file."""

import json
import pathlib
import shlex
import sys

import click

json_file = click.option(
    "--json",
    "json_path",
    type=click.Path(dir_okay=False, path_type=pathlib.Path),
    default=None,
    metavar="FILE",
    help="Write the figures here; on the screen otherwise.",
)


def check_folder(json_path: pathlib.Path | None) -> None:
    """Checks before the measuring that its figures can be written.

    Raises:
      UsageError: The file's folder is not there.
    """
    if json_path is not None and not json_path.absolute().parent.is_dir():
        raise click.UsageError(f"there is no folder {json_path.parent}")


def give(result: dict, json_path: pathlib.Path | None) -> None:
    """Gives figures, the command that made them first."""
    if json_path is None:
        click.echo(_document(result))
    else:
        write(result, json_path)


def write(result: dict, json_path: pathlib.Path) -> None:
    """Writes figures, the command that made them first."""
    json_path.write_text(_document(result) + "\n", encoding="utf-8")
    click.echo(f"figures: {json_path}")


def _document(result: dict) -> str:
    result = {"command": shlex.join(["daogou", *sys.argv[1:]]), **result}
    return json.dumps(result, ensure_ascii=False, indent=1)
