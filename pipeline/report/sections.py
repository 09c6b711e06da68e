"""The sections of the report about data, training and ranking.

Each takes the facts and returns HTML; without what it needs it returns a word
in its place or nothing.
"""

import math
from collections.abc import Iterable, Sequence

from pipeline.report.charts import (
    Bar,
    Line,
    bars,
    calibration_chart,
    escape,
    line_chart,
    share_bar,
)
from schema.contract import ITEM_EVENT_TYPES

METHOD_NAMES = {
    "model": "Daogou",
    "popularity": "Popularity",
    "item_knn": "Item-kNN",
}
# From the top of the funnel, with the words that shoppers' logs use.
_EVENT_NAMES = {
    "impression": "impression 曝光",
    "view": "view 浏览",
    "click": "click 点击",
    "favorite": "favorite 收藏",
    "cart": "cart 加购",
    "uncart": "uncart 移出购物车",
    "buy": "buy 购买",
    "search": "search 搜索",
    "campaign_view": "campaign view 活动浏览",
    "campaign_join": "campaign join 参加活动",
}
_RANKING = {
    "auc": "AUC",
    "log_loss": "log loss",
    "prior_log_loss": "prior log loss",
    "mean_prediction": "mean prediction",
    "mean_label": "mean label",
    "positives": "positives",
    "examples": "examples",
}


def section(title: str, chinese: str, lead: str, body: str) -> str:
    """Frames a section; `lead` says in a sentence what is seen."""
    return (
        f"<section><h2>{escape(title)}<small>{escape(chinese)}</small></h2>"
        f"<p>{escape(lead)}</p>{body}</section>"
    )


def number(value: float | None, digits: int = 4) -> str:
    """Writes a figure; whole numbers with thousands, `–` for none."""
    if value is None or not math.isfinite(value):
        return "–"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.{digits}f}"


def table(
    header: Sequence[str], rows: Iterable[Sequence[str]], lead: int = -1
) -> str:
    """Makes a table; cells are HTML already, row `lead` stands out."""
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "".join(
        f"<tr{' class=lead' if place == lead else ''}>"
        + "".join(
            cell if cell.startswith("<td") else f"<td>{cell}</td>"
            for cell in row
        )
        + "</tr>"
        for place, row in enumerate(rows)
    )
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def data_section(facts: dict) -> str:
    """What came in, what was kept, and the funnel of events."""
    counts = facts["counts"]
    events = counts.get("events")
    if not events:
        return section(
            "Data", "数据", "The run stopped before the log was read.", ""
        )
    tones = {
        "kept": "good",
        "deduplicated": "faint",
        "bots": "other",
        "quarantined": "bad",
    }
    shares = share_bar(
        [
            Bar(name, events.get(name, 0), number(events.get(name, 0)), tone)
            for name, tone in tones.items()
        ]
    )
    parts = [shares]
    types = counts.get("event_types", {})
    shown = _funnel(types)
    if shown:
        parts.append(f"<h3>Funnel of events 漏斗</h3>{bars(shown)}")
    rows = [
        (escape(label), number(count))
        for label, count in _data_rows(counts)
        if count is not None
    ]
    if rows:
        parts.append(f"<h3>In numbers</h3>{table(('', 'count'), rows)}")
    parts.append(_categories(counts.get("categories", {})))
    reasons = {
        **counts.get("quarantined_by_reason", {}),
        **{
            f"item: {reason}": count
            for reason, count in counts.get(
                "items_quarantined_by_reason", {}
            ).items()
        },
    }
    reasons = {reason: count for reason, count in reasons.items() if count}
    if reasons:
        rows = [
            (escape(reason), number(count))
            for reason, count in sorted(reasons.items(), key=lambda r: -r[1])
        ]
        parts.append(
            "<details><summary>Why rows were quarantined</summary>"
            f"{table(('reason', 'rows'), rows)}</details>"
        )
    return section(
        "Data",
        "数据",
        f"{number(events.get('in'))} events came in; every one of them is "
        "kept, a duplicate, a bot's, or quarantined with its reason.",
        "".join(parts),
    )


def _categories(found: dict) -> str:
    """Says which categories were filled in and how often that is right."""
    if not found.get("lacking"):
        return ""
    told = (
        f"{number(found['lacking'])} items lack a category; "
        f"{number(found['filled'])} of them got one from their words, marked "
        "as inferred."
    )
    if found.get("why_not"):
        told += f" {found['why_not']}."
    else:
        told += (
            f" Of {number(found['held_out'])} items that were held out it is "
            f"right for {found['accuracy']:.1%}; a category is filled in where "
            f"its chance is at least {number(found['threshold'])}, as for "
            f"{found['answered']:.1%} of them, {found['precision']:.1%} of "
            f"which are right (wanted: {found['wanted_precision']:.1%})."
        )
    return f"<h3>Categories filled in 类目补全</h3><p>{escape(told)}</p>"


def _funnel(types: dict[str, int]) -> list[Bar]:
    """Bars of the event types, steps of the funnel with their share of it."""
    top = next((types[n] for n in _EVENT_NAMES if types.get(n)), 0)
    shown = []
    for name, label in _EVENT_NAMES.items():
        count = types.get(name)
        if not count:
            continue
        text = number(count)
        if name in ITEM_EVENT_TYPES and count != top:
            text += f" · {100 * count / top:.1f}%"
        tone = "item_knn" if name in ITEM_EVENT_TYPES else "faint"
        shown.append(Bar(label, count, text, tone))
    return shown


def _data_rows(counts):
    yield "users", counts.get("users")
    yield "sessions", counts.get("sessions")
    yield "items in the catalogue", counts.get("items", {}).get("kept")
    yield "distinct queries", counts.get("queries")
    for split, examples in counts.get("examples", {}).items():
        yield f"examples, split {split}", examples


def tuning_section(facts: dict) -> str:
    """What was tried, the best first."""
    trials = facts.get("tuning")
    if not trials:
        return ""
    names = [name for name in trials[0] if name not in ("trial_id", "score")]
    rows = [
        [
            number(trial["score"]),
            *(
                escape(
                    f"{trial[name]:.4g}"
                    if isinstance(trial[name], float)
                    else str(trial[name])
                )
                for name in names
            ),
        ]
        for trial in trials
    ]
    return section(
        "Tuning",
        "调参",
        "Settings that were tried, by what they reached on choices held out "
        "of the training period; the model was trained with the first.",
        table(("held out", *names), rows, 0),
    )


def training_section(facts: dict) -> str:
    """The curves of both phases of training."""
    history = facts.get("training")
    if not history:
        return ""
    charts = []
    told = "What the training minimised, and what it reached on data that was "
    told += "held out of it."
    for row in history.get("neighbours", ()):
        told += (
            f" The weights of neighbours were learned on {row['targets']:,} "
            f"held-out targets: their loss went from {row['loss_before']:.3f} "
            f"to {row['loss_after']:.3f}."
        )
    for phase in ("retrieval", "ranking"):
        rows = history.get(phase, ())
        names = [
            name
            for name in (rows[0] if rows else ())
            if name not in ("epoch", "seconds")
        ]
        # What is minimised first, then what is held out.
        for held_out in (False, True):
            for name in names:
                if name.startswith("val_") is not held_out:
                    continue
                points = [
                    (row["epoch"], row[name])
                    for row in rows
                    if isinstance(row.get(name), int | float)
                ]
                tone = "good" if held_out else "model"
                title = f"{phase}: {name}"
                if held_out:
                    what = name.removeprefix("val_")
                    # A phase that is named after itself holds out its loss,
                    # negative, so that higher is better.
                    what = "−loss" if what == phase else what
                    title = f"{phase}, held out: {what}"
                line = Line(name, points, tone)
                charts.append(line_chart(title, [line], "epoch"))
    return section(
        "Training",
        "训练",
        told,
        f'<div class="charts">{"".join(charts)}</div>',
    )


def ranking_section(facts: dict) -> str:
    """The ranking heads beside a prediction of the mean, by slice."""
    ranking = facts.get("ranking")
    if not ranking:
        return section(
            "Ranking", "排序", "The run stopped before this was measured.", ""
        )
    rows = [
        (escape(head), *(_ranking_cell(figures, key) for key in _RANKING))
        for head, figures in ranking.items()
    ]
    slices = [
        (
            escape(head),
            escape(name),
            *(_ranking_cell(figures, key) for key in _RANKING),
        )
        for head, by_slice in facts.get("ranking_slices", {}).items()
        for name, figures in by_slice.items()
    ]
    charts = "".join(
        calibration_chart(head, buckets)
        for head, buckets in facts.get("calibration", {}).items()
    )
    body = table(("head", *_RANKING.values()), rows)
    if charts:
        body += (
            "<h3>Calibration 校准: what was predicted, what happened</h3>"
            f'<div class="charts">{charts}</div>'
        )
    if slices:
        body += (
            "<details><summary>By device and scene</summary>"
            f"{table(('head', 'slice', *_RANKING.values()), slices)}</details>"
        )
    return section(
        "Ranking",
        "排序",
        "Each head predicts one step of the funnel. The prior is what saying "
        "the mean label to everybody would cost; below it is better.",
        body,
    )


def _ranking_cell(figures, key):
    text = number(figures.get(key))
    if key != "log_loss" or figures.get("prior_log_loss") is None:
        return text
    better = (figures.get(key) or math.inf) < figures["prior_log_loss"]
    tone = "good-text" if better else "bad-text"
    return f'<span class="{tone}">{text}</span>'
