"""Options that several commands share, with one wording of their help."""

import dataclasses
import functools
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


def existing_file(name: str, argument: str, *, text: str, required=False):
    """Returns the option of a file that must be there.

    Args:
      name: Of the option, as `--queries`.
      argument: Of the command's function.
      text: Its help.
      required: Whether it must be given.
    """
    return click.option(
        name,
        argument,
        type=click.Path(exists=True, dir_okay=False, path_type=pathlib.Path),
        required=required,
        metavar="FILE",
        help=text,
    )


held_out_share = click.option(
    "--share",
    type=click.FloatRange(0, 0.5),
    default=0.2,
    show_default=True,
    help="Of the items, for those unseen and those seen up to 5 times.",
)


_only = (
    click.option(
        "--category",
        "categories",
        multiple=True,
        metavar="PATH",
        help="Only items of this category and below, as in 电脑/外设; may be "
        "given several times.",
    ),
    click.option(
        "--brand",
        "brands",
        multiple=True,
        metavar="NAME",
        help="Only this brand; may be given several times.",
    ),
    click.option(
        "--shop",
        "shops",
        multiple=True,
        metavar="ID",
        help="Only this shop; may be given several times.",
    ),
    click.option(
        "--campaign",
        "campaigns",
        multiple=True,
        metavar="ID",
        help="Only of this campaign; may be given several times.",
    ),
    click.option(
        "--min-price", type=float, default=0.0, help="Only from this price on."
    ),
    click.option(
        "--max-price", type=float, default=None, help="Only up to this price."
    ),
)


def _gathered(argument: str, kind: str, options: tuple):
    """Adds options; the command gets them as one object.

    Args:
      argument: Name of the parameter that receives it.
      kind: A dataclass of `serving.requests`; its fields are the options.
      options: To add.
    """

    def add(command):
        @functools.wraps(command)
        def called(*args, **given):
            from serving import requests

            made = getattr(requests, kind)
            fields = [f.name for f in dataclasses.fields(made)]
            chosen = {name: given.pop(name) for name in fields if name in given}
            return command(*args, **given, **{argument: made(**chosen)})

        for option in reversed(options):
            called = option(called)
        return called

    return add


_page = (
    click.option(
        "--diversity",
        type=click.FloatRange(0, 1),
        default=0.0,
        metavar="SHARE",
        help="0 by score alone, up to 1: unlike what is on the page already.",
    ),
    click.option(
        "--max-per-category",
        type=click.IntRange(0),
        default=0,
        help="Most items of one category.",
    ),
    click.option(
        "--max-per-brand",
        type=click.IntRange(0),
        default=0,
        help="Most items of one brand.",
    ),
    click.option(
        "--max-per-shop",
        type=click.IntRange(0),
        default=0,
        help="Most items of one shop.",
    ),
    click.option("--explain", is_flag=True, help="Say why each item is there."),
)


# What alone may come back; the command gets it as `only`.
only = _gathered("only", "Only", _only)
# How a page is put together; the command gets it as `page`.
page = _gathered("page", "Page", _page)


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


def number(name: str, argument: str, default: float, text: str):
    """Returns an option of a number, of its default's type."""
    return click.option(
        name,
        argument,
        type=type(default),
        default=default,
        show_default=True,
        help=text,
    )
