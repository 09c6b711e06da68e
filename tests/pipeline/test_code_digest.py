"""An edit of what a node runs, however deep, changes its digest."""

import pytest

from pipeline import code_digest as digests


@pytest.fixture
def sources(tmp_path, monkeypatch):
    files = {
        "models": "",
        "models.training.trainer": "from models import towers\n",
        "models.towers": "import numpy\nfrom schema.contract import TABLES\n",
        "models.unrelated": "",
        "schema": "",
        "schema.contract": "TABLES = {}\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)

    def source(name):
        path = tmp_path / name
        return path if path.exists() else None

    monkeypatch.setattr(digests, "_source", source)
    return tmp_path


def test_follows_our_imports_to_the_end(sources):
    before = digests.code_digest("models.training.trainer")
    (sources / "schema.contract").write_text("TABLES = {'x': 1}\n")
    assert digests.code_digest("models.training.trainer") != before


def test_other_modules_do_not_count(sources):
    before = digests.code_digest("models.training.trainer")
    (sources / "models.unrelated").write_text("print('edited')\n")
    assert digests.code_digest("models.training.trainer") == before


def test_unknown_module_is_an_error(sources):
    with pytest.raises(ModuleNotFoundError, match=r"models\.nowhere"):
        digests.code_digest("models.nowhere")
