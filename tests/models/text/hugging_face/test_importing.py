"""Imported checkpoints against a forward pass written down plainly."""

import base64
import json

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import erf

from models.text import vocabulary
from models.text.hub import TextEncoder
from models.text.hugging_face import tokenizer
from models.text.hugging_face.importing import Choices, import_folder
from models.text.resolve import Description
from models.text.settings import TextSettings
from schema.errors import DataError
from schema.settings import SettingsError
from tests.checkpoints import (
    CONFIG,
    HEADS,
    HIDDEN,
    LAYERS,
    POSITIONS,
    WORDS,
    random_tensors,
    write_checkpoint,
    write_safetensors,
)

SENTENCE = "sentence_transformers.models."
MODULES = [
    {"type": f"{SENTENCE}Transformer", "path": ""},
    {"type": f"{SENTENCE}Pooling", "path": "1_Pooling"},
]
NORMALIZE = {"type": f"{SENTENCE}Normalize", "path": "2_Normalize"}
CLS = {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}
MEAN = {"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}
ACTIVATIONS = {
    "gelu": lambda x: x * 0.5 * (1 + erf(x / np.sqrt(2))),
    "gelu_new": lambda x: (
        0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    ),
    "relu": lambda x: np.maximum(x, 0),
}


def forward(tensors, ids, *, activation="gelu", epsilon=1e-12, first=0):
    """BERT on one text: float64 [tokens, hidden], then its pooler's."""

    def dense(x, name):
        return x @ tensors[f"{name}.weight"].T + tensors[f"{name}.bias"]

    def norm(x, name):
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt(
            (centred**2).mean(-1, keepdims=True) + epsilon
        )
        return scaled * tensors[f"{name}.weight"] + tensors[f"{name}.bias"]

    tensors = {name: x.astype("f8") for name, x in tensors.items()}
    rows = np.arange(first, first + len(ids))
    x = tensors["embeddings.word_embeddings.weight"][ids]
    x = x + tensors["embeddings.position_embeddings.weight"][rows]
    x = x + tensors["embeddings.token_type_embeddings.weight"][0]
    x = norm(x, "embeddings.LayerNorm")
    for number in range(LAYERS):
        layer = f"encoder.layer.{number}"
        mixed = np.zeros_like(x)
        query, key, value = (
            dense(x, f"{layer}.attention.self.{part}")
            for part in ("query", "key", "value")
        )
        size = HIDDEN // HEADS
        for head in range(HEADS):
            own = slice(head * size, (head + 1) * size)
            weights = np.exp(query[:, own] @ key[:, own].T / np.sqrt(size))
            weights /= weights.sum(1, keepdims=True)
            mixed[:, own] = weights @ value[:, own]
        x = norm(
            x + dense(mixed, f"{layer}.attention.output.dense"),
            f"{layer}.attention.output.LayerNorm",
        )
        wide = ACTIVATIONS[activation](dense(x, f"{layer}.intermediate.dense"))
        x = norm(
            x + dense(wide, f"{layer}.output.dense"),
            f"{layer}.output.LayerNorm",
        )
    return x, np.tanh(dense(x[:1], "pooler.dense")[0])


def ids_of(*pieces):
    return [WORDS.index(piece) for piece in ("[CLS]", *pieces, "[SEP]")]


TEXTS = {
    "无线鼠标": ids_of(*"无线鼠标"),
    "苹果 abPRO3": ids_of(*"苹果", "[UNK]"),
    "手机PRO ab3": ids_of(*"手机", "pro", "a", "##b", "##3"),
}


def unit(vector):
    return vector / np.linalg.norm(vector)


def check(paths, expected, **options):
    """Compares the vectors of `TEXTS`, alone and in one padded batch."""
    encoder = TextEncoder(paths, **options)
    got = encoder(tf.constant(list(TEXTS))).numpy()
    np.testing.assert_allclose(got, np.stack(expected), atol=2e-5)
    return encoder


def test_bert(tmp_path):
    """Plain BERT: the pooler, every token, and what runs read of it."""
    tensors = random_tensors(CONFIG)
    folder = write_checkpoint(tmp_path / "hf", tensors=tensors)
    made = import_folder(folder, tmp_path / "made", "mine")
    outputs = [forward(tensors, ids) for ids in TEXTS.values()]
    encoder = check(made.paths, [pooled for _, pooled in outputs])
    assert made.unused == ()
    assert made.pooled == "BERT's pooler on the first token"
    assert Description.read(made.paths.encoder) == Description(
        dimension=HIDDEN,
        seq_length=POSITIONS,
        outline={
            "heads": HEADS,
            "epsilon": 1e-12,
            "activation": "gelu",
            "pooling": "pooler",
            "unit_length": False,
        },
    )
    assert encoder.seq_length == POSITIONS
    preprocess = tf.saved_model.load(str(made.paths.preprocess))
    network = tf.saved_model.load(str(made.paths.encoder))
    got = network(preprocess(tf.constant(list(TEXTS))))
    for row, (sequence, _) in enumerate(outputs):
        np.testing.assert_allclose(
            got["sequence_output"][row, : len(sequence)], sequence, atol=2e-5
        )
    assert len(got["encoder_outputs"]) == LAYERS
    # Nothing else is left, and the folder serves as both handles.
    names = {path.name for path in (tmp_path / "made").iterdir()}
    assert names == {"preprocess", "encoder"}
    handle = str(tmp_path / "made")
    settings = TextSettings(preprocess=handle, encoder=handle)
    assert TextEncoder.from_settings(settings).digest == encoder.digest


def test_roberta_wwm_with_a_head_and_old_names(tmp_path):
    """As converted from TensorFlow: a prefix, gamma and beta, a head.

    And what the user chooses goes before what the folder says.
    """
    config = CONFIG | {"hidden_act": "relu", "layer_norm_eps": 0.1}
    tensors = random_tensors(config, seed=1)
    renamed = {
        "bert."
        + name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): values
        for name, values in tensors.items()
        if not name.startswith("pooler")
    }
    renamed["bert.embeddings.position_ids"] = np.arange(POSITIONS)
    renamed["cls.predictions.bias"] = np.zeros(len(WORDS), np.float32)
    folder = write_checkpoint(
        tmp_path / "hf",
        config=config,
        tensors=renamed,
        tokenizer_config={"do_lower_case": False},
        modules=MODULES,
        **{"1_Pooling__config": CLS},
        config_sentence_transformers={
            "prompts": {"query": "键 ", "document": "盘 "}
        },
    )
    made = import_folder(
        folder,
        tmp_path / "made",
        choices=Choices(pooling="mean", seq_length=9, prefixes={"query": ""}),
    )
    # Without lower case, PRO is a word that the vocabulary has not.
    cased = ids_of(*"手机", "[UNK]", "a", "##b", "##3")
    texts = {**TEXTS, "手机PRO ab3": cased}
    check(
        made.paths,
        [
            # There is no Normalize among the modules.
            forward(tensors, ids, activation="relu", epsilon=0.1)[0].mean(0)
            for ids in texts.values()
        ],
    )
    assert made.unused == (
        "bert.embeddings.position_ids",
        "cls.predictions.bias",
    )
    assert made.pooled == "mean over tokens"
    assert made.description["prefixes"] == {"item": "盘 "}
    assert made.description["seq_length"] == 9


def test_choices_are_checked(tmp_path):
    folder = write_checkpoint(tmp_path / "hf")
    with pytest.raises(SettingsError, match="at most 40, the positions of"):
        import_folder(folder, tmp_path / "made", choices=Choices(seq_length=41))
    for wrong in (
        {"pooling": "max"},
        {"seq_length": 3},
        {"prefixes": {"u": ""}},
    ):
        with pytest.raises(SettingsError, match="allowed"):
            Choices(**wrong)


def test_bge(tmp_path):
    tensors = random_tensors(CONFIG, seed=2)
    folder = write_checkpoint(
        tmp_path / "hf",
        tensors=tensors,
        config=CONFIG | {"hidden_act": "gelu_new"},
        modules=[*MODULES, NORMALIZE],
        **{"1_Pooling__config": CLS},
        sentence_bert_config={"max_seq_length": 20},
        config_sentence_transformers={"prompts": {"query": "手机 "}},
    )
    made = import_folder(folder, tmp_path / "made")
    assert made.unused == ("pooler.dense.bias", "pooler.dense.weight")
    prefixed = [
        [WORDS.index("[CLS]"), *ids_of(*"手机")[1:-1], *ids[1:]]
        for ids in TEXTS.values()
    ]
    encoder = check(
        made.paths,
        [
            unit(forward(tensors, ids, activation="gelu_new")[0][0])
            for ids in prefixed
        ],
    )
    assert encoder.seq_length == 20
    items = encoder(tf.constant(["无线鼠标"]), role="item").numpy()[0]
    sequence, _ = forward(tensors, TEXTS["无线鼠标"], activation="gelu_new")
    np.testing.assert_allclose(items, unit(sequence[0]), atol=2e-5)


def test_vocabulary_in_tokenizer_json(tmp_path):
    folder = write_checkpoint(tmp_path / "hf")
    (folder / "vocab.txt").unlink()
    content = {
        "added_tokens": [{"content": "[CLS]", "id": 2, "special": True}],
        "normalizer": {"type": "BertNormalizer", "lowercase": True},
        "model": {
            "type": "WordPiece",
            "vocab": {word: row for row, word in enumerate(WORDS)},
        },
    }
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(content))

    def read():
        return tokenizer.read(
            folder,
            family="bert",
            lower_case=False,
            trim=False,
            made=tmp_path / "made",
        )

    tokens = read().tokenize(tf.constant(list(TEXTS))).merge_dims(1, 2)
    assert tokens.to_list() == [ids[1:-1] for ids in TEXTS.values()]
    for change, message in (
        ({"model": {"type": "BPE", "vocab": {}}}, "the model is 'BPE'"),
        ({"normalizer": {"type": "NFC"}}, "normalizer is 'NFC'"),
        (
            {"added_tokens": [{"content": "淘宝", "special": False}]},
            "the token '淘宝' was added",
        ),
        (
            {"model": {"type": "WordPiece", "vocab": {"[PAD]": 0, "a": 2}}},
            "the ids of the vocabulary have gaps",
        ),
        ({"model": None}, "model is None"),
    ):
        path.write_text(json.dumps(content | change))
        with pytest.raises(DataError, match=message):
            read()


PIECES = [
    ("<s>", 0.0),
    ("<pad>", 0.0),
    ("</s>", 0.0),
    ("<unk>", 0.0),
    ("▁", -2.0),
    ("鼠标", -3.0),
    ("鼠", -6.0),
    ("телефон", -5.0),
    ("无线", -3.5),
    ("▁query", -4.0),
    (":", -4.5),
    ("ắ", -20.0),
    ("<mask>", 0.0),
]


@pytest.fixture(scope="module")
def e5(tmp_path_factory):
    """An XLM-R as multilingual E5 comes, and its tensors."""
    pytest.importorskip("sentencepiece")
    config = CONFIG | {
        "model_type": "xlm-roberta",
        "type_vocab_size": 1,
        # As in E5's own, more rows than pieces.
        "vocab_size": len(PIECES) + 2,
        "pad_token_id": 1,
        "layer_norm_eps": 1e-5,
    }
    tensors = random_tensors(config, seed=3)
    folder = write_checkpoint(
        tmp_path_factory.mktemp("e5") / "hf",
        config=config,
        tensors=tensors,
        modules=[*MODULES, NORMALIZE],
        **{"1_Pooling__config": MEAN},
        tokenizer={
            "normalizer": {
                "type": "Sequence",
                "normalizers": [
                    {
                        "type": "Precompiled",
                        "precompiled_charsmap": base64.b64encode(
                            vocabulary.nmt_nfkc()
                        ).decode(),
                    }
                ],
            },
            "model": {"type": "Unigram", "unk_id": 3, "vocab": PIECES},
        },
    )
    (folder / "vocab.txt").unlink()
    return folder, tensors


def check_e5(tensors, made, foreign):
    encoder = TextEncoder(made.paths)
    # The first two rows of the position table are XLM-R's padding.
    assert encoder.seq_length == POSITIONS - 2
    expected = [
        unit(forward(tensors, ids, epsilon=1e-5, first=2)[0].mean(0))
        for ids in (
            [0, 9, 10, 4, 8, 5, 2],
            [0, 9, 10, 4, 6, 3, 2],
        )
    ]
    # Full-width letters are normalised; 垫 is unknown.
    got = encoder(tf.constant(["无线鼠标", "鼠垫"]), role="query").numpy()
    np.testing.assert_allclose(got, expected, atol=2e-5)
    preprocess = tf.saved_model.load(str(made.paths.preprocess))
    tokens = preprocess.tokenize(tf.constant(["телефон"]))
    assert tokens.to_list() == [[4, foreign]]
    special = preprocess.tokenize.get_special_tokens_dict()
    assert special["vocab_size"].numpy() == (12 if foreign == 7 else 11)


def test_e5_trimmed(tmp_path, e5):
    folder, tensors = e5
    made = import_folder(
        folder,
        tmp_path / "made",
        choices=Choices(prefixes={"query": "query: "}, trim=True),
    )
    check_e5(tensors, made, vocabulary.UNKNOWN)


def test_e5_with_a_sentencepiece_file(tmp_path, e5):
    """The older form: ids are one more than in the file."""
    from sentencepiece import sentencepiece_model_pb2 as protos

    folder, tensors = e5
    model = protos.ModelProto(
        trainer_spec=protos.TrainerSpec(model_type=protos.TrainerSpec.UNIGRAM),
        normalizer_spec=protos.NormalizerSpec(
            precompiled_charsmap=vocabulary.nmt_nfkc()
        ),
    )
    for piece, kind in (("<unk>", 2), ("<s>", 3), ("</s>", 3)):
        model.pieces.add(piece=piece, score=0, type=kind)
    for piece, score in PIECES[4:-1]:
        model.pieces.add(piece=piece, score=score)
    copied = tmp_path / "hf"
    copied.mkdir()
    for path in folder.iterdir():
        if path.is_file() and path.name != "tokenizer.json":
            (copied / path.name).write_bytes(path.read_bytes())
    (copied / "modules.json").unlink()
    file = copied / "sentencepiece.bpe.model"
    file.write_bytes(model.SerializeToString())
    made = import_folder(
        copied,
        tmp_path / "made",
        choices=Choices(pooling="mean", prefixes={"query": "query: "}),
    )
    check_e5(tensors, made, 7)
    model.pieces[1].piece = "[CLS]"
    file.write_bytes(model.SerializeToString())
    with pytest.raises(DataError, match=r"model begins with .*'\[CLS\]'"):
        import_folder(copied, tmp_path / "bad")
    file.write_bytes(b"nonsense")
    with pytest.raises(DataError, match="is no SentencePiece model"):
        import_folder(copied, tmp_path / "bad")
    file.unlink()
    with pytest.raises(DataError, match="has no vocabulary"):
        import_folder(copied, tmp_path / "bad")


def test_appears_whole_or_not_at_all(tmp_path, monkeypatch):
    folder = write_checkpoint(tmp_path / "hf")
    output = tmp_path / "out" / "mine"

    def full(*_, **__):
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr("models.text.hugging_face.importing.export_encoder", full)
        with pytest.raises(OSError, match="disk full"):
            import_folder(folder, output)
    assert not list(output.parent.iterdir())
    import_folder(folder, output)
    before = {path: path.stat().st_mtime_ns for path in output.rglob("*")}
    with pytest.raises(DataError, match="is there already and not empty"):
        import_folder(folder, output)
    assert before == {
        path: path.stat().st_mtime_ns for path in output.rglob("*")
    }
    assert [path.name for path in output.parent.iterdir()] == ["mine"]


def without(name):
    tensors = random_tensors(CONFIG)
    del tensors[name]
    return tensors


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"tensors": without("encoder.layer.1.output.dense.weight")},
            "safetensors: encoder.layer.1.output.dense.weight is missing",
        ),
        (
            {"config": CONFIG | {"num_hidden_layers": 1}},
            "hold encoder.layer.1.attention.*config.json does not speak of",
        ),
        (
            {
                "config": CONFIG | {"intermediate_size": 20},
                "tensors": random_tensors(CONFIG),
            },
            r"intermediate.dense.weight has the shape \[24, 16\]; allowed: "
            r"\[20, 16\]",
        ),
        (
            {"tensors": without("embeddings.word_embeddings.weight")},
            "word_embeddings.weight stands 0 times",
        ),
        (
            {
                "tensors": {
                    name: np.zeros_like(values)
                    for name, values in random_tensors(CONFIG).items()
                }
            },
            "allowed: finite and different ones",
        ),
        (
            {"config": CONFIG | {"vocab_size": 9}},
            f"has {len(WORDS)} pieces; allowed: at most 9",
        ),
    ],
)
def test_folders_whose_files_do_not_fit(tmp_path, change, message):
    if "config" in change and "tensors" not in change:
        layers = change["config"].get("num_hidden_layers")
        change["tensors"] = random_tensors(
            CONFIG if layers == 1 else change["config"]
        )
    folder = write_checkpoint(tmp_path / "hf", **change)
    with pytest.raises(DataError, match=message):
        import_folder(folder, tmp_path / "out" / "made")
    assert not list((tmp_path).glob("out/*"))


def test_folders_that_are_half_there(tmp_path):
    with pytest.raises(DataError, match="is no folder"):
        import_folder(tmp_path / "no", tmp_path / "made")
    for name, message in (
        ("config.json", r"config\.json is missing"),
        ("model.safetensors", "has no weights"),
        ("vocab.txt", "has no vocabulary"),
    ):
        folder = write_checkpoint(tmp_path / name)
        (folder / name).unlink()
        with pytest.raises(DataError, match=message):
            import_folder(folder, tmp_path / "made")
    folder = write_checkpoint(tmp_path / "hf")
    with pytest.raises(DataError, match="only the multilingual"):
        import_folder(folder, tmp_path / "made", choices=Choices(trim=True))
    (folder / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n")
    with pytest.raises(DataError, match=r"the vocabulary has no \[SEP\]"):
        import_folder(folder, tmp_path / "made")
    (folder / "vocab.txt").write_bytes(b"[PAD]\n\xff\n")
    with pytest.raises(DataError, match=r"vocab\.txt is not UTF-8"):
        import_folder(folder, tmp_path / "made")
    write_safetensors(folder / "model.safetensors", {})
    with pytest.raises(DataError, match="stands 0 times"):
        import_folder(folder, tmp_path / "made")
    assert not (tmp_path / "made").exists()
