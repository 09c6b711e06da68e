"""Holds the contract, its TFDV schemas and its page together."""

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from schema import contract, loader, page
from schema.errors import DataError
from schema.settings import SettingsError

TYPES = {
    "string": schema_pb2.BYTES,
    "int64": schema_pb2.INT,
    "float32": schema_pb2.FLOAT,
    "bool": schema_pb2.INT,
}


def features(schema):
    return {feature.name: feature for feature in schema.feature}


@pytest.mark.parametrize("table", contract.TABLES)
def test_schema_has_the_columns_of_the_contract(table):
    found = features(loader.load(table))
    assert list(found) == [column.name for column in contract.TABLES[table]]
    for column in contract.TABLES[table]:
        dtype = column.dtype.removeprefix("list<").removesuffix(">")
        feature = found[column.name]
        assert feature.type == TYPES[dtype], column.name
        scalar = not column.dtype.startswith("list<")
        assert scalar == (feature.value_count.max == 1), column.name
        # Titles of items may be empty throughout.
        asked = column.required and (table, column.name) != ("items", "title")
        assert asked == (feature.presence.min_fraction == 0.5), column.name


def test_domains_are_those_of_the_contract():
    domains = {
        domain.name: tuple(domain.value)
        for table in contract.TABLES
        for domain in loader.load(table).string_domain
    }
    assert domains == {
        "event_type": contract.EVENT_TYPES,
        "campaign_kind": contract.CAMPAIGN_KINDS,
    }


def test_event_types_are_in_the_order_of_interest():
    order = "impression view click favorite cart uncart buy"
    assert " ".join(contract.ITEM_EVENT_TYPES) == order
    assert contract.SEARCH == "search"
    assert contract.CAMPAIGN_EVENT_TYPES == ("campaign_view", "campaign_join")
    assert set(contract.EVENT_MEANINGS) == set(contract.EVENT_TYPES)


def test_times_are_known_by_their_unit():
    times = [
        column.name
        for columns in contract.TABLES.values()
        for column in columns
        if column.is_time
    ]
    assert times == [
        *("timestamp", "listed_at", "registered_at", "starts_at", "ends_at"),
    ]


def test_page_is_the_one_that_the_contract_gives():
    assert page.PATH.read_text(encoding="utf-8") == page.render(), (
        "run `python -m schema.page`"
    )


def test_page_has_every_column_with_unit_and_example():
    text = page.render()
    for columns in contract.TABLES.values():
        for column in columns:
            assert column.unit, column.name
            assert column.example, column.name
            row = (
                f"| `{column.name}` | `{column.dtype}` | "
                f"{'yes' if column.required else ''} | {column.unit} | "
                f"{column.example} |"
            )
            assert row in text


@pytest.mark.parametrize("form", ["catalogue", "behavior"])
def test_scalars_of_derived_forms_are_dense(form):
    for feature in loader.load(form).feature:
        if feature.HasField("shape"):
            assert [dim.size for dim in feature.shape.dim] == [1]
            assert feature.presence.min_fraction == 1.0
        else:
            lists = ("history_", "target_", "tags", "image_embedding")
            assert feature.name.startswith(lists)


def test_behavior_schema_adds_a_label_for_each_head():
    heads = ("click=view,click,favorite,cart,buy", "buy=buy")
    base = features(loader.load("behavior"))
    found = features(loader.behavior_schema(heads))
    assert [*base, "label_click", "label_buy"] == list(found)
    assert found["label_buy"].type == schema_pb2.FLOAT
    assert found["label_buy"].shape == base["weight"].shape


def test_written_behavior_schema_reads_back(tmp_path):
    path = tmp_path / "deep" / "schema.pbtxt"
    loader.write_behavior_schema(("buy=buy",), path)
    read = text_format.Parse(path.read_text(), schema_pb2.Schema())
    assert read == loader.behavior_schema(("buy=buy",))


@pytest.mark.parametrize(
    ("heads", "says"),
    [
        ((), "heads is empty"),
        (("buy",), "'buy' is not of the form"),
        (("buy=order",), "event type 'order'; allowed: view"),
        (("buy=buy", "buy=cart"), "'buy' comes twice"),
        (("a b=buy",), "not of the form"),
    ],
)
def test_bad_heads_are_refused(heads, says):
    with pytest.raises(SettingsError, match=says):
        loader.behavior_schema(heads)


def test_unknown_table_is_refused():
    with pytest.raises(DataError, match="'event'; allowed: events, items"):
        loader.path("event")
