import json

from click.testing import CliRunner

from cli.main import main

# Two ways around: what comes next is what came next for others.
LINES = [
    f"u{user} " + " ".join(str((user + step) % 30) for step in range(6))
    for user in range(90)
]


def invoke(*words):
    return CliRunner().invoke(main, ["bench", "quality", *map(str, words)])


def test_models_are_compared_on_a_file(tmp_path):
    data = tmp_path / "walks.txt"
    data.write_text("\n".join(LINES))
    found = tmp_path / "found.json"
    words = (
        *("--dataset", "sequences", "--data", data),
        *("--models", "ease, popularity", "--work", tmp_path / "work"),
        *("--json", found),
    )
    done = invoke(*words)
    assert done.exit_code == 0, done.output
    result = json.loads(found.read_text())
    assert result["dataset"] == "walks"
    assert result["data"]["users_asked"] == 90
    assert set(result["models"]) == {"ease", "popularity"}
    ease = result["models"]["ease"]
    assert ease["hr@10"] > 0.9 > result["models"]["popularity"]["hr@10"]
    assert ease["by_seed"]["hr@10"] == [ease["hr@10"]]
    assert "| EASE^R | " in done.stdout
    assert (tmp_path / "work" / "walks" / "bench.log").is_file()
    # The second time, everything is there.
    again = invoke(*words)
    assert again.exit_code == 0
    assert json.loads(found.read_text())["models"] == result["models"]
    log = (tmp_path / "work" / "walks" / "bench.log").read_text()
    assert log.count("ease, seed 1: was there") == 1


def test_what_is_wrong_is_said(tmp_path):
    data = tmp_path / "walks.txt"
    data.write_text("u 1 2 3\nu 1 2 3\n")
    words = ("--dataset", "sequences", "--data", data, "--work", tmp_path)
    done = invoke(*words, "--models", "ease")
    assert done.exit_code == 1
    assert "line 2: user 'u' came in line 1" in done.output
    data.write_text("\n".join(LINES))
    done = invoke(*words, "--models", "best")
    assert done.exit_code == 1
    assert "there is no model 'best'; allowed: daogou" in done.output
