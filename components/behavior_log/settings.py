"""Settings of the `BehaviorLog` node."""

import dataclasses

from components.behavior_log.funnel import parse_heads
from schema.heads import check_choices
from schema.settings import Settings


@dataclasses.dataclass(frozen=True, kw_only=True)
class BehaviorLogSettings(Settings):
    """How events become examples.

    Attributes:
      heads: The funnel, the first head gates the others: strings such as
        `"cart=cart,buy"`, name = event types that make its label 1.
      positive_event_types: What counts as a choice of an item: the time of
        the split and the targets of `sequence_eval` come from these.
      exclude_seen: Whether a user is never shown an item again.
      max_history: Steps that a history is cut to; at least 1.
      session_gap_seconds: Pause that ends a session where the log has no
        session_id; at least 1.
      label_window_seconds: How long after an impression an event still counts
        as its effect; at least 0.
      eval_fraction: Share of positive events, the latest, that evaluate;
        between 0 and 1, both excluded. Not used with `split_timestamp`.
      split_timestamp: Unix seconds; what happens from then on evaluates. 0
        takes it from `eval_fraction`.
      num_shards: Into how many parts users are cut by a hash of their id;
        a worker holds one part, about 300 bytes an event. 1 to 9999.
      num_negatives: Sampled items beside each positive in a log without
        impressions; at least 0.
      candidates_per_positive: How many items a user is taken to have passed
        over for each chosen one, in a log without impressions, which cannot
        tell: sets the weight of sampled negatives. Above 0.
      max_ranking_examples_per_user: Cap of a user's ranking examples in each
        split; 0 is none.
      eval_queries_per_user: Cap of a user's `sequence_eval` examples; at
        least 1.
      eval_empty_history: Whether `sequence_eval` asks about users without
        history, the slice of new users.
      max_events_per_hour: More events than that of one user within an hour
        make the user a bot; 0 is no limit.
      max_events_per_second: The same for one second, impressions left out.
      max_events_per_user: Of a user with more events, duplicates included,
        only the newest are read and the others are quarantined as
        `over_user_limit`, without a dead letter each: what a worker holds
        must not grow with one account's log. 0 is no limit.
      max_text_characters: Events with a longer text are quarantined; at
        least 1.
      latest_timestamp: Unix seconds; later events are quarantined. 1 to
        4,000,000,000 (the year 2096), above which it is milliseconds.
      pseudonym_key_variable: Name of the environment variable with the secret
        key; user and session ids are replaced by their HMAC-SHA256. Empty
        leaves them as they are.
      seed: Of all sampling; at least 0.
    """

    heads: tuple[str, ...] = (
        "click=view,click,favorite,cart,buy",
        "cart=cart,buy",
        "buy=buy",
    )
    positive_event_types: tuple[str, ...] = (
        "view",
        "click",
        "favorite",
        "cart",
        "buy",
    )
    exclude_seen: bool = False
    max_history: int = 50
    session_gap_seconds: int = 1800
    label_window_seconds: int = 86_400
    eval_fraction: float = 0.1
    split_timestamp: int = 0
    num_shards: int = 16
    num_negatives: int = 4
    candidates_per_positive: float = 20.0
    max_ranking_examples_per_user: int = 0
    eval_queries_per_user: int = 5
    eval_empty_history: bool = True
    max_events_per_hour: int = 2000
    max_events_per_second: int = 100
    max_events_per_user: int = 100_000
    max_text_characters: int = 1000
    latest_timestamp: int = 4_000_000_000
    pseudonym_key_variable: str = ""
    seed: int = 0

    def __post_init__(self):
        parse_heads(self.heads)
        check_choices(self, "positive_event_types")
        self.check("num_shards", 1 <= self.num_shards <= 9999, "1 to 9999")
        self.check(
            "eval_fraction", 0 < self.eval_fraction < 1, "between 0 and 1"
        )
        self.check(
            "candidates_per_positive",
            0 < self.candidates_per_positive < float("inf"),
            "above 0",
        )
        self.check(
            "latest_timestamp",
            1 <= self.latest_timestamp <= 4_000_000_000,
            "1 to 4000000000",
        )
        for field in (
            "max_history",
            "session_gap_seconds",
            "eval_queries_per_user",
            "max_text_characters",
        ):
            self.check(field, getattr(self, field) >= 1, "at least 1")
        for field in (
            "label_window_seconds",
            "split_timestamp",
            "num_negatives",
            "max_ranking_examples_per_user",
            "max_events_per_hour",
            "max_events_per_second",
            "max_events_per_user",
            "seed",
        ):
            self.check(field, getattr(self, field) >= 0, "at least 0")


def split_by(
    settings: BehaviorLogSettings, timestamp: int
) -> BehaviorLogSettings:
    """Returns settings that split at a time; as they are for 0."""
    if not timestamp:
        return settings
    return dataclasses.replace(settings, split_timestamp=timestamp)
