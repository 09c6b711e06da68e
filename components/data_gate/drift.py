"""Holds a span of events against the time before it, by TFDV's comparators.

Which columns are compared, by which distance and how much is too much stands
in `schema/events.pbtxt` (`drift_comparator`).
"""

import dataclasses
import json
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import (
    anomalies_pb2,
    schema_pb2,
    statistics_pb2,
)

from components.catalogue.tables import list_columns
from components.data_gate.gate import Anomaly, errors_of
from components.update_plan.plan import Plan

# So many rows say enough of a distribution.
_MOST_ROWS = 1_000_000
_KINDS = {
    anomalies_pb2.AnomalyInfo.COMPARATOR_L_INFTY_HIGH,
    anomalies_pb2.AnomalyInfo.COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Compared:
    """Files that are held against each other.

    Attributes:
      table: Of the contract.
      span: Parquet file of what is new.
      before: Parquet file of as long a time before it.
      schema: Of the table, as text.
    """

    table: str
    span: str
    before: str
    schema: str

    @classmethod
    def from_json(cls, text: str) -> "list[Compared]":
        """Reads a list of them, as the node's parameter has it."""
        return [cls(**given) for given in json.loads(text)]

    @classmethod
    def of_plan(cls, plan: Plan, schema: str) -> "list[Compared]":
        """Returns what a plan says is new, and the time before it.

        Args:
          plan: Of an update.
          schema: Of the events, as text.
        """
        if not plan.span:
            return []
        return [
            cls(
                table="events",
                span=plan.span,
                before=plan.before,
                schema=schema,
            )
        ]


def drift(compared: Compared) -> Iterator[Anomaly]:
    """Yields the columns whose distribution has moved too far.

    A span or a time before it without rows has no distribution: nothing is
    found then.
    """
    with tf.io.gfile.GFile(compared.schema) as file:
        schema = text_format.Parse(file.read(), schema_pb2.Schema())
    watched = [
        feature.name
        for feature in schema.feature
        if feature.HasField("drift_comparator")
    ]
    now, before = (
        _statistics(path, watched) for path in (compared.span, compared.before)
    )
    if now is None or before is None:
        return
    found = tfdv.validate_statistics(now, schema, previous_statistics=before)
    for column in sorted(found.anomaly_info):
        info = found.anomaly_info[column]
        moved = [reason for reason in info.reason if reason.type in _KINDS]
        if not moved:
            continue
        told = anomalies_pb2.AnomalyInfo(
            path=info.path,
            severity=anomalies_pb2.AnomalyInfo.ERROR,
            description="; ".join(reason.description for reason in moved),
            reason=moved,
        )
        yield from errors_of(compared.table, column, told)


def distances(compared: Compared) -> dict[str, float]:
    """Returns how far each watched column has moved, by its own distance."""
    with tf.io.gfile.GFile(compared.schema) as file:
        schema = text_format.Parse(file.read(), schema_pb2.Schema())
    watched = [
        feature.name
        for feature in schema.feature
        if feature.HasField("drift_comparator")
    ]
    now, before = (
        _statistics(path, watched) for path in (compared.span, compared.before)
    )
    if now is None or before is None:
        return {}
    found = tfdv.validate_statistics(now, schema, previous_statistics=before)
    return {
        skew.path.step[0]: skew.drift_measurements[0].value
        for skew in found.drift_skew_info
        if skew.drift_measurements
    }


def _statistics(
    path: str, columns: list[str]
) -> statistics_pb2.DatasetFeatureStatisticsList | None:
    with tf.io.gfile.GFile(path, "rb") as file:
        table = pq.read_table(pa.BufferReader(file.read()), columns=columns)
    if not table.num_rows:
        return None
    step = -(-table.num_rows // _MOST_ROWS)
    table = table.take(pa.array(range(0, table.num_rows, step)))
    [batch] = table.combine_chunks().to_batches()
    return stats_impl.generate_statistics_in_memory(
        list_columns(batch), tfdv.StatsOptions()
    )
