"""The systems on top of the model, as `applications.figures` records them."""

from pipeline.report.charts import escape
from pipeline.report.sections import number, section, table


def systems_section(facts: dict) -> str:
    """Every system that was measured on this run."""
    systems = facts.get("systems", {})
    if not systems:
        return ""
    parts = []
    for system in systems.values():
        parts.append(
            f"<h3>{escape(system['title'])} {escape(system['chinese'])}</h3>"
            f"<p>{escape(system['lead'])}</p>{_figures(system['figures'])}"
            f'<p class="note"><code>{escape(system["command"])}</code></p>'
        )
    return section(
        "Systems",
        "应用系统",
        "What stands on the same towers, each beside its baselines.",
        "".join(parts),
    )


def _figures(figures):
    names = list(dict.fromkeys(n for f in figures for n in f["values"]))
    rows = []
    for figure in figures:
        values = figure["values"]
        known = [v for v in values.values() if v is not None]
        pick = min if figure["lower_is_better"] else max
        best = pick(known) if known else None
        cells = [
            f"<b>{number(value)}</b>"
            if value is not None and value == best
            else number(value)
            for value in (values.get(name) for name in names)
        ]
        label = escape(figure["metric"])
        if figure["part"]:
            label += f" · {escape(figure['part'])}"
        rows.append((label, *cells))
    return table(("", *names), rows)
