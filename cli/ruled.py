"""Options that say when and where is asked, and under which rules."""

import dataclasses
import functools
import pathlib
import typing

import click

from cli import moments
from schema.errors import DataError

if typing.TYPE_CHECKING:
    from serving.requests import Request
    from serving.rules.applying import RuledCalls
    from serving.rules.settings import Rule

_OPTIONS = (
    click.option(
        "--rules",
        type=click.Path(exists=True, dir_okay=False, path_type=pathlib.Path),
        default=None,
        metavar="FILE",
        help="Filter and boost as this TOML file says; `daogou rules --help`.",
    ),
    click.option(
        "--at",
        type=moments.Moment(),
        default=None,
        metavar="TIME",
        help="When: 2025-11-11, '2025-11-11 20:00' (UTC+8) or Unix seconds; "
        "the user's last event by default.",
    ),
    click.option("--scene", default=None, help="Where in the shop: home, …"),
    click.option("--city", default=None, help="Where the user is: 杭州, …"),
    click.option("--device", default=None, help="With what: ios, android, …"),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ruled:
    """When and where is asked; what is None stays as the log has it.

    Attributes:
      rules: A file of rules; None for none.
      at: Unix seconds.
      scene: Where in the shop.
      city: Where the user is.
      device: With what.
    """

    rules: pathlib.Path | None = None
    at: int | None = None
    scene: str | None = None
    city: str | None = None
    device: str | None = None

    def read(self) -> "tuple[Rule, ...]":
        """Reads the rules; none without a file.

        Raises:
          DataError: The file is not what it may be.
        """
        if self.rules is None:
            return ()
        from serving.rules.settings import read_rules

        return read_rules(self.rules)

    def request(self, request: "Request") -> "Request":
        """Returns a request at the moment and the place.

        Raises:
          DataError: The moment lies before the user's last event.
        """
        if self.at is not None and any(
            when > self.at for when in request.history_timestamps
        ):
            raise DataError(
                f"at is {self.at}, before the user's last event at "
                f"{request.timestamp}; allowed: that or later"
            )
        told: dict[str, typing.Any] = {
            "timestamp": self.at,
            "scene": self.scene,
            "city": self.city,
            "device": self.device,
        }
        known = {name: v for name, v in told.items() if v is not None}
        return dataclasses.replace(request, **known)

    def calls(self, model: typing.Any, data: pathlib.Path) -> typing.Any:
        """Returns what answers: the model, or the model under rules.

        Args:
          model: A client, or a servable of this process.
          data: Folder of the run's tables.

        Raises:
          DataError: The rules or the tables are not what they may be.
        """
        rules = self.read()
        return _under(model, rules, data) if rules else model

    def holding(self, request: "Request") -> tuple[str, ...]:
        """Returns the names of the rules that hold for a request.

        Raises:
          DataError: The rules are not what they may be.
        """
        return tuple(
            rule.name
            for rule in self.read()
            if rule.when.holds(
                request.timestamp,
                city=request.city,
                device=request.device,
                scene=request.scene,
            )
        )


def _under(model, rules, data) -> "RuledCalls":
    from serving.rules.applying import RuledCalls
    from serving.rules.shelf import read_shelf

    return RuledCalls(model, rules, read_shelf(data))


def ruled(command):
    """Adds the options; the command gets them as one object, `ruled`."""

    @functools.wraps(command)
    def called(*args, **given):
        names = [field.name for field in dataclasses.fields(Ruled)]
        chosen = {name: given.pop(name) for name in names}
        return command(*args, **given, ruled=Ruled(**chosen))

    for option in reversed(_OPTIONS):
        called = option(called)
    return called
