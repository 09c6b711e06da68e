"""Every preset's source is one that can be converted."""

import pytest

from datasets.sources import CONVERT
from pipeline import presets
from schema.errors import DataError


@pytest.mark.parametrize("name", presets.NAMES)
def test_source_of_a_preset_is_known(name):
    assert presets.by_name(name).source in {*CONVERT, "mall"}


@pytest.mark.parametrize("source", CONVERT)
def test_empty_folder_is_an_error_that_names_it(source, tmp_path):
    with pytest.raises(DataError) as caught:
        CONVERT[source](tmp_path, tmp_path / "out")
    assert str(tmp_path) in str(caught.value)
    assert "found: nothing" in str(caught.value)
