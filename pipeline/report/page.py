"""Puts the report together as one self-contained HTML page."""

import datetime

from pipeline.report.charts import Bar, bars, escape
from pipeline.report.overview import overview_section
from pipeline.report.people import people_section
from pipeline.report.results import CACHED, FAILED, SUCCEEDED
from pipeline.report.retrieval import retrieval_section
from pipeline.report.sections import (
    data_section,
    number,
    ranking_section,
    section,
    table,
    training_section,
    tuning_section,
)
from pipeline.report.systems import systems_section
from pipeline.report.theme import STYLE


def page(facts: dict, titles: dict[str, str]) -> str:
    """Returns the page.

    Args:
      facts: What `report.json` holds.
      titles: Item id → title of the items shown.
    """
    body = "".join(
        [
            _header(facts),
            _banners(facts),
            _cards(facts),
            overview_section(facts),
            people_section(facts, titles),
            retrieval_section(facts),
            ranking_section(facts),
            systems_section(facts),
            _gate_section(facts),
            data_section(facts),
            tuning_section(facts),
            training_section(facts),
            _serving_section(facts),
            _nodes_section(facts),
            _footer(facts),
        ]
    )
    return (
        '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(facts['dataset'])} · Daogou 导购</title>"
        f"<style>{STYLE}</style></head><body><main>{body}</main></body></html>\n"
    )


def _header(facts):
    succeeded = facts["status"] == SUCCEEDED
    tone = "good" if succeeded else "bad"
    word = "succeeded 成功" if succeeded else "failed 失败"
    started = datetime.datetime.fromtimestamp(
        facts["started_at"], datetime.UTC
    ).strftime("%Y-%m-%d %H:%M UTC")
    return (
        '<header><div class="kicker">Daogou 导购 · 运行报告</div>'
        f"<h1>{escape(facts['dataset'])}</h1>"
        f'<p><span class="pill {tone}">{word}</span> preset '
        f"<code>{escape(facts['preset'])}</code> · {started} · "
        f"{_duration(facts['total_seconds'])}</p></header>"
    )


def _banners(facts):
    shown = ""
    if facts["simulated"]:
        shown += (
            '<div class="banner"><strong>SIMULATED DATA 模拟数据</strong> — '
            "these shoppers, items and events were made up by a program. "
            "No figure on this page says how well it works in a real shop."
            "</div>"
        )
    if facts["failure"]:
        shown += (
            '<div class="banner bad"><strong>The run failed</strong> — '
            f"{escape(facts['failure'])}</div>"
        )
    return shown


def _cards(facts):
    cards = []
    retrieval = facts.get("retrieval")
    if retrieval:
        own = retrieval["model"]["recall@50"]
        name, best = max(
            (
                (name, retrieval[key]["recall@50"])
                for name, key in (
                    ("popularity", "popularity"),
                    ("item-kNN", "item_knn"),
                )
            ),
            key=lambda pair: pair[1],
        )
        ratio = f"{own / best:.2f} × {name}" if best else f"{name} finds none"
        cards.append((f"{100 * own:.1f}%", f"recall@50, {ratio}"))
    for head, figures in facts.get("ranking", {}).items():
        if figures["auc"] is not None:
            cards.append((f"{figures['auc']:.3f}", f"AUC of {head}"))
    index = facts.get("index", {})
    if index.get("recall@100") is not None:
        items = number(index.get("items"))
        cards.append(
            (
                f"{100 * index['recall@100']:.1f}%",
                f"of the exact top 100 found by the index of {items} items",
            )
        )
    events = facts["counts"].get("events", {})
    if events.get("in"):
        cards.append((_short(events["in"]), "events read"))
    drawn = "".join(
        f'<div class="card"><b>{escape(value)}</b><span>{escape(label)}</span>'
        "</div>"
        for value, label in cards
    )
    return f'<div class="cards">{drawn}</div>' if drawn else ""


def _gate_section(facts):
    gate = facts.get("gate")
    if not gate:
        return ""
    rows = []
    for check in gate["checks"]:
        if not check["made"]:
            word = '<span class="pill">not judged</span>'
        elif check["ok"]:
            word = '<span class="pill good">passed</span>'
        else:
            word = '<span class="pill bad">failed</span>'
        rows.append(
            (
                word,
                escape(check["metric"]),
                number(check["value"]),
                f"{check['relation']} {check['threshold']:.4g}",
                f'<td class="note">{escape(check["note"])}</td>',
            )
        )
    return section(
        "Quality gate",
        "质量门禁",
        "Only a model that passes all of these is pushed.",
        table(("", "figure", "value", "must be", ""), rows),
    )


def _serving_section(facts):
    servable = facts.get("servable")
    if not servable:
        return ""
    rows = [
        (f"<code>{escape(name)}</code>", number(entry.get("milliseconds"), 1))
        for name, entry in servable.get("signatures", {}).items()
    ]
    body = table(("signature", "median ms a call"), rows) if rows else ""
    if servable["path"]:
        body += (
            f'<p class="said">version <code>{escape(servable["version"])}'
            f"</code> in <code>{escape(servable['path'])}</code></p>"
        )
    lead = (
        "One SavedModel answers all of these."
        if servable["path"]
        else "Measured, but not pushed."
    )
    return section("Serving", "服务", lead, body)


def _nodes_section(facts):
    tones = {CACHED: "faint", FAILED: "bad"}
    shown = [
        Bar(
            f"{name}" + ("" if state not in tones else f" ({state})"),
            facts["seconds"][name],
            _duration(facts["seconds"][name]),
            tones.get(state, "item_knn"),
        )
        for name, state in facts["nodes"].items()
    ]
    if not shown:
        return ""
    cached = sum(state == CACHED for state in facts["nodes"].values())
    return section(
        "Time",
        "用时",
        f"{len(shown)} nodes, {cached} of them from the cache, in "
        f"{_duration(facts['total_seconds'])}.",
        bars(shown),
    )


def _footer(facts):
    files = [
        f"{name} <code>{escape(facts[name]['path'])}</code>"
        for name in ("histories", "catalogue")
        if name in facts
    ]
    files.insert(0, "The same figures for machines: <code>report.json</code>")
    return f"<footer>{' · '.join(files)}</footer>"


def _duration(seconds: float) -> str:
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def _short(count: int) -> str:
    if count < 10_000:
        return f"{count:,}"
    if count < 1_000_000:
        return f"{count / 1000:.0f}k"
    return f"{count / 1e6:.1f}M"
