from components.servable.queries import frequent_queries
from tests import small_shop


def write(folder, split, *users):
    small_shop.write_examples(
        folder,
        split,
        [{"query": [now], "history_queries": before} for now, before in users],
    )
    return folder / f"Split-{split}"


def test_the_most_frequent_come_first(tmp_path):
    splits = [
        write(tmp_path, "one", ("cup", ["lamp", "", "cup"]), ("", [])),
        write(tmp_path, "two", ("鼠标", ["lamp", "cup", "desk"])),
    ]
    found = [query.decode() for query in frequent_queries(splits, 10)]
    # Three cups, two lamps; of the rest the lower bytes come first.
    assert found == ["cup", "lamp", "desk", "鼠标"]
    assert frequent_queries(splits, 2) == [b"cup", b"lamp"]
    assert frequent_queries(splits, 0) == []
    assert frequent_queries([], 5) == []
