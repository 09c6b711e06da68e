import pytest

from models.text.folders import appearing
from models.text.resolve import (
    DESCRIPTION_PATH,
    default_directory,
    from_anywhere,
    resolve,
)
from models.text.settings import TextSettings
from schema.errors import DataError, MissingDependencyError
from schema.settings import SettingsError


def write(root):
    """Writes what tells a finished encoder from another folder."""
    for part in ("preprocess", "encoder"):
        (root / part).mkdir(parents=True)
        (root / part / "saved_model.pb").touch()
    path = root / "encoder" / DESCRIPTION_PATH
    path.parent.mkdir()
    path.write_text("{}")


def test_names(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    root = default_directory("bge")
    assert root == tmp_path / "daogou" / "encoders" / "bge"
    write(root)
    paths = resolve("bge", "bge")
    assert (paths.preprocess, paths.encoder) == (
        root / "preprocess",
        root / "encoder",
    )
    with pytest.raises(MissingDependencyError) as caught:
        resolve("rbt3", "rbt3")
    message = str(caught.value)
    assert f"rbt3 is not in {root.parent}, which has bge;" in message
    assert "daogou encoder import DIR --name rbt3" in message
    assert "\n" not in message


def test_folder_of_both(tmp_path, monkeypatch):
    write(tmp_path / "bge")
    handle = str(tmp_path / "bge")
    paths = resolve(handle, handle)
    assert paths == resolve(f"{handle}/preprocess", f"{handle}/encoder")
    monkeypatch.chdir(tmp_path)
    assert resolve("./bge", "./bge") == paths
    assert from_anywhere("./bge") == handle
    for left_alone in ("bge", "tensorflow/bert/3", "https://tfhub.dev/a/b/1"):
        assert from_anywhere(left_alone) == left_alone
    with pytest.raises(MissingDependencyError, match="No text model at"):
        resolve("./rbt3", "./rbt3")


def test_a_name_stands_for_both():
    settings = TextSettings(preprocess="bge", encoder="bge")
    assert TextSettings.from_json(settings.to_json()) == settings
    with pytest.raises(SettingsError, match="preprocess is 'bge'; allowed"):
        TextSettings(preprocess="bge", encoder="./bge")


def test_appearing_replaces_only_what_is_not_whole(tmp_path):
    """As two processes that build the same encoder."""
    root = tmp_path / "e5"
    root.mkdir()
    (root / "half").touch()

    def is_whole(folder):
        return (folder / "done").is_file()

    with appearing(root, is_whole) as made:
        (made / "done").write_text("first")
    assert {path.name for path in root.iterdir()} == {"done"}
    with appearing(root, is_whole) as made:
        (made / "done").write_text("second")
    assert (root / "done").read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["e5"]


def test_appearing_leaves_others_alone(tmp_path):
    root = tmp_path / "mine"
    (root / "kept").mkdir(parents=True)
    with pytest.raises(DataError, match="not empty"), appearing(root):
        raise AssertionError("the body ran")
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(DataError, match="is a file"), appearing(file):
        raise AssertionError("the body ran")
    # Somebody else was faster.
    late = tmp_path / "late"

    def come_late():
        with appearing(late) as made:
            (made / "mine").touch()
            write(late)

    with pytest.raises(DataError, match="not empty"):
        come_late()
    assert {path.name for path in late.iterdir()} == {"preprocess", "encoder"}
    assert {path.name for path in tmp_path.iterdir()} == {
        "mine",
        "file",
        "late",
    }
