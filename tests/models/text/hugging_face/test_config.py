import json

import pytest

from models.text.hugging_face.config import read_network, read_use
from schema.errors import DataError
from tests.checkpoints import CONFIG

POOLING = "sentence_transformers.models.Pooling"


def write(folder, name, content):
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        content if isinstance(content, str) else json.dumps(content)
    )


def test_positions_begin_after_the_padding(tmp_path):
    write(tmp_path, "config.json", CONFIG)
    network = read_network(tmp_path)
    assert (network.first_position, network.longest) == (0, 40)
    write(
        tmp_path,
        "config.json",
        CONFIG | {"model_type": "xlm-roberta", "pad_token_id": 1},
    )
    network = read_network(tmp_path)
    assert (network.first_position, network.longest) == (2, 38)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("model_type", "gpt2", "model_type is 'gpt2'; allowed: bert, xlm-r"),
        ("model_type", None, "model_type is None"),
        ("hidden_act", "swish", "hidden_act is 'swish'; allowed: gelu, "),
        ("hidden_size", "768", "hidden_size is '768'; allowed: a whole"),
        ("hidden_size", 0, "hidden_size is 0"),
        ("num_hidden_layers", True, "num_hidden_layers is True"),
        ("num_attention_heads", 5, "is 5; allowed: a divisor of hidden_size"),
        ("layer_norm_eps", "x", "layer_norm_eps is 'x'"),
        ("is_decoder", True, "is_decoder is True; allowed: false"),
        (
            "position_embedding_type",
            "relative_key",
            "'relative_key'; allowed: absolute",
        ),
    ],
)
def test_networks_that_are_refused(tmp_path, key, value, message):
    write(tmp_path, "config.json", CONFIG | {key: value})
    with pytest.raises(DataError, match=message) as caught:
        read_network(tmp_path)
    assert str(tmp_path / "config.json") in str(caught.value)


@pytest.mark.parametrize("content", ["", "{", "[1]"])
def test_config_that_is_no_object(tmp_path, content):
    write(tmp_path, "config.json", content)
    with pytest.raises(DataError, match=r"config\.json"):
        read_network(tmp_path)


def test_missing_key(tmp_path):
    write(tmp_path, "config.json", {"model_type": "bert"})
    with pytest.raises(DataError, match="hidden_size is missing; allowed"):
        read_network(tmp_path)


def test_folder_that_says_nothing(tmp_path):
    use = read_use(tmp_path)
    assert (use.pooling, use.unit_length, use.seq_length) == ("", True, 0)
    assert not use.prefixes
    # The library's way to say that there is no limit.
    write(tmp_path, "tokenizer_config.json", {"model_max_length": 1e30})
    assert read_use(tmp_path).seq_length == 0


def test_what_sentence_transformers_says(tmp_path):
    write(tmp_path, "modules.json", [{"type": POOLING, "path": "1_Pooling"}])
    write(tmp_path, "1_Pooling/config.json", {"pooling_mode": "mean"})
    write(tmp_path, "sentence_bert_config.json", {"max_seq_length": 256})
    write(tmp_path, "tokenizer_config.json", {"model_max_length": 512})
    write(
        tmp_path,
        "config_sentence_transformers.json",
        {
            "prompts": {"query": "q: ", "passage": "p: ", "other": "o"},
            "default_prompt_name": None,
        },
    )
    use = read_use(tmp_path)
    assert (use.pooling, use.unit_length, use.seq_length) == (
        "mean",
        False,
        256,
    )
    assert use.prefixes == {"query": "q: ", "item": "p: "}
    write(
        tmp_path,
        "config_sentence_transformers.json",
        {"prompts": {"query": "", "any": "x"}, "default_prompt_name": "any"},
    )
    assert read_use(tmp_path).prefixes == {"item": "x"}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "1_Pooling/config.json",
            {"pooling_mode_max_tokens": True},
            "the pooling is pooling_mode_max_tokens; allowed: one of",
        ),
        (
            "1_Pooling/config.json",
            {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": True},
            "pooling_mode_cls_token, pooling_mode_mean_tokens; allowed",
        ),
        (
            "1_Pooling/config.json",
            {"pooling_mode": "lasttoken"},
            "pooling_mode 'lasttoken'",
        ),
        ("1_Pooling/config.json", {}, "the pooling is not given"),
        (
            "modules.json",
            [{"type": "sentence_transformers.models.Dense", "path": "2"}],
            "there is a module Dense; allowed: Transformer, Pooling, Norm",
        ),
        ("modules.json", {"a": 1}, r"modules\.json cannot be read"),
        (
            "modules.json",
            [{"type": POOLING, "path": "gone"}],
            r"gone.config\.json is missing",
        ),
        (
            "config_sentence_transformers.json",
            {"prompts": {"query": 3}},
            "prompts is .*allowed: texts by name",
        ),
    ],
)
def test_uses_that_are_refused(tmp_path, name, content, message):
    write(tmp_path, name, content)
    with pytest.raises(DataError, match=message):
        read_use(tmp_path)


def test_prompts_that_are_not_pooled(tmp_path):
    write(
        tmp_path,
        "1_Pooling/config.json",
        {"pooling_mode": "mean", "include_prompt": False},
    )
    assert read_use(tmp_path).pooling == "mean"
    write(
        tmp_path,
        "config_sentence_transformers.json",
        {"prompts": {"query": "q: "}},
    )
    with pytest.raises(DataError, match="include_prompt is false"):
        read_use(tmp_path)
