import pytest
from tfx.proto import pusher_pb2
from tfx.types import channel_utils, standard_artifacts
from tfx.utils import proto_utils

from components.pusher.component import AtomicPusher
from components.pusher.executor import Executor
from schema.errors import DataError


@pytest.fixture
def artifacts(tmp_path):
    model = standard_artifacts.Model()
    model.uri = str(tmp_path / "model")
    folder = tmp_path / "model" / "Format-Serving"
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    blessing = standard_artifacts.ModelBlessing()
    blessing.uri = str(tmp_path / "blessing")
    pushed = standard_artifacts.PushedModel()
    pushed.uri = str(tmp_path / "pushed")
    return model, blessing, pushed


def push(artifacts, destination):
    model, blessing, pushed = artifacts
    Executor().Do(
        {"model": [model], "model_blessing": [blessing]},
        {"pushed_model": [pushed]},
        {"push_destination": proto_utils.proto_to_json(destination)},
    )
    return pushed


def folder_of(path):
    return pusher_pb2.PushDestination(
        filesystem=pusher_pb2.PushDestination.Filesystem(
            base_directory=str(path)
        )
    )


def test_pushes_what_is_blessed_and_marks_it(artifacts, tmp_path):
    artifacts[1].set_int_custom_property("blessed", 1)
    pushed = push(artifacts, folder_of(tmp_path / "serving"))
    version = pushed.get_string_custom_property("pushed_version")
    path = tmp_path / "serving" / version
    assert (path / "saved_model.pb").read_bytes() == b"graph"
    assert pushed.get_int_custom_property("pushed") == 1
    assert pushed.get_string_custom_property("pushed_destination") == str(path)
    assert (tmp_path / "pushed" / "saved_model.pb").exists()


def test_leaves_what_is_not_blessed(artifacts, tmp_path):
    artifacts[1].set_int_custom_property("blessed", 0)
    pushed = push(artifacts, folder_of(tmp_path / "serving"))
    assert pushed.get_int_custom_property("pushed") == 0
    assert not (tmp_path / "serving").exists()


def test_refuses_another_kind_of_destination(artifacts):
    artifacts[1].set_int_custom_property("blessed", 1)
    with pytest.raises(DataError, match="allowed: filesystem"):
        push(artifacts, pusher_pb2.PushDestination())


def test_the_node_is_called_pusher(artifacts, tmp_path):
    model, blessing, _ = artifacts
    node = AtomicPusher(
        model=channel_utils.as_channel([model]),
        model_blessing=channel_utils.as_channel([blessing]),
        push_destination=folder_of(tmp_path),
    )
    assert node.id == "Pusher"
    assert node.executor_spec.executor_class is Executor
    assert set(node.outputs) == {"pushed_model"}
