"""A group whose commands are imported when they are asked for."""

import importlib
from collections.abc import Mapping

import click


class LazyGroup(click.Group):
    """Finds each command where it stands, at the call that names it."""

    def __init__(self, *args, places: Mapping[str, str], **extra):
        """Makes the group.

        Args:
          *args: Go on to click.
          places: Name of a command and `module:attribute` of where it stands,
            in the order in which help lists them.
          **extra: Goes on to click.
        """
        super().__init__(*args, **extra)
        self._places = places

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Returns the names in the order of the places."""
        return list(self._places)

    def get_command(
        self, ctx: click.Context, cmd_name: str
    ) -> click.Command | None:
        """Returns the command of a name, or nothing where there is none."""
        if cmd_name not in self._places:
            return None
        module, _, attribute = self._places[cmd_name].partition(":")
        return getattr(importlib.import_module(module), attribute)
