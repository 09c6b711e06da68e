import pytest

from cli.main import main


def _fails(words, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 1
    return capsys.readouterr().err


def test_a_title_or_a_file_is_needed_and_not_both(tmp_path, capsys):
    items = tmp_path / "items.csv"
    items.write_text("item_id,title\ni1,鼠标\n", encoding="utf-8")
    told = "either a TITLE or --items FILE"
    assert told in _fails(["classify"], capsys)
    assert told in _fails(["classify", "  "], capsys)
    assert told in _fails(["classify", "鼠标", "--items", str(items)], capsys)
    assert "go together" in _fails(["classify", "--items", str(items)], capsys)
    gone = str(tmp_path / "none" / "out.parquet")
    asked = ["classify", "--items", str(items), "--output", gone]
    assert "there is no folder" in _fails(asked, capsys)


@pytest.mark.parametrize(
    "words",
    [
        ["classify", "鼠标"],
        ["intent", "train"],
        ["bench", "classify"],
        ["bench", "intent"],
    ],
)
def test_without_a_run_the_error_says_how_to_make_one(words, tmp_path, capsys):
    told = _fails([*words, "--runs", str(tmp_path)], capsys)
    assert "daogou run --preset demo" in told


def test_intent_writes_only_where_there_is_a_folder(tmp_path, capsys):
    gone = str(tmp_path / "none" / "out.parquet")
    for command in ("predict", "recommend"):
        told = _fails(["intent", command, "--output", gone], capsys)
        assert "there is no folder" in told


def test_bench_names_the_file_that_it_wants(tmp_path, capsys):
    (tmp_path / "demo" / "latest").mkdir(parents=True)
    (tmp_path / "demo" / "latest" / "report.json").write_text("{}")
    words = ["bench", "classify", "--runs", str(tmp_path)]
    told = _fails([*words, "--data", str(tmp_path)], capsys)
    assert "holds no online_shopping_10_cats.zip" in told
