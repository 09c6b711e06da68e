"""Events and users as they come, checked and brought to one form."""

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.behavior_log.funnel import ITEM_CODES
from components.behavior_log.pseudonyms import pseudonymise
from components.behavior_log.settings import BehaviorLogSettings
from components.catalogue import columns
from components.catalogue.dead_letters import dead_letters, first_reasons
from schema.contract import EVENT_TYPES

EVENT_TEXTS = (
    "user_id",
    "item_id",
    "event_type",
    "session_id",
    "query",
    "scene",
    "city",
    "device",
    "campaign_id",
)
USER_TEXTS = ("user_id", "gender", "age_band", "city", "level")
# Columns that travel on; items as rows of the sorted catalogue, -1 for none.
TRAVELLING = (
    "user_id",
    "item",
    "type",
    "timestamp",
    "session_id",
    "query",
    "scene",
    "position",
    "city",
    "device",
    "campaign_id",
)


@dataclasses.dataclass(frozen=True)
class Clean:
    """What one batch gave.

    Attributes:
      kept: Good rows.
      letters: Dead letters of the others.
    """

    kept: pa.Table
    letters: pa.Table


def clean_events(
    batch: pa.RecordBatch,
    source: str,
    first_row: int,
    *,
    items: pa.Array,
    settings: BehaviorLogSettings,
    key: bytes = b"",
) -> Clean:
    """Checks a batch of events; the first reason that applies counts.

    Args:
      batch: Decoded Examples of the events table.
      source: What dead letters name as their source.
      first_row: The row of the batch's first event in its file.
      items: large_string [items], the ids of the catalogue.
      settings: The limits.
      key: Of the pseudonyms, empty for none.

    Returns:
      Good rows with the columns of `TRAVELLING`, and dead letters.
    """
    texts = {name: columns.read_text(batch, name) for name in EVENT_TEXTS}
    values = {name: text.values for name, text in texts.items()}
    timestamp = columns.read_integers(batch, "timestamp")
    price = columns.read_floats(batch, "price")
    quantity = columns.read_integers(batch, "quantity")
    position = columns.read_integers(batch, "position")
    code = _rows_of(values["event_type"], pa.array(EVENT_TYPES))
    item = _rows_of(values["item_id"], items)
    on_item = np.isin(code, ITEM_CODES)
    no_item = np.asarray(pc.equal(values["item_id"], ""))
    reasons = first_reasons(
        (
            ("bad_utf8", np.any([t.bad for t in texts.values()], axis=0)),
            (
                "text_too_long",
                np.any(
                    [
                        np.asarray(pc.utf8_length(text))
                        > settings.max_text_characters
                        for text in values.values()
                    ],
                    axis=0,
                ),
            ),
            ("empty_user", np.asarray(pc.equal(values["user_id"], ""))),
            ("unknown_event_type", code < 0),
            (
                "bad_timestamp",
                (timestamp.values <= 0)
                | (timestamp.values > settings.latest_timestamp),
            ),
            ("missing_item", on_item & no_item),
            ("unknown_item", on_item & (item < 0)),
            ("negative_price", price.present & (price.values < 0)),
            (
                "bad_price",
                price.bad | (price.present & ~np.isfinite(price.values)),
            ),
            (
                "bad_quantity",
                quantity.bad | (quantity.present & (quantity.values < 1)),
            ),
            ("bad_position", position.bad),
        ),
        batch.num_rows,
    )
    values["user_id"] = pseudonymise(values["user_id"], key)
    values["session_id"] = pseudonymise(values["session_id"], key)
    good = pa.array(reasons == "")
    kept = pa.table(
        {
            **values,
            "item": np.where(on_item, item, -1).astype(np.int32),
            "type": code.astype(np.int8),
            "timestamp": timestamp.values,
            "position": np.where(
                position.present & (position.values >= 0), position.values, -1
            ),
        }
    ).filter(good)
    shown = {
        **values,
        "timestamp": _shown(batch, "timestamp"),
        "price": _shown(batch, "price"),
        "quantity": _shown(batch, "quantity"),
        "position": _shown(batch, "position"),
    }
    return Clean(
        kept.select(TRAVELLING), _letters(shown, source, first_row, reasons)
    )


def clean_users(
    batch: pa.RecordBatch, source: str, first_row: int, key: bytes = b""
) -> Clean:
    """Checks a batch of users: `bad_utf8` and `empty_user`.

    Returns:
      Good rows with the columns of `USER_TEXTS` and `row`, and dead letters.
    """
    texts = {name: columns.read_text(batch, name) for name in USER_TEXTS}
    values = {name: text.values for name, text in texts.items()}
    reasons = first_reasons(
        (
            ("bad_utf8", np.any([t.bad for t in texts.values()], axis=0)),
            ("empty_user", np.asarray(pc.equal(values["user_id"], ""))),
        ),
        batch.num_rows,
    )
    values["user_id"] = pseudonymise(values["user_id"], key)
    row = np.arange(first_row, first_row + batch.num_rows)
    kept = pa.table({**values, "row": row}).filter(pa.array(reasons == ""))
    return Clean(kept, _letters(values, source, first_row, reasons))


def _rows_of(values, known):
    """Returns int64 [rows], the place of each text in `known` or -1."""
    coded = values.dictionary_encode()
    found = pc.index_in(coded.dictionary, known.cast(pa.large_string()))
    places = np.asarray(pc.fill_null(found, -1), np.int64)
    if not len(places):
        return np.zeros(len(values), np.int64)
    return places[np.asarray(coded.indices)]


def _shown(batch, name):
    """A number as it stands, whatever its type, for a dead letter."""
    return columns.read_text(batch, name).values


def _letters(shown, source, first_row, reasons):
    bad = np.flatnonzero(reasons != "")
    content = pa.table(shown).take(pa.array(bad))
    return dead_letters(source, first_row + bad, reasons[bad], content)
