"""Folders of encoders that appear whole or not at all."""

import contextlib
import pathlib
import shutil
import tempfile
from collections.abc import Callable, Iterator

from schema.errors import DataError


@contextlib.contextmanager
def appearing(
    root: pathlib.Path,
    is_whole: Callable[[pathlib.Path], bool] | None = None,
) -> Iterator[pathlib.Path]:
    """Yields a folder that gets its name when all in it is written.

    Args:
      root: The name. Its parents are made.
      is_whole: For folders that only this program writes: tells whether a
        folder under that name is finished, made by another process while
        this one worked; one that is not is replaced. Without it whatever
        stands there is left alone.

    Yields:
      A fresh folder beside `root`; gone if the body raises.

    Raises:
      DataError: Something stands at `root`, and `is_whole` is not given.
    """
    if is_whole is None:
        check_free(root)
    root.parent.mkdir(parents=True, exist_ok=True)
    made = pathlib.Path(
        tempfile.mkdtemp(prefix=f".{root.name}-", dir=root.parent)
    )
    try:
        # mkdtemp is for one user's eyes; an encoder may be shared.
        made.chmod(0o755)
        yield made
        _move(made, root, is_whole)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def check_free(root: pathlib.Path) -> None:
    """Checks that a folder can appear under a name.

    Raises:
      DataError: There is a file, or a folder that is not empty.
    """
    if root.is_dir():
        if any(root.iterdir()):
            raise DataError(
                f"{root} is there already and not empty; allowed: a new "
                "folder, or remove it first"
            )
    elif root.exists():
        raise DataError(f"{root} is a file; allowed: a new folder")


def _move(
    made: pathlib.Path,
    root: pathlib.Path,
    is_whole: Callable[[pathlib.Path], bool] | None,
) -> None:
    try:
        made.rename(root)
    except OSError:
        if is_whole is None:
            check_free(root)
            raise
        if is_whole(root):
            return
        aside = pathlib.Path(tempfile.mkdtemp(dir=root.parent)) / root.name
        root.rename(aside)
        made.rename(root)
        shutil.rmtree(aside.parent)
