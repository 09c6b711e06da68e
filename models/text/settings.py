"""Settings of text encoding; free of TensorFlow, so the CLI reads them fast."""

import dataclasses

from schema.settings import Settings

# The special name of the encoder that `models.text.e5.build` makes.
E5_SMALL_ZH = "e5-small-zh"

POOLINGS = ("", "pooled_output", "mean")


@dataclasses.dataclass(frozen=True, kw_only=True)
class TextSettings(Settings):
    """Which encoder turns texts into vectors, and how it is run.

    Attributes:
      preprocess: TF-Hub handle, local folder, or `e5-small-zh` for the one
        that `daogou encoder build` makes. Short hub handles such as
        `tensorflow/bert_zh_preprocess/3` are completed.
      encoder: The same for the encoder that takes what `preprocess` gives.
      seq_length: Longest sequence in tokens with start and end, 4 to 512; 0
        takes what the encoder's description says, else 128.
      pooling: `pooled_output` takes the encoder's own, `mean` the mean of
        `sequence_output` over the text's tokens; empty takes what the
        encoder's description says, else `pooled_output`.
      batch_tokens: Most tokens (rows times the longest row) in one batch of
        the Beam node, at least 64. Bounds memory: about 40 kB a token.
      shards: Pieces that the distinct texts are cut into for encoding; each
        is sorted by length and encoded by one worker. At least 1.
      cache_dir: Folder where vectors are kept between runs; empty for none.
    """

    preprocess: str = "tensorflow/bert_zh_preprocess/3"
    encoder: str = "tensorflow/bert_zh_L-12_H-768_A-12/4"
    seq_length: int = 0
    pooling: str = ""
    batch_tokens: int = 2048
    shards: int = 8
    cache_dir: str = ""

    def __post_init__(self):
        for field in ("preprocess", "encoder"):
            self.check(
                field,
                bool(getattr(self, field).strip()),
                f"a TF-Hub handle, a folder or {E5_SMALL_ZH!r}",
            )
        self.check(
            "preprocess",
            (self.preprocess == E5_SMALL_ZH) == (self.encoder == E5_SMALL_ZH),
            f"{E5_SMALL_ZH!r} exactly when the encoder is {E5_SMALL_ZH!r}, "
            f"which is {self.encoder!r}; their token ids belong together",
        )
        self.check(
            "seq_length",
            self.seq_length == 0 or 4 <= self.seq_length <= 512,
            "0 or 4 to 512",
        )
        self.check("pooling", self.pooling in POOLINGS, f"one of {POOLINGS}")
        self.check("batch_tokens", self.batch_tokens >= 64, "at least 64")
        self.check("shards", self.shards >= 1, "at least 1")
