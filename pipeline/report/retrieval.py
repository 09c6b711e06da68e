"""The section of the report about retrieval: the model beside baselines."""

from pipeline.report.charts import Bar, bars, escape, legend
from pipeline.report.facts import METHODS
from pipeline.report.sections import METHOD_NAMES, number, section, table

_METRICS = ("recall@10", "recall@50", "ndcg@10", "mrr", "coverage@10")
# Of all queries alone.
_OF_ALL = {
    "precision@10": "precision@10",
    "f1@10": "F1@10",
    "diversity@10": "diversity@10",
    "recall@50_by_item": "recall@50 by item",
}


def retrieval_section(facts: dict) -> str:
    """The model beside its baselines, overall and by slice."""
    retrieval = facts.get("retrieval")
    if not retrieval:
        return section(
            "Retrieval", "召回", "The run stopped before this was measured.", ""
        )
    rows = [
        (
            f'<span class="dot {method}"></span>{METHOD_NAMES[method]}',
            *(
                number(retrieval[method].get(name))
                + _interval(facts, method, name)
                for name in _METRICS
            ),
            *(number(retrieval[method].get(name)) for name in _OF_ALL),
        )
        for method in METHODS
    ]
    slices = facts.get("retrieval_slices", {})
    # One scale for all slices, so that they compare.
    most = max(
        (
            figures["recall@50"]
            for by_slice in slices.values()
            for figures in by_slice.values()
        ),
        default=0.0,
    )
    blocks = []
    for name, own in slices.get("model", {}).items():
        shown = [
            Bar(
                METHOD_NAMES[method],
                slices[method][name]["recall@50"],
                number(slices[method][name]["recall@50"], 3),
                method,
            )
            for method in METHODS
        ]
        blocks.append(
            f"<div><h4>{escape(name)} <small>{number(own['queries'])} "
            f"queries</small></h4>{bars(shown, most)}</div>"
        )
    details = table(
        ("slice", "method", "queries", *_METRICS),
        [
            (
                escape(name),
                METHOD_NAMES[method],
                number(slices[method][name]["queries"]),
                *(
                    number(slices[method][name].get(metric))
                    for metric in _METRICS
                ),
            )
            for name in slices.get("model", {})
            for method in METHODS
        ],
    )
    left_out = sum(
        count
        for reason, count in facts.get("retrieval_left_out", {}).items()
        if reason.endswith("_target")
    )
    note = f" {number(left_out)} more were left out." if left_out else ""
    return section(
        "Retrieval",
        "召回",
        f"{number(facts['retrieval_queries'])} times somebody chose an item "
        "after the training period: how often is it among the first of the "
        f"whole catalogue? Every method saw the same history.{note} Small "
        "figures: 95 % intervals over users. With one target a query, "
        "precision is at most 1 / 10 and F1 2 / 11. Diversity: mean distance "
        "(1 - cosine) of the pairs of a list, by the model's item vectors for "
        "all methods. By item: every item counts once.",
        table(
            ("method", *_METRICS, *_OF_ALL.values()),
            rows,
            lead=0,
        )
        + _leads(facts)
        + "<h3>recall@50 by slice 分组</h3>"
        + legend([(METHOD_NAMES[m], m) for m in METHODS])
        + f'<div class="slices" style="margin-top:14px">{"".join(blocks)}</div>'
        + f"<details><summary>All figures by slice</summary>{details}"
        "</details>" + _chosen(facts.get("baselines", {})),
    )


def _chosen(baselines):
    told = [
        f"{METHOD_NAMES[name]}: "
        + ", ".join(f"{key} {value:g}" for key, value in choice.items())
        for name, choice in baselines.items()
        if choice
    ]
    if not told:
        return ""
    return (
        '<p class="said">Settings of the baselines, chosen on the end of the '
        f"training period — {escape('; '.join(told))}.</p>"
    )


def _interval(facts, method, metric):
    """Shows a confidence interval, or nothing where there is none."""
    bounds = facts.get("retrieval_intervals", {}).get(method, {}).get(metric)
    if not bounds:
        return ""
    shown = " – ".join(number(bound, 3) for bound in bounds)
    return f"<br/><small>{shown}</small>"


def _leads(facts):
    """Says by how much the model is ahead of each baseline, and how surely.

    And its items, in the order in which they are shown, of what it retrieves.
    """
    leads = {
        METHOD_NAMES[method]: metrics
        for method, metrics in facts.get("retrieval_leads", {}).items()
    }
    if ranked := facts.get("ranked"):
        leads["itself before ranking 排序前"] = ranked["lead"]
    rows = [
        (
            name,
            metric,
            f"{lead['mean']:+.4f}",
            f"{lead['low']:+.4f} … {lead['high']:+.4f}",
            "ahead"
            if lead["low"] > 0
            else "behind"
            if lead["high"] < 0
            else "not clear",
        )
        for name, metrics in leads.items()
        for metric, lead in metrics.items()
    ]
    if not rows:
        return ""
    return table(
        ("model against", "metric", "difference", "95 % interval", "so it is"),
        rows,
    )
