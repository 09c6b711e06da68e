"""A newer C runtime beside the system's own, for hosts such as Debian 12.

The wheels of ml-metadata and TFDV 1.21 need glibc 2.38 and the libstdc++ of
GCC 14. Where the host is older, the four packages that hold them are fetched
through the host's own apt mirror and unpacked into a cache folder; nothing
is installed and no file of the system changes.
"""

import os
import pathlib
import re
import shutil
import subprocess

LOADER = "ld-linux-x86-64.so.2"
PACKAGES = ("libc6", "libstdc++6", "libgcc-s1", "zlib1g")
GLIBC = (2, 38)
GLIBCXX = b"GLIBCXX_3.4.33"
# Which release of the host's own distribution has a runtime new enough.
SUITES = {"debian": "trixie", "ubuntu": "noble"}
IMAGE = "use the container image instead (docker build -t daogou .)"


class UnavailableError(Exception):
    """No newer runtime can be had here; says why and the way out."""


def missing():
    """Returns what the host's runtime lacks, or None where it is enough."""
    name = os.confstr("CS_GNU_LIBC_VERSION") or "no glibc"
    version = tuple(map(int, re.findall(r"\d+", name)[:2]))
    if version < GLIBC:
        return f"{name} is older than {GLIBC[0]}.{GLIBC[1]}"
    library = _system_library("libstdc++.so.6")
    if library is None or GLIBCXX not in library.read_bytes():
        return f"libstdc++ lacks {GLIBCXX.decode()} (GCC 14)"
    return None


def fetch(cache):
    """Downloads and unpacks the runtime; returns the folder with the loader.

    Args:
      cache: Folder for it; a runtime already there is reused.

    Raises:
      UnavailableError: Not Debian or Ubuntu, or apt reaches no mirror.
    """
    distribution = _distribution()
    suite = SUITES.get(distribution)
    if suite is None or not all(map(shutil.which, ("apt-get", "dpkg"))):
        raise UnavailableError(
            f"{missing()}, and a newer C runtime can be fetched only on "
            f"Debian and Ubuntu: {IMAGE}"
        )
    final = cache / suite
    if (final / "lib" / LOADER).exists():
        return final / "lib"
    scratch = cache / f"tmp-{os.getpid()}"
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        _download(distribution, suite, scratch)
        _unpack(scratch)
        shutil.rmtree(final, ignore_errors=True)
        (scratch / "runtime").rename(final)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return final / "lib"


def _download(distribution, suite, scratch):
    for folder in ("state/lists/partial", "cache/archives/partial", "debs"):
        (scratch / folder).mkdir(parents=True)
    sources = scratch / "sources.list"
    sources.write_text(
        "".join(
            f"deb {options}{uri} {suite} main\n"
            for options, uri in _mirrors(distribution)
        )
    )
    settings = {
        "Dir::State": scratch / "state",
        "Dir::State::status": "/var/lib/dpkg/status",
        "Dir::Cache": scratch / "cache",
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "APT::Sandbox::User": "root" if os.getuid() == 0 else "",
        "APT::Architecture": "amd64",
    }
    options = [f"-o{key}={value}" for key, value in settings.items() if value]
    for command in (["update"], ["download", *PACKAGES]):
        done = subprocess.run(
            ["apt-get", "-qq", *options, *command],
            check=False,
            cwd=scratch / "debs",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode:
            last = (done.stdout.strip().splitlines() or ["no output"])[-1]
            raise UnavailableError(
                f"apt-get {command[0]} of {suite}'s C runtime failed "
                f"({last}): check that this host's apt mirror is reachable, "
                f"or {IMAGE}"
            )


def _unpack(scratch):
    for package in sorted((scratch / "debs").glob("*.deb")):
        subprocess.run(
            ["dpkg", "-x", package, scratch / "tree"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
    lib = scratch / "runtime" / "lib"
    lib.mkdir(parents=True)
    for path in (scratch / "tree").rglob("x86_64-linux-gnu/*.so*"):
        if path.is_file() and not (lib / path.name).exists():
            shutil.copy2(path, lib / path.name, follow_symlinks=True)
    if not (lib / LOADER).exists():
        raise UnavailableError(f"the packages hold no {LOADER}: {IMAGE}")


def _distribution():
    release = pathlib.Path("/etc/os-release")
    text = release.read_text() if release.exists() else ""
    found = re.search(r'^ID="?([a-z]+)', text, re.MULTILINE)
    return found.group(1) if found else "unknown"


def _mirrors(distribution):
    """Yields (options, uri) of the host's main archive, security left out."""
    seen = set()
    etc = pathlib.Path("/etc/apt")
    files = [etc / "sources.list", *sorted(etc.glob("sources.list.d/*"))]
    for path in files:
        if not path.is_file():
            continue
        text = path.read_text()
        if path.suffix == ".sources":
            entries = _deb822(text)
        else:
            entries = re.findall(
                r"^deb\s+(\[[^\]]*\]\s+)?(\S+)\s", text, re.MULTILINE
            )
        for options, uri in entries:
            if "security" in uri or not uri.rstrip("/").endswith(distribution):
                continue
            if uri not in seen:
                seen.add(uri)
                yield options, uri
    if not seen:
        raise UnavailableError(
            f"no {distribution} archive stands in /etc/apt/sources.list*: "
            f"add one, or {IMAGE}"
        )


def _deb822(text):
    for block in re.split(r"\n\s*\n", text):
        fields = dict(re.findall(r"^([\w-]+):[ \t]*(.*)$", block, re.MULTILINE))
        if "deb" not in fields.get("Types", "").split():
            continue
        key = fields.get("Signed-By", "")
        options = f"[signed-by={key}] " if key.startswith("/") else ""
        for uri in fields.get("URIs", "").split():
            yield options, uri


def _system_library(name):
    for folder in ("/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64"):
        path = pathlib.Path(folder) / name
        if path.exists():
            return path
    return None
