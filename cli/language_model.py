"""Options of commands that may ask a language model, off by default."""

import functools
import typing

import click

if typing.TYPE_CHECKING:
    from applications.copywriting.endpoint import Endpoint

_OPTIONS = (
    click.option(
        "--llm",
        "llm_url",
        default="",
        metavar="URL",
        help="Let a language model write first: the base URL of an "
        "OpenAI-compatible endpoint, as in http://localhost:8000/v1. What it "
        "writes is checked, and replaced where it claims too much.",
    ),
    click.option(
        "--llm-model",
        default="",
        metavar="NAME",
        help="The model's name there.",
    ),
    click.option(
        "--llm-key-variable",
        default="",
        metavar="NAME",
        help="Environment variable that holds the key.",
    ),
    click.option(
        "--llm-timeout",
        type=click.FloatRange(0, 600, min_open=True),
        default=20.0,
        show_default=True,
        metavar="SECONDS",
        help="Of one try.",
    ),
)


def options(command):
    """Adds the options; the command gets them as one `endpoint` or None."""

    @functools.wraps(command)
    def called(
        *args,
        llm_url: str,
        llm_model: str,
        llm_key_variable: str,
        llm_timeout: float,
        **given,
    ):
        endpoint = _endpoint(llm_url, llm_model, llm_key_variable, llm_timeout)
        return command(*args, endpoint=endpoint, **given)

    for option in reversed(_OPTIONS):
        called = option(called)
    return called


def _endpoint(
    url: str, model: str, key_variable: str, timeout: float
) -> "Endpoint | None":
    if not url:
        if model or key_variable:
            raise click.UsageError("--llm-… need --llm URL")
        return None
    if not model:
        raise click.UsageError("--llm needs --llm-model NAME")
    from applications.copywriting.endpoint import Endpoint, EndpointSettings

    return Endpoint(
        EndpointSettings(
            base_url=url,
            model=model,
            key_variable=key_variable,
            timeout_seconds=timeout,
        )
    )
