"""The notebook from top to bottom, on a CPU, in a process without TFX."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from cli.main import PIPELINE_PACKAGES
from models.settings import TrainingSettings
from models.training import bundle
from schema.errors import DataError
from tests.models.conftest import MODEL
from tests.slow import slow

pytestmark = slow

ROOT = pathlib.Path(__file__).parents[3]
NOTEBOOK = ROOT / "examples" / "colab_tpu.ipynb"
# Runs the cells as a notebook would; what only TFX brings is not there.
PROGRAM = f"""
import importlib.abc, json, sys

class NotInstalled(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {PIPELINE_PACKAGES!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, NotInstalled())
space = {{"__name__": "__main__"}}
for number, cell in enumerate(json.load(open(sys.argv[1]))["cells"]):
    if cell["cell_type"] == "code":
        code = compile("".join(cell["source"]), f"cell {{number}}", "exec")
        exec(code, space)
print(json.dumps({{
    "evaluation": space["evaluation"],
    "recommended": space["recommended"],
    "history": space["fitted"].history,
}}))
"""


@pytest.fixture(scope="module")
def written(tiny_shop, tmp_path_factory):
    folder = tmp_path_factory.mktemp("colab") / "bundle"
    training = TrainingSettings(
        max_epochs=60,
        validate_every=10,
        sequence_batch=20,
        ranking_batch=64,
        catch_up_epochs=3,
        learning_rate=5e-3,
        warmup_steps=10,
    )
    size = bundle.write(tiny_shop, MODEL, training, folder)
    assert size > 10_000
    return folder


@pytest.fixture(scope="module")
def ran(written):
    made = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(NOTEBOOK)],
        check=False,
        cwd=written.parent,
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "BUNDLE": str(written),
            "OUTPUT": str(written.parent / "output"),
        },
    )
    assert made.returncode == 0, made.stderr[-4000:]
    return json.loads(made.stdout.splitlines()[-1])


def test_it_learns_and_evaluates(ran):
    found = ran["evaluation"]
    assert found["held_out"] >= 9
    # Everybody goes to the next item of a group: to be known exactly.
    assert found["recall@10"] > 0.9
    assert found["recall@10"] > found["recall@10 of the most chosen"] + 0.2
    assert ran["history"]["ranking"]


def test_what_it_exports_recommends(ran, written):
    assert len(set(ran["recommended"])) == 10
    assert (written.parent / "output/export/1/saved_model.pb").is_file()


def test_the_notebook_keeps_no_output():
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert len(code) >= 6
    assert all(not c["outputs"] and not c["execution_count"] for c in code)


def test_a_folder_that_is_no_bundle_is_named(written, tmp_path, tiny_shop):
    with pytest.raises(DataError, match=r"no training bundle.*daogou bundle"):
        bundle.read(tmp_path)
    with pytest.raises(DataError, match="is there already"):
        bundle.write(tiny_shop, MODEL, TrainingSettings(), written)
    opened = bundle.read(written)
    assert opened.model == MODEL
    assert opened.training.max_epochs == 60
