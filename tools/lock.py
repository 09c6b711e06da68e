"""Resolves the lock files anew: hash-pinned, without download addresses.

`make lock`. Plain pip cannot do this: TFX pins an older TensorFlow, which
`requirements/overrides.txt` overrides.
"""

import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import bootstrap

ROOT = bootstrap.ROOT
OPTIONS = (
    "--quiet",
    "--generate-hashes",
    "--no-header",
    "--no-emit-index-url",
    "--no-emit-find-links",
)


def main():
    """Writes one lock file a Python version, and the bootstrap's own."""
    uv = bootstrap.install_tools(bootstrap.cache_dir() / "tools") / "uv"
    requirements = ROOT / "requirements"
    for major, minor in bootstrap.PYTHONS:
        _compile(
            uv,
            ROOT / "setup.py",
            requirements / f"py{major}{minor}.txt",
            *(f"--extra={extra}" for extra in ("pipeline", "demo", "dev")),
            f"--override={requirements / 'overrides.txt'}",
            f"--python-version={major}.{minor}",
            "--python-platform=x86_64-manylinux_2_39",
        )
    _compile(
        uv,
        requirements / "bootstrap.in",
        requirements / "bootstrap.txt",
        "--no-annotate",
        "--python-version=3.11",
        "--python-platform=x86_64-manylinux_2_28",
    )


def _compile(uv, source, target, *options):
    subprocess.run(
        [uv, "pip", "compile", source, "-o", target, *OPTIONS, *options],
        check=True,
        cwd=ROOT,
    )


if __name__ == "__main__":
    main()
