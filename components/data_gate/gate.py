"""Reads what ExampleValidator found, and stops at what must not pass."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping

import tensorflow as tf
from tensorflow_metadata.proto.v0 import anomalies_pb2

from components.data_gate.settings import DataGateSettings
from schema.errors import DataError


@dataclasses.dataclass(frozen=True)
class Anomaly:
    """One thing that is wrong with a table.

    Attributes:
      table: Of the contract.
      column: Its name, or `*` where the table as a whole is meant.
      kinds: As `AnomalyInfo.Type` of TFDV has them.
      description: What was found.
    """

    table: str
    column: str
    kinds: tuple[str, ...]
    description: str

    def allowed(self, settings: DataGateSettings) -> bool:
        """Whether the settings let it pass, every kind of it."""
        name = f"{self.table}.{self.column}"
        names = settings.allowed_anomalies
        return name in names or (
            bool(self.kinds)
            and all(f"{name}:{kind}" in names for kind in self.kinds)
        )


def read_anomalies(table: str, uri: str) -> Iterator[Anomaly]:
    """Yields the anomalies of severity ERROR of one table.

    Args:
      table: Of the contract.
      uri: An ExampleAnomalies artifact, with a `SchemaDiff.pb` in each
        `Split-*` folder.

    Raises:
      DataError: There is no such file.
    """
    files = sorted(tf.io.gfile.glob(f"{uri}/Split-*/SchemaDiff.pb"))
    if not files:
        raise DataError(
            f"{table}: {uri} holds no Split-*/SchemaDiff.pb; the table was "
            "not checked"
        )
    for file in files:
        with tf.io.gfile.GFile(file, "rb") as source:
            found = anomalies_pb2.Anomalies.FromString(source.read())
        if found.data_missing:
            yield Anomaly(table, "*", ("DATA_MISSING",), "it has no rows")
        if found.HasField("dataset_anomaly_info"):
            yield from errors_of(table, "*", found.dataset_anomaly_info)
        for column in sorted(found.anomaly_info):
            yield from errors_of(table, column, found.anomaly_info[column])


def errors_of(
    table: str, column: str, info: anomalies_pb2.AnomalyInfo
) -> Iterator[Anomaly]:
    """Yields a column's anomaly, where its severity is ERROR."""
    if info.severity != anomalies_pb2.AnomalyInfo.ERROR:
        return
    kinds = tuple(
        anomalies_pb2.AnomalyInfo.Type.Name(reason.type)
        for reason in info.reason
    )
    # A name with odd characters is a key in quotes; the path has it plain.
    plain = ".".join(info.path.step) or column
    yield Anomaly(table, plain, kinds, info.description)


def check_tables(
    anomalies: Mapping[str, str],
    settings: DataGateSettings,
    drifted: Iterable[Anomaly] = (),
) -> int:
    """Passes if nothing of severity ERROR was found but what is allowed.

    Args:
      anomalies: Table name → folder of its ExampleAnomalies artifact.
      settings: What is allowed.
      drifted: What else was found; as `drift.drift` yields it.

    Returns:
      How many anomalies were allowed.

    Raises:
      DataError: Names table, column and description of each that is not.
    """
    found = [
        anomaly
        for table, uri in anomalies.items()
        for anomaly in read_anomalies(table, uri)
    ]
    found += drifted
    stopping = [one for one in found if not one.allowed(settings)]
    if stopping:
        raise DataError(
            "the tables do not fit schema/*.pbtxt:\n"
            + "\n".join(
                f"  {one.table}.{one.column}: {one.description} "
                f"({', '.join(one.kinds) or 'no kind given'})"
                for one in stopping
            )
            + "\nMend the data, or name what may pass in "
            "DataGateSettings.allowed_anomalies."
        )
    return len(found) - len(stopping)
