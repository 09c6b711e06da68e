"""Settings of the model and of its training."""

import dataclasses

from schema.heads import check_choices, parse_heads
from schema.settings import Settings

STRATEGIES = ("default", "mirrored", "multi_worker", "tpu")
HALF_TYPES = ("bfloat16", "float16")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelSettings(Settings):
    """What the model is; the first four are the same in other nodes.

    Attributes:
      heads: The funnel, from the top: `name=event,event,…`; the events make
        the head's label 1. The first head gates the others (ESMM).
      positive_event_types: A step of one of these types is a target of the
        retrieval loss.
      exclude_seen: Whether an item is never shown twice to a user; targets
        that are in the history already are masked then.
      max_history: Steps of history that are read, the last ones; >= 1.
      dimension: Width of query and item vectors, even; 8 to 1024.
      num_blocks: Transformer blocks; 1 to 12.
      num_heads: Attention heads; divides `dimension` into even parts.
      gated: Whether the blocks' residuals pass learned gates.
      feed_forward: Width of the blocks' hidden layers, as a multiple of
        `dimension`; 1 to 8.
      dropout: Share of activations dropped in training; 0 to below 1.
      id_dropout: Share of items whose id is hidden in a training step, so
        that an unknown id means something; 0 to below 1.
      images: Whether the item tower reads the items' images
        (`image_embedding`), where there are any.
      image_dropout: Share of images hidden in a training step, so that an item
        without one costs little; 0 to below 1.
      complete_catalogue: Whether all items were on offer from the first day,
        so that one that nobody chose was not wanted and is a negative.
        Otherwise an item is one from its listing or its first choice on, and
        never where nobody chose it: the loss would push down the content by
        which alone it can be found, and that of items that come later.
      neighbours: Items kept of each item that are chosen with it most often;
        they add to the retrieval score. 0: none.
      half_life_days: Age at which a choice counts half in the losses, where
        what sells changes faster than what people like; 0 counts all alike.
      cosine: Whether retrieval scores are cosines over `temperature`; dot
        products otherwise.
      temperature: Of cosine scores; above 0.
      ranking_width: Units of the experts' hidden layers; >= 4.
      num_experts: Experts that the heads share; >= 1.
      ranking_dropout: Share dropped in the experts; 0 to below 1.
      score_weights: How much each head counts in the order of items
        (`models.ranking.order`), as many as heads, >= 0; empty: 1 each.
    """

    heads: tuple[str, ...]
    positive_event_types: tuple[str, ...]
    exclude_seen: bool = False
    max_history: int = 50
    dimension: int = 64
    num_blocks: int = 2
    num_heads: int = 2
    gated: bool = False
    feed_forward: int = 2
    dropout: float = 0.3
    id_dropout: float = 0.1
    images: bool = False
    image_dropout: float = 0.2
    complete_catalogue: bool = False
    neighbours: int = 50
    half_life_days: float = 0.0
    cosine: bool = True
    temperature: float = 0.07
    ranking_width: int = 64
    num_experts: int = 4
    ranking_dropout: float = 0.1
    score_weights: tuple[float, ...] = ()

    def __post_init__(self):
        """Checks every field.

        Raises:
          SettingsError: A field has a value that is not allowed.
        """
        names = self.head_names
        check_choices(self, "positive_event_types")
        self.check("max_history", self.max_history >= 1, ">= 1")
        self.check(
            "dimension",
            8 <= self.dimension <= 1024 and self.dimension % 2 == 0,
            "even, 8 to 1024",
        )
        self.check("num_blocks", 1 <= self.num_blocks <= 12, "1 to 12")
        self.check(
            "num_heads",
            self.num_heads >= 1 and self.dimension % (2 * self.num_heads) == 0,
            "a divisor of dimension that leaves an even number",
        )
        self.check("feed_forward", 1 <= self.feed_forward <= 8, "1 to 8")
        for field in (
            "dropout",
            "id_dropout",
            "image_dropout",
            "ranking_dropout",
        ):
            self.check(field, 0 <= getattr(self, field) < 1, "[0, 1)")
        self.check("neighbours", self.neighbours >= 0, ">= 0")
        self.check("half_life_days", self.half_life_days >= 0, ">= 0")
        self.check("temperature", self.temperature > 0, "above 0")
        self.check("ranking_width", self.ranking_width >= 4, ">= 4")
        self.check("num_experts", self.num_experts >= 1, ">= 1")
        self.check(
            "score_weights",
            len(self.score_weights) in (0, len(names))
            and all(weight >= 0 for weight in self.score_weights),
            "empty or one number >= 0 for each head",
        )

    @property
    def head_names(self) -> tuple[str, ...]:
        """The heads' names, from the top of the funnel."""
        return tuple(parse_heads(self.heads))


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingSettings(Settings):
    """How the model is trained.

    Attributes:
      sequence_batch: Sequences a step; >= 1.
      ranking_batch: Ranking examples a step; >= 1.
      max_epochs: Passes over the sequences at most; >= 1.
      ranking_epochs: Passes over the ranking examples at most; >= 1.
      ranking_share: Share of the targets, the latest, that the towers learn
        from only when the heads are trained: those read the retrieval score
        on impressions of that time alone, where it is as good as it will be
        for the next one; above 0, below 1.
      catch_up_epochs: Passes over all sequences after that; >= 1.
      max_seconds: Wall time after which each of these stops with the best
        weights so far; 0 for no limit.
      target_window: Steps after a history that are its targets, as far as
        they answer the same search, not only the next; >= 1.
      target_decay: How much each counts of the one before it; above 0, at
        most 1.
      validate_every: Epochs between two validations; >= 1.
      patience: Validations without a better result before training stops.
      validation_share: Share of users whose last positive steps are held out
        of the loss and used for validation; 0.01 to 1.
      validation_steps: How many last positives of such a user; >= 1.
      spectral_start: Whether item ids begin at the singular vectors of who
        chose what, not at random: training is shorter and ends higher where
        most items have few choices.
      learning_rate: Peak of AdamW's; above 0.
      warmup_steps: Steps to the peak; >= 0.
      decay_steps: Steps of the cosine decay to a tenth of the peak; >= 1.
      weight_decay: AdamW's; >= 0.
      averaging: Decay a step of the moving average of the weights, which is
        what is validated and kept; 0 for the last weights themselves; below 1.
      clip_norm: Global norm that gradients are cut to; above 0.
      full_softmax_items: Catalogues of up to this size are in the softmax as
        a whole; larger ones are sampled.
      sampled_negatives: Uniform negatives a step for larger ones; >= 1.
      mixed_precision: Whether layers compute in 16 bits.
      half_type: In which, `bfloat16` or `float16`. The latter has no room
        for small gradients, so the loss is scaled.
      jit_compile: Whether XLA compiles the train step; only with the strategy
        `default` (`tpu` compiles all steps anyway).
      table_megabytes: A table of item ids that is larger is cut into parts of
        at most this, which lie in the host's memory; >= 1.
      checkpoint_every: Epochs between two checkpoints, from which a training
        that was cut off goes on (`models.training.checkpoints`); 0: none.
      strategy: What trains: `default`, one device; `mirrored`, all GPUs of
        this machine; `multi_worker`, several machines, as `TF_CONFIG` says;
        `tpu`. Batches are of all devices together, and each takes its part.
      own_files: Whether each worker of `multi_worker` draws its batches from
        files of its own, of which it reads no others while it trains; with
        fewer files than workers, from examples of its own. Otherwise all draw
        the same batches, and each takes its part of them.
      files_side_by_side: Files of examples that are read at the same time;
        the order of examples depends on it where there are several; >= 1.
      keep_sequences: Whether sequences stay in memory, parsed. Otherwise each
        pass reads and parses the files anew, for logs that do not fit.
      seed: Of everything random.
    """

    sequence_batch: int = 128
    ranking_batch: int = 256
    max_epochs: int = 60
    ranking_epochs: int = 2
    ranking_share: float = 0.25
    catch_up_epochs: int = 12
    max_seconds: float = 0.0
    target_window: int = 1
    target_decay: float = 0.5
    validate_every: int = 2
    patience: int = 5
    validation_share: float = 0.2
    validation_steps: int = 3
    spectral_start: bool = False
    learning_rate: float = 1e-3
    warmup_steps: int = 100
    decay_steps: int = 4000
    weight_decay: float = 1e-4
    clip_norm: float = 5.0
    averaging: float = 0.0
    full_softmax_items: int = 50_000
    sampled_negatives: int = 4096
    mixed_precision: bool = False
    half_type: str = "bfloat16"
    jit_compile: bool = False
    table_megabytes: int = 1024
    checkpoint_every: int = 0
    strategy: str = "default"
    own_files: bool = False
    files_side_by_side: int = 4
    keep_sequences: bool = True
    seed: int = 20

    def __post_init__(self):
        """Checks every field.

        Raises:
          SettingsError: A field has a value that is not allowed.
        """
        for field in (
            "sequence_batch",
            "ranking_batch",
            "max_epochs",
            "ranking_epochs",
            "catch_up_epochs",
            "target_window",
            "validate_every",
            "patience",
            "validation_steps",
            "decay_steps",
            "sampled_negatives",
            "table_megabytes",
            "files_side_by_side",
        ):
            self.check(field, getattr(self, field) >= 1, ">= 1")
        for field in (
            "max_seconds",
            "warmup_steps",
            "weight_decay",
            "full_softmax_items",
            "checkpoint_every",
            "seed",
        ):
            self.check(field, getattr(self, field) >= 0, ">= 0")
        for field in ("learning_rate", "clip_norm"):
            self.check(field, getattr(self, field) > 0, "above 0")
        self.check(
            "target_decay", 0 < self.target_decay <= 1, "above 0, at most 1"
        )
        self.check("ranking_share", 0 < self.ranking_share < 1, "(0, 1)")
        self.check("averaging", 0 <= self.averaging < 1, "[0, 1)")
        self.check(
            "validation_share",
            0.01 <= self.validation_share <= 1,
            "0.01 to 1",
        )
        for field, allowed in (
            ("half_type", HALF_TYPES),
            ("strategy", STRATEGIES),
        ):
            self.check(
                field, getattr(self, field) in allowed, ", ".join(allowed)
            )
        self.check(
            "own_files",
            self.strategy == "multi_worker" or not self.own_files,
            f"False with the strategy {self.strategy}",
        )
        self.check(
            "jit_compile",
            self.strategy == "default" or not self.jit_compile,
            f"False with the strategy {self.strategy}",
        )

    @property
    def fixed_shapes(self) -> bool:
        """Whether the train step must have no shape that depends on data."""
        return self.jit_compile or self.strategy == "tpu"

    @property
    def precision(self) -> str:
        """The Keras policy."""
        return f"mixed_{self.half_type}" if self.mixed_precision else "float32"
