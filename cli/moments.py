"""Moments in time as people write them, in the shop's local time."""

import datetime

import click

_LOCAL = datetime.timezone(datetime.timedelta(hours=8))


class Moment(click.ParamType):
    """A date, a date and a time, or Unix seconds; becomes Unix seconds."""

    name = "moment"

    def convert(self, value, param, ctx) -> int:
        """Reads one.

        >>> Moment().convert("2025-11-11", None, None)
        1762790400
        >>> Moment().convert("2025-11-11 08:00", None, None)
        1762819200
        """
        if isinstance(value, int):
            return value
        if value.isdigit() and len(value) > 8:
            return int(value)
        try:
            moment = datetime.datetime.fromisoformat(value)
        except ValueError:
            self.fail(
                f"{value!r} is no moment; allowed: 2025-11-11, "
                "'2025-11-11 08:00' (UTC+8) or Unix seconds",
                param,
                ctx,
            )
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=_LOCAL)
        return int(moment.timestamp())


as_of = click.option(
    "--as-of",
    "as_of",
    type=Moment(),
    default=None,
    metavar="TIME",
    help="Only what happened before counts: 2025-11-11, '2025-11-11 08:00' "
    "(UTC+8) or Unix seconds; the end of the log by default.",
)
