"""What a checkpoint's JSON files say: sizes, pooling, prefixes, length."""

import dataclasses
import json
import pathlib
import typing

from models.text.bert import ACTIVATIONS, CLS, MEAN
from schema.errors import DataError

# `model_type` of config.json. BERT's covers RoBERTa-wwm, MacBERT and BGE-zh,
# XLM-R's multilingual E5 and BGE-m3.
BERT, XLM_ROBERTA = "bert", "xlm-roberta"
FAMILIES = (BERT, XLM_ROBERTA)

# Modules of Sentence Transformers that can be carried over.
_MODULES = ("Transformer", "Pooling", "Normalize")
_POOLINGS = {
    "pooling_mode_cls_token": CLS,
    "pooling_mode_mean_tokens": MEAN,
}
# Names that prompts of items and of queries go by.
_PROMPTS = {
    "item": ("passage", "document", "corpus", "item"),
    "query": ("query",),
}
_ENDLESS = 1_000_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """The network, from `config.json`.

    Attributes:
      family: One of `FAMILIES`.
      hidden, layers, heads, feed_forward, vocabulary, types: Sizes.
      positions: Rows of the position table.
      first_position: Row of the first token; XLM-R leaves those up to the
        padding's id unused.
      epsilon: Of the layer norms.
      activation: One of `models.text.bert.ACTIVATIONS`.
    """

    family: str
    hidden: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    types: int
    positions: int
    first_position: int
    epsilon: float
    activation: str

    @property
    def longest(self) -> int:
        """Longest sequence in tokens."""
        return self.positions - self.first_position


@dataclasses.dataclass(frozen=True, kw_only=True)
class UseConfig:
    """How the checkpoint's makers use it.

    Attributes:
      pooling: `cls` or `mean`; empty where no file says.
      unit_length: Whether vectors are scaled to length 1.
      prefixes: What is put before a text, by role.
      seq_length: Longest sequence that files speak of; 0 where none does.
      lower_case: Whether texts are lowered before the tokenizer gets them.
    """

    pooling: str
    unit_length: bool
    prefixes: dict[str, str]
    seq_length: int
    lower_case: bool


def read_json(path: pathlib.Path) -> dict[str, typing.Any]:
    """Reads a JSON object.

    Raises:
      DataError: The file is missing, or holds something else.
    """
    content = _load(path)
    if not isinstance(content, dict):
        raise DataError(f"{path} holds no JSON object; allowed: {{…}}")
    return content


def read_network(folder: pathlib.Path) -> NetworkConfig:
    """Reads `config.json`.

    Raises:
      DataError: It is missing, or describes a network that cannot be
        imported; names the key, its value and what is allowed.
    """
    path = folder / "config.json"
    values = read_json(path)

    def check(key: str, ok: bool, allowed: str) -> None:
        if not ok:
            given = f"is {values[key]!r}" if key in values else "is missing"
            raise DataError(f"{path}: {key} {given}; allowed: {allowed}")

    def size(key: str) -> int:
        value = values.get(key)
        check(
            key,
            isinstance(value, int)
            and not isinstance(value, bool)
            and value > 0,
            "a whole number above 0",
        )
        return typing.cast(int, value)

    family = values.get("model_type", "")
    check("model_type", family in FAMILIES, ", ".join(FAMILIES))
    activation = values.get("hidden_act", "gelu")
    check("hidden_act", activation in ACTIVATIONS, ", ".join(ACTIVATIONS))
    check(
        "position_embedding_type",
        values.get("position_embedding_type", "absolute") == "absolute",
        "absolute",
    )
    check("is_decoder", not values.get("is_decoder"), "false")
    epsilon = values.get("layer_norm_eps", 1e-12)
    check(
        "layer_norm_eps",
        isinstance(epsilon, (int, float)) and 0 < epsilon < 1,
        "a number between 0 and 1",
    )
    hidden, heads = size("hidden_size"), size("num_attention_heads")
    check(
        "num_attention_heads",
        hidden % heads == 0,
        f"a divisor of hidden_size, which is {hidden}",
    )
    padding = values.get("pad_token_id", 1)
    positions = size("max_position_embeddings")
    if family == XLM_ROBERTA:
        check(
            "pad_token_id",
            isinstance(padding, int) and 0 <= padding < positions - 4,
            "a row of the position table",
        )
    return NetworkConfig(
        family=family,
        hidden=hidden,
        layers=size("num_hidden_layers"),
        heads=heads,
        feed_forward=size("intermediate_size"),
        vocabulary=size("vocab_size"),
        types=size("type_vocab_size"),
        positions=positions,
        first_position=padding + 1 if family == XLM_ROBERTA else 0,
        epsilon=float(epsilon),
        activation=activation,
    )


def read_use(folder: pathlib.Path) -> UseConfig:
    """Reads the files of Sentence Transformers and of the tokenizer.

    Raises:
      DataError: A file cannot be read, or asks for what is not supported.
    """
    modules = _modules(folder)
    pooling_path = folder / modules.get("Pooling", "1_Pooling") / "config.json"
    pooling = ""
    whole_prompt = True
    if "Pooling" in modules or pooling_path.is_file():
        given = read_json(pooling_path)
        pooling = _pooling(pooling_path, given)
        whole_prompt = bool(given.get("include_prompt", True))
    prefixes = _prefixes(folder / "config_sentence_transformers.json")
    if prefixes and not whole_prompt:
        raise DataError(
            f"{pooling_path}: include_prompt is false; allowed: true, the "
            "vector is over the text with its prefix"
        )
    sentence = _optional(folder / "sentence_bert_config.json")
    tokenizer = _optional(folder / "tokenizer_config.json")
    lengths = [
        length
        for length in (
            sentence.get("max_seq_length"),
            tokenizer.get("model_max_length"),
        )
        if isinstance(length, (int, float)) and 0 < length < _ENDLESS
    ]
    return UseConfig(
        pooling=pooling,
        unit_length="Normalize" in modules or not modules,
        prefixes=prefixes,
        seq_length=int(min(lengths, default=0)),
        lower_case=bool(sentence.get("do_lower_case")),
    )


def _load(path: pathlib.Path) -> typing.Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(f"{path} is missing") from error
    except ValueError as error:
        raise DataError(f"{path} is no JSON: {error}") from error


def _optional(path: pathlib.Path) -> dict[str, typing.Any]:
    return read_json(path) if path.is_file() else {}


def _modules(folder: pathlib.Path) -> dict[str, str]:
    """Returns the folder of each module, by its kind; empty without any."""
    path = folder / "modules.json"
    if not path.is_file():
        return {}
    found: dict[str, str] = {}
    try:
        for module in _load(path):
            kind = module["type"].rpartition(".")[2]
            found[kind] = module["path"]
    except (TypeError, KeyError, AttributeError) as error:
        raise DataError(
            f"{path} cannot be read ({error!r}); allowed: a list of modules "
            "with type and path"
        ) from error
    for kind in found:
        if kind not in _MODULES:
            raise DataError(
                f"{path}: there is a module {kind}; allowed: "
                f"{', '.join(_MODULES)}"
            )
    return found


def _pooling(path: pathlib.Path, given: dict[str, typing.Any]) -> str:
    chosen = [
        key
        for key, value in given.items()
        if key.startswith("pooling_mode_") and value is True
    ]
    # Newer versions name the mode instead.
    named = given.get("pooling_mode")
    if isinstance(named, str):
        chosen = [
            key
            for key, pooling in _POOLINGS.items()
            if named in {pooling, key.removeprefix("pooling_mode_")}
        ] or [f"pooling_mode {named!r}"]
    if len(chosen) != 1 or chosen[0] not in _POOLINGS:
        raise DataError(
            f"{path}: the pooling is {', '.join(chosen) or 'not given'}; "
            f"allowed: one of {', '.join(_POOLINGS)}"
        )
    return _POOLINGS[chosen[0]]


def _prefixes(path: pathlib.Path) -> dict[str, str]:
    given = _optional(path)
    prompts = given.get("prompts") or {}
    default = given.get("default_prompt_name")
    if not isinstance(prompts, dict) or not all(
        isinstance(text, str) for text in prompts.values()
    ):
        raise DataError(
            f"{path}: prompts is {prompts!r}; allowed: texts by name"
        )
    prefixes = {}
    for role, names in _PROMPTS.items():
        named = [name for name in (*names, default) if name in prompts]
        if named and prompts[named[0]]:
            prefixes[role] = prompts[named[0]]
    return prefixes
