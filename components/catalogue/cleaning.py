"""Items as they come, to the columns of `schema/catalogue.pbtxt`."""

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.catalogue import columns
from components.catalogue.dead_letters import dead_letters, first_reasons
from components.catalogue.settings import CatalogueSettings
from components.catalogue.text import compose_text

TEXTS = ("item_id", "title", "description", "category", "brand", "shop_id")
TAGS = "tags"
IMAGE = "image_embedding"
# Why an item goes whose image is not as wide as those of the others.
OTHER_WIDTH = "image_of_other_width"
# Whether the category was told from the words of an item, not by its shop.
INFERRED = "category_inferred"
UNKNOWN_PRICE = -1.0
# The year 2096; what is above it was most likely counted in milliseconds.
LATEST_SECOND = 4_000_000_000


@dataclasses.dataclass(frozen=True)
class CleanItems:
    """What one batch of items gave.

    Attributes:
      kept: The columns of the contract, and `row` (int64).
      letters: Dead letters of the others.
    """

    kept: pa.Table
    letters: pa.Table


def clean_items(
    batch: pa.RecordBatch,
    source: str,
    first_row: int,
    settings: CatalogueSettings,
) -> CleanItems:
    """Checks a batch of items and fills in what is unknown.

    Args:
      batch: Decoded Examples of the items table.
      source: What dead letters name as their source.
      first_row: The row of the batch's first item in its file.
      settings: The limits.
    """
    texts = {name: columns.read_text(batch, name) for name in TEXTS}
    tags = columns.read_words(batch, TAGS)
    images = columns.read_vectors(batch, IMAGE)
    price = columns.read_floats(batch, "price")
    listed_at = columns.read_integers(batch, "listed_at")
    in_stock, bad_stock = _in_stock(batch)
    title_length = np.asarray(pc.utf8_length(texts["title"].values))
    reasons = first_reasons(
        (
            (
                "bad_utf8",
                np.any([tags.bad, *(t.bad for t in texts.values())], axis=0),
            ),
            (
                "empty_item_id",
                np.asarray(pc.equal(texts["item_id"].values, "")),
            ),
            ("title_too_long", title_length > settings.max_title_characters),
            (
                "bad_price",
                price.bad
                | (price.present & ~np.isfinite(price.values))
                | (price.present & (price.values < 0)),
            ),
            (
                "bad_listed_at",
                listed_at.bad
                | (listed_at.values < 0)
                | (listed_at.values > LATEST_SECOND),
            ),
            ("bad_in_stock", bad_stock),
            ("bad_image", images.bad),
        ),
        batch.num_rows,
    )
    row = np.arange(first_row, first_row + batch.num_rows)
    table = pa.table(
        {
            **{name: text.values for name, text in texts.items()},
            TAGS: tags.values,
            "price": np.where(
                price.present, price.values, UNKNOWN_PRICE
            ).astype(np.float32),
            "listed_at": listed_at.values,
            "in_stock": in_stock,
            IMAGE: images.values,
            "row": row,
        }
    )
    good = reasons == ""
    kept = table.filter(pa.array(good))
    # What shops say is never inferred; `ItemUnderstanding` infers.
    said = pa.array(np.zeros(len(kept), np.int64))
    return CleanItems(
        kept.append_column("text", _texts(kept, settings)).append_column(
            INFERRED, said
        ),
        _letters(table, price, source, reasons),
    )


def _in_stock(batch):
    """Returns int64 [rows] (absent means yes), and which cannot be read."""
    text = pc.utf8_lower(
        pc.utf8_trim_whitespace(columns.read_text(batch, "in_stock").values)
    )
    no = np.asarray(pc.is_in(text, pa.array(["0", "false"], text.type)))
    yes = np.asarray(pc.is_in(text, pa.array(["", "1", "true"], text.type)))
    return (~no).astype(np.int64), ~(no | yes)


def _texts(kept, settings):
    parts = (kept[name].to_pylist() for name in ("title", "brand", "category"))
    return pa.array(
        [
            compose_text(title, brand, category, settings.max_text_characters)
            for title, brand, category in zip(*parts, strict=True)
        ],
        pa.large_string(),
    )


def image_widths(items: pa.Table) -> np.ndarray:
    """Returns int64 [items], numbers in each image, 0 where there is none."""
    lengths = pc.fill_null(pc.list_value_length(items[IMAGE]), 0)
    return np.asarray(lengths, np.int64)


def shown(items: pa.Table) -> pa.Table:
    """Returns items as dead letters show them, lists as text."""
    names = items.column_names
    tags = pc.binary_join(items[TAGS], pa.scalar("|", pa.large_string()))
    images = pa.array(
        [
            f"{len(image)} numbers: {image[:4]}" if image else ""
            for image in items[IMAGE].to_pylist()
        ],
        pa.large_string(),
    )
    items = items.set_column(names.index(TAGS), TAGS, tags)
    return items.set_column(names.index(IMAGE), IMAGE, images)


def _letters(table, price, source, reasons):
    bad = reasons != ""
    given = table.set_column(
        table.column_names.index("price"), "price", pa.array(price.values)
    )
    letters = shown(given.filter(pa.array(bad)))
    return dead_letters(
        source, np.asarray(letters["row"]), reasons[bad], letters.drop(["row"])
    )
