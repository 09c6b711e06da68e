from tfx.types import artifact
from tfx.utils import import_utils

from components import artifacts


def test_a_container_finds_each_type_by_its_name():
    types = [
        entry
        for entry in vars(artifacts).values()
        if isinstance(entry, type) and issubclass(entry, artifact.Artifact)
    ]
    ours = [entry for entry in types if entry is not artifact.Artifact]
    assert len(ours) >= 7
    for entry in ours:
        assert import_utils.import_class_by_path(entry.TYPE_NAME) is entry
