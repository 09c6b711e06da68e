"""`daogou serve`: an embedded server that behaves like TensorFlow Serving."""

import dataclasses
import typing

import click

from cli import options
from serving.model_server.settings import ServerSettings

if typing.TYPE_CHECKING:
    from cli.main import Session


def _flags(command: typing.Callable) -> typing.Callable:
    """Gives a command one option for each field of the settings."""
    for field in reversed(dataclasses.fields(ServerSettings)):
        ours = field.metadata["ours"]
        extra: dict[str, typing.Any] = {"type": type(field.default)}
        if isinstance(field.default, bool):
            # `--flag` and `--flag=true` both, as TensorFlow's flags are.
            extra |= {"is_flag": False, "flag_value": True}
        command = click.option(
            f"--{field.name}",
            default=field.default,
            show_default=field.default not in ("", False),
            help=field.metadata["help"] + (" (Daogou only)" if ours else ""),
            **extra,
        )(command)
    return command


@click.command(
    epilog=options.examples(
        "daogou serve --model_name=daogou "
        "--model_base_path=runs/demo/serving/daogou --rest_api_port=8501",
        "daogou serve --model_config_file=models.config",
    )
)
@_flags
@click.pass_obj
def serve(session: "Session", **flags: typing.Any) -> None:
    """Serve models as TensorFlow Serving does, with its flags and files.

    gRPC and REST with the same answers and errors, so that clients move to
    TensorFlow Serving unchanged. Ctrl-C and SIGTERM answer what has been
    accepted, then end. Listens on 127.0.0.1 unless --host says otherwise.
    """
    settings = ServerSettings(**flags)

    from cli import serving_loop

    serving_loop.run(settings, verbose=session.debug)
