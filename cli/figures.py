"""How figures are given: as JSON in a file, as tables on the screen."""

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


def print_by_group(
    metric: str, queries: dict[str, int], figures: dict[str, dict[str, float]]
) -> None:
    """Prints a metric by how often the target was seen.

    Args:
      metric: Its name.
      queries: How many, by group.
      figures: By contender and group.
    """
    print_table(
        f"{metric} by how often the target was seen",
        [f"{group} ({count})" for group, count in queries.items()],
        [
            (name, [f"{found[group]:.3f}" for group in queries])
            for name, found in figures.items()
        ],
    )


def print_table(
    title: str, columns: list[str], rows: list[tuple[str, list[str]]]
) -> None:
    """Prints a table: names on the left, figures under their columns."""
    from rich import box
    from rich.table import Table

    from cli.terminal import output_console

    table = Table(box=box.SIMPLE_HEAD)
    table.add_column(title, no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right")
    for name, values in rows:
        table.add_row(name, *values)
    output_console().print(table)
