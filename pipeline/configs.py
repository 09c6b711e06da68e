"""The settings of every node, put together; `presets` fills them in."""

import dataclasses
import typing

from components.behavior_log.settings import BehaviorLogSettings
from components.catalogue.settings import CatalogueSettings
from components.data_gate.settings import DataGateSettings
from components.item_understanding.settings import ItemUnderstandingSettings
from components.quality_gate.settings import GateSettings
from components.retrieval_evaluator.settings import (
    RetrievalEvaluationSettings,
)
from components.serving_validator.settings import ServingValidatorSettings
from datasets.mall.settings import MallSettings
from models.index.settings import IndexSettings
from models.serving_graph.settings import ServableSettings
from models.settings import ModelSettings, TrainingSettings
from models.text.fine_tuning.settings import FineTuningSettings
from models.text.settings import TextSettings
from models.tuning.settings import TuningSettings
from schema.contract import REQUIRED_TABLES
from schema.settings import Settings

SettingsType = typing.TypeVar("SettingsType", bound=Settings)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PipelineConfig:
    """What a pipeline does, whatever the platform.

    Attributes:
      name: The preset, and the folder of its runs.
      title: What reports call the data.
      source: Which adapter of `datasets` makes the contract tables; `mall`
        simulates them, `contract` takes them as they are.
      simulated: Whether the data is made up; reports say so.
      tables: Which tables of the contract there are.
      mall: Of the simulation; None for other sources.
      item_understanding: Fills missing categories in; None leaves them empty.
      tuning: Search for the settings of `model` and `training` that the
        Trainer gets; None for those as they are.

    The other attributes are the settings of the node of that name.
    """

    name: str
    title: str
    source: str
    simulated: bool = False
    tables: tuple[str, ...] = REQUIRED_TABLES
    mall: MallSettings | None = None
    data_gate: DataGateSettings
    catalogue: CatalogueSettings
    item_understanding: ItemUnderstandingSettings | None = dataclasses.field(
        default_factory=ItemUnderstandingSettings
    )
    behavior_log: BehaviorLogSettings
    text: TextSettings
    model: ModelSettings
    training: TrainingSettings
    fine_tuning: FineTuningSettings = dataclasses.field(
        default_factory=FineTuningSettings
    )
    retrieval_evaluation: RetrievalEvaluationSettings
    index: IndexSettings
    servable: ServableSettings
    serving_validator: ServingValidatorSettings
    gate: GateSettings
    tuning: TuningSettings | None = None

    @property
    def pipeline_name(self) -> str:
        """Name under which ML Metadata keeps the runs."""
        return f"daogou-{self.name}"

    @property
    def heads(self) -> tuple[str, ...]:
        """The funnel, as in `head=event_type,event_type`."""
        return self.behavior_log.heads

    @property
    def head_names(self) -> tuple[str, ...]:
        """Names of the ranking heads, from the top of the funnel."""
        return self.model.head_names

    def text_settings(self, cache_dir: str) -> TextSettings:
        """Returns the text settings with the platform's cache folder."""
        return dataclasses.replace(self.text, cache_dir=cache_dir)


def settings(
    kind: type[SettingsType], shared: dict[str, typing.Any], **own: typing.Any
) -> SettingsType:
    """Makes one node's settings out of what is shared and what is its own.

    Args:
      kind: The settings class.
      shared: What several nodes must agree on; fields that `kind` does not
        have are left out.
      **own: Fields of this node alone; they win.
    """
    names = {field.name for field in dataclasses.fields(kind)}
    common = {key: value for key, value in shared.items() if key in names}
    return kind(**{**common, **own})
