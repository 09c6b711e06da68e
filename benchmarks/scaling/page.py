"""The tables of `docs/scaling.md`, of what was measured.

`python -m benchmarks.scaling.page FIGURES --into docs/scaling.md` puts those
of a file that `daogou bench scaling --json` wrote into the page.
"""

import argparse
import json
import pathlib

from benchmarks.scaling import stages

# Each table stands between two such lines.
_MARK = "<!-- {} -->"


def measured_table(result: dict) -> str:
    """Returns a row for each stage, as Markdown.

    Args:
      result: Of `comparison.bench`.
    """
    lines = [
        "| stage | what grows | sizes | processor seconds | most memory, MB "
        "| exponent |",
        "|---|---|---|---|---|---|",
    ]
    for row in result["stages"]:
        found = row["measured"]
        most = _joined(f"{one['peak_mb']:,.0f}" for one in found)
        lines.append(
            f"| `{row['name']}`: {row['about']} | {row['grows']} | "
            f"{_joined(f'{size:,}' for size in row['sizes'])} | "
            f"{_joined(_figure(one['cpu_seconds']) for one in found)} | "
            f"{most} | "
            f"{row['exponent']:.2f} |"
        )
    return "\n".join(lines)


def computed_table(result: dict) -> str:
    """Returns a row for each figure at 100 million, as Markdown."""
    lines = ["| what | arithmetic | comes to |", "|---|---|---|"]
    for row in result["computed"]:
        kind = "" if row["measured"] else " (sizes alone)"
        lines.append(
            f"| {row['what']} | {row['arithmetic']}{kind} | "
            f"{row['value']:,} {row['unit']} |"
        )
    return "\n".join(lines)


def not_measured(result: dict) -> list[str]:
    """Names the stages that are not among the figures."""
    there = {row["name"] for row in result["stages"]}
    return [s.name for s in stages.STAGES if s.name not in there]


def with_tables(text: str, result: dict) -> str:
    """Returns a page with the tables of figures in the place of its own.

    Args:
      text: Of the page, with lines `<!-- measured -->`, `<!-- computed -->`
        before and behind the place of each table.
      result: Of `comparison.bench`.
    """
    for name, table in (
        ("measured", measured_table(result)),
        ("computed", computed_table(result)),
    ):
        mark = _MARK.format(name)
        before, _, rest = text.partition(mark)
        _, _, after = rest.partition(mark)
        text = f"{before}{mark}\n{table}\n{mark}{after}"
    return text


def _joined(words):
    return " · ".join(words)


def _figure(value):
    return f"{value:,.1f}" if value >= 10 else f"{value:.3g}"


def main() -> None:
    """Puts the tables into a page, or prints them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figures", type=pathlib.Path)
    parser.add_argument("--into", type=pathlib.Path)
    given = parser.parse_args()
    result = json.loads(given.figures.read_text(encoding="utf-8"))
    if given.into is None:
        print(measured_table(result), computed_table(result), sep="\n\n")
        return
    text = given.into.read_text(encoding="utf-8")
    given.into.write_text(with_tables(text, result), encoding="utf-8")


if __name__ == "__main__":
    main()
