"""Writes `schema/README.md` from the contract: `python -m schema.page`."""

import pathlib

from schema import contract

PATH = pathlib.Path(__file__).parent / "README.md"

_INTRO = """# The data contract

Four tables, each a folder of Parquet files named after it. Only
{required} are needed: what else is missing costs quality, never a crash.
`datasets/` turns public data, and your own CSV or Parquet, into them.

This page is written by `python -m schema.page` from `schema/contract.py`;
`schema/<table>.pbtxt` says the same to TensorFlow Data Validation.

- Text is UTF-8. A value that is not known is null; `""` means the same.
- Times are Unix seconds, UTC. Milliseconds are not guessed at: such rows are
  put aside and counted.
- A bad row does not stop a run. It is put aside with its reason, and counted
  in the report. A wrong file does: a required column that is missing or
  mostly empty, a wrong type, or mostly unknown event types.
"""
_TITLES = {
    "events": "One row an event: what a user did, and when.",
    "items": "One row an item of the catalogue; of duplicates the last counts.",
    "users": "One row a user; may be absent.",
    "campaigns": "One row a campaign; may be absent.",
}


def _rows(*rows):
    """Returns a Markdown table; the first row is its head."""
    head, *body = (f"| {' | '.join(row)} |" for row in rows)
    return [head, "|" + "---|" * len(rows[0]), *body]


def render() -> str:
    """Returns the page: every table, column and event type."""
    required = " and ".join(f"`{name}`" for name in contract.REQUIRED_TABLES)
    lines = [_INTRO.format(required=required)]
    for name, columns in contract.TABLES.items():
        lines += [f"## {name}", "", _TITLES[name], ""]
        lines += _rows(
            ("column", "type", "required", "meaning and unit", "example"),
            *(
                (
                    f"`{column.name}`",
                    f"`{column.dtype}`",
                    "yes" if column.required else "",
                    column.unit,
                    column.example,
                )
                for column in columns
            ),
        )
        lines.append("")
    lines += ["## Event types", ""]
    lines += _rows(
        ("event type", "meaning"),
        *(
            (f"`{name}`", meaning)
            for name, meaning in contract.EVENT_MEANINGS.items()
        ),
    )
    kinds = ", ".join(f"`{kind}`" for kind in contract.CAMPAIGN_KINDS)
    lines += ["", f"A campaign's `kind` is one of {kinds}.", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    PATH.write_text(render(), encoding="utf-8")
