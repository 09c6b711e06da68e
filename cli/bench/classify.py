"""`daogou bench classify`: item understanding beside TF-IDF."""

import pathlib
import typing

import click

from cli import options
from cli.figures import check_folder, give, json_file

if typing.TYPE_CHECKING:
    from applications.figures import SystemFigures
    from cli.main import Session


@click.command(
    epilog=options.examples(
        "daogou bench classify --preset demo",
        "daogou bench classify --data ../shared/data --sample 3000",
    )
)
@options.existing_dir(
    "--data",
    "data",
    required=False,
    text="Folder that holds online_shopping_10_cats, or the folder itself.",
)
@click.option(
    "--sample",
    type=click.IntRange(300),
    default=3000,
    show_default=True,
    help="Reviews, two thirds of which are learned from.",
)
@options.runs
@options.preset_of_newest_run
@json_file
@click.pass_obj
def classify(
    session: "Session",
    *,
    data: pathlib.Path | None,
    sample: int,
    runs: pathlib.Path,
    preset: str | None,
    json_path: pathlib.Path | None,
) -> None:
    """Compare item understanding with TF-IDF and logistic regression.

    On items of the newest run's catalogue that are held out, with what the
    pipeline would fill in for them, and with --data on reviews of ten
    categories. Duplicates are planted. The figures go into
    the run's report.
    """
    from cli.reports import newest_report
    from cli.terminal import libraries_hushed

    check_folder(json_path)
    report = newest_report(runs, preset)
    with libraries_hushed(show=session.debug):
        import pyarrow.parquet as pq

        import models  # noqa: F401  (chooses the Keras before TensorFlow)
        from applications import run_inputs
        from applications.figures import record_system
        from applications.understanding.encoding import TitleEncoder
        from benchmarks.understanding import comparison

        asked = comparison.Options(reviews=_reviews(data), sample=sample)
        encoder = TitleEncoder.of_run(
            run_inputs.text_vectors(runs, report.preset, report.values)
        )
        folder = run_inputs.table_folder(runs, report.preset, "items")
        result = comparison.catalogue(pq.read_table(folder), encoder, asked)
        if asked.reviews is not None:
            result["reviews"] = comparison.reviews(encoder, asked)
        record_system(report.path, _system(result, report.preset))
    give({"preset": report.preset, **result}, json_path)


def _reviews(data: pathlib.Path | None) -> pathlib.Path | None:
    if data is None:
        return None
    name = "online_shopping_10_cats"
    for path in (data / f"{name}.zip", data / name / f"{name}.zip"):
        if path.is_file():
            return path
    raise click.UsageError(f"{data} holds no {name}.zip")


def _system(result: dict, preset: str) -> "SystemFigures":
    from applications.figures import Figure, SystemFigures

    parts = {
        f"held-out {name}": told for name, told in result["leaves"].items()
    }
    if "reviews" in result:
        parts["reviews of 10 categories"] = result["reviews"]
    filled = {
        part: told["filled in by the pipeline"]
        for part, told in parts.items()
        if "filled in by the pipeline" in told
    }
    twins, brands = result["duplicates"], result["brands"]
    return SystemFigures(
        name="understanding",
        title="Item understanding",
        chinese="商品理解",
        lead="Which leaf category is an item of, by its words alone; which "
        "items are near duplicates; which brand does a title say?",
        command=f"daogou bench classify --preset {preset}",
        figures=(
            *(
                Figure(metric="accuracy", values=told["accuracy"], part=part)
                for part, told in parts.items()
            ),
            *(
                Figure(
                    metric="precision of what is filled in",
                    values={
                        "daogou": told["precision"],
                        "TF-IDF + logistic regression": told[
                            "precision of the peer on as many"
                        ],
                    },
                    part=f"{part}, {told['filled in']:.0%} filled in",
                )
                for part, told in filled.items()
            ),
            *(
                Figure(
                    metric=metric,
                    values={
                        "daogou": twins[metric],
                        "same title": twins["same title"][metric],
                    },
                    part="planted duplicates",
                )
                for metric in ("precision", "recall", "f1")
            ),
            Figure(metric="f1", values=brands["f1"], part="brands"),
        ),
    )
