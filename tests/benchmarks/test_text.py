import io
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import text
from benchmarks.encoding_speed import (
    ALONE,
    LIMIT_NUMPY,
    LIMIT_TF,
    ONNX,
    OURS,
    PADDED,
    SQUARE,
    summary,
)
from benchmarks.rounds import Slice
from schema.errors import DataError


def test_queries(tmp_path):
    path = tmp_path / "queries.tsv"
    path.write_text("1\t减速器链条\n2\t 童鞋 \n3\t\n", encoding="utf-8")
    assert list(text.read_queries(path)) == ["减速器链条", "童鞋"]
    path.write_text("1\t鞋\n童鞋\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"queries\.tsv line 2 is '童鞋'"):
        list(text.read_queries(path))


def test_texts_from_csv_and_zip(tmp_path):
    content = 'cat,review\n书籍,"好看, 推荐"\n手机,\n'
    (tmp_path / "a.csv").write_text(content, encoding="utf-8-sig")
    assert list(text.read_texts(tmp_path / "a.csv")) == ["好看, 推荐"]
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", content)
    assert list(text.read_texts(tmp_path / "a.zip")) == ["好看, 推荐"]
    with zipfile.ZipFile(tmp_path / "a.zip", "a") as archive:
        archive.writestr("b.csv", content)
    with pytest.raises(DataError, match="allowed: one CSV file"):
        list(text.read_texts(tmp_path / "a.zip"))
    with pytest.raises(DataError, match="allowed: one of"):
        list(text._text_column(io.StringIO("a,b\n1,2\n"), "x"))


def test_draw_is_the_same_each_time():
    texts = [str(number) for number in range(100)]
    drawn = text.draw(texts, 10)
    assert drawn == text.draw(texts, 10)
    assert len(set(drawn)) == 10
    assert text.draw(texts, 1000) == texts


def test_shares_by_hand():
    """The limit of a round is the better of the two matrix products."""

    def slices(*gigaflops, texts=1):
        return [
            Slice(
                texts=texts,
                flops=int(rate * 1e9),
                seconds=1.0,
                cpu_seconds=2.0,
            )
            for rate in gigaflops
        ]

    encoded = SimpleNamespace(
        lengths=np.array([4, 6]),
        flops_a_text=2e9,
        padding_share=0.1,
        budget=64,
    )
    result = summary(
        {
            OURS: slices(40, 80, 90),
            ALONE: slices(10, 10, 10),
            PADDED: slices(20, 20, 20),
            ONNX: slices(80, 80, 80),
            LIMIT_TF: slices(100, 50, 100, texts=0),
            LIMIT_NUMPY: slices(50, 100, 90, texts=0),
            SQUARE: slices(200, 200, 200, texts=0),
        },
        encoded,
    )
    assert result["tokens_a_text"] == 5
    assert result["contenders"][OURS] == {
        "gflops": 80.0,
        "gflops_a_cpu_second": 40.0,
        "texts_per_second": 40.0,
    }
    assert "texts_per_second" not in result["contenders"][SQUARE]
    expected = {
        "share_of_limit": 0.8,
        "onnxruntime_share_of_limit": 0.8,
        "share_of_square_matmul": 0.4,
        "times_one_by_one": 8.0,
        "times_padded_128": 4.0,
        "times_onnxruntime": 1.0,
    }
    assert result["by_wall_time"] == result["by_cpu_time"] == expected
