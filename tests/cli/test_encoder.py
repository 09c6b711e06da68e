import json

import pytest
from click.testing import CliRunner

from cli.main import main
from models.text.hub import TextEncoder
from tests.checkpoints import write_checkpoint


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "daogou" / "encoders"


def call(*words):
    return CliRunner().invoke(main, ["encoder", *map(str, words)])


def test_import_and_use(tmp_path, cache):
    folder = write_checkpoint(
        tmp_path / "hf",
        config_sentence_transformers={"prompts": {"query": "手机 "}},
    )
    done = call(
        "import", folder, "--name", "mine", "--pooling", "cls",
        "--seq-length", 32, "--item-prefix", "键 ",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert (
        lines[0] == "vectors: 16 numbers, the first token, scaled to length 1"
    )
    assert lines[1] == (
        "texts: up to 32 tokens, prefixes: query '手机 ', item '键 '"
    )
    assert lines[2] == "left out: pooler.dense.bias, pooler.dense.weight"
    assert lines[3].startswith(f"encoder: {cache / 'mine'} (imported in ")
    assert lines[4] == "use it: daogou run --preset NAME --encoder mine"
    encoder = TextEncoder.load("mine", "mine")
    assert (encoder.dimension, encoder.seq_length) == (16, 32)
    path = cache / "mine/encoder/assets.extra/daogou.json"
    assert json.loads(path.read_text("utf-8"))["name"] == "mine"
    # A second time, nothing is touched.
    again = call("import", folder, "--name", "mine")
    assert again.exit_code == 1
    assert "is there already and not empty" in again.stderr


def test_import_says_what_is_wrong(tmp_path, cache):
    folder = write_checkpoint(tmp_path / "hf")
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").touch()
    done = call("import", folder)
    assert done.exit_code == 1
    assert "pytorch_model.bin is a pickle" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert (
        "--name is 'a/b'; allowed: letters"
        in call("import", folder, "--name", "a/b").stderr
    )
    assert "does not exist" in call("import", tmp_path / "no").stderr
    assert not list(cache.glob("*"))
