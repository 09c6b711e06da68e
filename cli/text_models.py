"""The options that name a text encoder, and what they name."""

import click

preprocess = click.option(
    "--preprocess",
    default=None,
    metavar="MODEL",
    help="The encoder's tokenizer, where it is a handle or folder of its own.",
)


def encoder(text: str):
    """Returns the option of an encoder.

    Args:
      text: Its help.
    """
    return click.option("--encoder", default=None, metavar="ENCODER", help=text)


def found(
    encoder_handle: str | None, preprocess_handle: str | None
) -> tuple[str, str] | None:
    """Finds the encoder before anything runs; nodes run in other folders.

    Args:
      encoder_handle: As given with `--encoder`.
      preprocess_handle: As given with `--preprocess`; the encoder's own where
        there is none.

    Returns:
      Handles of preprocess and encoder model; None where none is named.

    Raises:
      UsageError: A tokenizer alone is named.
      DataError: What is named is not there.
    """
    if encoder_handle is None:
        if preprocess_handle is not None:
            raise click.UsageError("--preprocess goes with --encoder")
        return None
    from models.text import resolve

    handles = preprocess_handle or encoder_handle, encoder_handle
    resolve.resolve(*handles)
    first, second = (resolve.from_anywhere(each) for each in handles)
    return first, second
