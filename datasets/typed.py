"""Reads columns of any Arrow type as the types of the contract."""

import dataclasses
import pathlib

import pyarrow as pa
import pyarrow.compute as pc

from datasets import values
from schema.contract import Column
from schema.errors import DataError

_TRUE = ("true", "t", "yes", "y", "1", "是", "有")
_FALSE = ("false", "f", "no", "n", "0", "否", "无")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reading:
    """How values of a source are written.

    Attributes:
      list_separator: Between the values of a list that is text.
      units_per_second: Of numbers in time columns.
      time_format: Of text in time columns, `""` where it is a number.
      utc_offset_hours: Of times that do not name their zone.
    """

    list_separator: str = "|"
    units_per_second: int = 1
    time_format: str = ""
    utc_offset_hours: float = 8.0

    def read(
        self, array: values.Column, column: Column, path: pathlib.Path
    ) -> tuple[values.Column, int]:
        """Returns a column in the contract's type.

        Args:
          array: As the file has it.
          column: What the contract says of it.
          path: The file, for the error.

        Returns:
          The column, and how many values were there and became null.

        Raises:
          DataError: The file's type cannot be read as the contract's.
        """
        try:
            array = _plain(array)
            if column.is_time:
                read = self._times(array)
            elif column.dtype.startswith("list<"):
                read = self._lists(array, column.dtype)
            else:
                read = _SCALARS[column.dtype](array)
                if column.name.endswith("_id"):
                    # As `1.0` and `1` the two tables would not join.
                    read = values.to_ids(read)
        except (pa.ArrowException, TypeError) as error:
            raise DataError(
                f"{path}, column {column.name!r}: its type {array.type} "
                f"cannot be read as {column.dtype}: {error}"
            ) from error
        if pa.types.is_string(array.type):
            return read, values.count_unreadable(array, read)
        return read, read.null_count - array.null_count

    def _times(self, array):
        """Returns Unix seconds, UTC."""
        if pa.types.is_date(array.type):
            array = pc.cast(array, pa.timestamp("s"))
        if pa.types.is_timestamp(array.type):
            seconds = pc.cast(
                pc.cast(array, pa.timestamp("s", array.type.tz), safe=False),
                pa.int64(),
            )
            if array.type.tz:
                return seconds
            return pc.subtract(seconds, round(self.utc_offset_hours * 3600))
        if pa.types.is_string(array.type) and self.time_format:
            return values.to_seconds(
                array, self.time_format, self.utc_offset_hours
            )
        number = _integers(array)
        if self.units_per_second == 1:
            return number
        return pc.divide(number, self.units_per_second)

    def _lists(self, array, dtype):
        """Returns lists; text is split, lists are cast."""
        inner = pa.string() if dtype == "list<string>" else pa.float32()
        if pa.types.is_string(array.type):
            array = values.split_known(array, self.list_separator)
            if not pa.types.is_string(inner):
                return _split_floats(array)
        return pc.cast(array, pa.list_(inner), safe=False)


def _split_floats(lists):
    """Returns lists of numbers, null where one of a list is no number."""
    if isinstance(lists, pa.ChunkedArray):
        lists = lists.combine_chunks()
    numbers = pc.cast(
        values.to_floats(lists.flatten()), pa.float32(), safe=False
    )
    bad = pc.unique(
        pc.filter(pc.list_parent_indices(lists), pc.is_null(numbers))
    )
    row = pa.array(range(len(lists)), pa.int64())
    wrong = pc.or_(pc.is_in(row, value_set=bad), pc.is_null(lists))
    lengths = pc.fill_null(pc.list_value_length(lists), 0)
    offsets = pa.concat_arrays(
        [pa.array([0], pa.int32()), pc.cumulative_sum(lengths).cast(pa.int32())]
    )
    return pa.ListArray.from_arrays(offsets, numbers, mask=wrong)


def _plain(array):
    """Returns text as plain strings, whatever kind of text it is."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        array = pc.cast(array, kind.value_type)
        kind = array.type
    if (
        pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
    ):
        return pc.cast(array, pa.string())
    return array


def _strings(array):
    """Returns text; whole numbers stored as floats lose their `.0`."""
    if pa.types.is_string(array.type):
        return values.known(array)
    if pa.types.is_floating(array.type):
        array = _finite(array)
        whole = pc.and_(
            pc.equal(array, pc.floor(array)), pc.less(pc.abs(array), 2.0**53)
        )
        number = pc.cast(pc.if_else(whole, array, 0.0), pa.int64())
        return pc.if_else(
            whole, pc.cast(number, pa.string()), pc.cast(array, pa.string())
        )
    return pc.cast(array, pa.string())


def _finite(array):
    """Returns floats with null for NaN, which pandas writes for a gap."""
    return pc.if_else(pc.is_finite(array), array, pa.scalar(None, array.type))


def _integers(array):
    """Returns int64; text and floats are cut towards zero."""
    if pa.types.is_string(array.type):
        return values.to_integers(array)
    if pa.types.is_floating(array.type):
        array = _finite(array)
    return pc.cast(array, pa.int64(), safe=False)


def _floats(array):
    """Returns float32."""
    if pa.types.is_string(array.type):
        array = values.to_floats(array)
    return pc.cast(array, pa.float32(), safe=False)


def _booleans(array):
    """Returns bool, null where it is neither yes nor no."""
    if not pa.types.is_string(array.type):
        return pc.cast(array, pa.bool_())
    text = pc.utf8_lower(pc.utf8_trim_whitespace(array))
    yes = pc.is_in(text, value_set=pa.array(_TRUE))
    no = pc.is_in(text, value_set=pa.array(_FALSE))
    return pc.if_else(pc.or_(yes, no), yes, pa.scalar(None, pa.bool_()))


_SCALARS = {
    "string": _strings,
    "int64": _integers,
    "float32": _floats,
    "bool": _booleans,
}
