"""Options that several commands share, with one wording of their help."""

import pathlib

import click

# The names in `pipeline/presets.py`, which is not imported for `--help`; a
# test holds the two together.
PRESETS = (
    "demo",
    "movielens",
    "jdata",
    "taobao",
    "amazon-cn",
    "beauty",
    "custom",
    "tiny",
)

runs = click.option(
    "--runs",
    type=click.Path(file_okay=False, path_type=pathlib.Path),
    default=pathlib.Path("runs"),
    show_default=True,
    metavar="DIR",
    help="Folder of all runs.",
)
preset_of_newest_run = click.option(
    "--preset",
    default=None,
    metavar="NAME",
    help="Whose newest run to ask; the newest of all by default.",
)
as_json = click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print one JSON document and nothing else on stdout.",
)
server = click.option(
    "--server",
    default="",
    metavar="HOST:PORT",
    help="Ask this model server (see `daogou serve`), not a model in this "
    "process.",
)
how_many = click.option(
    "--k",
    type=click.IntRange(1, 1000),
    default=10,
    show_default=True,
    help="How many items.",
)


def examples(*lines: str) -> str:
    """Returns an epilog with lines to copy, which click leaves unwrapped."""
    title = "Example:" if len(lines) == 1 else "Examples:"
    return "\n".join(["\b", title, *(f"  {line}" for line in lines)])


def existing_dir(name: str, argument: str, *, required: bool, text: str):
    """Returns an option that takes a folder that is there.

    Args:
      name: Of the option, as in `--data`.
      argument: Name of the parameter that receives it.
      required: Whether it must be given.
      text: Its help.
    """
    return click.option(
        name,
        argument,
        type=click.Path(exists=True, file_okay=False, path_type=pathlib.Path),
        required=required,
        metavar="DIR",
        help=text,
    )
