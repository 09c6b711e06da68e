"""The table of all systems: a row each, the same metrics for all of them.

What the run itself measured comes from its own evaluation, the rest from what
`applications.figures` recorded afterwards. Where a metric makes no sense for a
system, the table says why.
"""

import dataclasses
import re
from collections.abc import Iterator

from pipeline.report.charts import escape
from pipeline.report.sections import number, section, table

# What figures call Daogou's own among those of others.
OURS = "daogou"
LIST_METRICS = ("precision", "recall", "f1", "ndcg", "coverage", "diversity")
METRICS = (*LIST_METRICS, "auc")
_HEADINGS = {
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "ndcg": "NDCG",
    "coverage": "coverage",
    "diversity": "diversity",
    "auc": "AUC",
}
_AT = re.compile(r"@(\d+)$")
_CUT = 10

_NO_CHANCES = "it puts items in order; how likely a choice is, the heads say"
_NO_LISTS = "it says how likely one thing is, and makes no list"
_ONE_ANSWER = "it gives one answer, right or wrong, and makes no list"
_RUN_AGAIN = "not among what was recorded; the command measures it"


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Known:
    """What can be measured after a run.

    Attributes:
      command: The words after `daogou`.
      without: Why some metrics make no sense, by their names.
    """

    command: str
    without: dict[str, str]


def _all_of(names: tuple[str, ...], reason: str) -> dict[str, str]:
    return dict.fromkeys(names, reason)


# By the name under which figures are recorded, in the order of the table.
SYSTEMS = {
    "personal_search": _Known(
        command="bench personal-search",
        without={"auc": _NO_CHANCES},
    ),
    "campaigns": _Known(command="bench campaigns", without={}),
    "intent": _Known(
        command="bench intent",
        without={"diversity": "its lists are of categories, not of items"},
    ),
    "ads": _Known(
        command="bench ads",
        without=_all_of(
            LIST_METRICS, "ads are ordered by money; revenue is what counts"
        )
        | {"auc": "the chances are those of the click head"},
    ),
    "churn": _Known(
        command="bench churn", without=_all_of(LIST_METRICS, _NO_LISTS)
    ),
    "understanding": _Known(
        command="bench classify", without=_all_of(METRICS, _ONE_ANSWER)
    ),
    "exploration": _Known(
        command="bench exploration",
        without=_all_of(
            ("precision", "recall", "f1", "diversity", "auc"),
            "pages are compared as a whole, by NDCG and by what new items get",
        )
        | {"coverage": "told of new and tail items alone, in its section"},
    ),
    "context": _Known(
        command="bench context",
        without=_all_of(
            ("coverage", "diversity"), "only the place of the target is asked"
        )
        | {"auc": _NO_CHANCES},
    ),
    "profile": _Known(
        command="bench profile", without=_all_of(METRICS, _ONE_ANSWER)
    ),
    "assistant": _Known(
        command="bench assistant", without=_all_of(METRICS, _ONE_ANSWER)
    ),
    "copywriting": _Known(
        command="bench copywriting",
        without=_all_of(METRICS, "it writes texts; claims are checked"),
    ),
}


def overview(facts: dict) -> dict:
    """Gathers the rows of the table.

    Args:
      facts: What `report.json` holds.

    Returns:
      `metrics`, the columns; and `systems`, a list of rows: `name`, `title`,
      `command` that measures it, `measured`, and of what was measured `at`
      (the cut-off of its lists, None without one), `figures` by metric, `of`,
      what a figure is of where the system has several, and `without`, why the
      other metrics have none.
    """
    preset = facts.get("preset", "")
    rows = [*_of_the_run(facts, f"daogou run --preset {preset}")]
    recorded = facts.get("systems", {})
    for name in dict.fromkeys((*SYSTEMS, *recorded)):
        if name in recorded:
            rows.append(_recorded(name, recorded[name]))
        else:
            rows.append(
                {
                    "name": name,
                    "title": name.replace("_", " ").capitalize(),
                    "command": (
                        f"daogou {SYSTEMS[name].command} --preset {preset}"
                    ),
                    "measured": False,
                }
            )
    return {"metrics": list(METRICS), "systems": rows}


def _of_the_run(facts: dict, command: str) -> Iterator[dict]:
    """Yields the rows of what the run's own evaluation measured."""
    similar = facts.get("similar", {}).get("models", {})
    for name, title, told in (
        (
            "retrieval",
            "Retrieval 召回",
            facts.get("retrieval", {}).get("model"),
        ),
        (
            "ranked",
            "Shown: ranked 排序后",
            facts.get("ranked", {}).get("overall"),
        ),
        (
            "similar",
            "Similar items 相似商品",
            similar.get("model", {}).get("overall"),
        ),
    ):
        row = {"name": name, "title": title, "command": command}
        if not told:
            yield row | {"measured": False}
            continue
        figures = {m: told.get(f"{m}@{_CUT}") for m in LIST_METRICS}
        yield row | _measured(figures, {"auc": _NO_CHANCES}, _CUT)
    for head, told in facts.get("ranking", {}).items():
        yield {
            "name": f"ranking.{head}",
            "title": f"Ranking head: {head} 排序",
            "command": command,
            **_measured(
                {"auc": told.get("auc")}, _all_of(LIST_METRICS, _NO_LISTS)
            ),
        }


def _recorded(name: str, system: dict) -> dict:
    """Makes the row of a system of what was recorded of it."""
    figures: dict[str, float | None] = {}
    parts: dict[str, str] = {}
    at = None
    for figure in system["figures"]:
        metric = figure.get("column", "")
        if not metric or metric in figures:
            continue
        figures[metric] = figure["values"][OURS]
        if part := figure["part"]:
            parts[metric] = f"{figure['metric']}: {part}"
        if cut := _AT.search(figure["metric"]):
            at = int(cut[1])
    return {
        "name": name,
        "title": f"{system['title']} {system['chinese']}",
        "command": system["command"],
        **_measured(
            figures, SYSTEMS[name].without if name in SYSTEMS else {}, at
        ),
        "of": parts,
    }


def _measured(
    figures: dict[str, float | None],
    without: dict[str, str],
    at: int | None = None,
) -> dict:
    known = {m: value for m, value in figures.items() if value is not None}
    return {
        "measured": True,
        "at": at,
        "figures": known,
        "without": {
            metric: without.get(metric, _RUN_AGAIN)
            for metric in METRICS
            if metric not in known
        },
    }


def overview_section(facts: dict) -> str:
    """The table, with a footnote for each reason why a figure is missing."""
    told = facts.get("overview")
    if not told:
        return ""
    notes: dict[str, int] = {}
    rows = []
    for row in told["systems"]:
        if not row["measured"]:
            rows.append(
                (
                    escape(row["title"]),
                    f'<td class="note" colspan="{len(METRICS) + 1}">not '
                    "measured on this run; "
                    f"<code>{escape(row['command'])}</code> measures it</td>",
                )
            )
            continue
        rows.append(
            (
                escape(row["title"]),
                number(row["at"]),
                *(_cell(row, metric, notes) for metric in METRICS),
            )
        )
    listed = "<br/>".join(
        f"<sup>{place}</sup> {escape(reason)}"
        for reason, place in notes.items()
    )
    return section(
        "All systems",
        "全部系统",
        "Daogou's own figures, one row a system; what stands beside them as a "
        "baseline is in the sections below. Each row has questions of its own, "
        "so figures compare within a column only where the questions are the "
        "same, as those of retrieval and of what is shown.",
        table(("", "k", *_HEADINGS.values()), rows)
        + (f'<p class="said">{listed}</p>' if listed else ""),
    )


def _cell(row, metric, notes):
    if metric in row["figures"]:
        shown = number(row["figures"][metric])
        if part := row.get("of", {}).get(metric):
            return f'<span title="{escape(part)}">{shown}</span>'
        return shown
    reason = row["without"][metric]
    place = notes.setdefault(reason, len(notes) + 1)
    return f"–<sup>{place}</sup>"
