"""Runs a model server in the foreground until it is told to end."""

import contextlib
import gc
import logging
import os
import signal
import sys

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
    _say("loading; the ports open when every model answers")
    server.start()
    if server.port:
        _say(f"gRPC at {settings.host}:{server.port}")
    if server.rest_api_port:
        _say(f"REST at {settings.host}:{server.rest_api_port}")
    server.wait()
    _say("stopping: what has been accepted is answered")
    server.stop()
    _drop_what_cannot_be_written()


def _drop_what_cannot_be_written() -> None:
    """Lets a good end be one where the log's disk is full.

    Python tries again to write what is left, and would exit with 120.
    """
    try:
        sys.stderr.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stderr.fileno())
        os.close(nowhere)


def _say(text: str) -> None:
    # Where the log's disk is full, requests are answered all the same.
    with contextlib.suppress(OSError):
        click.echo(text, err=True)
