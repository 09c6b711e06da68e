import subprocess
import sys
import zipfile

import pytest

from benchmarks.environments import cache_dir, python_of
from schema.errors import MissingDependencyError

INFO = "peer-1.dist-info"


def write_wheel(folder):
    """A package of one module, so that nothing is fetched."""
    path = folder / "peer-1-py3-none-any.whl"
    files = {
        "peer.py": "ANSWER = 42\n",
        f"{INFO}/METADATA": "Metadata-Version: 2.1\nName: peer\nVersion: 1\n",
        f"{INFO}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\n"
        "Root-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{INFO}/RECORD"] = "".join(f"{name},,\n" for name in files)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return str(path)


def test_made_once_and_apart(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    wheel = write_wheel(tmp_path)
    python = python_of((wheel,))
    assert python.is_relative_to(cache_dir())
    code = "import peer, sys; print(peer.ANSWER, 'tensorflow' in sys.modules)"
    done = subprocess.run(
        [python, "-I", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "42 False\n"
    # It is found again, even where no environment can be made.
    monkeypatch.setattr(sys, "_base_executable", "/bin/false")
    monkeypatch.setenv("PATH", "")
    assert python_of((wheel,)) == python
    with pytest.raises(MissingDependencyError, match="/bin/false -m venv"):
        python_of((wheel, wheel))
    monkeypatch.setattr(sys, "_base_executable", str(tmp_path / "nowhere"))
    with pytest.raises(MissingDependencyError, match="No such file"):
        python_of((wheel, wheel))
