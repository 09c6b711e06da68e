"""What all settings of nodes share: checks that name the field, and JSON."""

import dataclasses
import json
import typing

from schema.errors import DaogouError


class SettingsError(DaogouError, ValueError):
    """A setting has a value that is not allowed; the message says which."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """Base of the frozen settings of a node; travels as one JSON parameter.

    Subclasses are frozen keyword-only dataclasses of plain values (numbers,
    strings, booleans, tuples of them) that call `self.check(...)` in
    `__post_init__`.
    """

    def check(self, field: str, ok: bool, allowed: str) -> None:
        """Raises unless `ok`, naming the field, its value and what may be.

        Raises:
          SettingsError: `ok` is false.
        """
        if not ok:
            value = getattr(self, field)
            raise SettingsError(
                f"{type(self).__name__}.{field} is {value!r}; "
                f"allowed: {allowed}"
            )

    def to_json(self) -> str:
        """Returns the settings as JSON with sorted keys."""
        return json.dumps(
            dataclasses.asdict(self), sort_keys=True, ensure_ascii=False
        )

    @classmethod
    def from_json(cls, text: str) -> typing.Self:
        """Reads what `to_json` wrote.

        Raises:
          SettingsError: A field is unknown or a value is not allowed.
        """
        given = json.loads(text)
        known = {field.name for field in dataclasses.fields(cls)}
        if unknown := sorted(set(given) - known):
            raise SettingsError(
                f"{cls.__name__} has no field {unknown[0]!r}; "
                f"allowed: {', '.join(sorted(known))}"
            )
        return cls(
            **{
                name: tuple(value) if isinstance(value, list) else value
                for name, value in given.items()
            }
        )
