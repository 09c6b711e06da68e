"""Runs a model server in the foreground until it is told to end."""

import gc
import logging
import signal

import click

from serving.model_server.server import ModelServer
from serving.model_server.settings import ServerSettings


def run(settings: ServerSettings, *, verbose: bool) -> None:
    """Serves until SIGTERM or Ctrl-C.

    Args:
      settings: Flags.
      verbose: Log every step of every version.

    Raises:
      DataError: A file or a model is bad, or a port cannot be had.
    """
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(asctime)s %(levelname)s %(message)s",
    )
    if not verbose:
        # That TensorFlow 1's way of loading is an old one.
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
    server = ModelServer(settings)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.request_stop())
    # What the libraries have made by now stays: looking through it after
    # every unload would hold up requests for half a second.
    gc.freeze()
    click.echo("loading; the ports open when every model answers", err=True)
    server.start()
    if server.port:
        click.echo(f"gRPC at {settings.host}:{server.port}", err=True)
    if server.rest_api_port:
        click.echo(f"REST at {settings.host}:{server.rest_api_port}", err=True)
    server.wait()
    click.echo("stopping: what has been accepted is answered", err=True)
    server.stop()
