"""`daogou kubeflow`: the same pipeline as a spec for Kubeflow Pipelines."""

import pathlib
import typing

import click

from cli import options
from cli.terminal import libraries_hushed
from schema.contract import REQUIRED_TABLES, TABLES

if typing.TYPE_CHECKING:
    from cli.main import Session


@click.group(epilog=options.examples("daogou kubeflow compile --help"))
def kubeflow() -> None:
    """Compile the pipeline for Kubeflow."""


@kubeflow.command(
    "compile",
    epilog=options.examples(
        "daogou kubeflow compile --preset demo --output daogou.yaml \\",
        "  --image shop/daogou:0.1 --root gs://shop/daogou \\",
        "  --data gs://shop/data --serving gs://shop/serving",
    ),
)
@click.option(
    "--preset",
    type=click.Choice(options.PRESETS),
    required=True,
    help="What to compile.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=pathlib.Path),
    required=True,
    metavar="FILE",
    help="The spec to write: .yaml (schema 2.1) or .json (2.0).",
)
@click.option(
    "--image",
    required=True,
    metavar="IMAGE",
    help="Container image that every node runs in.",
)
@click.option(
    "--root",
    required=True,
    metavar="URI",
    help="Where schemas and artifacts go, as in gs://shop/daogou.",
)
@click.option(
    "--data",
    required=True,
    metavar="URI",
    help="Where the contract tables lie.",
)
@click.option(
    "--serving",
    required=True,
    metavar="URI",
    help="Model base path that TF Serving watches.",
)
@click.option(
    "--table",
    "tables",
    multiple=True,
    type=click.Choice(tuple(TABLES)),
    help="A table that the data has; repeat it. All four by default.",
)
@click.pass_obj
def compile_spec(
    session: "Session",
    *,
    preset: str,
    output: pathlib.Path,
    image: str,
    root: str,
    data: str,
    serving: str,
    tables: tuple[str, ...],
) -> None:
    """Write the pipeline spec to a file; needs no cluster."""
    chosen = tuple(name for name in TABLES if name in (tables or TABLES))
    for name in REQUIRED_TABLES:
        if name not in chosen:
            raise click.BadParameter(
                f"{name} is missing; always needed: "
                f"{', '.join(REQUIRED_TABLES)}",
                param_hint="--table",
            )
    with libraries_hushed(show=session.debug):
        from pipeline import kubeflow_runner

        schemas = kubeflow_runner.compile_pipeline(
            preset=preset,
            output=output,
            image=image,
            root=root,
            data=data,
            serving=serving,
            tables=chosen,
        )
    click.echo(f"wrote {output}")
    click.echo(f"copy {schemas}/ to {root}/schema")
