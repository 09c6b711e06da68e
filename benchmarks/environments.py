"""Environments of their own for the peers that benchmarks measure against.

A peer (ONNX Runtime, PyTorch, …) wants versions that Daogou's lock file does
not have, so it is installed beside Daogou and runs in a process of its own.
"""

import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

from schema.errors import MissingDependencyError

_READY = ".ready"


def cache_dir() -> pathlib.Path:
    """Returns the folder of all peers' environments."""
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "daogou" / "peers"


def python_of(requirements: tuple[str, ...]) -> pathlib.Path:
    """Returns the Python of an environment with these packages.

    Makes it at the first call, with uv where that is on the path and else
    with pip; later calls find it. Processes that ask at the same time wait
    for each other.

    Args:
      requirements: As pip takes them, versions pinned, so that a figure says
        what it was measured against.

    Raises:
      MissingDependencyError: It cannot be made; says why.
    """
    # The interpreter that this one's environment was made from.
    base = getattr(sys, "_base_executable", sys.executable)
    name = hashlib.sha256(
        "\n".join([*sorted(requirements), sys.version]).encode()
    ).hexdigest()[:16]
    folder = cache_dir() / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{folder}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        python = folder / "bin" / "python"
        if (folder / _READY).is_file():
            return python
        shutil.rmtree(folder, ignore_errors=True)
        if uv := shutil.which("uv"):
            _run([uv, "venv", "--quiet", "--python", base, str(folder)])
            install = [uv, "pip", "install", "--python", str(python)]
        else:
            _run([base, "-m", "venv", str(folder)])
            install = [str(python), "-m", "pip", "install"]
        _run([*install, "--quiet", *requirements])
        (folder / _READY).write_text("\n".join(requirements) + "\n")
    return python


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False
        )
        if not done.returncode:
            return
        said = (done.stderr or done.stdout).strip().splitlines()
        reason = said[-1] if said else f"exit code {done.returncode}"
    except OSError as error:
        reason = str(error)
    raise MissingDependencyError(
        "an environment for a peer cannot be made: "
        f"`{' '.join(command)}` failed: {reason}"
    )
