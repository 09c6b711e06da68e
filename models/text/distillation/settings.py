"""Settings of distillation; free of TensorFlow, so the CLI reads them fast."""

import dataclasses

from schema.settings import Settings

QUANTISATIONS = ("none", "float16", "int8")


@dataclasses.dataclass(frozen=True, kw_only=True)
class StudentShape(Settings):
    """How large a student is.

    The defaults are wide and shallow: of equal time a query, they learn more
    of short texts than narrow students of four layers.

    Attributes:
      layers: Transformer layers, 1 to 12.
      width: Length of a token's vector inside, 8 to 1024; a multiple of
        `heads`.
      heads: Attention heads.
      feed_forward: Width of the feed-forward networks, at least 1.
      seq_length: Longest sequence in tokens with start and end, 4 to 512.
    """

    layers: int = 1
    width: int = 384
    heads: int = 6
    feed_forward: int = 1024
    seq_length: int = 128

    def __post_init__(self):
        self.check("layers", 1 <= self.layers <= 12, "1 to 12")
        self.check("heads", self.heads >= 1, "at least 1")
        self.check(
            "width",
            8 <= self.width <= 1024 and self.width % self.heads == 0,
            f"8 to 1024, a multiple of heads={self.heads}",
        )
        self.check("feed_forward", self.feed_forward >= 1, "at least 1")
        self.check("seq_length", 4 <= self.seq_length <= 512, "4 to 512")


@dataclasses.dataclass(frozen=True, kw_only=True)
class TeacherLayers(Settings):
    """A student that starts as a part of its teacher.

    Attributes:
      layers: How many of the teacher's, spread evenly from its first to its
        last; at least 1.
    """

    layers: int = 2

    def __post_init__(self):
        self.check("layers", self.layers >= 1, "at least 1")


@dataclasses.dataclass(frozen=True, kw_only=True)
class DistilSettings(Settings):
    """How a student is trained.

    Attributes:
      epochs: Passes over the texts, at least 1.
      max_seconds: Wall time of the training, that of earlier, interrupted
        runs included; the schedule of the learning rate ends with it. 0: no
        limit.
      batch_texts: Texts a step, at least 2.
      max_tokens: Tokens of a text that training reads, 4 to 512; a student
        encodes longer ones too.
      learning_rate: Peak, after warm-up and before the cosine; above 0.
      weight_decay: Of kernels, decoupled; at least 0.
      num_documents: Teacher's vectors that each step puts in order, at least
        2; drawn anew for each step.
      temperature: Of the order; above 0.
      similarity_weight: What the order counts beside the cosine; at least 0.
      evaluations: How often in the whole training held-out recall is
        measured, at least 1.
      patience: Measurements without a better one after which it stops; at
        least 1.
      vocabulary_size: Most pieces of a vocabulary made from the texts, at
        least 100.
      seed: Of start values and order.
    """

    epochs: int = 10
    max_seconds: float = 0.0
    batch_texts: int = 128
    max_tokens: int = 64
    learning_rate: float = 3e-3
    weight_decay: float = 0.01
    num_documents: int = 4096
    temperature: float = 0.02
    similarity_weight: float = 0.2
    evaluations: int = 10
    patience: int = 3
    vocabulary_size: int = 16_000
    seed: int = 1

    def __post_init__(self):
        for field, lowest in (
            ("epochs", 1),
            ("max_seconds", 0),
            ("batch_texts", 2),
            ("weight_decay", 0),
            ("num_documents", 2),
            ("similarity_weight", 0),
            ("evaluations", 1),
            ("patience", 1),
            ("vocabulary_size", 100),
        ):
            self.check(
                field, getattr(self, field) >= lowest, f"at least {lowest}"
            )
        self.check("max_tokens", 4 <= self.max_tokens <= 512, "4 to 512")
        for field in ("learning_rate", "temperature"):
            self.check(field, getattr(self, field) > 0, "above 0")
