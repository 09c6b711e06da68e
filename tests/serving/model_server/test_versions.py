import pytest
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from serving.model_server.errors import (
    ServingError,
    invalid_argument,
)
from serving.model_server.version_states import (
    State,
    Version,
    to_load,
    to_unload,
)
from serving.model_server.versions import (
    from_proto,
    is_relative,
    list_versions,
)

THERE = {1: "/m/1", 2: "/m/00002", 9: "/m/9"}


def config(policy="", platform='model_platform: "tensorflow"'):
    return text_format.Parse(
        f'name: "m" base_path: "/m" {platform} {policy}',
        model_server_config_pb2.ModelConfig(),
    )


@pytest.mark.parametrize(
    ("policy", "numbers"),
    [
        ("", [9]),
        ("model_version_policy { latest { num_versions: 2 } }", [2, 9]),
        ("model_version_policy { latest { num_versions: 0 } }", [9]),
        ("model_version_policy { all {} }", [1, 2, 9]),
        ("model_version_policy { specific { versions: [1, 7] } }", [1]),
        ("model_version_policy { specific {} }", []),
    ],
)
def test_policies(policy, numbers):
    wanted = from_proto(config(policy)).wanted(THERE)
    assert wanted == {number: THERE[number] for number in numbers}


def test_platforms():
    assert from_proto(config(platform="model_type: TENSORFLOW")).name == "m"
    for platform, part in (
        ("", "Illegal setting neither"),
        (
            'model_type: TENSORFLOW model_platform: "tensorflow"',
            "Illegal setting both",
        ),
        ("model_type: OTHER", "model_type choice 2 not supported."),
        (
            'model_platform: "caffe"',
            "Model m requests unsupported platform caffe",
        ),
    ):
        with pytest.raises(ServingError, match=part):
            from_proto(config(platform=platform))


def test_reads_numbers_of_folders(tmp_path):
    for name in ("00001", "2", "x3", "4.tmp", str(2**64), "-5"):
        (tmp_path / name).mkdir()
    (tmp_path / "6").write_text("a file")
    assert list_versions(str(tmp_path)) == {
        1: str(tmp_path / "00001"),
        2: str(tmp_path / "2"),
        -5: str(tmp_path / "-5"),
    }
    with pytest.raises(OSError, match="gone"):
        list_versions(str(tmp_path / "gone"))


def test_relative_paths():
    assert is_relative("a/b")
    assert is_relative("")
    assert not is_relative("/a")
    assert not is_relative("gs://a/b")


def version(number, state, *, wanted=True, **more):
    return Version("m", number, f"/m/{number}", state, wanted, **more)


def numbers(versions):
    return [one.number for one in versions]


def test_the_last_one_that_answers_stays_until_its_successor_does():
    old = version(1, State.AVAILABLE, wanted=False)
    older = version(0, State.AVAILABLE, wanted=False)
    new = version(2, State.LOADING)
    assert numbers(to_unload([older, old, new])) == [0]
    new.state = State.END
    assert to_unload([old, new]) == []
    new.state = State.AVAILABLE
    assert numbers(to_unload([old, new])) == [1]
    # Nothing is wanted at all.
    assert numbers(to_unload([old, older])) == [0, 1]
    assert to_unload([version(1, State.AVAILABLE)]) == []


def test_loads_the_newest_first_and_what_is_due():
    found = to_load(
        [
            version(1, State.START),
            version(2, State.START),
            version(3, State.LOADING, busy=True),
            version(4, State.LOADING, next_try=5.0),
            version(5, State.START, wanted=False),
            version(6, State.AVAILABLE),
            version(7, State.END),
            version(8, State.LOADING, next_try=1.0),
        ],
        now=2.0,
    )
    assert numbers(found) == [8, 2, 1]


def test_messages_are_cut_as_text():
    assert invalid_argument("短").cut() == "短"
    cut = invalid_argument("短" * 400).cut()
    # 341 characters of three bytes fit into 1024.
    assert cut == "短" * 341 + "...TRUNCATED"
