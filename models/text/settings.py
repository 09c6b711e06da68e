"""Settings of text encoding; free of TensorFlow, so the CLI reads them fast."""

import dataclasses
import re

from schema.settings import Settings

# The name of the encoder that `models.text.e5.build` makes.
E5_SMALL_ZH = "e5-small-zh"
_NAME = re.compile(r"\w[\w.-]*")

POOLINGS = ("", "pooled_output", "mean")


def is_name(handle: str) -> bool:
    """Whether a handle names an encoder in the user's cache.

    >>> [is_name(h) for h in ("bge-small-zh", "./bge", "tensorflow/bert/3")]
    [True, False, False]
    """
    return bool(_NAME.fullmatch(handle))


@dataclasses.dataclass(frozen=True, kw_only=True)
class TextSettings(Settings):
    """Which encoder turns texts into vectors, and how it is run.

    Attributes:
      preprocess: TF-Hub handle; a folder, written with a slash, that is
        such a model or has it as its sub folder `preprocess`; or the name of
        an encoder that `daogou encoder` built, imported or distilled, such
        as `e5-small-zh`. Short hub handles such as
        `tensorflow/bert_zh_preprocess/3` are completed.
      encoder: The same for the encoder that takes what `preprocess` gives;
        its sub folder is `encoder`.
      seq_length: Longest sequence in tokens with start and end, 4 to 512; 0
        takes what the encoder's description says, else 128.
      pooling: `pooled_output` takes the encoder's own, `mean` the mean of
        `sequence_output` over the text's tokens; empty takes what the
        encoder's description says, else `pooled_output`.
      batch_tokens: Most tokens (rows times the longest row) in one batch of
        the Beam node for every two threads that encode it, at least 64.
        Bounds memory: about 40 kB a token.
      shards: Pieces that the distinct texts are cut into for encoding; each
        is sorted by length and encoded by one worker. At least 1.
      cache_dir: Folder where vectors are kept between runs; empty for none.
      query_preprocess: As `preprocess`, for queries alone: a student of the
        encoder (`daogou encoder distil`), which answers while somebody
        waits. Length and pooling are those that it says. Empty: `preprocess`.
      query_encoder: The student's encoder; empty: `encoder`.
    """

    preprocess: str = "tensorflow/bert_zh_preprocess/3"
    encoder: str = "tensorflow/bert_zh_L-12_H-768_A-12/4"
    seq_length: int = 0
    pooling: str = ""
    batch_tokens: int = 1024
    shards: int = 8
    cache_dir: str = ""
    query_preprocess: str = ""
    query_encoder: str = ""

    def __post_init__(self):
        for field in ("preprocess", "encoder"):
            self.check(
                field,
                bool(getattr(self, field).strip()),
                "a TF-Hub handle, a folder or the name of an encoder such as "
                f"{E5_SMALL_ZH!r}",
            )
        for prefix in ("", "query_"):
            preprocess = getattr(self, f"{prefix}preprocess")
            encoder = getattr(self, f"{prefix}encoder")
            named = is_name(preprocess) or is_name(encoder)
            self.check(
                f"{prefix}preprocess",
                not named or preprocess == encoder,
                f"the encoder's, which is {encoder!r}, where one is a name: "
                "their token ids belong together",
            )
        self.check(
            "query_preprocess",
            bool(self.query_preprocess) == bool(self.query_encoder),
            f"given exactly if query_encoder is, which is "
            f"{self.query_encoder!r}",
        )
        self.check(
            "seq_length",
            self.seq_length == 0 or 4 <= self.seq_length <= 512,
            "0 or 4 to 512",
        )
        self.check("pooling", self.pooling in POOLINGS, f"one of {POOLINGS}")
        self.check("batch_tokens", self.batch_tokens >= 64, "at least 64")
        self.check("shards", self.shards >= 1, "at least 1")

    def for_role(self, role: str) -> "TextSettings":
        """Returns what encodes texts of a role, with `encoder` its encoder.

        Args:
          role: `item` or `query`.
        """
        if role != "query" or not self.query_encoder:
            return dataclasses.replace(
                self, query_preprocess="", query_encoder=""
            )
        return dataclasses.replace(
            self,
            preprocess=self.query_preprocess,
            encoder=self.query_encoder,
            seq_length=0,
            pooling="",
            query_preprocess="",
            query_encoder="",
        )
