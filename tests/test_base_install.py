"""The base install: models and serving without TFX and what it brings."""

import subprocess
import sys

import pytest

# What only the extra `pipeline` installs.
PIPELINE_ONLY = (
    "apache_beam",
    "kfp",
    "matplotlib",
    "tensorflow_data_validation",
    "tensorflow_metadata",
    "tensorflow_model_analysis",
    "tensorflow_transform",
    "tfx",
    "tfx_bsl",
)
# They read or write Transform's graphs, so they need the extra.
NEED_TRANSFORM = {"models.export", "models.preprocessing", "models.trainer"}

_IMPORT_ALL = """
import importlib, pkgutil, sys
blocked, skipped = set({blocked!r}), set({skipped!r})

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {{name!r}}")

sys.meta_path.insert(0, Blocker())
package = importlib.import_module({package!r})
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


@pytest.mark.parametrize("package", ["models", "serving", "cli", "datasets"])
def test_every_module_imports_without_the_pipeline_extra(package):
    code = _IMPORT_ALL.format(
        blocked=PIPELINE_ONLY, skipped=NEED_TRANSFORM, package=package
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) > 2
