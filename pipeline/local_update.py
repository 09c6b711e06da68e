"""Updates the model of a run with a new span of logs, on this machine."""

import dataclasses
import json
import pathlib
import typing
from collections.abc import Mapping

from components.update_plan.times import evaluation_begins
from models.training.update_settings import UpdateSettings
from pipeline import local_runner, presets, progress, spans
from pipeline.change_items import Shop, run_version
from pipeline.lineage import read_lineage
from pipeline.places import local_places
from pipeline.spans import SpanSettings
from pipeline.update import Update

if typing.TYPE_CHECKING:
    import pyarrow as pa

# Of the run's folder: what the drift gate compares.
_COMPARED = "drift"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Updated:
    """What an update left.

    Attributes:
      run: The run's report and version.
      span: What was added to the tables.
    """

    run: local_runner.RunResult
    span: spans.Span


def update(
    shop: Shop,
    tables: Mapping[str, "pa.Table"],
    *,
    training: UpdateSettings,
    span: SpanSettings,
    allow_drift: bool = False,
    **how: typing.Any,
) -> Updated:
    """Learns a span, beginning with the run's version, and pushes.

    Where a gate refuses or anything else goes wrong, the tables are again
    what they were, and the version that was pushed before stays.

    Args:
      shop: The run to go on with.
      tables: Of the span, in the contract's form.
      training: How much is learned.
      span: What may be in the span.
      allow_drift: Whether the span may differ from the time before it by
        more than the schema allows.
      **how: `text_models`, `verbose`, `on_event`, as
        `pipeline.local_runner.run` takes them.

    Raises:
      DaogouError: Bad data or settings, or a failed gate.
    """
    places = local_places(shop.runs, shop.preset)
    report = json.loads(shop.report.read_text(encoding="utf-8"))
    lineage = read_lineage(
        pathlib.Path(places.metadata_path), run_version(report)
    )
    config = presets.by_name(shop.preset)
    data_dir = pathlib.Path(places.data_dir)
    with spans.alone(data_dir):
        added = spans.add_span(data_dir, tables, span)
        try:
            begun = Update(
                warm_start=str(lineage.model_run_dir),
                last_version=str(lineage.model_dir),
                settings=training,
                split_timestamp=evaluation_begins(
                    tables["events"],
                    added.first,
                    config.behavior_log.positive_event_types,
                    span.eval_share,
                ),
            )
            if not allow_drift:
                folder = pathlib.Path(places.pipeline_root).parent
                now, before = spans.write_neighbours(
                    data_dir, added, folder / _COMPARED / added.name
                )
                begun = dataclasses.replace(
                    begun, span=str(now), before=str(before)
                )
            how["on_event"](progress.Note(text=_told(added)))
            done = local_runner.run(
                shop.preset,
                runs=shop.runs,
                update=begun,
                trained_with=json.loads(
                    lineage.trainer.settings["custom_config"]
                ),
                **how,
            )
        except BaseException:
            spans.take_back(data_dir)
            raise
        spans.keep(data_dir)
    return Updated(run=done, span=added)


def _told(span):
    parts = [f"{span.events:,} events"]
    if span.late:
        parts.append(f"{span.late:,} of them late")
    if span.dropped:
        parts.append(f"{span.dropped:,} too old ones dropped")
    for table, count in span.added.items():
        parts.append(f"{count:,} new {table}")
        if span.replaced[table]:
            parts.append(f"{span.replaced[table]:,} changed")
    return f"{span.name}: {', '.join(parts)}"
