"""Text files in several encodings, whole, broken and wrong."""

import pytest

from datasets import delimited
from datasets.delimited import Dialect, find_file, find_files, read_text
from schema.errors import DataError

ABC = ["a", "b", "c"]


@pytest.fixture
def read(tmp_path):
    def read(data, columns=ABC, **dialect):
        path = tmp_path / "log.csv"
        path.write_bytes(data)
        rows = []
        for table in read_text(path, list(columns), Dialect(**dialect)):
            rows += [tuple(row.values()) for row in table.to_pylist()]
        return rows

    return read


def test_values_stay_text(read):
    data = b"a,b,c\n1,-1,NULL\n007,2.50,\n"
    assert read(data) == [("1", "-1", "NULL"), ("007", "2.50", "")]


def test_byte_order_mark_and_windows_lines(read):
    data = "\ufeffa,b,c\r\n1,好,3\r\n\r\n4,5,6".encode()
    # The mark says UTF-8, whatever is expected.
    assert read(data, encoding="gbk") == [("1", "好", "3"), ("4", "5", "6")]


def test_byte_order_mark_before_data_without_header(read):
    data = "\ufeff1,2,3\n".encode()
    assert read(data, header=tuple(ABC)) == [("1", "2", "3")]


def test_gbk(read):
    data = "a,b,c\n1,56岁以上,3\n".encode("gbk")
    assert read(data, encoding="gbk") == [("1", "56岁以上", "3")]


def test_utf16(read):
    data = "a,b,c\n1,无线鼠标,3\n".encode("utf-16")
    assert read(data, encoding="utf-16") == [("1", "无线鼠标", "3")]


def test_quotes_hold_delimiters_and_new_lines(read):
    data = b'a^b^c\n1^"x^\ny"^"say ""hi"""\n'
    assert read(data, delimiter="^") == [("1", "x^\ny", 'say "hi"')]
    data = b'a,b,c\n1,5" disk,"3\n'
    assert read(data, quote="") == [("1", '5" disk', '"3')]


def test_columns_come_in_the_order_asked_for(read):
    assert read(b"a,b,c\n1,2,3\n", columns=["c", "a"]) == [("3", "1")]


def test_truncated_line_keeps_what_it_has(read):
    data = b"a,b,c\n1,2,3\n4,5"
    assert read(data) == [("1", "2", "3"), ("4", "5", None)]


def test_short_line_with_quotes(read):
    data = b'a,b,c\n1,2,3\n4,"5,6"\n'
    assert read(data)[1] == ("4", "5,6", None)


def test_line_with_too_many_fields_is_kept_without_values(read):
    data = b"a,b,c\n1,2,3\n4,5,6,7\n8,9,0\n"
    rows = read(data)
    assert sorted(rows, key=str) == [
        *(("1", "2", "3"), ("8", "9", "0"), (None, None, None)),
    ]


def test_every_line_broken(read):
    assert read(b"a,b,c\n1\n2,3\n") == [
        *(("1", None, None), ("2", "3", None)),
    ]


def test_long_values_are_read(read):
    title = "长" * 1_000_000
    assert read(f"a,b,c\n1,{title},3\n".encode())[0][1] == title


def test_rows_longer_than_a_block_are_an_error(read, monkeypatch):
    monkeypatch.setattr(delimited, "BLOCK_BYTES", 1024)
    with pytest.raises(DataError, match="cannot be read: straddling"):
        read(b"a,b,c\n" + b"1,2,3\n" * 100 + b"1," + b"x" * 5000 + b",3\n")


@pytest.mark.parametrize(
    ("data", "dialect", "says"),
    [
        (
            "a,b,c\n1,好,3\n".encode("gbk"),
            {},
            "encoding utf-8: byte 0xba at offset 8",
        ),
        (
            "a,b,c\n1,好,\n".encode() + b"4,\xff,1\n",
            {"encoding": "gbk"},
            "encoding gbk: byte 0xbd at offset 10; expected: gbk",
        ),
        ("好,b,c\n1,2,3\n".encode("gbk"), {}, "byte 0xba at offset 0"),
        (b"a,b\n1,2\n", {}, "no column 'c'; found: a, b"),
        (b"a,b,c,a\n1,2,3,4\n", {}, "column 'a' comes twice"),
        (b"", {}, "is empty"),
        (b"", {"header": ("a", "b", "c")}, "is empty"),
        (b"a,b,c\n", {}, "holds no rows"),
    ],
)
def test_wrong_files_are_named(read, data, dialect, says):
    with pytest.raises(DataError, match=says) as caught:
        read(data, **dialect)
    assert "log.csv" in str(caught.value)


def test_wrong_byte_far_into_a_file(read):
    good = "a,b,c\n" + "1,好的,3\n" * 300_000
    with pytest.raises(DataError) as caught:
        read(good.encode() + b"1,\xfe,3\n")
    offset = len(good.encode()) + 2
    assert f"byte 0xfe at offset {offset}" in str(caught.value)


def test_missing_files_are_named_with_what_is_there(tmp_path):
    (tmp_path / "other.csv").touch()
    with pytest.raises(DataError, match=r"log.csv is missing in .*other.csv"):
        find_file(tmp_path, "log.csv")
    with pytest.raises(DataError, match=r"no file log-\*.csv in .*other.csv"):
        find_files(tmp_path, "log-*.csv")
    with pytest.raises(DataError, match="there is no such folder"):
        find_file(tmp_path / "nowhere", "log.csv")
