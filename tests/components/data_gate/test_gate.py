import pytest
from tensorflow_metadata.proto.v0 import anomalies_pb2

from components.data_gate.gate import check_tables
from components.data_gate.settings import DataGateSettings
from schema.errors import DataError
from schema.settings import SettingsError

INFO = anomalies_pb2.AnomalyInfo


def _artifact(folder, split="all", data_missing=False, **columns):
    anomalies = anomalies_pb2.Anomalies(data_missing=data_missing)
    for column, (severity, kind, description) in columns.items():
        info = anomalies.anomaly_info[column]
        info.severity = severity
        info.description = description
        info.path.step.append(column)
        info.reason.add(type=kind)
    path = folder / f"Split-{split}" / "SchemaDiff.pb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(anomalies.SerializeToString())
    return str(folder)


@pytest.fixture
def price(tmp_path):
    return _artifact(
        tmp_path / "events",
        price=(INFO.ERROR, INFO.FLOAT_TYPE_SMALL_FLOAT, "price is -3 < 0"),
        city=(INFO.WARNING, INFO.ENUM_TYPE_UNEXPECTED_STRING_VALUES, "odd"),
    )


def test_clean_tables_pass(tmp_path):
    tables = {"events": _artifact(tmp_path / "1"), "items": _artifact(tmp_path)}
    assert check_tables(tables, DataGateSettings()) == 0


def test_an_error_names_table_column_and_finding(price, tmp_path):
    tables = {"events": price, "items": _artifact(tmp_path / "items")}
    with pytest.raises(
        DataError, match=r"events\.price: price is -3 < 0 \(FLOAT_TYPE_SMALL"
    ) as error:
        check_tables(tables, DataGateSettings())
    assert "city" not in str(error.value)
    assert "items." not in str(error.value)


@pytest.mark.parametrize(
    "allowed", ["events.price", "events.price:FLOAT_TYPE_SMALL_FLOAT"]
)
def test_allowed_anomalies_pass_and_are_counted(price, allowed):
    settings = DataGateSettings(allowed_anomalies=(allowed,))
    assert check_tables({"events": price}, settings) == 1


@pytest.mark.parametrize(
    "allowed", ["items.price", "events.price:FLOAT_TYPE_BIG_FLOAT"]
)
def test_others_do_not(price, allowed):
    settings = DataGateSettings(allowed_anomalies=(allowed,))
    with pytest.raises(DataError, match=r"events\.price"):
        check_tables({"events": price}, settings)


def test_every_split_is_read(price, tmp_path):
    _artifact(
        tmp_path / "events",
        "later",
        user_id=(INFO.ERROR, INFO.SCHEMA_MISSING_COLUMN, "is missing"),
    )
    with pytest.raises(DataError, match=r"price(.|\n)*user_id: is missing"):
        check_tables({"events": price}, DataGateSettings())


def test_a_table_without_rows_stops(tmp_path):
    empty = _artifact(tmp_path, data_missing=True)
    with pytest.raises(DataError, match=r"items\.\*: it has no rows"):
        check_tables({"items": empty}, DataGateSettings())


def test_a_table_that_was_not_checked_stops(tmp_path):
    with pytest.raises(DataError, match=r"users: (.|\n)*was not checked"):
        check_tables({"users": str(tmp_path)}, DataGateSettings())


@pytest.mark.parametrize("allowed", ["price", "orders.price", "events.a:b"])
def test_bad_settings_are_named(allowed):
    with pytest.raises(SettingsError, match="allowed_anomalies"):
        DataGateSettings(allowed_anomalies=(allowed,))
