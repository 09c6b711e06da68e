"""The base install: models and serving without TFX and what it brings."""

import subprocess
import sys

from cli.main import PIPELINE_PACKAGES

# They read or write Transform's graphs or hand TFX a tuner, so they need the
# extra.
NEED_PIPELINE = {
    "models.export",
    "models.preprocessing",
    "models.tuning.tuner",
}

_BLOCK = f"""
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {PIPELINE_PACKAGES!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocker())
"""
_IMPORT_ALL = """
import importlib, pkgutil
skipped = set({skipped!r})
for package in {packages!r}:
    package = importlib.import_module(package)
    names = [package.__name__] + [
        module.name
        for module in pkgutil.walk_packages(
            package.__path__, package.__name__ + "."
        )
        if module.name not in skipped
    ]
    for name in names:
        importlib.import_module(name)
    print(len(names))
"""


def _python(code):
    return subprocess.run(
        [sys.executable, "-c", _BLOCK + code],
        check=False,
        capture_output=True,
        text=True,
    )


def test_every_module_imports_without_the_pipeline_extra():
    packages = ["datasets", "serving", "models", "cli"]
    done = _python(_IMPORT_ALL.format(skipped=NEED_PIPELINE, packages=packages))
    assert done.returncode == 0, done.stderr[-2000:]
    numbers = [int(number) for number in done.stdout.split()]
    assert len(numbers) == len(packages)
    assert min(numbers) > 2


def test_a_command_that_needs_the_pipeline_says_so():
    done = _python(
        "from cli.main import main; main(['run', '--preset', 'demo'])"
    )
    assert done.returncode == 1
    assert "make setup" in done.stderr
    assert "defect" not in done.stderr
