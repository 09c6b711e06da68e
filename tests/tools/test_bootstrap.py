"""What cannot work is said in one line with the way out."""

import collections
import importlib.util
import pathlib
import shutil
import subprocess
import sys

import pytest

TOOLS = pathlib.Path(__file__).parents[2] / "tools"


def load(name):
    spec = importlib.util.spec_from_file_location(name, TOOLS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(name, module)
    spec.loader.exec_module(module)
    return module


c_runtime = load("c_runtime")
bootstrap = load("bootstrap")


def test_wrong_python_names_the_one_found(monkeypatch, tmp_path):
    version = collections.namedtuple("version", "major minor micro")
    monkeypatch.setattr(sys, "version_info", version(3, 13, 0))
    with pytest.raises(bootstrap.SetupError, match=r"3\.11 or 3\.12.*PYTHON="):
        bootstrap.check_machine(tmp_path)


def test_wrong_machine_points_to_the_image(monkeypatch, tmp_path):
    monkeypatch.setattr(bootstrap.platform, "machine", lambda: "aarch64")
    with pytest.raises(bootstrap.SetupError, match=r"aarch64.*docker build"):
        bootstrap.check_machine(tmp_path)


def test_little_disk_says_how_much(monkeypatch, tmp_path):
    usage = collections.namedtuple("usage", "total used free")
    monkeypatch.setattr(
        shutil, "disk_usage", lambda path: usage(10e9, 9e9, 1e9)
    )
    with pytest.raises(bootstrap.SetupError, match=r"8 GB.*there are 1\.0"):
        bootstrap.check_machine(tmp_path / "venv")


def test_unreachable_index_is_one_line(tmp_path):
    with pytest.raises(bootstrap.SetupError, match="Is the package index"):
        bootstrap.run(
            [sys.executable, "-c", "raise SystemExit('no route')"],
            "installing the packages",
        )


def test_no_pip_names_the_package(monkeypatch, tmp_path):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(bootstrap.SetupError, match="python3-pip"):
        bootstrap.pip_command(tmp_path)


def test_command_line_fails_in_one_line(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import sys; sys.platform = 'darwin'"
    )
    done = subprocess.run(
        [sys.executable, TOOLS / "bootstrap.py", "--venv", tmp_path / "v"],
        env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("setup: TFX and ScaNN have wheels for Linux")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "v").exists()


def test_lock_files_are_pinned_hashed_and_name_no_host():
    for lock in (TOOLS.parent / "requirements").glob("*.txt"):
        text = lock.read_text()
        assert "://" not in text
        if lock.name.startswith(("py", "bootstrap")):
            pins = [li for li in text.splitlines() if li[:1].isalnum()]
            assert pins
            assert all("==" in line for line in pins)
            assert text.count("--hash=sha256:") >= len(pins)


def test_mirror_comes_from_the_host_and_security_is_left_out():
    block = (
        "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm\n"
        "Signed-By: /usr/share/keyrings/key.gpg\n\n"
        "Types: deb-src\nURIs: http://mirror.example/src\n"
    )
    assert list(c_runtime._deb822(block)) == [
        (
            "[signed-by=/usr/share/keyrings/key.gpg] ",
            "http://mirror.example/debian",
        )
    ]


def test_runtime_of_an_unknown_distribution_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(c_runtime, "_distribution", lambda: "alpine")
    with pytest.raises(c_runtime.UnavailableError, match="container image"):
        c_runtime.fetch(tmp_path)
    assert not list(tmp_path.iterdir())
