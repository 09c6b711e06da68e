"""Gets MovieLens 100k out of the PyPI package `recbole`.

So a fresh machine has one real data set. The package itself is not installed:
its wheel is unpacked into a scratch folder and three files are taken.
"""

import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from schema.errors import DataError, MissingDependencyError

NAME = "ml-100k"
FILES = tuple(f"{NAME}.{kind}" for kind in ("inter", "item", "user"))
REQUIREMENT = (
    "recbole==1.2.1 --hash=sha256:"
    "9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407"
)
_FOLDER = pathlib.Path("recbole") / "dataset_example" / NAME


def _cached_uv() -> list[str]:
    """Returns the uv that `tools/bootstrap.py` made `.venv` with, if any."""
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    tools = pathlib.Path(base) / "daogou" / "tools"
    return [str(path) for path in sorted(tools.glob("*/bin/uv"))]


def install_command() -> list[str]:
    """Returns the start of a command line that installs packages.

    Raises:
      MissingDependencyError: There is neither pip nor uv.
    """
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip", "install", "--quiet"]
    uv = shutil.which("uv") or next(iter(_cached_uv()), None)
    if uv is None:
        raise MissingDependencyError(
            "getting MovieLens needs pip or uv, and this Python has neither: "
            "run `make setup`, or put the files "
            f"{', '.join(FILES)} into a folder and name it with --data"
        )
    return [uv, "pip", "install", "--quiet", "--python", sys.executable]


def fetch(source_dir: pathlib.Path) -> pathlib.Path:
    """Puts the files of MovieLens 100k into a folder, if they are not there.

    Args:
      source_dir: Where the files shall be; made if it is missing.

    Returns:
      `source_dir`, for `movielens.convert`.

    Raises:
      MissingDependencyError: There is neither pip nor uv.
      DataError: The package cannot be had.
    """
    source_dir = pathlib.Path(source_dir)
    if all((source_dir / name).is_file() for name in FILES):
        return source_dir
    command = install_command()
    source_dir.mkdir(parents=True, exist_ok=True)
    # Beside the target, so that the files are moved and not copied.
    with tempfile.TemporaryDirectory(dir=source_dir) as folder:
        scratch = pathlib.Path(folder)
        pin = scratch / "requirements.txt"
        pin.write_text(REQUIREMENT + "\n", encoding="utf-8")
        options = ("--no-deps", "--only-binary", ":all:", "--require-hashes")
        place = ("--target", str(scratch / "site"), "-r", str(pin))
        done = subprocess.run(
            [*command, *options, *place],
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            said = (done.stderr.strip() or "nothing was said").splitlines()
            raise DataError(
                "the package recbole, which holds MovieLens 100k, cannot be "
                f"had ({said[-1].strip()}): check the network, or put the "
                f"files {', '.join(FILES)} into {source_dir}"
            )
        for name in FILES:
            found = scratch / "site" / _FOLDER / name
            found.replace(source_dir / name)
    return source_dir
