"""`daogou kubeflow`: the same pipeline on Kubeflow Pipelines."""

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
    """Compile the pipeline for Kubeflow, and hand it to a server."""


@kubeflow.command(
    "compile",
    epilog=options.examples(
        "daogou kubeflow compile --preset demo --output daogou.yaml \\",
        "  --image shop/daogou:0.1 --root gs://shop/daogou \\",
        "  --data gs://shop/data --serving gs://shop/serving \\",
        "  --cluster examples/kubeflow/cluster.yaml",
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
@click.option(
    "--cluster",
    "cluster_file",
    type=click.Path(exists=True, dir_okay=False, path_type=pathlib.Path),
    default=None,
    metavar="FILE",
    help="YAML of machines, secrets, volumes, retries and Beam options.",
)
@click.option(
    "--updates/--no-updates",
    default=False,
    show_default=True,
    help="Whether each run goes on with the version that the last one pushed; "
    "adds the parameters warm_start and span.",
)
@click.option(
    "--allow-drift",
    is_flag=True,
    help="With --updates, lets what is new differ from the time before it by "
    "more than the schema allows.",
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
    cluster_file: pathlib.Path | None,
    updates: bool,
    allow_drift: bool,
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
    from pipeline.kubeflow.cluster import read_cluster

    cluster = None if cluster_file is None else read_cluster(cluster_file)
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
            cluster=cluster,
            updates=updates,
            allow_drift=allow_drift,
        )
    click.echo(f"wrote {output}")
    click.echo(f"copy {schemas}/ to {root}/schema")


def _values(parameters):
    """Reads NAME=VALUE."""
    for given in parameters:
        if not given.partition("=")[1]:
            raise click.BadParameter(
                f"{given!r} has no =; allowed: NAME=VALUE",
                param_hint="--parameter",
            )
    return dict(given.split("=", 1) for given in parameters)


def _server(command):
    """Adds the options that say where Kubeflow Pipelines answers."""
    for option in (
        click.option(
            "--parameter",
            "parameters",
            multiple=True,
            metavar="NAME=VALUE",
            help="Of the pipeline, as in span=2026-11-23; may be repeated.",
        ),
        click.option(
            "--service-account",
            default="",
            metavar="NAME",
            help="Of the pods; the namespace's default otherwise.",
        ),
        click.option(
            "--token-variable",
            default="",
            metavar="VARIABLE",
            help="Environment variable that holds a bearer token.",
        ),
        click.option(
            "--namespace",
            default="",
            metavar="NAME",
            help="Of a multi-user deployment.",
        ),
        click.option(
            "--host",
            required=True,
            metavar="URL",
            help="Where the API answers, as in http://localhost:8080.",
        ),
        click.option(
            "--name",
            default="daogou",
            show_default=True,
            metavar="NAME",
            help="What lists of runs call it.",
        ),
        click.argument(
            "spec",
            type=click.Path(dir_okay=False, path_type=pathlib.Path),
            metavar="FILE",
        ),
    ):
        command = option(command)
    return command


@kubeflow.command(
    epilog=options.examples(
        "daogou kubeflow submit daogou.yaml --host http://localhost:8080"
    )
)
@_server
@click.pass_obj
def submit(
    session: "Session",
    *,
    spec: pathlib.Path,
    name: str,
    parameters: tuple[str, ...],
    **given: str,
) -> None:
    """Start one run of a compiled FILE."""
    values = _values(parameters)
    with libraries_hushed(show=session.debug):
        from pipeline.kubeflow import client

        run_id = client.submit(client.Server(**given), spec, name, values)
    click.echo(f"run {run_id}")


@kubeflow.command(
    epilog=options.examples(
        "daogou kubeflow schedule daogou.yaml --cron '0 0 3 * * *' \\",
        "  --host http://localhost:8080",
    )
)
@click.option(
    "--cron",
    required=True,
    metavar="FIELDS",
    help="Six fields, seconds first: '0 0 3 * * *' is every day at three.",
)
@_server
@click.pass_obj
def schedule(
    session: "Session",
    *,
    spec: pathlib.Path,
    name: str,
    cron: str,
    parameters: tuple[str, ...],
    **given: str,
) -> None:
    """Run a compiled FILE again and again."""
    values = _values(parameters)
    with libraries_hushed(show=session.debug):
        from pipeline.kubeflow import client

        recurring = client.schedule(
            client.Server(**given), spec, name, cron, values
        )
    click.echo(f"recurring run {recurring}")
