"""What a search tries: `model.dimension=32|64`, `training.clip_norm=1..9`."""

import dataclasses
import typing
from collections.abc import Mapping, Sequence

from models.settings import ModelSettings, TrainingSettings
from schema.settings import SettingsError

Value: typing.TypeAlias = int | float | bool
_OWNERS = {"model": ModelSettings, "training": TrainingSettings}
# Other nodes have them too, or trials would not compare.
_FIXED = {
    *("heads", "positive_event_types", "exclude_seen", "max_history"),
    *("score_weights", "seed", "validation_share", "validation_steps"),
}
_BOOLEANS = {"true": True, "false": False}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dimension:
    """One setting, and the values that it may take.

    Attributes:
      name: `model.` or `training.` and the field.
      choices: Of these one; empty for a range.
      low: Of a range.
      high: Of a range, included.
      log: Whether magnitudes are drawn evenly, and not values.
      whole: Whether the values of a range are integers.
    """

    name: str
    choices: tuple[Value, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False

    def including(self, value: Value) -> "Dimension":
        """Returns the same with a value in it."""
        if self.choices:
            if value in self.choices:
                return self
            return dataclasses.replace(self, choices=(value, *self.choices))
        return dataclasses.replace(
            self, low=min(self.low, value), high=max(self.high, value)
        )


def parse(lines: Sequence[str]) -> list[Dimension]:
    """Reads what is to be tried.

    Args:
      lines: As in `TuningSettings.space`.

    Raises:
      SettingsError: A line is no such form, names a field that cannot be
        tuned, or has a value that is not of its type.
    """
    found = [_parse(line) for line in lines]
    names = [dimension.name for dimension in found]
    if twice := {name for name in names if names.count(name) > 1}:
        raise SettingsError(
            f"TuningSettings.space has {min(twice)!r} twice; allowed: once"
        )
    return found


def apply(
    values: Mapping[str, Value],
    model: ModelSettings,
    training: TrainingSettings,
) -> tuple[ModelSettings, TrainingSettings]:
    """Puts values in the place of settings.

    Args:
      values: By name, `model.dimension`; others than those are left out.
      model: Gets those of `model.`.
      training: Gets those of `training.`.

    Raises:
      SettingsError: Values do not go together.
    """
    changes: dict[str, dict] = {owner: {} for owner in _OWNERS}
    for name, value in values.items():
        owner, _, field = name.partition(".")
        if owner in changes:
            changes[owner][field] = value
    return (
        dataclasses.replace(model, **changes["model"]),
        dataclasses.replace(training, **changes["training"]),
    )


def current(
    lines: Sequence[str], model: ModelSettings, training: TrainingSettings
) -> dict[str, Value]:
    """Returns the values that the settings of a space have now, by name."""
    owners = {"model": model, "training": training}
    return {
        dimension.name: getattr(owners[owner], field)
        for dimension in parse(lines)
        for owner, _, field in [dimension.name.partition(".")]
    }


def _parse(line: str) -> Dimension:
    name, equals, values = line.partition("=")
    owner, _, field = name.strip().partition(".")
    kinds = {
        f"{owner}.{f.name}": f.type
        for owner, settings in _OWNERS.items()
        for f in dataclasses.fields(settings)
        if f.name not in _FIXED
    }
    name = f"{owner}.{field}"
    if name not in kinds:
        raise SettingsError(
            f"TuningSettings.space has {line!r}; allowed: NAME=VALUES, NAME "
            f"one of {', '.join(sorted(kinds))}"
        )
    kind = kinds[name]
    if not equals or not values.strip():
        raise _no_value(line, kind)
    if ".." not in values:
        choices = tuple(_value(v, kind, line) for v in values.split("|"))
        return Dimension(name=name, choices=choices)
    words, _, log = values.strip().partition(" ")
    low, high = (_value(v, kind, line) for v in words.split("..", 1))
    if kind is bool or not low < high or log not in ("", "log"):
        raise _no_value(line, kind)
    if log and low <= 0:
        raise _no_value(line, kind)
    return Dimension(
        name=name, low=low, high=high, log=bool(log), whole=kind is int
    )


def _value(text: str, kind: typing.Any, line: str) -> Value:
    text = text.strip()
    try:
        return _BOOLEANS[text.lower()] if kind is bool else kind(text)
    except (KeyError, ValueError, TypeError) as error:
        raise _no_value(line, kind) from error


def _no_value(line, kind):
    forms = "true|false" if kind is bool else "A|B|C, A..B or A..B log (A > 0)"
    return SettingsError(
        f"TuningSettings.space has {line!r}; allowed: NAME={forms}, of type "
        f"{getattr(kind, '__name__', kind)}"
    )
