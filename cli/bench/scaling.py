"""`daogou bench scaling`: what each stage costs as its work grows."""

import functools
import json
import pathlib
import typing

import click

from cli import options
from cli.figures import check_folder, give, json_file
from cli.terminal import libraries_hushed

if typing.TYPE_CHECKING:
    from cli.main import Session


@click.command(
    epilog=options.examples(
        "daogou bench scaling --json scaling.json --plot scaling.svg",
        "daogou bench scaling --stage index --stage load --share 0.1",
    ),
)
@click.option(
    "--stage",
    "names",
    multiple=True,
    metavar="NAME",
    help="Measure this stage, as the figures call it; may be repeated. All "
    "by default.",
)
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Turns of a stage at a size; their median counts. Long ones have "
    "fewer.",
)
@click.option(
    "--share",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="Of the usual sizes.",
)
@click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=pathlib.Path),
    default=None,
    metavar="DIR",
    help="Where the stages' files lie meanwhile, about 1 GB; the system's "
    "temporary folder otherwise.",
)
@click.option(
    "--keep",
    type=click.Path(exists=True, dir_okay=False, path_type=pathlib.Path),
    default=None,
    metavar="FILE",
    help="Figures of an earlier call; those of stages that are not measured "
    "now are taken over.",
)
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=pathlib.Path),
    default=None,
    metavar="FILE",
    help="Draw cost over size: .svg, .png or .pdf.",
)
@json_file
@click.pass_obj
def scaling(
    session: "Session",
    *,
    names: tuple[str, ...],
    rounds: int,
    share: float,
    folder: pathlib.Path | None,
    keep: pathlib.Path | None,
    plot: pathlib.Path | None,
    json_path: pathlib.Path | None,
) -> None:
    """Measure every stage's cost as events, users, items or texts grow.

    Each stage runs at three sizes, in processes of its own with one thread.
    Gives processor time, the most memory, the exponent with which the cost
    grows, and what it comes to with 100 million users and items.
    """
    check_folder(json_path)
    check_folder(plot)
    with libraries_hushed(show=session.debug):
        from benchmarks.scaling import comparison

    result = comparison.bench(
        comparison.Options(
            names=names,
            rounds=rounds,
            share=share,
            folder=folder,
            kept=_stages_of(keep),
        ),
        functools.partial(click.echo, err=True),
    )
    if plot is not None:
        from benchmarks.scaling.plot import draw

        draw(result, plot)
    give(result, json_path)


def _stages_of(path: pathlib.Path | None) -> tuple[dict, ...]:
    """Returns the stages of an earlier call's figures."""
    if path is None:
        return ()
    from schema.errors import DataError

    try:
        return tuple(json.loads(path.read_text(encoding="utf-8"))["stages"])
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"--keep {path} holds no figures of stages ({error}); allowed: a "
            "file that `daogou bench scaling --json` wrote"
        ) from error
