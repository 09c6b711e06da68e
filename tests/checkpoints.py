"""Small checkpoints in Hugging Face's form, written without its libraries."""

import json
import pathlib
import struct

import numpy as np

HIDDEN, WIDE, LAYERS, HEADS, POSITIONS = 16, 24, 2, 4, 40
WORDS = (
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    *"无线鼠标静音键盘苹果手机夏季连衣裙",
    *"abc123",
    "##a",
    "##b",
    "##3",
    "pro",
    "A",
)
CONFIG = {
    "model_type": "bert",
    "hidden_size": HIDDEN,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "intermediate_size": WIDE,
    "max_position_embeddings": POSITIONS,
    "type_vocab_size": 2,
    "vocab_size": len(WORDS),
    "layer_norm_eps": 1e-12,
    "hidden_act": "gelu",
    "pad_token_id": 0,
}


def random_tensors(config: dict, seed: int = 0) -> dict[str, np.ndarray]:
    """Makes float32 tensors under the names of `BertModel`."""
    random = np.random.default_rng(seed)

    def normal(*shape):
        return random.normal(0, 0.3, shape).astype("f4")

    hidden, wide = config["hidden_size"], config["intermediate_size"]
    tensors = {
        "embeddings.word_embeddings.weight": normal(
            config["vocab_size"], hidden
        ),
        "embeddings.position_embeddings.weight": normal(
            config["max_position_embeddings"], hidden
        ),
        "embeddings.token_type_embeddings.weight": normal(
            config["type_vocab_size"], hidden
        ),
    }
    dense = {"pooler.dense": (hidden, hidden)}
    norms = ["embeddings.LayerNorm"]
    for number in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{number}"
        for part in ("query", "key", "value"):
            dense[f"{layer}.attention.self.{part}"] = hidden, hidden
        dense[f"{layer}.attention.output.dense"] = hidden, hidden
        dense[f"{layer}.intermediate.dense"] = wide, hidden
        dense[f"{layer}.output.dense"] = hidden, wide
        norms += [
            f"{layer}.attention.output.LayerNorm",
            f"{layer}.output.LayerNorm",
        ]
    for name, shape in dense.items():
        tensors[f"{name}.weight"] = normal(*shape)
        tensors[f"{name}.bias"] = normal(shape[0])
    for name in norms:
        tensors[f"{name}.weight"] = 1 + normal(hidden)
        tensors[f"{name}.bias"] = normal(hidden)
    return tensors


def write_safetensors(
    path: pathlib.Path, tensors: dict[str, np.ndarray], dtype: str = "F32"
) -> None:
    """Writes tensors as F32, F16, BF16 or, for integers, I64."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    data = b""
    for name, values in tensors.items():
        kind = dtype
        if values.dtype.kind == "i":
            kind, raw = "I64", values.astype("<i8").tobytes()
        elif dtype == "BF16":
            bits = values.astype("<f4").view("<u4")
            raw = ((bits + 0x8000) >> 16).astype("<u2").tobytes()
        else:
            raw = values.astype({"F32": "<f4", "F16": "<f2"}[dtype]).tobytes()
        header[name] = {
            "dtype": kind,
            "shape": list(values.shape),
            "data_offsets": [len(data), len(data) + len(raw)],
        }
        data += raw
    written = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(written)) + written + data)


def write_checkpoint(
    folder: pathlib.Path,
    *,
    config: dict | None = None,
    tensors: dict[str, np.ndarray] | None = None,
    dtype: str = "F32",
    **files,
) -> pathlib.Path:
    """Writes a checkpoint's folder.

    Args:
      folder: Made if need be.
      config: Replaces `CONFIG`.
      tensors: Replaces random ones that fit the config.
      dtype: Of the weights.
      **files: More JSON files; `__` in a name stands for a slash, and the
        ending is left out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = config or CONFIG
    (folder / "config.json").write_text(json.dumps(config))
    write_safetensors(
        folder / "model.safetensors",
        random_tensors(config) if tensors is None else tensors,
        dtype,
    )
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n", "utf-8")
    for name, content in files.items():
        path = folder / (name.replace("__", "/") + ".json")
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content), "utf-8")
    return folder
