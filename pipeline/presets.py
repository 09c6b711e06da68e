"""A preset for each data set: what to run, how long it takes, what comes out.

Times are of 2 cores without an accelerator, downloads and the building of the
text encoder left out.
"""

import collections.abc
import dataclasses
import typing

from components.behavior_log.settings import BehaviorLogSettings
from components.catalogue.settings import CatalogueSettings
from components.data_gate.settings import DataGateSettings
from components.quality_gate.settings import GateSettings
from components.retrieval_evaluator.settings import (
    RetrievalEvaluationSettings,
)
from components.serving_validator.settings import ServingValidatorSettings
from datasets.mall.settings import MallSettings
from models.index.settings import IndexSettings
from models.serving_graph.settings import ServableSettings
from models.settings import ModelSettings, TrainingSettings
from models.text.settings import E5_SMALL_ZH, TextSettings
from pipeline.configs import PipelineConfig, settings
from schema.settings import SettingsError

SHOP_FUNNEL = (
    "click=view,click,favorite,cart,buy",
    "cart=cart,buy",
    "buy=buy",
)
CHOICES = ("click", "favorite", "cart", "buy")
# The encoder that `daogou encoder build` makes without a hub.
OFFLINE_TEXT = {"preprocess": E5_SMALL_ZH, "encoder": E5_SMALL_ZH}

# The mall's bots make 300 events an hour, its busiest shopper far fewer.
MALL_BEHAVIOR = {"max_events_per_hour": 250}
# Of the mall's made-up images, where they are asked for.
MALL_IMAGE_WIDTH = 64
# Only what must hold at any size: the index finds, the servable answers.
NO_QUALITY = {
    "min_recall_at_50_over_popularity": 0.0,
    "min_recall_at_50_over_item_knn": 0.0,
    "min_ndcg_at_10_over_popularity": 0.0,
    "min_ndcg_at_10_over_item_knn": 0.0,
    "min_recall_at_50_over_last": 0.0,
    "min_ndcg_at_10_over_last": 0.0,
    "min_auc": 0.0,
    "max_log_loss_over_prior": 10.0,
}


def _preset(
    name: str,
    title: str,
    source: str,
    *,
    heads: tuple[str, ...] = SHOP_FUNNEL,
    positive_event_types: tuple[str, ...] = CHOICES,
    exclude_seen: bool = False,
    max_history: int = 50,
    mall: MallSettings | None = None,
    behavior_log: dict[str, typing.Any] | None = None,
    text: dict[str, typing.Any] | None = None,
    model: dict[str, typing.Any] | None = None,
    training: dict[str, typing.Any] | None = None,
    servable: dict[str, typing.Any] | None = None,
    gate: dict[str, typing.Any] | None = None,
) -> PipelineConfig:
    shared = {
        "heads": heads,
        "positive_event_types": positive_event_types,
        "exclude_seen": exclude_seen,
        "max_history": max_history,
    }
    return PipelineConfig(
        name=name,
        title=title,
        source=source,
        simulated=mall is not None,
        mall=mall,
        data_gate=settings(DataGateSettings, shared),
        catalogue=settings(CatalogueSettings, shared),
        behavior_log=settings(
            BehaviorLogSettings, shared, **(behavior_log or {})
        ),
        text=settings(TextSettings, shared, **(text or OFFLINE_TEXT)),
        model=settings(ModelSettings, shared, **(model or {})),
        training=settings(TrainingSettings, shared, **(training or {})),
        retrieval_evaluation=settings(RetrievalEvaluationSettings, shared),
        index=settings(IndexSettings, shared),
        servable=settings(ServableSettings, shared, **(servable or {})),
        serving_validator=settings(ServingValidatorSettings, shared),
        gate=settings(GateSettings, shared, **(gate or {})),
    )


def demo() -> PipelineConfig:
    """A simulated Chinese mall: 3,000 items, 2,000 users, 24 days.

    `daogou run --preset demo`: 8 to 12 minutes; recall@50 of .79 beside .09
    of popularity and .57 of item-kNN.
    """
    return _preset(
        "demo",
        "Simulated mall 模拟商城",
        "mall",
        mall=MallSettings(),
        behavior_log=MALL_BEHAVIOR,
        training={"max_seconds": 120.0},
        # Its log has searches, so the ranking knows what a query asks for.
        servable={"search_text_weight": 0.4},
    )


def tiny() -> PipelineConfig:
    """The mall at its smallest, for tests; its quality means nothing.

    `daogou run --preset tiny`
    """
    config = _preset(
        "tiny",
        "Tiny simulated mall 迷你商城",
        "mall",
        mall=MallSettings(
            num_items=400,
            num_users=200,
            num_days=10,
            sessions_per_user_day=0.42,
            uncategorised_share=0.05,
        ),
        behavior_log=MALL_BEHAVIOR,
        training={"max_epochs": 24, "validate_every": 4, "ranking_epochs": 4},
        gate=NO_QUALITY,
    )
    return dataclasses.replace(
        config, serving_validator=ServingValidatorSettings(repetitions=3)
    )


def movielens() -> PipelineConfig:
    """MovieLens-100k: 1,682 films, 943 users, Sept 1997 to April 1998.

    `daogou data fetch movielens --to movielens`, then
    `daogou run --preset movielens --data movielens`: half an hour;
    recall@50 of .53 beside .25 of popularity and .48 of item-kNN.
    """
    return _preset(
        "movielens",
        "MovieLens-100k",
        "movielens",
        heads=("click=click,favorite", "favorite=favorite"),
        exclude_seen=True,
        max_history=100,
        # Few users are there after the split, so each is asked more often.
        behavior_log={"eval_queries_per_user": 50},
        # Films do not come and go there: what nobody rated was there to rate.
        model={"complete_catalogue": True, "gated": True},
        # People rate a page of films at a time, in any order.
        training={
            "max_seconds": 600.0,
            "averaging": 0.98,
            "spectral_start": True,
            "target_window": 3,
            "target_decay": 0.6,
        },
    )


def jdata() -> PipelineConfig:
    """JD.com contest 2016: three hours of clicks, carts and orders.

    `daogou run --preset jdata --data DIR`: 6 minutes; recall@50 of .49
    beside .15 of popularity and .41 of item-kNN.
    """
    return _preset(
        "jdata",
        "JData 京东",
        "jdata",
        positive_event_types=("view", *CHOICES),
        # What was there to click did not change within three hours.
        model={"complete_catalogue": True},
        training={"max_seconds": 150.0},
        gate=NO_QUALITY,
    )


def taobao() -> PipelineConfig:
    """Taobao UserBehavior, the first two hours: one event a user, mostly.

    `daogou run --preset taobao --data DIR`: 20 minutes; recall@50 of .040
    beside .007 of popularity and .016 of item-kNN.
    """
    return _preset(
        "taobao",
        "Taobao UserBehavior 淘宝",
        "taobao",
        training={"max_seconds": 150.0},
        gate=NO_QUALITY,
    )


def amazon_cn() -> PipelineConfig:
    """amazon.cn: 96 products with Chinese titles, ten years of ratings.

    `daogou run --preset amazon-cn --data DIR`: 8 minutes; recall@50 of .86
    beside .77 of popularity and .60 of item-kNN. Every product of it sold at
    some time, which flatters a model that shows those not sold yet.
    """
    return _preset(
        "amazon-cn",
        "amazon.cn 亚马逊中国",
        "amazon-cn",
        heads=("click=click,buy", "buy=buy"),
        exclude_seen=True,
        # What sells changes within months there, and the log is ten years.
        model={"half_life_days": 60.0},
        training={"max_seconds": 150.0},
    )


def beauty() -> PipelineConfig:
    """Amazon Beauty 5-core: 12,101 items, 22,363 users; order, no times.

    `daogou run --preset beauty --data DIR`: half an hour; recall@50 of .151
    beside .037 of popularity and .152 of item-kNN.
    """
    return _preset(
        "beauty",
        "Amazon Beauty",
        "sequences",
        heads=("buy=buy",),
        positive_event_types=("buy",),
        exclude_seen=True,
        training={"max_seconds": 480.0},
        gate=NO_QUALITY,
    )


def custom() -> PipelineConfig:
    """Your own tables in contract form (schema/README.md).

    `daogou run --preset custom --data DIR`, where DIR holds `events/` and
    `items/`, and `users/` and `campaigns/` if there are any, as Parquet.
    """
    return _preset("custom", "Own data", "production")


_PRESETS: dict[str, collections.abc.Callable[[], PipelineConfig]] = {
    "demo": demo,
    "movielens": movielens,
    "jdata": jdata,
    "taobao": taobao,
    "amazon-cn": amazon_cn,
    "beauty": beauty,
    "custom": custom,
    "tiny": tiny,
}
NAMES = tuple(_PRESETS)


def with_images(config: PipelineConfig) -> PipelineConfig:
    """Returns a config whose model reads images, if the items have some.

    A simulated mall gets them made up.
    """
    changes: dict[str, typing.Any] = {
        "model": dataclasses.replace(config.model, images=True)
    }
    if config.mall is not None:
        changes["mall"] = dataclasses.replace(
            config.mall, image_width=MALL_IMAGE_WIDTH
        )
    return dataclasses.replace(config, **changes)


def by_name(name: str, seed: int | None = None) -> PipelineConfig:
    """Returns a preset, with another seed if one is given.

    Args:
      name: One of `NAMES`.
      seed: Replaces the seeds of the simulation, the sampling and the
        training.

    Raises:
      SettingsError: There is no such preset.
    """
    if name not in _PRESETS:
        raise SettingsError(
            f"--preset is {name!r}; allowed: {', '.join(NAMES)}"
        )
    config = _PRESETS[name]()
    if seed is None:
        return config
    changes: dict[str, typing.Any] = {
        "behavior_log": dataclasses.replace(config.behavior_log, seed=seed),
        "training": dataclasses.replace(config.training, seed=seed),
    }
    if config.mall is not None:
        changes["mall"] = dataclasses.replace(config.mall, seed=seed)
    return dataclasses.replace(config, **changes)
