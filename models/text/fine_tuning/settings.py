"""Settings of fine-tuning; free of TensorFlow, so the CLI reads them fast."""

import dataclasses

from schema.settings import Settings

FROZEN, ADAPTERS, TOP, ALL = "frozen", "adapters", "top", "all"
# What is trained, and the peak of its learning rate where none is given.
# Adapters start at nothing and may move fast.
LEARNING_RATES = {FROZEN: 0.0, ADAPTERS: 5e-4, TOP: 5e-5, ALL: 2e-5}


@dataclasses.dataclass(frozen=True, kw_only=True)
class FineTuningSettings(Settings):
    """What of the text encoder is trained with the towers, and how.

    The towers are trained on the vectors that texts have; then the encoder
    joins in, so that it does not learn from towers that know nothing yet and
    lose what it knows (Kumar et al. 2022, https://arxiv.org/abs/2202.10054).
    What it ends with is never worse on held-out targets than what it began
    with.

    Attributes:
      mode: `frozen`: nothing; `adapters`: a low-rank sum onto each matrix of
        the layers (LoRA, Hu et al. 2021, https://arxiv.org/abs/2106.09685);
        `top`: the last layers; `all`: every variable that can be trained.
      top_layers: Layers from the top that `top` trains or that get adapters;
        at least 1, or 0 for all of them (adapters only).
      adapter_rank: Rank of the sums; at least 1.
      texts_a_step: Texts that are encoded anew in a step, drawn from those
        that the step's sequences need; the others keep the vectors of their
        last encoding. At least 1. Most of a step's time and memory.
      learning_rate: Peak, after which it decays to a tenth; 0 takes that of
        the mode in `LEARNING_RATES`.
      warmup_steps: Steps to the peak; at least 0.
      decay_steps: Steps of the decay; at least 1.
      weight_decay: AdamW's, of matrices; at least 0.
      clip_norm: Global norm that gradients are cut to; above 0.
      towers_epochs: Epochs of the towers alone, at most, before the encoder
        joins; 0: until they get no better.
      max_epochs: Epochs with the encoder, at most; at least 1.
      max_seconds: Wall time after which it stops with the best so far; 0 for
        no limit.
      validate_every: Epochs between two validations, before each of which
        all texts are encoded anew; at least 1.
      patience: Validations without a better result before it stops; at
        least 1.
    """

    mode: str = FROZEN
    top_layers: int = 2
    adapter_rank: int = 8
    texts_a_step: int = 64
    learning_rate: float = 0.0
    warmup_steps: int = 20
    decay_steps: int = 1000
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    towers_epochs: int = 0
    max_epochs: int = 20
    max_seconds: float = 0.0
    validate_every: int = 1
    patience: int = 3

    def __post_init__(self):
        """Checks every field.

        Raises:
          SettingsError: A field has a value that is not allowed.
        """
        modes = tuple(LEARNING_RATES)
        self.check("mode", self.mode in modes, f"one of {', '.join(modes)}")
        self.check(
            "top_layers",
            self.top_layers >= 1 or (self.top_layers == 0 and self.mode != TOP),
            "at least 1; 0, all layers, with adapters",
        )
        for field in (
            "adapter_rank",
            "texts_a_step",
            "decay_steps",
            "max_epochs",
            "validate_every",
            "patience",
        ):
            self.check(field, getattr(self, field) >= 1, "at least 1")
        for field in (
            "learning_rate",
            "warmup_steps",
            "weight_decay",
            "towers_epochs",
            "max_seconds",
        ):
            self.check(field, getattr(self, field) >= 0, "at least 0")
        self.check("clip_norm", self.clip_norm > 0, "above 0")

    @property
    def peak(self) -> float:
        """Highest learning rate."""
        return self.learning_rate or LEARNING_RATES[self.mode]
